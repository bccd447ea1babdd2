import type { Clock } from '../shared/clock.ts'
import type { Told } from './stages.ts'
import { mayPass, reasonOf } from './trouble.ts'

export interface OutboxOptions {
  /** tells GitHub; rejects as the API does. Undefined when there is no token */
  send: ((told: Told) => Promise<void>) | undefined
  /** what is written, as people call it, and the permission that it needs */
  what: string
  right: string
  clock: Clock
  /** told once why nothing is written */
  notice: (text: string) => void
}

/**
 * Tells GitHub where rollouts stand, one request after another, in the background: of each rollout what is newest. It never
 * throws and never rejects. A missing right ends it with one notice; after a failure that may pass the next change, or
 * {@link flush}, tries again.
 */
export class Outbox {
  readonly #options: OutboxOptions
  /** by rollout, in the order in which they were begun */
  readonly #waiting = new Map<number, Told>()
  #over = false
  #noticed = false
  #loop: Promise<void> | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  put(told: Told): void {
    if (this.#over) return
    this.#waiting.set(told.record.rollout, told)
    this.#loop ??= this.#run()
  }

  /**
   * Sends what waits. Never rejects; returns after `withinMs` of real or virtual time at the latest.
   * @returns false when something that could still be told is not told yet
   */
  async flush(withinMs: number): Promise<boolean> {
    if (this.#waiting.size > 0 && !this.#over) this.#loop ??= this.#run()
    if (this.#loop !== undefined) {
      const timer = new AbortController()
      await Promise.race([this.#loop, this.#options.clock.sleep(withinMs, timer.signal)])
      timer.abort()
    }
    return this.#over || this.#waiting.size === 0
  }

  async #run(): Promise<void> {
    // What is emitted together is written together.
    await Promise.resolve()
    for (;;) {
      const [first] = this.#waiting
      if (first === undefined || !(await this.#sent(...first))) break
    }
    this.#loop = undefined
  }

  async #sent(rollout: number, told: Told): Promise<boolean> {
    const { send, right } = this.#options
    if (send === undefined) {
      this.#give('no token', false)
      return false
    }
    try {
      await send(told)
      // A newer state may have come meanwhile.
      if (this.#waiting.get(rollout) === told) this.#waiting.delete(rollout)
      return true
    } catch (error) {
      this.#give(reasonOf(error, 'the repository or the commit', right), mayPass(error))
      return false
    }
  }

  #give(reason: string, again: boolean): void {
    const { what, notice } = this.#options
    if (!this.#noticed) notice(`The ${what} was not written: ${reason}.`)
    this.#noticed = true
    this.#over = !again
  }
}

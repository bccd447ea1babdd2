import type { Clock } from '../shared/clock.ts'
import { mayPass, reasonOf } from './trouble.ts'

export interface OutboxOptions<T> {
  /** tells GitHub; rejects as the API does. Undefined when there is no token */
  send: ((told: T, key: number) => Promise<void>) | undefined
  /** what it is written to, as a noun with its article, and the permission that it needs */
  place: string
  right: string
  clock: Clock
  /** ms from one to the next, which {@link Outbox.flush} does not keep; 0 where GitHub's own pace will do */
  gapMs?: number
}

/** ms after which the end of a run tries again what has failed: an outage of seconds must not cost the last word. */
const AGAIN_MS = 3_000

/**
 * Tells GitHub where rollouts stand, one request after another, in the background: of each rollout what is newest. It never
 * throws and never rejects. A missing right ends it; after a failure that may pass the next change, or {@link flush}, tries
 * again.
 */
export class Outbox<T> {
  readonly #options: OutboxOptions<T>
  /** by rollout, in the order in which they were begun */
  readonly #waiting = new Map<number, T>()
  #over = false
  #trouble: string | undefined
  #sentAt: number | undefined
  #hurry = new AbortController()
  #loop: Promise<void> | undefined

  constructor(options: OutboxOptions<T>) {
    this.#options = options
  }

  /** Why the newest was not written; undefined when it was, or when there was nothing to write. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  put(key: number, told: T): void {
    if (this.#over) return
    this.#waiting.set(key, told)
    this.#loop ??= this.#run()
  }

  /**
   * Sends what waits. Never rejects; returns after `withinMs` of real or virtual time at the latest.
   * @returns false when something that could still be told is not told yet
   */
  async flush(withinMs: number): Promise<boolean> {
    const { clock } = this.#options
    const until = clock.now() + withinMs
    this.#hurry.abort()
    while (this.#waiting.size > 0 && !this.#over) {
      this.#loop ??= this.#run()
      await this.#within(this.#loop, until)
      if (this.#waiting.size === 0 || clock.now() >= until) break
      await clock.sleep(Math.min(AGAIN_MS, until - clock.now()))
    }
    this.#hurry = new AbortController()
    const told = this.#over || this.#waiting.size === 0
    if (!told) this.#trouble ??= 'GitHub did not answer in time'
    return told
  }

  async #within(work: Promise<void>, until: number): Promise<void> {
    const { clock } = this.#options
    const timer = new AbortController()
    await Promise.race([work, clock.sleep(until - clock.now(), timer.signal)])
    timer.abort()
  }

  async #run(): Promise<void> {
    // What is emitted together is written together.
    await Promise.resolve()
    for (;;) {
      await this.#gap()
      const [first] = this.#waiting
      if (first === undefined || !(await this.#sent(...first))) break
    }
    this.#loop = undefined
  }

  async #gap(): Promise<void> {
    const { clock, gapMs = 0 } = this.#options
    const rest = this.#sentAt === undefined ? 0 : this.#sentAt + gapMs - clock.now()
    if (rest > 0 && this.#waiting.size > 0) await clock.sleep(rest, this.#hurry.signal)
  }

  async #sent(key: number, told: T): Promise<boolean> {
    const { send, clock } = this.#options
    if (send === undefined) {
      this.#give('no token', false)
      return false
    }
    try {
      await send(told, key)
      // A newer state may have come meanwhile.
      if (this.#waiting.get(key) === told) this.#waiting.delete(key)
      this.#trouble = undefined
      return true
    } catch (error) {
      this.#give(reasonOf(error, this.#options.place, this.#options.right), mayPass(error))
      return false
    } finally {
      this.#sentAt = clock.now()
    }
  }

  #give(reason: string, again: boolean): void {
    this.#trouble = reason
    this.#over = !again
  }
}

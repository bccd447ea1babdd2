import type { LeaseRequest } from '../kubernetes/lease.ts'
import type { HeadgateError } from '../shared/errors.ts'
import type { EngineOptions } from './engine.ts'
import { Interrupted, type Interruption } from './interrupt.ts'

/** What stops a run that moves pods. A promote does not: it is for waits, where there is something to pass. */
const MOVING: Interruption['kind'][] = ['cancelled', 'lost', 'abort']
export const WAITING: Interruption['kind'][] = [...MOVING, 'promote']
/** A check that is being asked is passed by `full` alone: whoever just says go on has not seen what it finds. */
export const CHECKING: Obeyed[] = [...MOVING, 'full']

/** What a checkpoint obeys; `full`: a promote past checks as well. */
type Obeyed = Interruption['kind'] | 'full'

type Options = Pick<EngineOptions, 'cancel' | 'lease' | 'wake' | 'clock' | 'book'>

/** What may stop a run between two writes, and how it waits so that it hears of it. */
export class Stops {
  readonly #o: Options
  /** what a check that is asked throughout has found: thrown at the next checkpoint */
  trouble: HeadgateError | undefined

  constructor(options: Options) {
    this.#o = options
  }

  /**
   * Throws when the run has to stop before its next write: cancelled, lease lost, asked to by another run, or a check that
   * is asked throughout has failed.
   */
  checkpoint(obey: Obeyed[] = MOVING): void {
    const { cancel, lease } = this.#o
    if (lease.lost.aborted && obey.includes('lost')) throw new Interrupted({ kind: 'lost' })
    if (cancel.aborted && obey.includes('cancelled')) throw new Interrupted({ kind: 'cancelled' })
    for (const command of ['abort', 'promote'] as const) {
      const request = this.requested(command)
      const obeyed = obey.includes(command) || (request?.full === true && obey.includes('full'))
      if (request !== undefined && obeyed) throw new Interrupted({ kind: command, request })
    }
    if (this.trouble !== undefined && obey.includes('abort')) throw this.trouble
  }

  /**
   * Runs what may take long beside all writes, such as a command or a query, and ends it as soon as the run has to stop or a
   * promote comes; throws what a checkpoint then throws.
   * @param failing what it has found so far that a plain promote does not pass: that is told to whoever asks
   */
  async whileAllowed<T>(
    run: (stop: AbortSignal) => Promise<T>,
    failing: () => string | undefined = () => undefined,
  ): Promise<T> {
    const { cancel, lease, wake } = this.#o
    const stop = new AbortController()
    let told: string | undefined
    const look = (): void => {
      try {
        this.checkpoint(CHECKING)
      } catch {
        return stop.abort()
      }
      const promote = this.requested('promote')
      if (promote === undefined || promote.at === told) return
      const no = failing()
      if (no === undefined) return stop.abort()
      told = promote.at
      void lease.answer(promote, no, true).catch(() => {})
    }
    const leave = wake.listen(look)
    look()
    try {
      const done = await run(AbortSignal.any([cancel, lease.lost, stop.signal]))
      this.checkpoint(CHECKING)
      return done
    } finally {
      leave()
    }
  }

  /** What another run asks of this very rollout. */
  requested(command: LeaseRequest['command']): LeaseRequest | undefined {
    const { rollout } = this.#o.book.record
    return this.#o.lease.requests.find(
      (each) => each.command === command && (each.rollout === undefined || each.rollout === rollout),
    )
  }

  /** Until a change, a moment (ms since 1970), a cancel, a lost lease or a request. */
  async sleep(at: number): Promise<void> {
    const { wake, clock, cancel, lease } = this.#o
    await wake.until(at, clock, cancel.aborted ? [lease.lost] : [cancel, lease.lost])
  }

  /** Until a time has passed; throws when the run has to stop before that. */
  async pause(ms: number, obey: Obeyed[] = WAITING): Promise<void> {
    const end = this.#o.clock.now() + ms
    for (;;) {
      this.checkpoint(obey)
      if (this.#o.clock.now() >= end) return
      await this.sleep(end)
    }
  }
}

import { ApiError } from '../kubernetes/errors.ts'
import type { Book } from '../rollout/book.ts'
import type { Session } from '../rollout/session.ts'
import type { UpdateChecker } from '../rollout/settings.ts'
import { formatDuration } from '../shared/duration.ts'
import { failureOf } from '../shared/errors.ts'
import { cut, oneLine } from '../report/text.ts'
import { type Sample, updatesOf } from '../report/updates.ts'
import { type Asking, askingOf } from './update-source.ts'
import type { Answer } from './asker.ts'
import { apiServerText, versionIn } from './update-target.ts'

/**
 * The update checker: asks the app as users do, one request at a time, while a rollout moves pods. It never fails or
 * delays one: whatever goes wrong here is one line in the log.
 */

/** Polls without any good answer after which it says so, and asks only now and then until there is one. */
const PATIENCE = 3
const SELDOM_MS = 10_000

/** From these ages of a run on (ms) the time between two polls is at least so long (ms), unless nothing answers. */
const STRETCHED = [
  { after: 3_600_000, atLeast: 10_000 },
  { after: 600_000, atLeast: 5_000 },
]

/** Where nothing answered at the end, it is asked once more, for so long at most. */
const LAST_LOOK_MS = 1_000

/** Windows that are told one by one while they happen. */
const TOLD = 10

const NAME = 'update checker'

/** Does the work and asks the app meanwhile, where the rollout says so; tells what came of it once the work is done. */
export async function checked<T>(session: Session, book: Book, work: () => Promise<T>): Promise<T> {
  const poller = pollerOf(session, book)
  if (poller === undefined) return work()
  void poller.run()
  try {
    return await work()
  } finally {
    await poller.end()
  }
}

function pollerOf(session: Session, book: Book): Poller | undefined {
  const { updateChecker: checker } = book.record
  if (checker === undefined) return undefined
  try {
    const asking = askingOf(session, book, checker)
    return asking === undefined ? undefined : new Poller(session, book, checker, asking)
  } catch (error) {
    session.deps.reporter.emit({ kind: 'line', text: `${NAME}: left out, ${failureOf(error).message}` })
    return undefined
  }
}

/** `withheld`: the API server did not pass the request on, which says nothing of the app. */
type Poll = Sample | { kind: 'withheld'; text: string; forbidden: boolean }

class Poller {
  readonly #session: Session
  readonly #book: Book
  readonly #checker: UpdateChecker
  readonly #asking: Asking
  readonly #stop = new AbortController()
  readonly #startedAt: number
  /** as many as the run may make at most; none before the first good answer */
  readonly #samples: Sample[] = []
  #vain = 0
  #windows = 0
  #downSince: number | undefined

  constructor(session: Session, book: Book, checker: UpdateChecker, asking: Asking) {
    this.#session = session
    this.#book = book
    this.#checker = checker
    this.#asking = asking
    this.#startedAt = session.deps.clock.now()
  }

  /** Until it is ended, or there is no use in going on. Never throws. */
  async run(): Promise<void> {
    const { clock } = this.#session.deps
    const { signal } = this.#stop
    try {
      while (!signal.aborted) {
        if (this.#session.polls.left <= 0) return this.#tell('this run has asked often enough; it ends here')
        const begun = clock.now()
        const poll = await this.#poll(this.#checker.timeoutMs, signal)
        if (signal.aborted || this.#take(poll) === 'end') return
        await clock.sleep(begun + this.#pause(begun) - clock.now(), signal)
      }
    } catch (error) {
      this.#tell(`left out, ${failureOf(error).message}`)
    }
  }

  /** Ends the polls and tells the figures. What is under way is given up: nobody waits for it. */
  async end(): Promise<void> {
    const { clock, reporter, cancel } = this.#session.deps
    this.#stop.abort()
    if (this.#downSince !== undefined && !cancel.aborted && this.#session.polls.left > 0)
      this.#take(await this.#poll(LAST_LOOK_MS))
    const updates = updatesOf({
      target: this.#asking.target,
      intervalMs: this.#checker.intervalMs,
      known: this.#known(),
      until: clock.now(),
      samples: this.#samples,
    })
    if (updates !== undefined) reporter.emit({ kind: 'updates', updates })
  }

  #tell(text: string, level: 'info' | 'warning' = 'info'): void {
    this.#session.deps.reporter.emit({ kind: 'line', text: `${NAME}: ${text}`, level })
  }

  #known(): string[] {
    const { workloads, services } = this.#book.record
    const asked = services.find(({ name }) => this.#checker.service === undefined || name === this.#checker.service)
    const workload = workloads.find(({ name }) => name === asked?.workload) ?? workloads[0]
    return workload === undefined ? [] : [workload.stableVersion, workload.newVersion]
  }

  #pause(now: number): number {
    const { intervalMs } = this.#checker
    if (this.#downSince !== undefined) return intervalMs
    if (this.#vain >= PATIENCE) return Math.max(intervalMs, SELDOM_MS)
    const stretched = STRETCHED.find(({ after }) => now - this.#startedAt >= after)
    return Math.max(intervalMs, stretched?.atLeast ?? 0)
  }

  async #poll(timeoutMs: number, signal?: AbortSignal): Promise<Poll> {
    const { clock } = this.#session.deps
    this.#session.polls.left--
    this.#session.own.note()
    const at = clock.now()
    try {
      const answer = await this.#asking.ask(timeoutMs, signal)
      return this.#judged(answer, { at, ms: clock.now() - at })
    } catch (error) {
      // Users do not come through the API server: that it is away is not what they meet.
      if (error instanceof ApiError && error.kind === 'unreachable')
        return { kind: 'withheld', text: error.message, forbidden: false }
      return { kind: 'silence', at, ms: clock.now() - at, text: reasonOf(error) }
    }
  }

  #judged(answer: Answer, time: { at: number; ms: number }): Poll {
    const { status } = answer
    const refused = this.#checker.url === undefined ? apiServerText(answer) : undefined
    if (refused !== undefined)
      return status >= 502 && status <= 504
        ? { kind: 'silence', ...time, text: `${status}: ${line(refused)}` }
        : { kind: 'withheld', text: `${status}: ${line(refused)}`, forbidden: status === 403 }
    const version = versionIn(answer, this.#known(), this.#checker.version)
    const named = version === undefined ? {} : { version }
    if (status < 500) return { kind: 'answer', ...time, ...named }
    return { kind: 'error', ...time, ...named, text: `it answered ${status}` }
  }

  /** Takes a poll into account; `end` where no other will do better. */
  #take(poll: Poll): 'end' | 'on' {
    if (poll.kind === 'withheld' && poll.forbidden) {
      this.#tell(`left out, the right to get services/proxy is missing (${poll.text})`)
      return 'end'
    }
    if (this.#samples.length === 0 && poll.kind !== 'answer') return this.#inVain(poll.text)
    if (poll.kind === 'withheld') return 'on'
    this.#samples.push(poll)
    if (poll.kind === 'answer') this.#up(poll.at)
    else this.#down(poll.at, poll.text)
    return 'on'
  }

  /** Before the first good answer nobody knows whether it can be reached from here at all: that is no downtime. */
  #inVain(text: string): 'on' {
    this.#vain++
    if (this.#vain === PATIENCE)
      this.#tell(`no good answer of ${this.#asking.target} so far (${text}); what users meet is told once there is one`)
    return 'on'
  }

  #down(at: number, text: string): void {
    if (this.#downSince !== undefined) return
    this.#downSince = at
    this.#windows++
    if (this.#windows <= TOLD) this.#tell(`users get no good answer of ${this.#asking.target} (${text})`, 'warning')
    if (this.#windows === TOLD) this.#tell('from now on downtimes are counted and no longer told one by one')
  }

  #up(at: number): void {
    this.#vain = 0
    if (this.#downSince === undefined) return
    if (this.#windows <= TOLD) this.#tell(`it answers again, after ${formatDuration(at - this.#downSince)}`)
    this.#downSince = undefined
  }
}

function line(text: string): string {
  return cut(oneLine(text), 200)
}

/** Why a request got no answer; what Node's fetch failed for stands in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return line(String(error))
  if (error.name === 'TimeoutError' || (error instanceof ApiError && error.kind === 'timeout'))
    return 'no answer in time'
  const { cause } = error
  return line(cause instanceof Error ? `${error.message}: ${cause.message}` : error.message)
}

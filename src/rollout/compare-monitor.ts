import { Comparison, type CompareState } from '../checks/compare.ts'
import type { CompareCheck } from '../checks/spec.ts'
import type { CheckVerdict } from '../checks/verdict.ts'
import { messageOf } from '../shared/errors.ts'
import { askerOf } from './asker.ts'
import type { Engine } from './engine.ts'
import { stopRollout, tellMeasured } from './monitor.ts'
import { CHECKING } from './stops.ts'

/** ms between two looks at stable alone, before anything is compared: its unevenness wants several intervals. */
const OBSERVE_MS = 5_000
/** ms between two lines of figures in the log. */
const TELL_MS = 60_000

/**
 * One comparison beside the steps. It looks at stable alone until users come to the new version and some time after, then at
 * both; each change of the share begins a new interval, after a warm-up that is left out.
 */
export class CompareMonitor {
  readonly check: CompareCheck
  readonly #engine: Engine
  readonly #comparison: Comparison
  readonly #signal: AbortSignal
  #begun = false
  #toldAt = 0
  /** the change of the share that the open interval began with */
  #since: number | undefined

  constructor(engine: Engine, check: CompareCheck, shared: number, stop: AbortSignal) {
    this.check = check
    this.#engine = engine
    this.#signal = stop
    const state = engine.o.book.record.analysis?.[check.name]
    this.#comparison = new Comparison(askerOf(engine, this.#signal), check, shared, state)
    void this.#run()
  }

  get state(): CompareState | undefined {
    return this.#comparison.state
  }

  /** Users are on the new version from now on. */
  begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#engine.o.reporter.emit({ kind: 'line', text: `check ${this.check.name}: compares from here on` })
  }

  /** Its stretch is over: it looks at nothing and fails nothing until it is begun again. */
  rest(): void {
    this.#begun = false
  }

  /** What it says at the planned end of a step, at once. */
  settled(strict: boolean): Promise<CheckVerdict> {
    return Promise.resolve(this.#comparison.planned(strict))
  }

  /** As a step: until there is enough to say, at most for the check's timeout. */
  async asStep(strict: boolean): Promise<CheckVerdict> {
    this.begin()
    const end = this.#engine.now + this.check.timeoutMs
    for (;;) {
      const verdict = this.#comparison.planned(strict)
      if (verdict.kind !== 'inconclusive' || this.#engine.now >= end) return verdict
      this.#engine.o.reporter.emit({ kind: 'waiting', text: `check ${this.check.name}: ${verdict.text}` })
      if (this.#engine.stops.requested('promote') !== undefined) return verdict
      await this.#engine.stops.pause(Math.min(this.check.intervalMs, end - this.#engine.now), CHECKING)
    }
  }

  async #run(): Promise<void> {
    const { clock } = this.#engine.o
    while (!this.#signal.aborted) {
      const ms = await this.#round().catch((error: unknown) => {
        // A mistake here must not pass for a verdict; the comparison stays without data, which nothing passes.
        this.#engine.o.reporter.emit({
          kind: 'line',
          level: 'warning',
          text: `check ${this.check.name}: ${messageOf(error)}`,
        })
        return this.check.intervalMs
      })
      await clock.sleep(ms, this.#signal)
    }
  }

  /** One look. Answers ms until the next. */
  async #round(): Promise<number> {
    const since = this.#engine.shareSince
    const warmAt = since + this.check.warmUpMs
    const cold = !this.#begun || this.#engine.now < warmAt
    // Also where the warm-up is over before the next look: no interval may hold two shares.
    if ((cold || since !== this.#since) && this.#comparison.isFixed) this.#comparison.rebase()
    this.#since = since
    if (cold) {
      if (!this.#comparison.isFixed) await this.#comparison.observe()
      return this.#begun ? Math.max(1, Math.min(OBSERVE_MS, warmAt - this.#engine.now)) : OBSERVE_MS
    }
    this.#comparison.fix()
    const verdict = await this.#comparison.look()
    if (this.#signal.aborted) return 0
    tellMeasured(this.#engine, this.check, verdict)
    if (verdict.kind === 'fail') stopRollout(this.#engine, this.check, verdict)
    this.#tell(verdict)
    return this.check.intervalMs
  }

  #tell({ kind, text }: CheckVerdict): void {
    if (kind !== 'pass' || this.#engine.now - this.#toldAt < TELL_MS) return
    this.#toldAt = this.#engine.now
    this.#engine.o.reporter.emit({ kind: 'line', text: `check ${this.check.name}: so far ${text}` })
  }
}

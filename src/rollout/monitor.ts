import type { Asker } from '../checks/asker.ts'
import { measure, type PlainCheck } from '../checks/measure.ts'
import type { Check } from '../checks/spec.ts'
import type { CheckVerdict } from '../checks/verdict.ts'
import { HeadgateError, messageOf } from '../shared/errors.ts'
import { askerOf } from './asker.ts'
import type { Engine } from './engine.ts'

/** Tries at the end of a step to hear from a check whose last measurement could not tell, or failed once. */
const LAST_TRIES = 3

/** One check, measured again and again. */
export class Monitor {
  readonly check: PlainCheck
  readonly #engine: Engine
  readonly #asker: Asker
  readonly #stop = new AbortController()
  #last: CheckVerdict | undefined
  /** the measurement under way, or the last one */
  #round: Promise<CheckVerdict> | undefined

  constructor(engine: Engine, check: PlainCheck, stop: AbortSignal) {
    this.check = check
    this.#engine = engine
    const signal = AbortSignal.any([stop, this.#stop.signal])
    this.#asker = askerOf(engine, signal)
    void this.#run(signal)
  }

  close(): void {
    this.#stop.abort()
  }

  /** The last word: a measurement that could not tell, or failed within what is tolerated, is made again. */
  async settled(): Promise<CheckVerdict> {
    for (let attempt = 0; attempt < LAST_TRIES + this.check.failures; attempt++) {
      if (attempt > 0) await this.#engine.stops.pause(this.check.intervalMs)
      await this.#round
      this.#engine.stops.checkpoint()
      if (this.#last?.kind === 'pass') break
    }
    return this.#last ?? { kind: 'inconclusive', text: 'it was not asked in time', lines: [] }
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#engine.o
    let failed = 0
    while (!signal.aborted) {
      this.#round = this.#measure()
      const verdict = await this.#round
      if (signal.aborted) return
      this.#tell(verdict)
      failed = verdict.kind === 'fail' ? failed + 1 : 0
      if (failed > this.check.failures) return stopRollout(this.#engine, this.check, verdict)
      await clock.sleep(this.check.intervalMs, signal)
    }
  }

  /** Never throws: what a measurement could not do is no verdict. */
  async #measure(): Promise<CheckVerdict> {
    try {
      return await measure(this.#asker, this.check)
    } catch (error) {
      return { kind: 'inconclusive', text: `it could not be measured: ${messageOf(error)}`, lines: [] }
    }
  }

  #tell(verdict: CheckVerdict): void {
    tellMeasured(this.#engine, this.check, verdict)
    const news = this.#last?.kind !== verdict.kind
    this.#last = verdict
    if (news)
      this.#engine.o.reporter.emit({
        kind: 'line',
        text: `check ${this.check.name}: ${verdict.kind}, ${verdict.text}`,
      })
  }
}

/** For summary and report, which plot the figures. */
export function tellMeasured({ now, o }: Engine, { name }: Check, { kind, text, figures = [] }: CheckVerdict): void {
  o.reporter.emit({ kind: 'measured', measurement: { check: name, at: now, verdict: kind, text, figures } })
}

/** The engine throws it at its next checkpoint. */
export function stopRollout(engine: Engine, check: Check, verdict: CheckVerdict): void {
  engine.stops.trouble ??= new HeadgateError(checkFailure(`check ${check.name}`, verdict))
  engine.o.wake.notify()
}

export function checkFailure(what: string, { text, lines }: CheckVerdict): HeadgateError['failure'] {
  return {
    kind: 'failed',
    code: 'check-failed',
    message: `${what} failed: ${text}`,
    evidence: [{ title: what, lines }],
    next: 'mend the release and deploy again',
  }
}

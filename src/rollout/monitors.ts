import type { Asker } from '../checks/asker.ts'
import { measure, type PlainCheck } from '../checks/measure.ts'
import type { Check, CompareCheck } from '../checks/spec.ts'
import type { CheckVerdict } from '../checks/verdict.ts'
import { HeadgateError } from '../shared/errors.ts'
import { type Step, stepText } from '../strategies/step.ts'
import { askerOf } from './asker.ts'
import type { Engine } from './engine.ts'

/** Tries at the end of a step to hear from a check whose last measurement could not tell, or failed once. */
const LAST_TRIES = 3

/** Asks the checks that are meant `throughout` a stretch of steps, beside all that the engine does meanwhile. */
export class Monitors {
  readonly #engine: Engine
  readonly #stop = new AbortController()
  readonly #running = new Map<string, { monitor: Monitor; last: number }>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** The step stands: its share is reached. Begins what begins here. */
  begin(steps: readonly Step[], index: number): void {
    for (const check of Object.values(this.#engine.o.book.record.checks)) {
      const stretch = stretchOf(check, steps)
      if (stretch === undefined || index < stretch.first || index > stretch.last) continue
      if (this.#running.has(check.name) || check.kind === 'compare') continue
      const monitor = new Monitor(this.#engine, check, this.#stop.signal)
      this.#running.set(check.name, { monitor, last: stretch.last })
      this.#engine.o.reporter.emit({ kind: 'line', text: `check ${check.name}: asked from here on` })
    }
  }

  /** What those that run say now, at the planned end of a step. */
  async say(): Promise<{ check: Check; verdict: CheckVerdict }[]> {
    const said: { check: Check; verdict: CheckVerdict }[] = []
    for (const { monitor } of this.#running.values())
      said.push({ check: monitor.check, verdict: await monitor.settled() })
    return said
  }

  /** The step is over, and with it those whose stretch ends here. */
  over(index: number): void {
    for (const [name, { monitor, last }] of this.#running) {
      if (index < last) continue
      monitor.close()
      this.#running.delete(name)
    }
  }

  /** A comparison as a step. */
  compared(_check: CompareCheck): Promise<CheckVerdict> {
    throw new Error('not yet')
  }

  /** No check is asked from now on, and what one has found no longer stops anything: the way on is decided. */
  close(): void {
    this.#stop.abort()
    this.#running.clear()
    this.#engine.trouble = undefined
  }
}

/** The steps over which a check is asked; undefined for one that only steps name. */
export function stretchOf(
  { throughout }: Pick<Check, 'throughout'>,
  steps: readonly Step[],
): { first: number; last: number } | undefined {
  if (throughout === undefined) return undefined
  const texts = steps.map(stepText)
  const stands = steps.findIndex(({ kind }) => kind === 'weight' || kind === 'mirror')
  const first = throughout.from === undefined ? Math.max(0, stands) : texts.indexOf(throughout.from)
  const last = throughout.until === undefined ? steps.length - 1 : texts.lastIndexOf(throughout.until)
  return first < 0 || last < first ? undefined : { first, last }
}

/** One check, measured again and again. */
class Monitor {
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
      if (attempt > 0) await this.#engine.pause(this.check.intervalMs)
      await this.#round
      this.#engine.checkpoint()
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
      const text = error instanceof Error ? error.message : String(error)
      return { kind: 'inconclusive', text: `it could not be measured: ${text}`, lines: [] }
    }
  }

  #tell(verdict: CheckVerdict): void {
    const news = this.#last?.kind !== verdict.kind
    this.#last = verdict
    if (news)
      this.#engine.o.reporter.emit({
        kind: 'line',
        text: `check ${this.check.name}: ${verdict.kind}, ${verdict.text}`,
      })
  }
}

/** The engine throws it at its next checkpoint. */
export function stopRollout(engine: Engine, check: Check, verdict: CheckVerdict): void {
  engine.trouble ??= new HeadgateError(checkFailure(check, verdict))
  engine.o.wake.notify()
}

export function checkFailure(check: Check, { text, lines }: CheckVerdict): HeadgateError['failure'] {
  return {
    kind: 'failed',
    code: 'check-failed',
    message: `check ${check.name} failed: ${text}`,
    evidence: [{ title: `check ${check.name}`, lines }],
    next: 'mend the release and deploy again',
  }
}

import { type CompareState, metricsOf } from '../checks/compare.ts'
import { type Check, checksAsked, type CompareCheck } from '../checks/spec.ts'
import type { CheckVerdict } from '../checks/verdict.ts'
import { type Step, stepText } from '../strategies/step.ts'
import { weightAt } from '../strategies/strategy.ts'
import { CompareMonitor } from './compare-monitor.ts'
import type { Engine } from './engine.ts'
import { Monitor } from './monitor.ts'

/** Asks the checks that are meant `throughout` a stretch of steps, beside all that the engine does meanwhile. */
export class Monitors {
  readonly #engine: Engine
  readonly #steps: readonly Step[]
  readonly #stop = new AbortController()
  readonly #running = new Map<string, { monitor: Monitor | CompareMonitor; first: number; last: number }>()
  /** all comparisons that the rollout asks: each looks at stable from the beginning */
  readonly #comparisons = new Map<string, CompareMonitor>()

  constructor(engine: Engine, steps: readonly Step[]) {
    this.#engine = engine
    this.#steps = steps
    const asked = checksAsked(steps, engine.o.book.record.checks).filter((check) => check.kind === 'compare')
    const shared = asked.reduce((sum, check) => sum + metricsOf(check).length, 0)
    if (engine.workloads.length === 0) return
    for (const check of asked)
      this.#comparisons.set(check.name, new CompareMonitor(engine, check, shared, this.#stop.signal))
  }

  /** The step stands: its share is reached. Begins what begins here. */
  begin(index: number): void {
    for (const check of Object.values(this.#engine.o.book.record.checks)) {
      const stretch = stretchOf(check, this.#steps)
      if (stretch === undefined || index < stretch.first || index > stretch.last) continue
      if (this.#running.has(check.name)) continue
      const comparison = this.#comparisons.get(check.name)
      comparison?.begin()
      const monitor =
        comparison ?? (check.kind === 'compare' ? undefined : new Monitor(this.#engine, check, this.#stop.signal))
      if (monitor === undefined) continue
      this.#running.set(check.name, { monitor, ...stretch })
      if (comparison === undefined)
        this.#engine.o.reporter.emit({ kind: 'line', text: `check ${check.name}: asked from here on` })
    }
  }

  /** What those that run say now, at the planned end of a step. */
  async say(index: number): Promise<{ check: Check; verdict: CheckVerdict }[]> {
    const said: { check: Check; verdict: CheckVerdict }[] = []
    for (const { monitor } of this.#running.values())
      said.push({ check: monitor.check, verdict: await monitor.settled(this.#isLastEnd(monitor.check, index)) })
    return said
  }

  /** Those whose stretch ends with this step and has no wait at whose end they would have been asked. */
  unasked(index: number): { check: Check; say: () => Promise<CheckVerdict> }[] {
    return [...this.#running.values()]
      .filter(({ monitor: { check }, first, last }) => last === index && !this.#isAsked(check, first, last))
      .map(({ monitor }) => ({
        check: monitor.check,
        say: () =>
          monitor instanceof CompareMonitor ? monitor.asStep(this.#isLastEnd(monitor.check, index)) : monitor.settled(),
      }))
  }

  #isAsked({ name }: Check, first: number, last: number): boolean {
    const stretch = this.#steps.slice(first, last + 1)
    return stretch.some((step) => isWait(step) || (step.kind === 'check' && step.names.includes(name)))
  }

  /**
   * No wait and no step of this check comes after it; or none at which somebody is still on the old version, after which
   * nothing can be compared any more.
   */
  #isLastEnd(check: Check, index: number): boolean {
    const last = stretchOf(check, this.#steps)?.last ?? this.#steps.length - 1
    const isEnd = (step: Step, at: number): boolean =>
      (isWait(step) && at <= last && check.throughout !== undefined) ||
      (step.kind === 'check' && step.names.includes(check.name))
    const later = this.#steps.flatMap((step, at) => (at > index && isEnd(step, at) ? [at] : []))
    return later.length === 0 || (this.#hasControl(index) && !later.some((at) => this.#hasControl(at)))
  }

  /** Users are on both versions at this step. */
  #hasControl(index: number): boolean {
    const weight = weightAt(this.#steps, index)
    return weight > 0 && weight < 100 && !this.#steps.slice(0, index + 1).some(({ kind }) => kind === 'switch')
  }

  /** The step is over, and with it those whose stretch ends here. */
  over(index: number): void {
    for (const [name, { monitor, last }] of this.#running) {
      if (index < last) continue
      if (monitor instanceof CompareMonitor) monitor.rest()
      else monitor.close()
      this.#running.delete(name)
    }
  }

  /** A comparison as a step. */
  async compared(check: CompareCheck, index: number): Promise<CheckVerdict> {
    const monitor = this.#comparisons.get(check.name)
    if (monitor === undefined) throw new Error(`no comparison ${check.name}`)
    return monitor.asStep(this.#isLastEnd(check, index))
  }

  /** What the comparisons have gathered, for the record. */
  get analysis(): { analysis?: Record<string, CompareState> } {
    const states = [...this.#comparisons].flatMap(([name, { state }]) =>
      state === undefined ? [] : [[name, state] as const],
    )
    return states.length === 0 ? {} : { analysis: Object.fromEntries(states) }
  }

  /** No check is asked from now on, and what one has found no longer stops anything: the way on is decided. */
  close(): void {
    this.#stop.abort()
    this.#running.clear()
    this.#engine.stops.trouble = undefined
  }
}

function isWait({ kind }: Step): boolean {
  return kind === 'wait'
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

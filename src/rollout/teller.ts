import type { Diagnosis } from '../health/symptom.ts'
import { sideOf } from '../strategies/view.ts'
import type { Engine } from './engine.ts'

/** What a move waits for right after a write. */
export const CONTROLLER = 'the Deployment controller'

/** Tells what an engine waits for and which version serves with how many pods; only what is news. */
export class Teller {
  readonly #engine: Engine
  #waiting = ''
  #mix = ''

  constructor(engine: Engine) {
    this.#engine = engine
  }

  waiting(texts: string[], { symptoms }: Diagnosis): void {
    const [worst] = symptoms
    const others = texts.filter((text) => text !== CONTROLLER)
    const text = others.length === 0 ? CONTROLLER : [...new Set(others)].join('; ')
    // The controller answers in milliseconds; only when it does not is it worth a line, and then a symptom says so.
    if (text === CONTROLLER && worst === undefined) return
    const line = worst === undefined ? text : `${text} (${worst.sentence})`
    if (line === this.#waiting) return
    this.#waiting = line
    this.#engine.o.reporter.emit({ kind: 'waiting', text: line })
  }

  mix(): void {
    const { workloads, now, o } = this.#engine
    const sum = { stable: 0, canary: 0 }
    const [first] = workloads
    if (first === undefined) return
    for (const workload of workloads) {
      const view = this.#engine.view(workload)
      sum.stable += sideOf(view, 'stable').serving
      sum.canary += sideOf(view, 'next').serving
    }
    this.#downtime(sum.stable + sum.canary)
    const text = `${sum.stable}/${sum.canary}`
    if (text === this.#mix) return
    this.#mix = text
    const stable = { version: first.stableVersion, pods: sum.stable }
    const canary = { version: first.newVersion, pods: sum.canary }
    o.reporter.emit({ kind: 'mix', mix: { at: now, stable, canary } })
  }

  /**
   * From the moment nothing serves until something does again; kept in the record, so that a new run goes on measuring.
   * Users may have met less of it: an old pod that sleeps before it ends answers them for as long.
   */
  #downtime(serving: number): void {
    const { now, o } = this.#engine
    const { book, reporter } = o
    const { record } = book
    if (record.strategy !== 'recreate') return
    if (serving === 0 && record.downSince === undefined)
      book.record = { ...record, downSince: new Date(now).toISOString() }
    if (serving === 0 || record.downSince === undefined) return
    const { downSince, ...rest } = record
    const downtimeSeconds = Math.round((now - Date.parse(downSince)) / 100) / 10
    book.record = { ...rest, downtimeSeconds }
    reporter.emit({ kind: 'line', text: `nothing served for up to ${downtimeSeconds} s` })
  }
}

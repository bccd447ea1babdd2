import type { Clock } from '../shared/clock.ts'
import type { ReportEvent, Reporter } from './events.ts'
import { changesOfMix, sameMix } from './mix.ts'
import type { ReportView } from './view.ts'

/** Hands every event to several reporters, none of which can disturb another, and keeps what the renderers need. */
export interface Collector extends Reporter {
  /** events from now on go there too */
  add(reporter: Reporter): void
  /** what was heard so far; the same lists are not changed afterwards */
  view(): ReportView
}

/** More than this many are not kept: the middle of a list this long helps nobody, and a run may last for hours. */
const KEPT = 5_000

export function collector(clock: Clock, ...reporters: Reporter[]): Collector {
  const sinks = [...reporters]
  let view: ReportView = {
    app: '',
    namespace: '',
    environment: '',
    cluster: '',
    now: clock.now(),
    findings: [],
    mixes: [],
    measurements: [],
    changes: [],
  }
  return {
    add: (reporter) => void sinks.push(reporter),
    view: () => ({ ...view, now: clock.now() }),
    emit: (event) => {
      view = keep(view, event, clock.now())
      for (const sink of sinks) tell(sink, event)
    },
  }
}

/** A reporter that fails is the reporter's trouble, never the rollout's. */
function tell(sink: Reporter, event: ReportEvent): void {
  try {
    sink.emit(event)
  } catch {
    // Nothing is left to tell it to.
  }
}

function keep(view: ReportView, event: ReportEvent, now: number): ReportView {
  switch (event.kind) {
    case 'target': {
      const { cluster, app, namespace, environment, run } = event
      const rest = run === undefined ? {} : { run }
      return { ...view, cluster, app, namespace, environment: environment ?? view.environment, ...rest }
    }
    case 'record':
      return withRecord(view, event)
    case 'mix':
      return { ...view, mixes: withMix(view.mixes, event.mix) }
    case 'measured':
      return { ...view, measurements: [...view.measurements, event.measurement].slice(-KEPT) }
    case 'updates':
      return { ...view, updates: event.updates }
    case 'finding':
      return { ...view, findings: [...view.findings, event.finding].slice(-KEPT) }
    case 'plan':
      return { ...view, plan: event.plan }
    case 'change':
      return { ...view, changes: [...view.changes, { at: now, text: event.text }].slice(-KEPT) }
    case 'failure':
      return { ...view, failure: event.failure }
    case 'result':
      return withResult(view, event.result)
    case 'phase':
    case 'line':
    case 'waiting':
      return view
  }
}

function withRecord(view: ReportView, event: Extract<ReportEvent, { kind: 'record' }>): ReportView {
  const { record, byHand } = event
  const { byHand: _old, ...rest } = view
  return {
    ...rest,
    record,
    app: record.app,
    namespace: record.namespace,
    environment: record.environment ?? view.environment,
    // The command belongs to the state it was made for.
    ...(byHand === undefined ? {} : { byHand }),
  }
}

function withResult(view: ReportView, result: Extract<ReportEvent, { kind: 'result' }>['result']): ReportView {
  const record = result.record ?? view.record
  const failure = result.failure ?? view.failure
  return {
    ...view,
    result,
    app: result.app === '' ? view.app : result.app,
    namespace: result.namespace === '' ? view.namespace : result.namespace,
    findings: result.findings.length === 0 ? view.findings : result.findings,
    ...(record === undefined ? {} : { record }),
    ...(failure === undefined ? {} : { failure }),
  }
}

/** Of equal samples in a row only the first and the last are kept, which loses nothing. */
function withMix(mixes: ReportView['mixes'], mix: ReportView['mixes'][number]): ReportView['mixes'] {
  const [before, last] = [mixes.at(-2), mixes.at(-1)]
  const same = before !== undefined && last !== undefined && sameMix(before, last) && sameMix(last, mix)
  const next = [...(same ? mixes.slice(0, -1) : mixes), mix]
  return next.length > KEPT ? changesOfMix(next).slice(-KEPT) : next
}

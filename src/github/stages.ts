import type { ReportEvent, Result } from '../report/events.ts'
import { stepLabel, supersededBy, versionsOf, wasWanted } from '../report/status.ts'
import { oneLine } from '../report/text.ts'
import { type RolloutRecord, successText } from '../rollout/record.ts'
import { isSameRun, type RunSource } from '../rollout/settings.ts'
import { TAKEN_OVER } from '../shared/errors.ts'

/** Where a rollout stands, as deployments and commit statuses tell it apart. */
export type Stage = 'running' | 'waiting' | 'live' | 'failed' | 'stuck' | 'withdrawn'

export interface Told {
  stage: Stage
  /** at most {@link MOST} characters */
  text: string
  record: RolloutRecord
}

/** GitHub takes no longer description, neither of a deployment nor of a status. */
const MOST = 140

/**
 * Turns what happens in a run into the changes that GitHub is told. A rollout is told of from the moment on at which this
 * run moves it; a run that only looks, or finds nothing to do, tells nothing but what an earlier attempt of it did.
 */
export class Stages {
  readonly #stages = new Map<number, Stage | undefined>()
  readonly #source: RunSource
  readonly #completes: boolean
  #last: RolloutRecord | undefined

  /** @param completes this process stands in for a run that was killed: what the record says is how it ended */
  constructor(source: RunSource, completes: boolean) {
    this.#source = source
    this.#completes = completes
  }

  /** What is new for GitHub, if anything is. */
  next(event: ReportEvent): Told | undefined {
    if (event.kind === 'record') return this.#completes ? this.#ended(event.record) : this.#moved(event.record)
    return event.kind === 'result' && !this.#completes ? this.#over(event.result) : undefined
  }

  #moved(record: RolloutRecord): Told | undefined {
    // Housekeeping after a success writes the record as well.
    if (!this.#stages.has(record.rollout) && !underWay(record)) return undefined
    this.#last = record
    return this.#told(record, stageOf(record))
  }

  /** Another run may have gone on with it since. */
  #ended(record: RolloutRecord): Told | undefined {
    if (!isSameRun(record.lastRun, this.#source)) return undefined
    if (!underWay(record)) return this.#told(record, stageOf(record))
    return this.#told(record, 'stuck', cutShort(record))
  }

  /** A run that ends must not leave GitHub with a rollout that is under way. */
  #over({ failure, record: found }: Result): Told | undefined {
    const record = this.#last
    if (record === undefined && found !== undefined && this.#repeats(found)) return this.#told(found, stageOf(found))
    if (record === undefined || !underWay(record) || failure?.code === TAKEN_OVER) return undefined
    if (failure === undefined) return this.#told(record, 'stuck', cutShort(record))
    // A run that was cut off, or cancelled without time for the way back, says how things stand; else nobody knows.
    const { kind, code, message, done } = failure
    const knows = kind === 'cancelled' || code === 'unauthorized' || code === 'lease-lost'
    const text = knows && done !== undefined ? `${message}: ${done}` : `no safe state: ${message}`
    return this.#told(record, 'stuck', text)
  }

  /** A re-run with nothing left to do: GitHub may have been away when the attempt before had something to tell. */
  #repeats(record: RolloutRecord): boolean {
    const { attempt, runId } = this.#source
    const { lastRun } = record
    return (
      runId !== '' && !underWay(record) && attempt > lastRun.attempt && isSameRun({ ...lastRun, attempt }, this.#source)
    )
  }

  #told(record: RolloutRecord, stage: Stage | undefined, text?: string): Told | undefined {
    const before = this.#stages.get(record.rollout)
    this.#stages.set(record.rollout, stage ?? before)
    if (stage === undefined || stage === before) return undefined
    return { stage, text: short(text ?? textOf(stage, record)), record }
  }
}

function underWay({ phase }: RolloutRecord): boolean {
  return phase === 'progressing' || phase === 'aborting'
}

/** Undefined while it goes back: how that ends is what counts. */
function stageOf(record: RolloutRecord): Stage | undefined {
  switch (record.phase) {
    case 'progressing':
      return 'running'
    case 'aborting':
      return undefined
    case 'paused':
      return 'waiting'
    case 'stopped':
      return 'failed'
    case 'aborted':
      return wasWanted(record.failure) ? 'withdrawn' : 'failed'
    case 'succeeded':
      return 'live'
    case 'failed':
      return 'stuck'
  }
}

function textOf(stage: Stage, record: RolloutRecord): string {
  const { phase, reason, failure, timeline } = record
  const version = versionsOf(record).new
  switch (stage) {
    case 'running':
      return `${record.command === 'rollback' ? 'back to ' : ''}${version} comes in by ${record.strategy}`
    case 'waiting':
      return `paused: ${reason ?? 'waits for a person'}; step ${stepLabel(record)}`
    case 'live':
      return `${version}: ${successText(record)}`
    case 'failed':
      return `${phase === 'stopped' ? 'stopped' : 'undone'}: ${failure?.message ?? reason ?? ''}`
    case 'stuck':
      return `no safe state: ${failure?.message ?? ''}`
    case 'withdrawn':
      return (
        supersededBy(record) ??
        timeline.findLast(({ kind }) => kind === 'aborting')?.text ??
        failure?.message ??
        'aborted'
      )
  }
}

function cutShort(record: RolloutRecord): string {
  if (record.phase === 'aborting')
    return `the run ended on the way back to ${versionsOf(record).stable}: abort again to finish it`
  return `the run ended in the middle, at step ${stepLabel(record)}: deploy again to go on, or abort`
}

function short(text: string): string {
  const line = oneLine(text, Infinity)
  return line.length <= MOST ? line : `${line.slice(0, MOST - 1).toWellFormed()}…`
}

import type { RolloutRecord } from '../rollout/record.ts'
import { type Failure, TAKEN_OVER } from '../shared/errors.ts'
import type { Step } from '../strategies/step.ts'
import type { Result, VersionMix } from './events.ts'
import type { ReportView } from './view.ts'

/** What a report says the rollout is, the word that icon and headline follow from. */
export type ReportState =
  | 'planned'
  | 'progressing'
  | 'paused'
  | 'stopped'
  | 'aborting'
  | 'aborted'
  | 'superseded'
  | 'succeeded'
  | 'rolled-back'
  | 'failed'
  | 'refused'
  | 'cut-short'
  | 'unknown'

/**
 * What the report says, from record and result. Where both speak the record counts, because it is what the next run
 * reads; but a plan and a refusal touched nothing, so they say nothing about the rollout that the record tells of.
 */
export function stateOf(view: Pick<ReportView, 'record' | 'result' | 'cutShort'>): ReportState {
  const { record, result, cutShort } = view
  if (cutShort === true && record === undefined) return 'unknown'
  if (cutShort === true || isLeft(result)) {
    if (record?.phase === 'progressing' || record?.phase === 'aborting') return 'cut-short'
  }
  if (result?.outcome === 'planned' || result?.outcome === 'refused') return result.outcome
  if (record === undefined) return result?.outcome === 'failed' ? 'failed' : 'planned'
  switch (record.phase) {
    case 'aborted':
      return supersededBy(record) === undefined ? 'aborted' : 'superseded'
    case 'succeeded':
      return record.command === 'rollback' ? 'rolled-back' : 'succeeded'
    case 'progressing':
    case 'paused':
    case 'stopped':
    case 'aborting':
    case 'failed':
      return record.phase
  }
}

/** A run that ended and left the rollout where it was, with no other at work on it. */
function isLeft(result: Result | undefined): boolean {
  return result?.outcome === 'failed' && result.failure?.code !== TAKEN_OVER
}

/** By what the rollout was superseded, as its timeline tells. */
export function supersededBy(record: RolloutRecord): string | undefined {
  return record.timeline.findLast((entry) => entry.kind === 'superseded')?.text
}

/** Why it rests where it rests; what it once waited for is no reason for anything that came later. */
export function reasonOf({ phase, reason }: RolloutRecord): string | undefined {
  return phase === 'paused' || phase === 'stopped' ? reason : undefined
}

/** Whether a rollout rests in the middle, so that a way back without Headgate is worth printing. */
export function rests(record: RolloutRecord): boolean {
  return record.phase === 'paused' || record.phase === 'stopped' || record.phase === 'failed'
}

/** A person, a cancel, or the release that takes its place, wanted it undone: nothing is wrong with it. */
export function wasWanted(failure: Failure | undefined): boolean {
  return failure === undefined || failure.kind === 'cancelled' || failure.code === 'aborted'
}

/** A tag that is a commit, as people write commits. */
function short(version: string): string {
  return /^[0-9a-f]{40}$/.test(version) ? version.slice(0, 7) : version
}

/** The new and the old version as people call them: image tags, else the release's digest. */
export function versionsOf(record: RolloutRecord): { stable: string; new: string } {
  const unique = (words: string[]): string => [...new Set(words.filter((word) => word !== ''))].map(short).join(', ')
  const moving = record.workloads.filter((workload) => workload.mode === 'steps')
  const workloads = moving.length === 0 ? record.workloads : moving
  const shown = unique(workloads.map((workload) => workload.newVersion))
  const before = unique(workloads.map((workload) => workload.stableVersion))
  return {
    new: shown === '' ? `release ${shortDigest(record.release.digest)}` : shown,
    stable: before === '' ? 'the version before' : before,
  }
}

export function shortDigest(digest: string): string {
  return digest.slice(0, 10)
}

/**
 * Percent of the traffic (or of the pods, without a router) that the steps done so far give to the new version.
 * A step under way does not count until it is done.
 */
export function weightOf(record: RolloutRecord): number {
  if (record.phase === 'succeeded') return 100
  if (record.phase === 'aborted') return 0
  return weightAfter(record, record.step)
}

/** The weight when the first `done` steps are done. */
export function weightAfter(record: RolloutRecord, done: number): number {
  if (done > record.plan.length) return 100
  const last = record.plan.slice(0, done).findLast(moves)
  if (last === undefined) return 0
  return last.kind === 'weight' ? last.percent : 100
}

function moves(step: Step): boolean {
  return step.kind === 'weight' || step.kind === 'switch'
}

/** `wait 2m` or, after the last step, `finish`. */
export function stepName(record: RolloutRecord, index = record.step): string {
  return record.steps[index] ?? 'finish'
}

/** `3/5 wait 2m`; the finish counts as the last step. */
export function stepLabel(record: RolloutRecord): string {
  const total = record.steps.length
  return total === 0 ? stepName(record) : `${Math.min(record.step + 1, total)}/${total} ${stepName(record)}`
}

export type StepMark = 'done' | 'active' | 'waiting' | 'failed' | 'left' | 'open'

export interface StepRow {
  text: string
  mark: StepMark
  /** milliseconds it took; absent while open */
  ms?: number
  /** percent on the new version when done; absent where the step moves nothing */
  share?: number
  pods?: { stable: number; canary: number }
}

/** One row per step and one for the finish. What was never reached has no share and no pods. */
export function stepRows(record: RolloutRecord, mix?: VersionMix): StepRow[] {
  const pairs = pairsOf(record)
  return [...record.steps, 'finish'].map((text, index) => {
    const mark = markOf(record, index)
    const ms = durationOf(record, index, mark)
    const step = record.plan[index]
    const share = step === undefined ? 100 : moves(step) ? weightAfter(record, index + 1) : undefined
    const pods = livePods(record, mark, mix) ?? pairs[index]
    const reached = mark !== 'left' && mark !== 'failed'
    return {
      text,
      mark,
      ...(ms === undefined ? {} : { ms }),
      ...(share === undefined || !reached ? {} : { share }),
      ...(pods === undefined || !reached ? {} : { pods }),
    }
  })
}

/** The step under way shows what is, the others what is planned. */
function livePods(record: RolloutRecord, mark: StepMark, mix?: VersionMix): StepRow['pods'] {
  return mix !== undefined && (mark === 'active' || mark === 'waiting') ? podsOf(mix) : undefined
}

function podsOf(mix: VersionMix): { stable: number; canary: number } {
  return { stable: mix.stable.pods, canary: mix.canary.pods }
}

/** Pods planned for each step, summed over the workloads that take the steps; steps that move nothing have none. */
function pairsOf(record: RolloutRecord): ({ stable: number; canary: number } | undefined)[] {
  const moving = record.workloads.filter((workload) => workload.mode === 'steps')
  let weights = 0
  return record.plan.map((step) => {
    if (step.kind !== 'weight') return undefined
    const nth = weights++
    const pairs = moving.flatMap((workload) => workload.pairs.slice(nth, nth + 1))
    if (pairs.length === 0) return undefined
    return {
      stable: pairs.reduce((sum, [stable]) => sum + stable, 0),
      canary: pairs.reduce((sum, [, canary]) => sum + canary, 0),
    }
  })
}

function markOf(record: RolloutRecord, index: number): StepMark {
  if (record.phase === 'succeeded' || index < record.step) return 'done'
  if (index > record.step) return record.phase === 'progressing' || record.phase === 'paused' ? 'open' : 'left'
  switch (record.phase) {
    case 'progressing':
      return 'active'
    case 'paused':
      return 'waiting'
    case 'stopped':
    case 'aborting':
    case 'aborted':
    case 'failed':
      return record.failure === undefined ? 'left' : 'failed'
  }
}

/**
 * A step lasts from the end of the one before to its own last entry in the timeline. Entries of kind `started` belong
 * to no step.
 */
function durationOf(record: RolloutRecord, index: number, mark: StepMark): number | undefined {
  if (mark === 'open' || mark === 'left') return undefined
  const end = lastAt(record, index)
  if (end === undefined) return undefined
  const before = record.timeline.findLast((entry) => entry.step !== undefined && entry.step < index)
  return Math.max(0, end - Date.parse(before?.at ?? record.startedAt))
}

function lastAt(record: RolloutRecord, index: number): number | undefined {
  const at = record.timeline.findLast((entry) => entry.step === index)?.at
  if (at !== undefined) return Date.parse(at)
  return index === record.steps.length && record.phase === 'succeeded' ? Date.parse(record.updatedAt) : undefined
}

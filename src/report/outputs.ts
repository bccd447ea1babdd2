import { isOver } from '../rollout/record.ts'
import type { Result } from './events.ts'
import { shortDigest, stepLabel, weightOf } from './status.ts'

export interface OutputPaths {
  /** path of the JSON report */
  report?: string
  /** path of the Markdown plan */
  plan?: string
  commentUrl?: string
}

/** Names of the outputs, as `action.yml` declares them. */
export const OUTPUT_NAMES = [
  'outcome',
  'phase',
  'release',
  'rollout',
  'step',
  'weight',
  'images',
  'report',
  'plan',
  'comment-url',
  'next',
  'deployment-id',
] as const
export type OutputName = (typeof OUTPUT_NAMES)[number]

/** Outputs of the action, by name. Every one is present; what is unknown is empty. */
export function outputsOf(result: Result, paths: OutputPaths = {}): Record<OutputName, string> {
  const { record } = result
  return {
    outcome: result.outcome,
    phase: result.phase,
    release: record === undefined ? '' : shortDigest(record.release.digest),
    rollout: record === undefined ? '' : String(record.rollout),
    step: record === undefined || isOver(record) ? '' : stepLabel(record),
    weight: record === undefined ? '' : String(weightOf(record)),
    images: JSON.stringify(record?.release.images ?? []),
    report: paths.report ?? '',
    plan: paths.plan ?? '',
    'comment-url': paths.commentUrl ?? '',
    next: result.next,
    'deployment-id': record === undefined ? '' : (record.release.id ?? shortDigest(record.release.digest)),
  }
}

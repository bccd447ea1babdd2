import type { Finding } from '../preflight/finding.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { Failure } from '../shared/errors.ts'
import type { Result, VersionMix } from './events.ts'
import type { Measurement } from './measurements.ts'
import type { Plan } from './plan.ts'
import type { Updates } from './updates.ts'

/** Everything the renderers draw from: what the collector has heard so far. */
export interface ReportView {
  app: string
  namespace: string
  environment: string
  /** name for people and for the comment's marker: the kubeconfig's context or cluster */
  cluster: string
  /** milliseconds since 1970 */
  now: number
  /** the run that tells this */
  run?: RunSource
  record?: RolloutRecord
  result?: Result
  failure?: Failure
  findings: Finding[]
  plan?: Plan
  /** version mix over time, oldest first */
  mixes: VersionMix[]
  /** what checks answered, oldest first */
  measurements: Measurement[]
  /** what users met */
  updates?: Updates
  /** what was printed as a change, oldest first */
  changes: { at: number; text: string }[]
  /** the run that acted was killed; this is told by another process, which only looks */
  cutShort?: true
  /** command that brings a resting rollout back to stable without Headgate */
  byHand?: string
}

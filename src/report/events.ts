import type { Finding } from '../preflight/finding.ts'
import type { Outcome, Phase, RolloutRecord } from '../rollout/record.ts'
import type { Command, RunSource } from '../rollout/settings.ts'
import type { Failure } from '../shared/errors.ts'
import type { Measurement } from './measurements.ts'
import type { Plan } from './plan.ts'
import type { Updates } from './updates.ts'

/** Pods that serve, per version, at one instant. */
export interface VersionMix {
  /** milliseconds since 1970 */
  at: number
  stable: { version: string; pods: number }
  canary: { version: string; pods: number }
}

/** What happens during a command, in order. Reporters turn these into log, comment, summary and JSON. */
export type ReportEvent =
  /** which cluster and app this is about, once they are known, and what run; the comment's marker needs the first two */
  | { kind: 'target'; cluster: string; app: string; namespace: string; environment?: string; run?: RunSource }
  /** a numbered heading, folded on GitHub */
  | { kind: 'phase'; title: string }
  /** one line of fact, printed at once */
  | { kind: 'line'; text: string; level?: 'info' | 'warning' | 'error' | 'debug' }
  /** something that was written or that changed in the cluster; printed with the elapsed time */
  | { kind: 'change'; text: string }
  /** what is waited for now; repeated as a reminder when nothing changes for 30 s */
  | { kind: 'waiting'; text: string }
  | { kind: 'finding'; finding: Finding }
  /** what the command is about to do; the console prints it, comment and summary keep it */
  | { kind: 'plan'; plan: Plan }
  /**
   * The rollout's record after a write: comment and summary are drawn from it. `byHand` is the literal command, one
   * line or more, that brings a resting rollout back to stable without Headgate.
   */
  | { kind: 'record'; record: RolloutRecord; byHand?: string }
  | { kind: 'mix'; mix: VersionMix }
  /** one answer of a check */
  | { kind: 'measured'; measurement: Measurement }
  /** what the update checker has seen, once it ends */
  | { kind: 'updates'; updates: Updates }
  | { kind: 'failure'; failure: Failure }
  | { kind: 'result'; result: Result }

/** What a command comes to. */
export interface Result {
  command: Command
  outcome: Outcome
  phase: Phase
  app: string
  namespace: string
  /** one sentence for people */
  message: string
  record?: RolloutRecord
  failure?: Failure
  findings: Finding[]
  /** Markdown of the plan, for `plan` and `deploy` */
  plan?: string
  /** the command that goes on, with rollout and step; empty when nothing is under way */
  next: string
  /** the command that goes back from there; empty when nothing is under way */
  back: string
  /** 0 ok, 1 failed, 2 refused, 3 paused, 70 timeout, 130 cancelled */
  exitCode: number
}

/** One sink for everything that is worth telling. It never throws: reporting never fails a rollout. */
export interface Reporter {
  emit(event: ReportEvent): void
}

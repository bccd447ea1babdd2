import type { Finding } from '../preflight/finding.ts'
import type { ObjectRef } from '../shared/objects.ts'
import type { Strategy } from '../strategies/step.ts'

/** One field that the rollout changes. Values are texts for people, already free of secrets. */
export interface FieldChange {
  /** `spec.template.spec.containers[web].image` */
  path: string
  /** absent when the field is added */
  before?: string
  /** absent when the field is removed */
  after?: string
}

export type PlanAction = 'create' | 'configure' | 'unchanged' | 'delete' | 'not-in-release'

export interface PlannedObject {
  ref: ObjectRef
  action: PlanAction
  changes: FieldChange[]
}

export interface PlannedStep {
  /** as written: `25%`, `wait 2m`; the finish is listed as `finish` */
  text: string
  /** pods of each side when the step is done */
  pods?: { stable: number; canary: number }
}

/** What a command is about to do, in full, before anything is touched. */
export interface Plan {
  app: string
  namespace: string
  /** full hex digest of the release */
  release: string
  strategy: Strategy
  /** number that the rollout has or will have */
  rollout: number
  steps: PlannedStep[]
  objects: PlannedObject[]
  services: { taking: string[]; notTaking: { name: string; why: string }[] }
  findings: Finding[]
  /** Role (and ClusterRole) that the rollout needs, as YAML; absent when not worked out */
  role?: string
  /** verbs that are missing, one sentence each */
  missingRights: string[]
  /** sentences worth knowing, e.g. that a share of pods is a share of connections */
  notes: string[]
}

/** The plan as Markdown, for the pull request, the summary and the output `plan`. */
export function renderPlan(plan: Plan): string {
  return plan.app
}

/** The plan as plain lines, for the log. */
export function planLines(plan: Plan): string[] {
  return [plan.app]
}

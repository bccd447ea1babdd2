import type { Command } from '../rollout/settings.ts'
import type { KubeObject } from '../shared/objects.ts'
import type { Strategy } from '../strategies/step.ts'
import type { Finding } from './finding.ts'

/** One right; `namespace` is absent for cluster-scoped resources. */
export interface Need {
  verb: string
  group: string
  resource: string
  subresource?: string
  name?: string
  namespace?: string
}

/** How an API server calls a kind, from discovery. */
export interface ResourceName {
  group: string
  resource: string
  namespaced: boolean
}

export interface NeedsInput {
  commands: readonly Command[]
  app: string
  /** home of record and lease */
  namespace: string
  strategy: Strategy
  pods: 'in-place' | 'separate'
  prune: boolean
  objects: readonly KubeObject[]
  /** from discovery; undefined falls back to the common plural */
  resourceOf?: (apiVersion: string, kind: string) => ResourceName | undefined
}

/** `status` of a SelfSubjectRulesReview. */
export interface RulesReview {
  resourceRules?: { verbs: string[]; apiGroups?: string[]; resources?: string[]; resourceNames?: string[] }[]
  incomplete?: boolean
}

/** The least rights that the commands need. */
export function neededRights(_input: NeedsInput): Need[] {
  return []
}

/** `ask`: the review is incomplete, so each of these wants a SelfSubjectAccessReview. */
export interface RightsCheck {
  missing: Need[]
  ask: Need[]
}

/** Compares with the rules reviews, by namespace; cluster-scoped needs are looked up under ''. */
export function compareRights(_needs: readonly Need[], _reviews: ReadonlyMap<string, RulesReview>): RightsCheck {
  return { missing: [], ask: [] }
}

/** One error that lists what is missing and the Role to add. */
export function rightsFindings(_missing: readonly Need[]): Finding[] {
  return []
}

/** The least Role (per namespace) and ClusterRole that hold the needs, as YAML. */
export function roleFor(_needs: readonly Need[], _name = 'headgate'): string {
  return ''
}

import type { Check } from '../checks/spec.ts'
import type { Command } from '../rollout/settings.ts'
import type { Route, Router } from '../routers/router.ts'
import type { KubeObject } from '../shared/objects.ts'
import type { Step, Strategy } from '../strategies/step.ts'

/** One right; `namespace` is absent for cluster-scoped resources. */
export interface Need {
  verb: string
  group: string
  resource: string
  subresource?: string
  name?: string
  namespace?: string
  /** only sharpens findings and reports: without it the command works */
  optional?: true
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
  /** `check` and `job` steps need rights of their own */
  steps?: readonly Step[]
  checks?: Record<string, Check>
  /** the router of a canary, and the routes that it leads by */
  routing?: { router: Router; routes: Route[] }
  /** older versions stay reachable: Deployments of their own */
  keeps?: boolean
  /** the update checker asks a Service through the API server */
  polls?: boolean
  objects: readonly KubeObject[]
  /** from discovery; undefined falls back to the common plural */
  resourceOf?: (apiVersion: string, kind: string) => ResourceName | undefined
}

export type Scope = Omit<Need, 'verb'>

export function each(scope: Scope, ...verbs: string[]): Need[] {
  return verbs.map((verb) => ({ verb, ...scope }))
}

export function namespacesOf({ namespace, objects }: NeedsInput): string[] {
  return [...new Set([namespace, ...objects.flatMap(({ metadata }) => metadata.namespace ?? [])])]
}

export function optional(needs: Need[]): Need[] {
  return needs.map((need) => ({ ...need, optional: true }))
}

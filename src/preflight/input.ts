import type { RolloutRecord } from '../rollout/record.ts'
import type { Place } from '../shared/errors.ts'
import type { Deployment, KubeObject, Pod, ReplicaSet, Service } from '../shared/objects.ts'
import type { Step, Strategy } from '../strategies/step.ts'

/** An object of the release; `place` when it came from a manifest, `placeOf` where a field of it can be found too. */
export interface ReleaseObject {
  object: KubeObject
  place?: Place
  placeOf?: (path: readonly (string | number)[]) => Place
}

/** What the server said to the dry run of one object. */
export type DryRunResult =
  | { kind: 'ok'; object: KubeObject; warnings?: string[] }
  | {
      kind: 'error'
      /** HTTP status */
      status: number
      reason?: string
      message: string
      causes?: { reason?: string; message?: string; field?: string }[]
    }

/**
 * All objects of a kind in the namespaces of the release, not only those of its workloads: a Service may select others'
 * pods as well. Undefined: could not be read, so what rests on it cannot be verified.
 */
export interface LiveLists {
  services?: Service[] | undefined
  autoscalers?: KubeObject[] | undefined
  disruptionBudgets?: KubeObject[] | undefined
  deployments?: Deployment[] | undefined
  replicaSets?: ReplicaSet[] | undefined
  pods?: Pod[] | undefined
  quotas?: KubeObject[] | undefined
  /** read for blue/green only */
  ingresses?: KubeObject[] | undefined
  /** read only where a quota demands amounts that containers of the release do not name */
  limitRanges?: KubeObject[] | undefined
}

/** Everything that the rules look at; they read nothing else. */
export interface PreflightInput {
  app: string
  strategy: Strategy
  steps: readonly Step[]
  pods: 'in-place' | 'separate'
  capacity: 'keep' | 'replace'
  /** workloads (`name`) that are applied and awaited without steps, by setting */
  plain?: readonly string[]
  /** separate form: `namespace/name` of a Deployment of the release → name of the one that serves now */
  active?: Readonly<Record<string, string>>
  /** most time for one step, in milliseconds */
  timeoutMs: number
  /** namespace-defaulted objects of the release, images substituted, hooks (Jobs of steps) included */
  objects: readonly ReleaseObject[]
  /** live objects of the release by key (`keyOf`); what is absent does not exist */
  live: ReadonlyMap<string, KubeObject>
  lists: LiveLists
  /**
   * what pods of the release name and the release does not bring, by key: the object (of Secrets and ConfigMaps only what
   * they are called), or that there is none. What is absent could not be read; undefined: nothing was asked.
   */
  named?: ReadonlyMap<string, KubeObject | 'missing'>
  /** routes that lead to the Services, where they were looked for */
  routes?: readonly KubeObject[]
  /** by key; absent: no dry run was made of it */
  dryRuns?: ReadonlyMap<string, DryRunResult>
  record?: RolloutRecord | undefined
  /** field managers whose fields may be taken */
  takeOver?: readonly string[]
  /** bytes of the payload as it will be stored (compressed); reckoned from the objects when absent */
  payloadBytes?: number
  serverVersion?: { major: number; minor: number } | undefined
  /** milliseconds since 1970 */
  now: number
}

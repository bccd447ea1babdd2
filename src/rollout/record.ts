import type { Failure } from '../shared/errors.ts'
import type { RollingUpdate, ServicePort } from '../shared/objects.ts'
import type { Step, Strategy } from '../strategies/step.ts'
import type { Match, Pin, RouterName, Sticky, WeightPaths } from '../routers/router.ts'
import type { CompareState } from '../checks/compare.ts'
import type { Check, WarmUp } from '../checks/spec.ts'
import type { KeepVersions, RunSource, UpdateChecker } from './settings.ts'

/** Where a rollout rests. `none` is the absence of a record. */
export type Phase = 'none' | 'progressing' | 'paused' | 'stopped' | 'aborting' | 'aborted' | 'succeeded' | 'failed'

export const OUTCOMES = [
  'succeeded',
  'paused',
  'unchanged',
  'planned',
  'aborted',
  'rolled-back',
  'stopped',
  'failed',
  'refused',
] as const
export type Outcome = (typeof OUTCOMES)[number]

export const RECORD_VERSION = 1

export interface ReleaseRef {
  /** full hex digest of the release's canonical JSON */
  digest: string
  /** number of the rollout that brought it, whose payload holds the objects */
  rollout: number
  /** image references of its workloads, in manifest order */
  images: string[]
  sha?: string
  /** what its pods are told and requests ask for, where versions are kept; else the first hex digits of the digest */
  id?: string
}

/** The four fields that a hold overwrites, plus paused; absent means the API server's default. */
export interface HoldFields {
  minReadySeconds: number
  progressDeadlineSeconds: number
  maxSurge: number | string
  maxUnavailable: number | string
}

export interface WorkloadRecord {
  namespace: string
  name: string
  /** `steps`: goes through the strategy; `plain`: applied and awaited (new, unchanged, or asked for) */
  mode: 'steps' | 'plain'
  /** pod-template-hash of the version that served before, and of the new one once its ReplicaSet exists */
  stableHash?: string
  newHash?: string
  /** separate form: the Deployment that served before; `name` is then the new one's */
  stableName?: string
  /** replicas when the rollout started; of a plain workload those that the release gives it */
  replicas: number
  /** pairs planned for the weight steps, in order: [stable, canary] pods */
  pairs: [number, number][]
  /** versions people recognise: image tags */
  stableVersion: string
  newVersion: string
}

export interface ServiceRecord {
  namespace: string
  name: string
  /** selector and ports before the rollout */
  selector: Record<string, string>
  ports: ServicePort[]
  /** workload whose pods it selects */
  workload: string
}

/** How a router parts the requests of this rollout. What the routes were before is in the payload. */
export interface TrafficRecord {
  router: RouterName
  /** keys (`keyOf`) of the routes, in the order in which they are written */
  routes: string[]
  /** Services that the routes lead to, each with one of its own for the new version: `namespace/name` */
  services: string[]
  match: Match[]
  sticky?: Sticky
  pods: 'share' | 'full'
  onDrift: 'stop' | 'reassert'
  settleMs: number
  prefix?: string
  weights?: WeightPaths
  /** older versions stay reachable after the finish */
  keep?: KeepVersions
  /** those in force after the finish, known once it has begun */
  keeping?: KeptVersion[]
}

/** An older version that still runs, reachable under its id, until a run after `until` takes it away. */
export interface KeptVersion extends Pin {
  namespace: string
  /** Deployments that run it */
  deployments: string[]
  /** RFC 3339 */
  until: string
  /** keys of the routes that lead to it, and their router */
  routes: string[]
  router: RouterName
}

export interface PayloadRef {
  rollout: number
  kind: 'ConfigMap' | 'Secret'
}

export interface TimelineEntry {
  /** RFC 3339 */
  at: string
  /** `started`, `step`, `approved`, `paused`, `failed`, `aborted`, `finished`, `superseded` … */
  kind: string
  text: string
  /** index of the step it belongs to */
  step?: number
}

/** What `data.record` of the ConfigMap `headgate-<app>` holds. Written once per step with its resourceVersion. */
export interface RolloutRecord {
  version: typeof RECORD_VERSION
  app: string
  namespace: string
  /** repository that owns the app, or empty when deployed from a command line */
  owner: string
  rollout: number
  phase: Exclude<Phase, 'none'>
  /** command that began this rollout */
  command: 'deploy' | 'rollback'
  strategy: Strategy
  pods: 'in-place' | 'separate'
  capacity: 'keep' | 'replace'
  /** all steps, as written and as understood; the finish is implied */
  steps: string[]
  plan: Step[]
  /** index of the step under way or waited for; `steps.length` is the finish */
  step: number
  /** the release this rollout brings */
  release: ReleaseRef
  /** the release that serves, when Headgate brought it: before the success of this rollout the stable one */
  serving?: ReleaseRef
  /** the release before the serving one, which a rollback brings back */
  previous?: ReleaseRef
  /** images that served before, for people */
  previousImages: string[]
  workloads: WorkloadRecord[]
  services: ServiceRecord[]
  /** canary through a router; absent where the weight is a share of pods */
  traffic?: TrafficRecord
  /** older versions that are reachable under their ids, newest first */
  kept?: KeptVersion[]
  checks: Record<string, Check>
  /** how the step `warm-up` asks; absent without that step */
  warmUp?: WarmUp
  /** what comparisons have gathered since the rollout began, by check */
  analysis?: Record<string, CompareState>
  /** absent: off, or begun by a Headgate that had none */
  updateChecker?: UpdateChecker
  timeoutMs: number
  onFailure: 'abort' | 'stop'
  onCancel: 'abort' | 'stop'
  onFailedJob: 'stop' | 'old'
  accept: string[]
  takeOver: string[]
  prune: boolean
  environment?: string
  environmentUrl?: string
  /** of the environment on GitHub; absent: GitHub's own defaults */
  transientEnvironment?: boolean
  productionEnvironment?: boolean
  /** a commit status is kept as well */
  commitStatus?: true
  /** what the run that started it was given, so that the command that deploys again can be told */
  inputs?: { manifests: string[]; images: string[]; config?: string }
  /** the run that started the rollout, and the one that acted last */
  source: RunSource
  lastRun: RunSource
  pullRequest?: number
  commentId?: number
  /** id of the deployment on GitHub */
  githubDeployment?: number
  /** RFC 3339 */
  startedAt: string
  updatedAt: string
  /** why it rests where it rests, for `paused` and `stopped` */
  reason?: string
  failure?: Failure
  timeline: TimelineEntry[]
  /** payloads kept beside the record, oldest first */
  payloads: PayloadRef[]
  /** keys of generated Jobs: of this rollout, and of those before until one succeeds and removes them */
  jobs: string[]
  /** imageIDs that the new pods ran when they were looked at, by `workload/container`: what was tested */
  tested?: Record<string, string>
  /** recreate: RFC 3339 moment since when nothing serves */
  downSince?: string
  /** seconds without a pod that is ready and not ending, measured by recreate: users meet at most that */
  downtimeSeconds?: number
}

/** The reason of a rollout that rests at an `approve`. */
export const APPROVAL = 'waits for an approval'

/** The release is live, and all of it is scaled to 0. */
export function isScaledToZero({ workloads }: Pick<RolloutRecord, 'workloads'>): boolean {
  return workloads.length > 0 && workloads.every(({ replicas }) => replicas === 0)
}

/** How a rollout that succeeded has ended. */
export function successText(record: Pick<RolloutRecord, 'workloads'>): string {
  return isScaledToZero(record) ? 'the release is live, scaled to 0: nothing serves' : 'the new version serves alone'
}

/** Whether it has come to its end, one way or the other; else something of it is left to do. */
export function isOver({ phase }: Pick<RolloutRecord, 'phase'>): boolean {
  return phase === 'succeeded' || phase === 'aborted'
}

/** The strategy fields of a Deployment with the API server's defaults filled in. Source: apps/v1 defaulting. */
export function holdFieldsOf(spec: {
  minReadySeconds?: number
  progressDeadlineSeconds?: number
  strategy?: { type?: string; rollingUpdate?: RollingUpdate }
}): HoldFields {
  return {
    minReadySeconds: spec.minReadySeconds ?? 0,
    progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
    maxSurge: spec.strategy?.rollingUpdate?.maxSurge ?? '25%',
    maxUnavailable: spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%',
  }
}

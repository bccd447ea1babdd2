import { isServing } from '../health/pods.ts'
import { templateEquals } from '../manifests/workload.ts'
import type { HoldFields, ServiceRecord, WorkloadRecord } from '../rollout/record.ts'
import type { Route, Router, Split } from '../routers/router.ts'
import type { Deployment, KubeObject, Pod, PodTemplate, ReplicaSet, Service } from '../shared/objects.ts'
import { SENTENCE } from './annotations.ts'
import type { Pair } from './pods.ts'

/** What both versions of one workload are made of, fixed when the rollout started; kept in its payload. */
export interface Versions {
  /** templates as the API server stores them, with its defaults */
  stable: PodTemplate
  next: PodTemplate
  stableFields: HoldFields
  nextFields: HoldFields
  /** the strategy type of the Deployment before, e.g. `RollingUpdate` */
  stableType: string
  nextType: string
  /** the release's manifest names minReadySeconds (then a blue/green set rests one pod short) */
  namesMinReady: boolean
}

/** A Service that takes part, with its preview. */
export interface ServiceView {
  record: ServiceRecord
  live: Service | undefined
  /** the release's manifest of it, when the release has one */
  desired: Service | undefined
  preview: Service | undefined
  /** with a router: the Service that leads to the new version alone, and its ready endpoints */
  canary?: { live: Service | undefined; ready: number }
  /** ms since 1970 when its selector was last written, as far as this run knows; settling is counted from here */
  changedAt: number
}

/** How much of the users' requests goes to the new version, and is copied to it, in percent. */
export interface Share {
  percent: number
  mirror: number
}

/** One object of a route as it is now. */
export interface RouteObject {
  live: KubeObject | undefined
  /** ms since 1970 when it was last written by this run, and its router has said so since */
  changedAt: number
  /** it is exactly what the server made of this run's last write */
  own: boolean
}

/** The routes that lead users to the Services of this rollout, and how their router is asked. */
export interface Routing {
  router: Router
  /** as they were before the rollout, without the rules of kept versions */
  routes: Route[]
  /** what each is to be before and after the rollout, by `keyOf` */
  before: ReadonlyMap<string, KubeObject>
  after: ReadonlyMap<string, KubeObject>
  /** by `keyOf`: the routes, and what is made for the rollout */
  live: ReadonlyMap<string, RouteObject>
  split: Omit<Split, keyof Share>
  settleMs: number
  pods: 'share' | 'full'
  onDrift: 'stop' | 'reassert'
  /** a step with a share has been done, so that the routes must be as this rollout wrote them */
  begun: boolean
}

/** The second Deployment of the separate form, and what it is made from. */
export interface SeparateView {
  deployment: Deployment | undefined
  replicaSets: ReplicaSet[]
  pods: Pod[]
  /** as in {@link WorkloadView} */
  ended?: Pod[]
  color: string
  /** the release's Deployment of this color */
  manifest: KubeObject
  /** it was there before this rollout */
  existed: boolean
}

/** Everything a strategy may look at for one workload. */
export interface WorkloadView {
  record: WorkloadRecord
  versions: Versions
  rollout: number
  app: string
  deployment: Deployment | undefined
  /** owned by the Deployment */
  replicaSets: ReplicaSet[]
  /** owned by those; none that has ended */
  pods: Pod[]
  /** owned by those, and over: evicted ones above all, which no controller counts and nothing waits for */
  ended?: Pod[]
  services: ServiceView[]
  /** separate form only: the new Deployment; the fields above are the old one's */
  separate?: SeparateView
  /** canary through a router; absent where the share is one of pods */
  routing?: Routing
  now: number
  settleMs: number
  capacity: 'keep' | 'replace'
  /** sentence for `headgate.dev/rollout` while it moves or rests */
  sentence: string
}

/** One version's pods. */
export interface Side {
  hash: string | undefined
  replicaSet: ReplicaSet | undefined
  /** pods asked for */
  wanted: number
  serving: number
  /** not terminating */
  pods: Pod[]
  terminating: Pod[]
}

const HASH = 'pod-template-hash'

export function hashOf(object: { metadata: { labels?: Record<string, string> } }): string | undefined {
  return object.metadata.labels?.[HASH]
}

/** The ReplicaSet made from a template, kept or not; the newest when a collision left several. */
export function replicaSetOf(replicaSets: ReplicaSet[], template: PodTemplate): ReplicaSet | undefined {
  const same = replicaSets.filter((set) => templateEquals(withoutSentence(set.spec.template), template))
  return same.sort((a, b) => revisionOf(b) - revisionOf(a))[0]
}

function withoutSentence(template: PodTemplate): PodTemplate {
  const { [SENTENCE]: sentence, ...annotations } = template.metadata?.annotations ?? {}
  if (sentence === undefined) return template
  const { annotations: _, ...metadata } = template.metadata ?? {}
  const others = Object.keys(annotations).length === 0 ? {} : { annotations }
  return { ...template, metadata: { ...metadata, ...others } }
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0)
}

export function sideOf(view: WorkloadView, which: 'stable' | 'next'): Side {
  const { replicaSets, pods } = which === 'next' && view.separate !== undefined ? view.separate : view
  const replicaSet = replicaSetOf(replicaSets, view.versions[which])
  const hash = replicaSet === undefined ? undefined : hashOf(replicaSet)
  const own = pods.filter((pod) => hash !== undefined && hashOf(pod) === hash)
  const ready = which === 'stable' ? view.versions.stableFields : view.versions.nextFields
  return {
    hash,
    replicaSet,
    wanted: replicaSet?.spec.replicas ?? 0,
    serving: own.filter((pod) => isServing(pod, ready.minReadySeconds, view.now)).length,
    pods: own.filter((pod) => pod.metadata.deletionTimestamp === undefined),
    terminating: own.filter((pod) => pod.metadata.deletionTimestamp !== undefined),
  }
}

/** Pods that belong to neither version: a foreign template's, or an older rollout's. */
export function otherPods(view: WorkloadView): Pod[] {
  const known = new Set([sideOf(view, 'stable').hash, sideOf(view, 'next').hash])
  return view.pods.filter((pod) => !known.has(hashOf(pod)))
}

/** As if the pods that are on their way out were gone: none of them is an endpoint that requests are sent to. */
export function withoutEnding(view: WorkloadView): WorkloadView {
  const { separate, pods } = view
  return {
    ...view,
    pods: staying(pods),
    ...(separate === undefined ? {} : { separate: { ...separate, pods: staying(separate.pods) } }),
  }
}

function staying(pods: Pod[]): Pod[] {
  return pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
}

/** Pods asked for on each side now. */
export function pairNow(view: WorkloadView): Pair {
  return [sideOf(view, 'stable').wanted, sideOf(view, 'next').wanted]
}

/** Live replica count; the API server always fills it in. */
export function replicasOf(deployment: Deployment): number {
  return deployment.spec.replicas ?? 1
}

/** The controller has seen the last change of the Deployment's spec. */
export function observed(deployment: Deployment): boolean {
  return (deployment.status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
}

/** The state of a cluster at one instant, as the invariants look at it, and questions to ask it. Pure. */
import type {
  ConfigMap,
  Deployment,
  JsonMap,
  KubeObject,
  Lease,
  Pod,
  ReplicaSet,
  Service,
} from '../../src/shared/objects.ts'

export interface Endpoint extends JsonMap {
  addresses: string[]
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean }
  targetRef?: { kind?: string; name?: string; namespace?: string }
}

export interface EndpointSlice extends KubeObject {
  endpoints?: Endpoint[]
}

export interface Snapshot {
  /** milliseconds since 1970, on the clock that the objects' times are written with */
  at: number
  deployments: readonly Deployment[]
  replicaSets: readonly ReplicaSet[]
  pods: readonly Pod[]
  services: readonly Service[]
  endpointSlices: readonly EndpointSlice[]
  /** records and payloads; without them the rules about resting and about remains see nothing */
  configMaps?: readonly ConfigMap[]
  leases?: readonly Lease[]
  /** payloads with Secrets */
  secrets?: readonly KubeObject[]
}

export const HASH_LABEL = 'pod-template-hash'
export const ORIGINALS = 'headgate.dev/originals'
/** A hold makes pods wait so long that they never become available; anything near it is no user's value. */
const NEVER_AVAILABLE_SECONDS = 2_147_483_000

export function isIn(namespace: string): (object: KubeObject) => boolean {
  return (object) => object.metadata.namespace === namespace
}

export function nameOfObject({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`
}

export function isTerminating({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined
}

function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** Counts against quota and nodes: neither ended nor on its way out. */
export function isPresent(pod: Pod): boolean {
  return !isTerminating(pod) && !isOver(pod)
}

/** Ready for at least `minReadySeconds`, not terminating. */
export function isServing(pod: Pod, at: number, minReadySeconds: number): boolean {
  if (!isPresent(pod)) return false
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready?.status !== 'True') return false
  return minReadySeconds === 0 || at - Date.parse(ready.lastTransitionTime ?? '') >= minReadySeconds * 1_000
}

function isOwnedBy(object: KubeObject, owner: KubeObject): boolean {
  return object.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) === true
}

export function replicaSetsOf(snapshot: Snapshot, deployment: Deployment): ReplicaSet[] {
  return snapshot.replicaSets.filter((replicaSet) => isOwnedBy(replicaSet, deployment))
}

export function podsOf(snapshot: Snapshot, deployment: Deployment): Pod[] {
  const sets = replicaSetsOf(snapshot, deployment)
  return snapshot.pods.filter((pod) => sets.some((set) => isOwnedBy(pod, set)))
}

export function selects(selector: Record<string, string> | undefined, labels: Record<string, string>): boolean {
  if (selector === undefined) return false
  const pairs = Object.entries(selector)
  return pairs.length > 0 && pairs.every(([key, value]) => labels[key] === value)
}

export function podsBehind(snapshot: Snapshot, service: Service): Pod[] {
  const here = isIn(service.metadata.namespace ?? '')
  return snapshot.pods.filter((pod) => here(pod) && selects(service.spec.selector, pod.metadata.labels ?? {}))
}

/** Ready endpoints of a Service as EndpointSlices tell them, which is what kube-proxy and routers go by. */
export function readyEndpoints(snapshot: Snapshot, namespace: string, service: string): number {
  const slices = snapshot.endpointSlices
    .filter(isIn(namespace))
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service)
  const addresses = slices.flatMap(({ endpoints }) =>
    (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).map((endpoint) => endpoint.addresses[0]),
  )
  // One pod may stand in two slices while it moves from one to the other.
  return new Set(addresses).size
}

/** Kept in the middle of its rolling update. */
export function isHeld({ spec, metadata }: Deployment): boolean {
  return (spec.minReadySeconds ?? 0) >= NEVER_AVAILABLE_SECONDS || metadata.annotations?.[ORIGINALS] !== undefined
}

/** A Service that users use, bound to the pods of one template. */
export function isPinned({ spec, metadata }: Service): boolean {
  return spec.selector?.[HASH_LABEL] !== undefined && !/-(preview|canary)$/.test(metadata.name ?? '')
}

/** The Deployments whose pods a Service is meant for, whichever template it is bound to. */
export function deploymentsBehind(snapshot: Snapshot, service: Service): Deployment[] {
  const { [HASH_LABEL]: hash, ...selector } = service.spec.selector ?? {}
  const behind = snapshot.deployments
    .filter(isIn(service.metadata.namespace ?? ''))
    .filter(({ spec }) => selects(selector, spec.template.metadata?.labels ?? {}))
  // A pin binds the Deployment whose template it names; another one beside it may move.
  const bound = behind.filter((deployment) =>
    replicaSetsOf(snapshot, deployment).some(({ metadata }) => metadata.labels?.[HASH_LABEL] === hash),
  )
  return hash === undefined || bound.length === 0 ? behind : bound
}

export interface RecordFacts {
  app: string
  namespace: string
  phase: string
}

/** A record's text never changes in place: what was read once is not read again at each change of the cluster. */
const READ = new WeakMap<ConfigMap, RecordFacts | undefined>()

function factsOf(map: ConfigMap): RecordFacts | undefined {
  const text = map.data?.['record']
  if (text === undefined || map.metadata.name?.startsWith('headgate-') !== true) return undefined
  const { app, phase } = JSON.parse(text) as RecordFacts
  return { app, phase, namespace: map.metadata.namespace ?? '' }
}

/** Records of all apps, as written. */
export function records(snapshot: Snapshot): RecordFacts[] {
  return (snapshot.configMaps ?? []).flatMap((map) => {
    if (!READ.has(map)) READ.set(map, factsOf(map))
    return READ.get(map) ?? []
  })
}

/** Whether a run holds the app's lease now. */
export function isActing(snapshot: Snapshot, { app, namespace }: RecordFacts): boolean {
  const lease = snapshot.leases?.filter(isIn(namespace)).find(({ metadata }) => metadata.name === `headgate-${app}`)
  const { holderIdentity = '', renewTime = '', leaseDurationSeconds = 0 } = lease?.spec ?? {}
  return holderIdentity !== '' && Date.parse(renewTime) + leaseDurationSeconds * 1_000 > snapshot.at
}

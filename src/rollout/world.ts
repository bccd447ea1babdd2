import type { Client } from '../kubernetes/client.ts'
import { isEnded } from '../health/pods.ts'
import { LiveList } from '../kubernetes/watch.ts'
import {
  keyOf,
  type Deployment,
  type KubeObject,
  type ObjectRef,
  type Pod,
  refOf,
  type ReplicaSet,
  type Service,
} from '../shared/objects.ts'
import type { WorkloadRecord } from './record.ts'
import type { Wake } from './wake.ts'

const DEPLOYMENT = { apiVersion: 'apps/v1', kind: 'Deployment' }
const REPLICA_SET = { apiVersion: 'apps/v1', kind: 'ReplicaSet' }
const POD = { apiVersion: 'v1', kind: 'Pod' }
const SERVICE = { apiVersion: 'v1', kind: 'Service' }
const SLICE = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' }

interface EndpointSlice extends KubeObject {
  endpoints?: { conditions?: { ready?: boolean }; targetRef?: { uid?: string }; addresses?: string[] }[]
}

/** Live view of one Deployment with what it owns. */
export interface Watched {
  deployment: LiveList<Deployment>
  replicaSets: LiveList<ReplicaSet>
  pods: LiveList<Pod>
}

/** `a=b,c in (d,e)` of a label selector, for list and watch. */
export function selectorText(selector: {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}): string {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    switch (operator) {
      case 'Exists':
        return key
      case 'DoesNotExist':
        return `!${key}`
      default:
        return `${key} ${operator === 'NotIn' ? 'notin' : 'in'} (${values.join(',')})`
    }
  })
  return [...equal, ...expressions].join(',')
}

/** What this run sees of the cluster, kept fresh by watches; the answers of its own writes enter at once. */
export class World {
  readonly #client: Client
  readonly #wake: Wake
  readonly #signal: AbortSignal
  readonly #watched = new Map<string, Watched>()
  readonly #services = new Map<string, LiveList<Service>>()
  /** routes and what belongs to them, each watched by its name */
  readonly #objects = new Map<string, LiveList<KubeObject>>()
  readonly #slices = new Map<string, LiveList<EndpointSlice>>()
  /** ms since 1970 when a Service or route was last written by this run */
  readonly changedAt = new Map<string, number>()

  /** resourceVersion of what this run wrote last, by key */
  readonly written = new Map<string, string>()

  constructor(client: Client, wake: Wake, signal: AbortSignal) {
    this.#client = client
    this.#wake = wake
    this.#signal = signal
  }

  #open<T extends KubeObject>(
    kind: { apiVersion: string; kind: string },
    namespace: string,
    filter: object,
  ): LiveList<T> {
    return LiveList.open<T>(this.#client, kind, namespace, filter, {
      signal: this.#signal,
      onChange: this.#wake.notify,
    })
  }

  /** Begins to watch a Deployment with its ReplicaSets and pods; resolves when all of them are known. */
  async watch(name: string, namespace: string, selector: string): Promise<void> {
    const key = `${namespace}/${name}`
    if (this.#watched.has(key)) return
    const filter = { labelSelector: selector }
    const watched: Watched = {
      deployment: this.#open<Deployment>(DEPLOYMENT, namespace, { name }),
      replicaSets: this.#open<ReplicaSet>(REPLICA_SET, namespace, filter),
      pods: this.#open<Pod>(POD, namespace, filter),
    }
    this.#watched.set(key, watched)
    await Promise.all([watched.deployment.ready, watched.replicaSets.ready, watched.pods.ready])
  }

  async watchServices(namespace: string): Promise<void> {
    if (this.#services.has(namespace)) return
    const list = this.#open<Service>(SERVICE, namespace, {})
    this.#services.set(namespace, list)
    await list.ready
  }

  /** Begins to watch one object, there or not. */
  async watchObject(ref: ObjectRef): Promise<void> {
    const key = keyOf(ref)
    const known = this.#objects.get(key)
    const list = known ?? this.#open<KubeObject>(ref, ref.namespace ?? '', { name: ref.name })
    this.#objects.set(key, list)
    await list.ready
  }

  object(ref: ObjectRef): KubeObject | undefined {
    return this.#objects.get(keyOf(ref))?.get(ref.name)
  }

  async watchEndpoints(namespace: string, service: string): Promise<void> {
    const key = `${namespace}/${service}`
    const filter = { labelSelector: `kubernetes.io/service-name=${service}` }
    const list = this.#slices.get(key) ?? this.#open<EndpointSlice>(SLICE, namespace, filter)
    this.#slices.set(key, list)
    await list.ready
  }

  /** Endpoints that a proxy may send to: a pod of two address families counts once. A missing condition means ready. */
  readyEndpoints(namespace: string, service: string): number {
    const slices = this.#slices.get(`${namespace}/${service}`)?.items() ?? []
    const ready = slices.flatMap(({ endpoints }) =>
      (endpoints ?? []).filter((each) => each.conditions?.ready !== false),
    )
    return new Set(ready.map(({ targetRef, addresses }) => targetRef?.uid ?? addresses?.[0])).size
  }

  services(namespace: string): Service[] {
    return this.#services.get(namespace)?.items() ?? []
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#services.get(namespace)?.get(name)
  }

  /** One Deployment with the ReplicaSets that it owns and the pods that those own. */
  workload({ namespace, name }: Pick<WorkloadRecord, 'namespace' | 'name'>): {
    deployment: Deployment | undefined
    replicaSets: ReplicaSet[]
    pods: Pod[]
    ended: Pod[]
  } {
    const watched = this.#watched.get(`${namespace}/${name}`)
    const deployment = watched?.deployment.get(name)
    if (watched === undefined || deployment === undefined) return { deployment, replicaSets: [], pods: [], ended: [] }
    const replicaSets = watched.replicaSets.items().filter((set) => ownedBy(set, deployment))
    const all = watched.pods.items().filter((pod) => replicaSets.some((set) => ownedBy(pod, set)))
    const [pods, ended] = [all.filter((pod) => !isEnded(pod)), all.filter(isEnded)]
    return { deployment, replicaSets, pods, ended }
  }

  /** Puts the answer of an own write where the watch would bring it later. */
  put(object: KubeObject): void {
    const { namespace = '', name = '' } = object.metadata
    this.#objects.get(keyOf(refOf(object)))?.put(object)
    if (object.kind === 'Service') this.#services.get(namespace)?.put(object as Service)
    if (object.kind === 'Deployment') this.#watched.get(`${namespace}/${name}`)?.deployment.put(object as Deployment)
    if (object.kind === 'ReplicaSet')
      for (const watched of this.#watched.values())
        if (watched.replicaSets.get(name) !== undefined) watched.replicaSets.put(object as ReplicaSet)
  }

  drop(object: ObjectRef): void {
    this.#objects.get(keyOf(object))?.drop(object.name)
    if (object.kind === 'Service') this.#services.get(object.namespace ?? '')?.drop(object.name)
  }

  /** The newest copy of an object that is watched here. */
  current(object: KubeObject): KubeObject | undefined {
    const { namespace = '', name = '' } = object.metadata
    const own = this.object(refOf(object))
    if (own !== undefined) return own
    if (object.kind === 'Service') return this.service(namespace, name)
    if (object.kind === 'Deployment') return this.#watched.get(`${namespace}/${name}`)?.deployment.get(name)
    for (const watched of this.#watched.values()) {
      const set = watched.replicaSets.get(name)
      if (object.kind === 'ReplicaSet' && set !== undefined) return set
    }
    return undefined
  }

  touched(object: ObjectRef, now: number): void {
    this.changedAt.set(keyOf(object), now)
  }
}

function ownedBy(object: KubeObject, owner: KubeObject): boolean {
  return (object.metadata.ownerReferences ?? []).some(
    (ref) => ref.controller === true && ref.uid === owner.metadata.uid,
  )
}

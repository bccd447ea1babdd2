/**
 * The native Deployment controller as a small model without I/O: the law of a hold (old = replicas − maxUnavailable,
 * new = maxSurge + maxUnavailable), and what a paused controller still does. Whatever may happen next is an event, and
 * the test chooses their order, so that no result can depend on a lucky one.
 * Source: `rolling.go` and `sync.go` of the Deployment controller.
 */
import { resolvedSurge, resolvedUnavailable, selects, templateEquals } from '../../src/manifests/workload.ts'
import {
  type Deployment,
  type KubeObject,
  type Pod,
  type PodTemplate,
  refOf,
  type ReplicaSet,
  type Service,
} from '../../src/shared/objects.ts'
import type { Write } from '../../src/strategies/move.ts'
import { jsonPatch } from '../emulator/patches/json-patch.ts'

const HASH = 'pod-template-hash'
const SECOND = 1_000

interface ModelSet {
  name: string
  owner: string
  hash: string
  template: PodTemplate
  replicas: number
  minReadySeconds: number
  /** replicas of the Deployment, and that with its surge, when this set was scaled last */
  desired: number
  max: number
}

interface ModelPod {
  name: string
  set: ModelSet
  /** ms since 1970 when it became Ready; undefined while it is not */
  readyAt: number | undefined
  terminating: boolean
  shown?: { key: string; pod: Pod }
}

export interface Event {
  name: string
  run: () => void
}

export class Cluster {
  /** ms since 1970 */
  now = 1_700_000_000_000
  readonly deployments = new Map<string, Deployment>()
  readonly services = new Map<string, Service>()
  /** when each Service was written last */
  readonly touched = new Map<string, number>()
  /** pods of these images never become Ready */
  readonly broken = new Set<string>()
  #sets: ModelSet[] = []
  #pods: ModelPod[] = []
  #serial = 0

  // --- what people and Headgate do

  create(object: KubeObject): void {
    const stored = { ...object, metadata: { ...object.metadata, uid: `uid-${++this.#serial}`, generation: 1 } }
    if (object.kind === 'Service') this.services.set(object.metadata.name ?? '', stored as KubeObject as Service)
    else this.deployments.set(object.metadata.name ?? '', stored as KubeObject as Deployment)
  }

  /** True when the write changed something. */
  write(write: Write): boolean {
    const { kind, name } = write.verb === 'delete' ? write.ref : refOf(write.object)
    const before = this.#shown(kind, name)
    if (write.verb === 'create') this.create(write.object)
    if (write.verb === 'delete') this.#delete(kind, name)
    if (write.verb === 'patch') this.#patch(write.object, write.operations)
    const changed = this.#shown(kind, name) !== before
    if (changed && kind === 'Service') this.touched.set(name, this.now)
    return changed
  }

  #shown(kind: string, name: string): string {
    if (kind === 'ReplicaSet') return this.#signature()
    return JSON.stringify((kind === 'Service' ? this.services : this.deployments).get(name))
  }

  scale(name: string, replicas: number): void {
    const live = this.deployments.get(name)
    if (live !== undefined && live.spec.replicas !== replicas)
      this.#store(live, { ...live, spec: { ...live.spec, replicas } })
  }

  /** A pod dies; its set makes another. */
  kill(pod: Pod): void {
    this.#pods = this.#pods.filter(({ name }) => name !== pod.metadata.name)
  }

  #delete(kind: string, name: string): void {
    if (kind === 'Service') this.services.delete(name)
    else this.deployments.delete(name)
    for (const set of this.#sets) if (kind === 'Deployment' && set.owner === name) set.replicas = 0
  }

  #patch(object: KubeObject, operations: object[]): void {
    const name = object.metadata.name ?? ''
    if (object.kind === 'ReplicaSet') {
      const set = this.#sets.find((each) => each.name === name)
      if (set === undefined) throw new Error(`no ReplicaSet ${name}`)
      const spec = { template: JSON.parse(JSON.stringify(set.template)) as PodTemplate }
      const patched = jsonPatch({ spec }, JSON.parse(JSON.stringify(operations)) as never)
      set.template = (patched['spec'] as unknown as typeof spec).template
      // The API server stores no empty map.
      if (Object.keys(set.template.metadata?.annotations ?? {}).length === 0) delete set.template.metadata?.annotations
      return
    }
    const live = object.kind === 'Service' ? this.services.get(name) : this.deployments.get(name)
    if (live === undefined) throw new Error(`no ${object.kind} ${name}`)
    const patched = jsonPatch(live, JSON.parse(JSON.stringify(operations)) as never)
    if (object.kind === 'Service') this.services.set(name, patched as KubeObject as Service)
    else this.#store(live as Deployment, patched as KubeObject as Deployment)
  }

  /** The API server's rules that a move could break, and the generation. */
  #store(live: Deployment, next: Deployment): void {
    const { maxSurge, maxUnavailable } = next.spec.strategy?.rollingUpdate ?? {}
    if ([0, '0%'].includes(maxSurge ?? '25%') && [0, '0%'].includes(maxUnavailable ?? '25%'))
      throw new Error('422: maxSurge and maxUnavailable may not both be 0')
    if ((next.spec.minReadySeconds ?? 0) >= (next.spec.progressDeadlineSeconds ?? 600))
      throw new Error('422: progressDeadlineSeconds must be greater than minReadySeconds')
    const same = JSON.stringify(live.spec) === JSON.stringify(next.spec)
    const generation = (live.metadata.generation ?? 1) + (same ? 0 : 1)
    this.deployments.set(next.metadata.name ?? '', { ...next, metadata: { ...next.metadata, generation } })
  }

  /** All that a sync can change. */
  #signature(): string {
    const seen = [...this.deployments.values()].map(({ status }) => status?.observedGeneration)
    const sets = this.#sets.map(({ replicas, desired, max, minReadySeconds, template }) => [
      replicas,
      desired,
      max,
      minReadySeconds,
      template,
    ])
    return JSON.stringify([seen, sets])
  }

  // --- what may happen by itself

  /** Everything that may happen next, but for the passing of time. Empty: the cluster is at rest. */
  events(): Event[] {
    const events: Event[] = []
    for (const name of this.deployments.keys())
      if (this.#syncs(name)) events.push({ name: `sync ${name}`, run: () => this.#sync(name) })
    for (const set of this.#sets) if (this.#unmet(set) !== 0) events.push({ name: `pods`, run: () => this.#fill(set) })
    for (const pod of this.#pods) {
      if (pod.terminating) events.push({ name: `gone`, run: () => this.#gone(pod) })
      else if (pod.readyAt === undefined && !this.broken.has(imageOf(pod.set.template)))
        events.push({ name: `ready`, run: () => (pod.readyAt = this.now) })
    }
    return events
  }

  /** Lets everything happen, in the order that `pick` chooses, until nothing more does; `seen` after each event. */
  settle(pick: (events: Event[]) => Event | undefined = ([first]) => first, seen: () => void = () => {}): void {
    for (let guard = 0; guard < 5_000; guard++) {
      const event = pick(this.events())
      if (event === undefined) return
      event.run()
      seen()
    }
    throw new Error('the cluster never comes to rest')
  }

  /** Would a sync change anything? Tried on a copy, so that the model has one set of rules only. */
  #syncs(name: string): boolean {
    const before = this.#signature()
    const sets = this.#sets.map((set) => ({ ...set }))
    const live = this.deployments.get(name)
    const serial = this.#serial
    this.#sync(name)
    const changed = this.#signature() !== before
    for (const [index, set] of this.#sets.entries()) Object.assign(set, sets[index])
    this.#sets.length = sets.length
    this.#serial = serial
    if (live !== undefined) this.deployments.set(name, live)
    return changed
  }

  #unmet(set: ModelSet): number {
    return set.replicas - this.#live(set).length
  }

  #fill(set: ModelSet): void {
    for (; this.#unmet(set) > 0; )
      this.#pods.push({ name: `${set.name}-${++this.#serial}`, set, readyAt: undefined, terminating: false })
    const spare = this.#live(set).sort((a, b) => (b.readyAt ?? Infinity) - (a.readyAt ?? Infinity))
    for (const pod of spare.slice(0, -Math.min(0, this.#unmet(set)))) pod.terminating = true
  }

  #gone(pod: ModelPod): void {
    this.#pods = this.#pods.filter((each) => each !== pod)
  }

  // --- the controller

  #sync(name: string): void {
    const live = this.deployments.get(name)
    if (live === undefined) return
    const own = this.#sets.filter((set) => set.owner === name)
    const { spec } = live
    let fresh = own.find((set) => templateEquals(set.template, spec.template))
    if (fresh !== undefined) fresh.minReadySeconds = spec.minReadySeconds ?? 0
    const replicas = spec.replicas ?? 1
    const scaling = own.some((set) => set.replicas > 0 && set.desired !== replicas)
    if (spec.paused === true || scaling) this.#scaleAll(live, fresh, own)
    else {
      fresh ??= this.#newSet(live)
      const old = own.filter((set) => set !== fresh)
      if (spec.strategy?.type === 'Recreate') this.#recreate(live, fresh, old)
      else if (!this.#moreNew(live, fresh, old)) this.#fewerOld(live, fresh, old)
    }
    const status = { ...live.status, observedGeneration: live.metadata.generation ?? 0 }
    this.deployments.set(name, { ...live, status })
  }

  #newSet(live: Deployment): ModelSet {
    const hash = `h${++this.#serial}`
    const owner = live.metadata.name ?? ''
    const { template, minReadySeconds = 0 } = live.spec
    const set = {
      name: `${owner}-${hash}`,
      owner,
      hash,
      template,
      minReadySeconds,
      replicas: 0,
      desired: live.spec.replicas ?? 1,
      max: 0,
    }
    this.#sets.push(set)
    return set
  }

  #to(live: Deployment, set: ModelSet, replicas: number): void {
    set.replicas = replicas
    set.desired = live.spec.replicas ?? 1
    set.max = set.desired + resolvedSurge(live.spec, set.desired)
  }

  /** Paused, or scaled from outside: (b) a saturated new side takes all; (a) else all sides in proportion. */
  #scaleAll(live: Deployment, fresh: ModelSet | undefined, own: ModelSet[]): void {
    const replicas = live.spec.replicas ?? 1
    const active = own.filter((set) => set.replicas > 0)
    const [only] = active.length > 0 ? active : fresh === undefined ? own : [fresh]
    if (active.length <= 1) {
      if (only !== undefined && only.replicas !== replicas) this.#to(live, only, replicas)
      return
    }
    const full = fresh !== undefined && fresh.desired === replicas && fresh.replicas === replicas
    if (full && this.#available(fresh) === replicas) {
      for (const set of active) if (set !== fresh) this.#to(live, set, 0)
      return
    }
    this.#proportional(live, active)
  }

  #proportional(live: Deployment, active: ModelSet[]): void {
    const replicas = live.spec.replicas ?? 1
    const allowed = replicas > 0 ? replicas + resolvedSurge(live.spec, replicas) : 0
    const add = allowed - active.reduce((sum, set) => sum + set.replicas, 0)
    const ordered = [...active].sort((a, b) => b.replicas - a.replicas)
    let added = 0
    const sizes = ordered.map((set) => {
      const base = set.max === 0 ? ordered.reduce((sum, each) => sum + each.replicas, 0) : set.max
      const share = replicas === 0 ? -set.replicas : Math.round((set.replicas * allowed) / base) - set.replicas
      const part = add === 0 ? 0 : add > 0 ? Math.min(share, add - added) : Math.max(share, add - added)
      added += part
      return set.replicas + part
    })
    for (const [index, set] of ordered.entries())
      this.#to(live, set, Math.max(0, (sizes[index] ?? 0) + (index === 0 && add !== 0 ? add - added : 0)))
  }

  #moreNew(live: Deployment, fresh: ModelSet, old: ModelSet[]): boolean {
    const replicas = live.spec.replicas ?? 1
    const total = old.reduce((sum, set) => sum + set.replicas, fresh.replicas)
    const room = replicas + resolvedSurge(live.spec, replicas) - total
    const wanted =
      fresh.replicas > replicas ? replicas : fresh.replicas + Math.max(0, Math.min(room, replicas - fresh.replicas))
    if (wanted === fresh.replicas) return false
    this.#to(live, fresh, wanted)
    return true
  }

  /** Pods that are not available go first, then available ones down to what must stay. */
  #fewerOld(live: Deployment, fresh: ModelSet, old: ModelSet[]): void {
    const replicas = live.spec.replicas ?? 1
    const least = replicas - resolvedUnavailable(live.spec, replicas)
    const total = old.reduce((sum, set) => sum + set.replicas, fresh.replicas)
    let unhealthy = total - least - (fresh.replicas - this.#available(fresh))
    if (unhealthy <= 0) return
    for (const set of old) {
      const gone = Math.max(0, Math.min(unhealthy, set.replicas - this.#available(set)))
      if (gone > 0) this.#to(live, set, set.replicas - gone)
      unhealthy -= gone
    }
    let spare = [fresh, ...old].reduce((sum, set) => sum + Math.min(set.replicas, this.#available(set)), 0) - least
    for (const set of old) {
      const gone = Math.max(0, Math.min(spare, set.replicas))
      if (gone > 0) this.#to(live, set, set.replicas - gone)
      spare -= gone
    }
  }

  #recreate(live: Deployment, fresh: ModelSet, old: ModelSet[]): void {
    for (const set of old) if (set.replicas > 0) this.#to(live, set, 0)
    const left = this.#pods.some(({ set }) => old.includes(set))
    if (!left && fresh.replicas !== live.spec.replicas) this.#to(live, fresh, live.spec.replicas ?? 1)
  }

  #live(set: ModelSet): ModelPod[] {
    return this.#pods.filter((pod) => pod.set === set && !pod.terminating)
  }

  #available(set: ModelSet): number {
    const since = this.now - set.minReadySeconds * SECOND
    return this.#live(set).filter(({ readyAt }) => readyAt !== undefined && readyAt <= since).length
  }

  // --- what can be seen

  replicaSets(deployment: string): ReplicaSet[] {
    return this.#sets
      .filter(({ owner }) => owner === deployment)
      .map(({ name, hash, template, replicas, minReadySeconds }) => ({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { name, namespace: 'shop', labels: { [HASH]: hash } },
        spec: { replicas, minReadySeconds, selector: {}, template: labelled(template, hash) },
      }))
  }

  pods(deployment: string): Pod[] {
    return this.#pods.filter(({ set }) => set.owner === deployment).map(podOf)
  }

  /** Pods that a Service sends its users to. */
  endpoints(service: string): Pod[] {
    const selector = this.services.get(service)?.spec.selector ?? {}
    return this.#pods
      .filter(({ terminating, readyAt }) => !terminating && readyAt !== undefined)
      .map(podOf)
      .filter(({ metadata }) => selects({ matchLabels: selector }, metadata.labels ?? {}))
  }
}

function labelled(template: PodTemplate, hash: string): PodTemplate {
  return { ...template, metadata: { ...template.metadata, labels: { ...template.metadata?.labels, [HASH]: hash } } }
}

function imageOf(template: PodTemplate): string {
  return template.spec.containers[0]?.image ?? ''
}

/** The pod as the API server shows it; made anew only when it has changed. */
function podOf(pod: ModelPod): Pod {
  const key = `${pod.readyAt ?? ''} ${pod.terminating}`
  if (pod.shown?.key !== key) pod.shown = { key, pod: show(pod) }
  return pod.shown.pod
}

function show({ name, set, readyAt, terminating }: ModelPod): Pod {
  const status = readyAt === undefined ? 'False' : 'True'
  const time = new Date(readyAt ?? 0).toISOString()
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      labels: { ...labelled(set.template, set.hash).metadata?.labels },
      ...(terminating ? { deletionTimestamp: time } : {}),
    },
    spec: set.template.spec,
    status: { conditions: [{ type: 'Ready', status, lastTransitionTime: time }] },
  }
}

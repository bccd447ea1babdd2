/** The ReplicaSet controller: as many pods as asked for, and their count in the status. */
import type { Condition, KubeObject, ReplicaSet } from '../../../src/shared/objects.ts'
import { ApiError } from '../errors.ts'
import { selectorMatches } from '../selectors.ts'
import { objectKey } from '../store.ts'
import { asObject, equal, texts, timestamp, typed } from '../values.ts'
import { controllerOf, ownerReference, Queue, Recorder, RetryError, SlowWriter, type World } from './machinery.ts'
import { deletionOrder, isActive, isAvailable, isReady, isTerminating, podOf, readySince } from './pods.ts'

const SETS = 'apps/replicasets'
const BURST = 500

/** Writes that the cache has not shown yet: until it has, the ReplicaSet is left alone. */
interface Expectation {
  creations: number
  deletions: Set<string>
  since: number
}

const EXPECTATION_MS = 300_000

type Status = NonNullable<ReplicaSet['status']> & { fullyLabeledReplicas?: number; terminatingReplicas?: number }

export class ReplicaSetController {
  readonly #world: World
  readonly #queue: Queue
  readonly #writer: SlowWriter
  readonly #recorder: Recorder
  readonly #expected = new Map<string, Expectation>()
  /** the resourceVersion of the last status written, by key */
  readonly #written = new Map<string, number>()

  constructor(world: World) {
    this.#world = world
    this.#writer = new SlowWriter(world, 'kube-controller-manager')
    this.#recorder = new Recorder(world, 'replicaset-controller')
    this.#queue = new Queue(world.clock, world.workDelay, (namespace, name) => this.#sync(namespace, name))
    world.informers.on(SETS, ({ type, object }) => {
      if (type === 'DELETED') this.#expected.delete(keyOf(object))
      this.#queue.add(object.metadata.namespace, object.metadata.name)
    })
    world.informers.on('/pods', (change) => this.#podChanged(change.type, change.object, change.previous))
  }

  #podChanged(type: string, pod: KubeObject, previous: KubeObject | undefined): void {
    const owner = controllerOf(pod)
    if (owner === undefined) return this.#orphan(pod)
    if (owner.kind !== 'ReplicaSet') return
    const { namespace } = pod.metadata
    const expected = this.#expected.get(objectKey(namespace, owner.name))
    if (expected !== undefined) {
      if (type === 'ADDED' && pod.metadata.deletionTimestamp === undefined) expected.creations--
      if (type === 'DELETED' || pod.metadata.deletionTimestamp !== undefined)
        expected.deletions.delete(pod.metadata.name ?? '')
    }
    this.#queue.add(namespace, owner.name)
    const set = this.#world.informers.get(SETS, namespace, owner.name)
    const seconds = set === undefined ? 0 : (typed<ReplicaSet>(set).spec.minReadySeconds ?? 0)
    const becameReady = isReady(pod) && (previous === undefined || !isReady(previous))
    if (becameReady && seconds > 0) this.#queue.addAfter(namespace, owner.name, seconds * 1_000)
  }

  /** A pod without controller may be adopted. */
  #orphan(pod: KubeObject): void {
    for (const set of this.#world.informers.list(SETS, pod.metadata.namespace))
      if (selectorMatches(typed<ReplicaSet>(set).spec.selector, pod.metadata.labels ?? {}))
        this.#queue.add(set.metadata.namespace, set.metadata.name)
  }

  #satisfied(key: string): boolean {
    const expected = this.#expected.get(key)
    if (expected === undefined || (expected.creations <= 0 && expected.deletions.size === 0)) return true
    return this.#world.clock.now() - expected.since > EXPECTATION_MS
  }

  async #sync(namespace: string, name: string): Promise<void> {
    const found = this.#world.informers.get(SETS, namespace, name)
    if (found === undefined) return
    const set = typed<ReplicaSet>(found)
    const key = keyOf(set)
    if (Number(set.metadata.resourceVersion) < (this.#written.get(`${key}/${set.metadata.uid ?? ''}`) ?? 0))
      throw new RetryError('the cache is older than the own last write')
    const satisfied = this.#satisfied(key)
    const all = this.#owned(set)
    const terminating = all.filter(isTerminating)
    const pods = await this.#claim(set, all.filter(isActive))
    let failure: ApiError | undefined
    if (satisfied && set.metadata.deletionTimestamp === undefined) failure = await this.#manage(set, pods, key)
    await this.#updateStatus(set, pods, terminating.length, failure)
    if (failure !== undefined) throw failure
  }

  #owned(set: ReplicaSet): KubeObject[] {
    return this.#world.informers.list('/pods', set.metadata.namespace).filter((pod) => {
      const owner = controllerOf(pod)
      return owner === undefined
        ? selectorMatches(set.spec.selector, pod.metadata.labels ?? {})
        : owner.uid === set.metadata.uid
    })
  }

  /** Adopts matching orphans, lets go of pods that match no more. */
  async #claim(set: ReplicaSet, pods: KubeObject[]): Promise<KubeObject[]> {
    const resource = this.#world.objects.resources.named('pods')
    const mine: KubeObject[] = []
    for (const pod of pods) {
      const matches = selectorMatches(set.spec.selector, pod.metadata.labels ?? {})
      const owned = controllerOf(pod) !== undefined
      if (matches && owned) mine.push(pod)
      if ((matches && owned) || set.metadata.deletionTimestamp !== undefined) continue
      const { ownerReferences: _, ...metadata } = pod.metadata
      const ownerReferences = ownerReference(set) ?? []
      await this.#writer.update(resource, { ...pod, metadata: matches ? { ...metadata, ownerReferences } : metadata })
      if (matches) mine.push(pod)
    }
    return mine
  }

  async #manage(set: ReplicaSet, pods: KubeObject[], key: string): Promise<ApiError | undefined> {
    const difference = pods.length - (set.spec.replicas ?? 1)
    if (difference < 0) return this.#createPods(set, Math.min(-difference, BURST), key)
    if (difference > 0) await this.#deletePods(set, pods, Math.min(difference, BURST), key)
    return undefined
  }

  /** In batches that double, so that a quota is not asked a hundred times in vain. */
  async #createPods(set: ReplicaSet, count: number, key: string): Promise<ApiError | undefined> {
    const expected: Expectation = { creations: count, deletions: new Set(), since: this.#world.clock.now() }
    this.#expected.set(key, expected)
    let made = 0
    for (let batch = 1; made < count; batch *= 2) {
      const size = Math.min(batch, count - made)
      const results = await Promise.all(Array.from({ length: size }, () => this.#createPod(set)))
      const failures = results.filter((result) => result !== undefined)
      made += size - failures.length
      if (failures.length === 0) continue
      expected.creations -= count - made
      return failures[0]
    }
    return undefined
  }

  async #createPod(set: ReplicaSet): Promise<ApiError | undefined> {
    try {
      const pod = await this.#writer.create(this.#world.objects.resources.named('pods'), podOf(set, set.spec.template))
      this.#recorder.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name ?? ''}`)
      return undefined
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (!error.message.includes('because it is being terminated'))
        this.#recorder.event(set, 'Warning', 'FailedCreate', `Error creating: ${error.message}`)
      return error
    }
  }

  async #deletePods(set: ReplicaSet, pods: KubeObject[], count: number, key: string): Promise<void> {
    const now = this.#world.clock.now()
    const related = this.#related(set)
    const perNode = new Map<string, number>()
    for (const pod of related) {
      const node = typed<KubeObject & { spec: { nodeName?: string } }>(pod).spec.nodeName ?? ''
      perNode.set(node, (perNode.get(node) ?? 0) + 1)
    }
    const rank = (pod: KubeObject): number =>
      perNode.get(typed<KubeObject & { spec: { nodeName?: string } }>(pod).spec.nodeName ?? '') ?? 0
    const chosen = count < pods.length ? [...pods].sort(deletionOrder(now, rank)).slice(0, count) : pods
    this.#expected.set(key, {
      creations: 0,
      deletions: new Set(chosen.map((pod) => pod.metadata.name ?? '')),
      since: now,
    })
    const resource = this.#world.objects.resources.named('pods')
    const deletePod = async (pod: KubeObject): Promise<void> => {
      await this.#writer.delete(resource, pod)
      this.#recorder.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name ?? ''}`)
    }
    await Promise.all(chosen.map(deletePod))
  }

  /** Active pods of all ReplicaSets with the same owner: crowded nodes give up pods first. */
  #related(set: ReplicaSet): KubeObject[] {
    const owner = controllerOf(set)?.uid
    const sets = this.#world.informers.list(SETS, set.metadata.namespace)
    const uids = new Set(
      sets
        .filter((other) => owner !== undefined && controllerOf(other)?.uid === owner)
        .map((other) => other.metadata.uid),
    )
    return this.#world.informers
      .list('/pods', set.metadata.namespace)
      .filter((pod) => uids.has(controllerOf(pod)?.uid) && isActive(pod))
  }

  async #updateStatus(
    set: ReplicaSet,
    pods: KubeObject[],
    terminating: number,
    failure: ApiError | undefined,
  ): Promise<void> {
    const now = this.#world.clock.now()
    const seconds = set.spec.minReadySeconds ?? 0
    const ready = pods.filter(isReady)
    const available = ready.filter((pod) => isAvailable(pod, seconds, now))
    const labels = texts(set.spec.template.metadata?.labels)
    const labelled = pods.filter((pod) =>
      Object.entries(labels).every(([key, value]) => pod.metadata.labels?.[key] === value),
    )
    const next: Status = { replicas: pods.length, terminatingReplicas: terminating }
    if (labelled.length > 0) next.fullyLabeledReplicas = labelled.length
    if (ready.length > 0) next.readyReplicas = ready.length
    if (available.length > 0) next.availableReplicas = available.length
    const conditions = this.#conditions(set, pods.length, failure)
    if (conditions.length > 0) next.conditions = conditions
    if (set.metadata.generation !== undefined) next.observedGeneration = set.metadata.generation
    if (!equal(asObject({ status: { ...set.status } })['status'], asObject({ status: next })['status'])) {
      const updated = await this.#writeStatus(set, next)
      this.#written.set(`${keyOf(set)}/${set.metadata.uid ?? ''}`, Number(updated.metadata.resourceVersion))
    }
    if (seconds > 0 && ready.length !== available.length) this.#lookAgain(set, ready, seconds, now)
  }

  /** A version that is out of date is read again once. */
  async #writeStatus(set: ReplicaSet, status: Status): Promise<KubeObject> {
    const { objects } = this.#world
    const resource = objects.resources.named('replicasets')
    try {
      return await this.#writer.update(resource, { ...set, status }, 'status')
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 409) throw error
      const fresh = objects.get(resource, set.metadata.namespace, set.metadata.name ?? '')
      return this.#writer.update(resource, asObject({ ...fresh, status }), 'status')
    }
  }

  #lookAgain(set: ReplicaSet, ready: KubeObject[], seconds: number, now: number): void {
    const waits = ready.map((pod) => readySince(pod) + seconds * 1_000 - now).filter((ms) => ms > 0)
    this.#queue.addAfter(set.metadata.namespace, set.metadata.name, Math.min(seconds * 1_000, ...waits))
  }

  #conditions(set: ReplicaSet, pods: number, failure: ApiError | undefined): Condition[] {
    const conditions = set.status?.conditions ?? []
    const known = conditions.find((condition) => condition.type === 'ReplicaFailure')
    if (failure === undefined) return conditions.filter((condition) => condition !== known)
    if (known !== undefined) return conditions
    const reason = pods < (set.spec.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete'
    const condition: Condition = {
      type: 'ReplicaFailure',
      status: 'True',
      lastTransitionTime: timestamp(this.#world.clock.now()),
      reason,
      message: failure.message,
    }
    return [...conditions, condition]
  }
}

function keyOf(object: KubeObject): string {
  return objectKey(object.metadata.namespace, object.metadata.name)
}

/** StatefulSets and DaemonSets, as far as their pods and status go. */
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { asObject, clone, equal, mapAt, mapsAt, numberAt, textAt } from '../values.ts'
import { templateHash } from './deployment-sets.ts'
import { controllerOf, ownerReference, Queue, Recorder, RetryError, type World, Writer } from './machinery.ts'
import { isAvailable, isReady, podOf } from './pods.ts'
import type { PodTemplate } from '../../../src/shared/objects.ts'

const HASH = 'controller-revision-hash'

abstract class SetController {
  protected readonly world: World
  protected readonly queue: Queue
  protected readonly writer: Writer
  protected readonly recorder: Recorder
  readonly #key: string
  readonly #plural: string

  constructor(world: World, plural: string, kind: string, component: string) {
    this.world = world
    this.#plural = plural
    this.#key = `apps/${plural}`
    this.writer = new Writer(world, 'kube-controller-manager')
    this.recorder = new Recorder(world, component)
    this.queue = new Queue(world.clock, world.workDelay, (namespace, name) => this.#sync(namespace, name))
    world.informers.on(this.#key, ({ object }) => this.queue.add(object.metadata.namespace, object.metadata.name))
    world.informers.on('/pods', ({ object }) => {
      const owner = controllerOf(object)
      if (owner?.kind === kind) this.queue.add(object.metadata.namespace, owner.name)
    })
  }

  #sync(namespace: string, name: string): void {
    const { store } = this.world.objects
    const set = store.get(this.#key, namespace, name)
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return
    const hash = templateHash(templateOf(set), 0)
    this.#keepRevision(set, hash)
    const pods = (): KubeObject[] =>
      store.list('/pods', namespace).filter((pod) => controllerOf(pod)?.uid === set.metadata.uid)
    this.act(set, pods(), hash)
    const status = this.statusOf(set, pods(), hash)
    const live = store.get(this.#key, namespace, name)
    if (live === undefined) return
    if (!equal(live['status'], status))
      this.writer.update(this.world.objects.resources.named(this.#plural), asObject({ ...live, status }), 'status')
  }

  #keepRevision(set: KubeObject, hash: string): void {
    const { objects } = this.world
    const { namespace, name = '' } = set.metadata
    if (objects.store.get('apps/controllerrevisions', namespace, `${name}-${hash}`) !== undefined) return
    const others = objects.store
      .list('apps/controllerrevisions', namespace)
      .filter((item) => controllerOf(item)?.uid === set.metadata.uid)
    this.writer.create(
      objects.resources.named('controllerrevisions'),
      asObject({
        apiVersion: 'apps/v1',
        kind: 'ControllerRevision',
        metadata: {
          name: `${name}-${hash}`,
          namespace,
          labels: { ...mapAt(set, 'spec', 'template', 'metadata', 'labels'), [HASH]: hash },
          ownerReferences: ownerReference(set),
        },
        data: { spec: { template: { ...clone(mapAt(set, 'spec', 'template')), $patch: 'replace' } } },
        revision: Math.max(0, ...others.map((item) => numberAt(item, 'revision') ?? 0)) + 1,
      }),
    )
  }

  protected abstract act(set: KubeObject, pods: KubeObject[], hash: string): void
  protected abstract statusOf(set: KubeObject, pods: KubeObject[], hash: string): JsonMap

  protected createPod(
    set: KubeObject,
    hash: string,
    how: { metadata?: JsonMap; labels: Record<string, string>; spec?: JsonMap },
  ): void {
    const pod = podOf(set, mapAt(set, 'spec', 'template'), how.metadata)
    pod.metadata.labels = { ...pod.metadata.labels, [HASH]: hash, ...how.labels }
    pod['spec'] = { ...mapAt(pod, 'spec'), ...how.spec }
    this.writer.create(this.world.objects.resources.named('pods'), pod)
    const text = `create Pod ${pod.metadata.name ?? ''} in ${set.kind} ${set.metadata.name ?? ''} successful`
    this.recorder.event(set, 'Normal', 'SuccessfulCreate', text)
  }

  protected deletePod(pod: KubeObject): void {
    if (pod.metadata.deletionTimestamp === undefined)
      this.writer.delete(this.world.objects.resources.named('pods'), pod)
  }

  protected available(set: KubeObject, pod: KubeObject): boolean {
    const seconds = numberAt(set, 'spec', 'minReadySeconds') ?? 0
    const yes = isAvailable(pod, seconds, this.world.clock.now())
    if (!yes && isReady(pod)) this.queue.addAfter(set.metadata.namespace, set.metadata.name, 1_000)
    return yes && pod.metadata.deletionTimestamp === undefined
  }
}

function templateOf(set: KubeObject): PodTemplate {
  return mapAt(set, 'spec', 'template') as PodTemplate
}

function hashOf(pod: KubeObject): string {
  return pod.metadata.labels?.[HASH] ?? ''
}

export class StatefulSetController extends SetController {
  constructor(world: World) {
    super(world, 'statefulsets', 'StatefulSet', 'statefulset-controller')
  }

  protected act(set: KubeObject, pods: KubeObject[], hash: string): void {
    const replicas = numberAt(set, 'spec', 'replicas') ?? 1
    const parallel = textAt(set, 'spec', 'podManagementPolicy') === 'Parallel'
    const byOrdinal = new Map(pods.map((pod) => [ordinalOf(pod), pod]))
    const partition = numberAt(set, 'spec', 'updateStrategy', 'rollingUpdate', 'partition') ?? 0
    const current = textAt(set, 'status', 'currentRevision')?.split('-').at(-1) ?? hash
    for (let i = 0; i < replicas; i++) {
      const pod = byOrdinal.get(i)
      if (pod === undefined) this.#create(set, i, i < partition ? current : hash)
      if (!parallel && (pod === undefined || pod.metadata.deletionTimestamp !== undefined || !this.available(set, pod)))
        return
    }
    const extra = [...byOrdinal.keys()].filter((ordinal) => ordinal >= replicas).sort((a, b) => b - a)
    for (const ordinal of parallel ? extra : extra.slice(0, 1)) {
      const pod = byOrdinal.get(ordinal)
      if (pod !== undefined) this.deletePod(pod)
    }
    if (extra.length > 0 || textAt(set, 'spec', 'updateStrategy', 'type') !== 'RollingUpdate') return
    for (let i = replicas - 1; i >= partition; i--) {
      const pod = byOrdinal.get(i)
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return
      if (hashOf(pod) !== hash) return this.deletePod(pod)
      if (!this.available(set, pod)) return
    }
  }

  #create(set: KubeObject, ordinal: number, hash: string): void {
    const { namespace, name = '' } = set.metadata
    const { objects } = this.world
    for (const template of mapsAt(set, 'spec', 'volumeClaimTemplates')) {
      const claim = `${textAt(template, 'metadata', 'name') ?? ''}-${name}-${ordinal}`
      if (objects.store.get('/persistentvolumeclaims', namespace, claim) !== undefined) continue
      this.writer.create(
        objects.resources.named('pvc'),
        asObject({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: claim, namespace },
          spec: clone(template['spec']),
        }),
      )
    }
    const pod = `${name}-${ordinal}`
    this.createPod(set, hash, {
      metadata: { name: pod },
      labels: {
        'statefulset.kubernetes.io/pod-name': `${name}-${ordinal}`,
        'apps.kubernetes.io/pod-index': String(ordinal),
      },
      spec: { hostname: pod, subdomain: textAt(set, 'spec', 'serviceName') },
    })
  }

  protected statusOf(set: KubeObject, pods: KubeObject[], hash: string): JsonMap {
    const name = set.metadata.name ?? ''
    const alive = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
    const updated = alive.filter((pod) => hashOf(pod) === hash).length
    const replicas = numberAt(set, 'spec', 'replicas') ?? 1
    const update = `${name}-${hash}`
    const before = textAt(set, 'status', 'currentRevision') ?? update
    const done = updated === replicas && alive.filter(isReady).length === replicas && pods.length === replicas
    const currentRevision = done ? update : before
    const current = alive.filter((pod) => `${name}-${hashOf(pod)}` === currentRevision).length
    const status: JsonMap = { observedGeneration: set.metadata.generation, replicas: pods.length }
    const ready = alive.filter(isReady).length
    if (ready > 0) status['readyReplicas'] = ready
    if (current > 0) status['currentReplicas'] = current
    if (updated > 0) status['updatedReplicas'] = updated
    return {
      ...status,
      currentRevision,
      updateRevision: update,
      collisionCount: 0,
      availableReplicas: alive.filter((pod) => this.available(set, pod)).length,
    }
  }
}

function ordinalOf(pod: KubeObject): number {
  return Number((pod.metadata.name ?? '').split('-').at(-1))
}

export class DaemonSetController extends SetController {
  constructor(world: World) {
    super(world, 'daemonsets', 'DaemonSet', 'daemonset-controller')
  }

  /** The cluster has one node: one pod, replaced after the old one is gone. */
  protected act(set: KubeObject, pods: KubeObject[], hash: string): void {
    const alive = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
    if (pods.length === 0) {
      if (this.world.objects.store.list('/nodes').length === 0) throw new RetryError('no node yet')
      const generation = set.metadata.annotations?.['deprecated.daemonset.template.generation'] ?? '1'
      this.createPod(set, hash, { labels: { 'pod-template-generation': generation }, spec: daemonSpec(set) })
      return
    }
    const rolling = textAt(set, 'spec', 'updateStrategy', 'type') === 'RollingUpdate'
    for (const pod of alive) if (rolling && hashOf(pod) !== hash) this.deletePod(pod)
  }

  protected statusOf(set: KubeObject, pods: KubeObject[], hash: string): JsonMap {
    const alive = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
    const ready = alive.filter(isReady).length
    const available = alive.filter((pod) => this.available(set, pod)).length
    const updated = alive.filter((pod) => hashOf(pod) === hash).length
    return {
      currentNumberScheduled: Math.min(1, alive.length),
      numberMisscheduled: 0,
      desiredNumberScheduled: 1,
      numberReady: ready,
      observedGeneration: set.metadata.generation,
      ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
      ...(available > 0 ? { numberAvailable: available } : {}),
      ...(1 - available > 0 ? { numberUnavailable: 1 - available } : {}),
    }
  }
}

/** Bound to its node, whatever is wrong with that. */
function daemonSpec(set: KubeObject): JsonMap {
  const expression = { key: 'metadata.name', operator: 'In', values: ['node1'] }
  const required = { nodeSelectorTerms: [{ matchFields: [expression] }] }
  const tolerate = (name: string, effect: string): JsonMap => ({
    key: `node.kubernetes.io/${name}`,
    operator: 'Exists',
    effect,
  })
  return {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
    tolerations: [
      ...mapsAt(set, 'spec', 'template', 'spec', 'tolerations'),
      ...['not-ready', 'unreachable'].map((name) => tolerate(name, 'NoExecute')),
      ...['disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'].map((name) =>
        tolerate(name, 'NoSchedule'),
      ),
    ],
  }
}

/** What may be taken: the status of PodDisruptionBudgets and ResourceQuotas, and claims that get bound. */
import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { usage } from '../quota.ts'
import { selectorMatches } from '../selectors.ts'
import { asObject, equal, mapAt, mapsAt, numberAt, plainText, timestamp } from '../values.ts'
import { controllerOf, Queue, type World, Writer } from './machinery.ts'
import { isFinished, isReady } from './pods.ts'

const BUDGETS = 'policy/poddisruptionbudgets'

export class DisruptionController {
  readonly #world: World
  readonly #queue: Queue
  readonly #writer: Writer

  constructor(world: World) {
    this.#world = world
    this.#writer = new Writer(world, 'kube-controller-manager')
    this.#queue = new Queue(world.clock, world.workDelay, (namespace, name) => this.#sync(namespace, name))
    const all = (namespace: string | undefined): void => {
      for (const budget of world.objects.store.list(BUDGETS, namespace))
        this.#queue.add(namespace, budget.metadata.name)
    }
    world.informers.on(BUDGETS, ({ object }) => this.#queue.add(object.metadata.namespace, object.metadata.name))
    world.informers.on('/pods', ({ object }) => all(object.metadata.namespace))
    world.informers.on('apps/deployments', ({ object }) => all(object.metadata.namespace))
  }

  #sync(namespace: string, name: string): void {
    const { objects, clock } = this.#world
    const budget = objects.store.get(BUDGETS, namespace, name)
    if (budget === undefined) return
    const selector = mapAt(budget, 'spec')['selector']
    const pods = objects.store
      .list('/pods', namespace)
      .filter((pod) => selectorMatches(selector, pod.metadata.labels ?? {}) && !isFinished(pod))
    const { expected, desired } = this.#expected(budget, pods)
    const healthy = pods.filter((pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined).length
    const allowed = expected > 0 ? Math.max(0, healthy - desired) : 0
    const before = mapsAt(budget, 'status', 'conditions')[0]
    const state = allowed > 0 ? 'True' : 'False'
    const condition = {
      type: 'DisruptionAllowed',
      status: state,
      observedGeneration: budget.metadata.generation,
      lastTransitionTime: before?.['status'] === state ? before['lastTransitionTime'] : timestamp(clock.now()),
      reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods',
      message: '',
    }
    const status = {
      observedGeneration: budget.metadata.generation,
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      conditions: [condition],
    }
    if (!equal(budget['status'], asObject({ status })['status']))
      this.#writer.update(objects.resources.named('pdb'), asObject({ ...budget, status }), 'status')
  }

  #expected(budget: KubeObject, pods: KubeObject[]): { expected: number; desired: number } {
    const { minAvailable, maxUnavailable } = mapAt(budget, 'spec')
    if (typeof minAvailable === 'number') return { expected: pods.length, desired: minAvailable }
    const scale = this.#scale(pods)
    const share = (value: Json | undefined): number =>
      typeof value === 'number' ? value : Math.ceil((Number.parseInt(plainText(value) || '0', 10) * scale) / 100)
    if (minAvailable !== undefined) return { expected: scale, desired: share(minAvailable) }
    return { expected: scale, desired: Math.max(0, scale - share(maxUnavailable ?? 1)) }
  }

  /** The replicas of the workloads that the pods belong to. */
  #scale(pods: KubeObject[]): number {
    const { store } = this.#world.objects
    const counted = new Map<string, number>()
    for (const pod of pods) {
      const owner = controllerOf(pod)
      if (owner === undefined) continue
      const { namespace } = pod.metadata
      const set = store.get(`apps/${owner.kind.toLowerCase()}s`, namespace, owner.name)
      const parent = set === undefined ? undefined : controllerOf(set)
      const top = parent === undefined ? set : store.get('apps/deployments', namespace, parent.name)
      if (top !== undefined) counted.set(top.metadata.uid ?? '', numberAt(top, 'spec', 'replicas') ?? 1)
    }
    return [...counted.values()].reduce((sum, replicas) => sum + replicas, 0)
  }
}

export class QuotaController {
  readonly #world: World
  readonly #queue: Queue
  readonly #writer: Writer

  constructor(world: World) {
    this.#world = world
    this.#writer = new Writer(world, 'kube-controller-manager')
    this.#queue = new Queue(world.clock, world.workDelay, (namespace, name) => this.#sync(namespace, name))
    world.informers.on('/resourcequotas', ({ object }) =>
      this.#queue.add(object.metadata.namespace, object.metadata.name),
    )
    world.informers.on('*', ({ object, resource }) => {
      if (resource === '/events' || resource === '/resourcequotas') return
      for (const quota of world.objects.store.list('/resourcequotas', object.metadata.namespace ?? ''))
        this.#queue.add(quota.metadata.namespace, quota.metadata.name)
    })
  }

  #sync(namespace: string, name: string): void {
    const { objects } = this.#world
    const quota = objects.store.get('/resourcequotas', namespace, name)
    if (quota === undefined) return
    const hard: JsonMap = mapAt(quota, 'spec', 'hard')
    const used = usage(objects.store, objects.resources.all, namespace, Object.keys(hard))
    const status = {
      hard,
      used: Object.fromEntries(
        Object.entries(used).map(([key, value]) => [
          key,
          Number.isInteger(value) ? String(value) : `${Math.round(value * 1_000)}m`,
        ]),
      ),
    }
    if (!equal(quota['status'], asObject({ status })['status']))
      this.#writer.update(objects.resources.named('resourcequotas'), asObject({ ...quota, status }), 'status')
  }
}

/** Claims are bound a moment after they appear: the cluster has storage without end. */
export function bindClaims(world: World): void {
  const writer = new Writer(world, 'kube-controller-manager')
  world.informers.on('/persistentvolumeclaims', ({ type, object }) => {
    if (type !== 'ADDED') return
    const { objects } = world
    const live = objects.store.get('/persistentvolumeclaims', object.metadata.namespace, object.metadata.name ?? '')
    if (live === undefined) return
    const capacity = mapAt(live, 'spec', 'resources', 'requests')
    const status = { phase: 'Bound', accessModes: mapAt(live, 'spec')['accessModes'], capacity }
    writer.update(objects.resources.named('pvc'), asObject({ ...live, status }), 'status')
  })
}

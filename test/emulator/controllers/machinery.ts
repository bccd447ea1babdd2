/** What all controllers share: caches that lag behind the store, work queues with retries, and a way to write. */
import type { KubeObject } from '../../../src/shared/objects.ts'
import type { EmulatorClock } from '../clock.ts'
import { ApiError } from '../errors.ts'
import type { DeleteOptions, Objects } from '../objects.ts'
import type { Random } from '../random.ts'
import type { Resource } from '../resources.ts'
import { type Change, objectKey, type Store } from '../store.ts'
import { asObject, timestamp } from '../values.ts'
import { decode } from '../schema/decode.ts'

/** A span of milliseconds that a delay is drawn from. */
export type Delay = readonly [from: number, to: number]

export function draw(random: Random, [from, to]: Delay): number {
  return to > from ? from + random.below(to - from + 1) : from
}

type Handler = (change: Change) => void

/**
 * The caches that controllers read. Each resource has its own stream of events with its own delay, as informers have,
 * so that a controller may see a ReplicaSet change before the Deployment change that came first.
 */
export class Informers {
  readonly #objects = new Map<string, Map<string, KubeObject>>()
  readonly #handlers = new Map<string, Handler[]>()
  readonly #last = new Map<string, number>()

  constructor(store: Store, clock: EmulatorClock, delay: () => number) {
    store.listen((change) => {
      const now = clock.now()
      const due = Math.max(this.#last.get(change.resource) ?? 0, now + delay())
      this.#last.set(change.resource, due)
      clock.timer(due - now, () => this.#deliver(change))
    })
  }

  #deliver(change: Change): void {
    const all = this.#objects.get(change.resource) ?? new Map<string, KubeObject>()
    this.#objects.set(change.resource, all)
    const key = objectKey(change.object.metadata.namespace, change.object.metadata.name)
    if (change.type === 'DELETED') all.delete(key)
    else all.set(key, change.object)
    for (const handler of [...(this.#handlers.get(change.resource) ?? []), ...(this.#handlers.get('*') ?? [])])
      handler(change)
  }

  /** @param resource key such as `apps/deployments`, or `*` */
  on(resource: string, handler: Handler): void {
    this.#handlers.set(resource, [...(this.#handlers.get(resource) ?? []), handler])
  }

  get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(resource)?.get(objectKey(namespace, name))
  }

  list(resource: string, namespace?: string): KubeObject[] {
    const all = this.#objects.get(resource)
    if (all === undefined) return []
    const found: KubeObject[] = []
    for (const object of all.values())
      if (namespace === undefined || object.metadata.namespace === namespace) found.push(object)
    return found
  }
}

const RETRY_MS = 5
const LONGEST_RETRY_MS = 1_000_000

/** Keys to work on: each at most once at a time, again after a failure with growing delay. */
export class Queue {
  readonly #waiting = new Set<string>()
  readonly #later = new Map<string, { at: number; cancel: () => void }>()
  readonly #running = new Set<string>()
  /** added again while being worked on */
  readonly #again = new Set<string>()
  readonly #failures = new Map<string, number>()
  readonly #clock: EmulatorClock
  readonly #delay: () => number
  readonly #sync: (namespace: string, name: string) => void | Promise<void>

  constructor(
    clock: EmulatorClock,
    delay: () => number,
    sync: (namespace: string, name: string) => void | Promise<void>,
  ) {
    this.#clock = clock
    this.#delay = delay
    this.#sync = sync
  }

  add(namespace: string | undefined, name: string | undefined): void {
    this.#addKey(objectKey(namespace, name))
  }

  #addKey(key: string): void {
    if (this.#waiting.has(key)) return
    this.#waiting.add(key)
    this.#clock.timer(this.#delay(), () => void this.#take(key))
  }

  /** An earlier time replaces a later one. */
  addAfter(namespace: string | undefined, name: string | undefined, ms: number): void {
    // Go's timers go further than those of JavaScript; nothing waits for a month.
    const key = objectKey(namespace, name)
    const at = this.#clock.now() + Math.min(ms, 30 * 24 * 3_600_000)
    const known = this.#later.get(key)
    if (known !== undefined && known.at <= at) return
    known?.cancel()
    const cancel = this.#clock.timer(at - this.#clock.now(), () => {
      this.#later.delete(key)
      this.#addKey(key)
    })
    this.#later.set(key, { at, cancel })
  }

  /** Takes back what {@link addAfter} planned. */
  forget(namespace: string | undefined, name: string | undefined): void {
    const key = objectKey(namespace, name)
    this.#later.get(key)?.cancel()
    this.#later.delete(key)
  }

  async #take(key: string): Promise<void> {
    this.#waiting.delete(key)
    if (this.#running.has(key)) {
      this.#again.add(key)
      return
    }
    this.#running.add(key)
    await this.#work(key)
    this.#running.delete(key)
    if (this.#again.delete(key)) this.#addKey(key)
  }

  async #work(key: string): Promise<void> {
    const slash = key.indexOf('/')
    try {
      await this.#sync(key.slice(0, slash), key.slice(slash + 1))
      this.#failures.delete(key)
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof RetryError)) throw error
      const failures = this.#failures.get(key) ?? 0
      this.#failures.set(key, failures + 1)
      this.#clock.timer(Math.min(RETRY_MS * 2 ** failures, LONGEST_RETRY_MS), () => this.#addKey(key))
    }
  }
}

/** A sync that could not be finished and is to be tried again. */
export class RetryError extends Error {}

/** Everything a controller works with. */
export interface World {
  clock: EmulatorClock
  objects: Objects
  informers: Informers
  random: Random
  /** milliseconds from being queued to being worked on */
  workDelay: () => number
  /** milliseconds that a write of a controller takes */
  writeDelay: () => number
}

/** Writes as one of the cluster's own components. */
export class Writer {
  readonly #world: World
  readonly #manager: string

  constructor(world: World, manager: string) {
    this.#world = world
    this.#manager = manager
  }

  #decoded(resource: Resource, object: KubeObject): KubeObject {
    const { value } = decode(resource.type, object)
    return asObject({ ...value, apiVersion: resource.apiVersion, kind: resource.kind })
  }

  create(resource: Resource, object: KubeObject): KubeObject {
    return this.#world.objects.create(resource, object.metadata.namespace, this.#decoded(resource, object), {
      manager: this.#manager,
    })
  }

  /** Conditional on the resourceVersion that `object` carries. */
  update(resource: Resource, object: KubeObject, subresource = ''): KubeObject {
    const live = this.#world.objects.get(resource, object.metadata.namespace, object.metadata.name ?? '')
    return this.#world.objects.update(resource, live, this.#decoded(resource, object), {
      manager: this.#manager,
      subresource,
    })
  }

  delete(resource: Resource, object: KubeObject, options: DeleteOptions = {}): void {
    const live = this.#world.objects.store.get(resource.key, object.metadata.namespace, object.metadata.name ?? '')
    if (live !== undefined && live.metadata.uid === object.metadata.uid)
      this.#world.objects.delete(resource, live, options)
  }
}

/**
 * The same with the time that a request takes, half before and half after the server acts. Controllers that write more
 * than once in a round use it, because between two of their writes others have their turn.
 */
export class SlowWriter {
  readonly #world: World
  readonly #writer: Writer

  constructor(world: World, manager: string) {
    this.#world = world
    this.#writer = new Writer(world, manager)
  }

  async #timed<T>(act: () => T): Promise<T> {
    const { clock } = this.#world
    const ms = this.#world.writeDelay()
    if (ms > 0) await clock.sleep(Math.ceil(ms / 2))
    const result = act()
    if (ms > 1) await clock.sleep(Math.floor(ms / 2))
    return result
  }

  create(resource: Resource, object: KubeObject): Promise<KubeObject> {
    return this.#timed(() => this.#writer.create(resource, object))
  }

  update(resource: Resource, object: KubeObject, subresource = ''): Promise<KubeObject> {
    return this.#timed(() => this.#writer.update(resource, object, subresource))
  }

  delete(resource: Resource, object: KubeObject): Promise<void> {
    return this.#timed(() => this.#writer.delete(resource, object))
  }
}

/** Records events as the client library does: the same again only counts up. */
export class Recorder {
  readonly #world: World
  readonly #component: string

  constructor(world: World, component: string) {
    this.#world = world
    this.#component = component
  }

  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void {
    const { objects, clock, random } = this.#world
    const resource = objects.resources.named('events')
    const { namespace = 'default', name = '', uid, resourceVersion } = about.metadata
    const now = timestamp(clock.now())
    const same = objects.store
      .list('/events', namespace)
      .find((event) => event['reason'] === reason && event['message'] === message && sameObject(event, uid))
    if (same !== undefined) {
      const count = typeof same['count'] === 'number' ? same['count'] + 1 : 2
      objects.update(resource, same, { ...same, count, lastTimestamp: now }, { manager: this.#component })
      return
    }
    const { apiVersion, kind } = about
    const event: KubeObject = asObject({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${random.uid().replaceAll('-', '').slice(0, 16)}`, namespace },
      involvedObject: {
        kind,
        namespace,
        name,
        uid,
        apiVersion,
        resourceVersion,
        ...(fieldPath === undefined ? {} : { fieldPath }),
      },
      reason,
      message,
      source: { component: this.#component },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      type,
      eventTime: null,
      reportingComponent: this.#component,
      reportingInstance: '',
    })
    try {
      objects.create(
        resource,
        namespace,
        asObject({ ...decode(resource.type, event).value, apiVersion: 'v1', kind: 'Event' }),
        { manager: this.#component },
      )
    } catch (error) {
      // An event about what is going away may be lost, as it may be in a cluster.
      if (!(error instanceof ApiError)) throw error
    }
  }
}

function sameObject(event: KubeObject, uid: string | undefined): boolean {
  const involved = event['involvedObject']
  return typeof involved === 'object' && involved !== null && !Array.isArray(involved) && involved['uid'] === uid
}

/** The owner that controls an object. */
export function controllerOf(
  object: KubeObject,
): { kind: string; name: string; uid: string; apiVersion: string } | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true)
}

export function ownerReference(owner: KubeObject): KubeObject['metadata']['ownerReferences'] {
  const { name = '', uid = '' } = owner.metadata
  return [{ apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true }]
}

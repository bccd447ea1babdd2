import { HeadgateError } from '../shared/errors.ts'
import { parseJson } from '../shared/json.ts'
import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { eventError } from './answers.ts'
import type { Client, Kind } from './client.ts'
import { ApiError } from './errors.ts'
import { collectionPath, type Query, queryText } from './paths.ts'
import { Versions } from './versions.ts'

export interface LiveListFilter {
  labelSelector?: string
  fieldSelector?: string
  /** one object only; needs no wider right than a Role with this resourceName gives */
  name?: string
}

export interface LiveListOptions {
  /** ends the watch */
  signal: AbortSignal
  /** called after each change of what {@link LiveList.items} answers, and when `error` changes */
  onChange: () => void
}

/** After this many seconds the server ends a watch and it is opened again. */
const TIMEOUT_SECONDS = 290

/** Milliseconds before a watch that broke is opened again; grows while nothing comes. */
const BACKOFF = [100, 500, 1_000, 2_000, 5_000, 10_000]

/** Kinds of which nobody here reads who owns which field: the largest part of a pod's memory. */
const WITHOUT_OWNERS = ['Pod', 'ReplicaSet', 'Event', 'EndpointSlice', 'Endpoints']

/** A watch that ends sooner without a word is broken, not timed out: opening it at once again would be a storm. */
const SHORTEST_MS = 1_000

interface WatchEvent {
  type: string
  object: KubeObject
}

/**
 * All objects of a kind (of a namespace, a selector, or one name), kept up to date by a watch. Nothing is polled. A
 * dropped connection is taken up where it broke; a version that the server has forgotten leads to a fresh list.
 */
export class LiveList<T extends KubeObject> {
  /** Resolves when everything there is at the start is known; rejects with ApiError when it cannot be read. */
  readonly ready: Promise<void>
  readonly #client: Client
  readonly #kind: Kind
  readonly #namespace: string | undefined
  readonly #filter: { labelSelector?: string; fieldSelector?: string }
  readonly #options: LiveListOptions
  readonly #objects = new Versions<T>()
  readonly #started = Promise.withResolvers<void>()
  #isReady = false
  #error: ApiError | undefined
  /** where to go on; undefined: from a fresh list */
  #version: string | undefined
  /** the server sends the initial list inside the watch (Kubernetes 1.32 and later, by default) */
  #streams = true
  #failures = 0

  static open<T extends KubeObject>(
    client: Client,
    kind: Kind,
    namespace: string | undefined,
    filter: LiveListFilter,
    options: LiveListOptions,
  ): LiveList<T> {
    return new LiveList<T>(client, kind, namespace, filter, options)
  }

  private constructor(
    client: Client,
    kind: Kind,
    namespace: string | undefined,
    filter: LiveListFilter,
    options: LiveListOptions,
  ) {
    this.#client = client
    this.#kind = kind
    this.#namespace = namespace
    this.#options = options
    const { name, labelSelector, fieldSelector } = filter
    const fields = [fieldSelector, name === undefined ? undefined : `metadata.name=${name}`].filter(Boolean).join(',')
    this.#filter = { ...(labelSelector ? { labelSelector } : {}), ...(fields === '' ? {} : { fieldSelector: fields }) }
    this.ready = this.#started.promise
    // Whoever awaits `ready` sees the rejection; nobody has to.
    this.ready.catch(() => {})
    void this.#run()
  }

  items(): T[] {
    return this.#objects.items()
  }

  get(name: string, namespace: string = this.#namespace ?? ''): T | undefined {
    return this.#objects.get(namespace, name)
  }

  /** Set while the list cannot be kept up to date; what it holds may then be old. */
  get error(): ApiError | undefined {
    return this.#error
  }

  /** Enters the answer of an own write at once; an older version never overwrites a newer one. */
  put(object: T): void {
    if (this.#objects.put(object)) this.#options.onChange()
  }

  /** Takes out an object that this run has deleted, before the watch tells. */
  drop(name: string, namespace: string = this.#namespace ?? ''): void {
    if (this.#objects.drop(namespace, name)) this.#options.onChange()
  }

  async #run(): Promise<void> {
    const { signal } = this.#options
    while (!signal.aborted) {
      try {
        await this.#once()
        this.#failures = 0
      } catch (error) {
        if (signal.aborted) break
        if (!this.#recover(error)) return
      }
      if (this.#failures > 0)
        await this.#client.clock.sleep(BACKOFF[Math.min(this.#failures, BACKOFF.length) - 1] ?? 0, signal)
    }
    if (!this.#isReady) this.#started.reject(signal.reason)
  }

  /** One list and watch, or one watch, until its end. */
  async #once(): Promise<void> {
    if (this.#version !== undefined) return this.#watch({ resourceVersion: this.#version })
    if (this.#streams) return this.#watch({ sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' })
    const options = { ...this.#filter, signal: this.#options.signal }
    const { items, resourceVersion } = await this.#client.list<T>(this.#kind, this.#namespace, options)
    for (const item of items) this.#slim(item)
    this.#reset(items, resourceVersion)
  }

  async #watch(query: Query): Promise<void> {
    const { signal } = this.#options
    const { apiVersion, kind } = this.#kind
    const resource = await this.#client.discovery.resourceOf(apiVersion, kind)
    const path = collectionPath(resource, this.#namespace)
    const all = { watch: true, allowWatchBookmarks: true, timeoutSeconds: TIMEOUT_SECONDS, ...this.#filter, ...query }
    const response = await this.#client.raw({ method: 'GET', path, query: all, signal })
    const initial: T[] | undefined = query['sendInitialEvents'] === true ? [] : undefined
    if (initial === undefined) this.#clear()
    const began = this.#client.clock.now()
    const count = await this.#read(response.lines(), `${path}${queryText(all)}`, initial)
    if (count === 0 && this.#client.clock.now() - began < SHORTEST_MS) throw new Error('the watch ended at once')
  }

  async #read(lines: AsyncIterable<string>, path: string, initial: T[] | undefined): Promise<number> {
    let pending = initial
    let count = 0
    for await (const line of lines) {
      if (this.#options.signal.aborted) return ++count
      if (line.trim() === '') continue
      count++
      const { type, object } = parseJson(line) as WatchEvent
      if (type === 'ERROR') throw eventError({ method: 'GET', path }, object)
      if (type === 'BOOKMARK') pending = this.#bookmark(object, pending)
      else if (pending !== undefined) pending.push(this.#slim(object))
      else this.#change(type, this.#slim(object))
    }
    // The server ends a watch in order after its timeout. Before the initial list is whole that is a broken one.
    if (pending !== undefined) throw new Error('the watch ended before its initial list was complete')
    return count
  }

  /** Bookmarks are hollow: only their version counts, and the mark that ends the initial list. */
  #bookmark(object: KubeObject, pending: T[] | undefined): T[] | undefined {
    const { resourceVersion, annotations } = object.metadata
    if (pending === undefined) {
      this.#failures = 0
      this.#version = resourceVersion ?? this.#version
      return undefined
    }
    if (annotations?.['k8s.io/initial-events-end'] !== 'true') return pending
    this.#reset(pending, resourceVersion ?? '')
    return undefined
  }

  #change(type: string, object: T): void {
    this.#fine()
    this.#version = object.metadata.resourceVersion ?? this.#version
    const changed = type === 'DELETED' ? this.#objects.deleted(object) : this.#objects.put(object)
    if (changed) this.#options.onChange()
  }

  #reset(items: T[], version: string): void {
    this.#objects.reset(items, version)
    this.#version = version
    this.#isReady = true
    this.#fine()
    this.#started.resolve()
    this.#options.onChange()
  }

  #fine(): void {
    this.#failures = 0
    this.#clear()
  }

  #clear(): void {
    if (this.#error === undefined) return
    this.#error = undefined
    this.#options.onChange()
  }

  /** True when the loop goes on. Before the first whole list an answer that will not change ends it. */
  #recover(error: unknown): boolean {
    const refused = error instanceof ApiError && error.status >= 400
    if (refused && this.#streams && this.#version === undefined && [400, 422, 500].includes(error.status)) {
      this.#streams = false
      return true
    }
    this.#failures++
    if (refused && (error.kind === 'gone' || error.kind === 'timeout' || error.kind === 'server')) {
      // Too old, or not yet reached by this server of several: only a fresh list is sure to be right.
      if (this.#version !== undefined) this.#version = undefined
      else if (this.#failures > BACKOFF.length) return this.#fail(error)
      return true
    }
    if (error instanceof ApiError || error instanceof HeadgateError) return this.#fail(error)
    // Everything else is a stream that broke.
    return error instanceof Error && !this.#isReady && this.#failures > BACKOFF.length ? this.#fail(error) : true
  }

  #fail(error: Error): boolean {
    if (!this.#isReady) {
      this.#error = error instanceof ApiError ? error : undefined
      this.#started.reject(error)
      return false
    }
    if (error instanceof ApiError && error.kind !== this.#error?.kind) {
      this.#error = error
      this.#options.onChange()
    }
    return true
  }

  #slim(object: KubeObject): T {
    if (WITHOUT_OWNERS.includes(this.#kind.kind)) delete (object.metadata as JsonMap)['managedFields']
    return object as T
  }
}

import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import type { EmulatorClock } from '../clock.ts'
import { ApiError } from '../errors.ts'
import type { Resource } from '../resources.ts'
import type { Change, Store } from '../store.ts'
import { type Filter, filterOf, parseRevision } from './lists.ts'
import { type Answer, type ApiRequest, isTrue, LineStream, type Target } from './request.ts'
import { isTable, tableOf } from './table.ts'
import { viewOf } from './views.ts'

/** As long as the real server lets a watch live that names no timeout, at least. */
const DEFAULT_TIMEOUT_S = 1_800
const BOOKMARK_MS = 60_000
const LAST_BOOKMARK_MS = 2_000

export interface OpenWatch {
  user: string
  path: string
  resource: string
  stream: LineStream
}

/** Serves watches: from a revision, with initial events and bookmarks, until timeout, compaction or a dropped line. */
export class Watches {
  readonly open = new Set<OpenWatch>()
  readonly #store: Store
  readonly #clock: EmulatorClock
  readonly #lag: () => number

  /** @param lag milliseconds from a write to its event */
  constructor(store: Store, clock: EmulatorClock, lag: () => number) {
    this.#store = store
    this.#clock = clock
    this.#lag = lag
  }

  answer(target: Target, request: ApiRequest): Answer {
    const { query } = request
    const initial = isTrue(query.get('sendInitialEvents'))
    if (query.has('sendInitialEvents') && query.get('resourceVersionMatch') !== 'NotOlderThan')
      throw needsMatch(target.resource)
    if (!query.has('sendInitialEvents') && query.has('resourceVersionMatch'))
      throw listOptions(
        'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
        'resourceVersionMatch',
        'FieldValueForbidden',
      )
    const text = query.get('resourceVersion') ?? ''
    const from = text === '' ? 0 : parseRevision(text, true)
    const stream = new LineStream()
    const headers = { 'content-type': 'application/json' }
    if (from > 1 && from < this.#store.compacted && !initial) {
      this.#expire(stream, from)
      return { status: 200, headers, body: stream }
    }
    this.#start(target, request, from, initial, stream)
    return { status: 200, headers, body: stream }
  }

  #expire(stream: LineStream, from: number): void {
    const message = `too old resource version: ${from} (${this.#store.compacted})`
    stream.push(
      line('ERROR', {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason: 'Expired',
        code: 410,
      }),
    )
    stream.end()
  }

  #start(target: Target, request: ApiRequest, from: number, initial: boolean, stream: LineStream): void {
    const { query } = request
    const write = writer(target.resource, request.headers['accept'] ?? '', stream, () => this.#clock.now())
    const filter = filterOf(target, query)
    const bookmarks = isTrue(query.get('allowWatchBookmarks'))
    const bookmark = (annotations?: JsonMap): void =>
      stream.push(line('BOOKMARK', hollow(target.resource, this.#store.revision, annotations)))
    if (from === 0 || initial) {
      for (const object of this.#store.list(target.resource.key, target.namespace))
        if (filter(object)) write('ADDED', object)
      if (initial && bookmarks) bookmark({ 'k8s.io/initial-events-end': 'true' })
    } else for (const change of this.#store.since(from)) deliver(change, target.resource, filter, write)
    const seen = this.#store.revision
    this.#follow(target, filter, write, stream, Math.max(seen, from))
    this.#timers(query, bookmarks, bookmark, stream)
    const entry = { user: request.user.name, path: request.path, resource: target.resource.key, stream }
    this.open.add(entry)
    stream.onEnd(() => this.open.delete(entry))
  }

  #follow(target: Target, filter: Filter, write: Write, stream: LineStream, after: number): void {
    let last = 0
    const stop = this.#store.listen((change) => {
      if (change.resource !== target.resource.key || change.revision <= after) return
      // Events keep their order whatever each one's delay is.
      last = Math.max(last, this.#clock.now() + this.#lag())
      const delay = last - this.#clock.now()
      if (delay <= 0) deliver(change, target.resource, filter, write)
      else this.#clock.timer(delay, () => deliver(change, target.resource, filter, write))
    })
    stream.onEnd(stop)
  }

  #timers(query: URLSearchParams, bookmarks: boolean, bookmark: () => void, stream: LineStream): void {
    const seconds = Number(query.get('timeoutSeconds') ?? 0) || DEFAULT_TIMEOUT_S
    const end = this.#clock.now() + seconds * 1_000
    stream.onEnd(this.#clock.timer(seconds * 1_000, () => stream.end()))
    if (!bookmarks) return
    let cancel = (): void => {}
    // Every minute, and a last one before the end.
    const again = (): void => {
      const now = this.#clock.now()
      const next = Math.min(now + BOOKMARK_MS, end - LAST_BOOKMARK_MS)
      if (next <= now) return
      cancel = this.#clock.timer(next - now, () => {
        bookmark()
        again()
      })
    }
    again()
    stream.onEnd(() => cancel())
  }

  /** Drops open watches as a failing connection does. */
  drop(which: (watch: OpenWatch) => boolean = () => true): number {
    const dropped = [...this.open].filter(which)
    for (const { stream } of dropped) stream.end(new Error('socket hang up'))
    return dropped.length
  }
}

function listOptions(message: string, field: string, reason: string): ApiError {
  return new ApiError(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: ${message}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
    causes: [{ reason, message: message.slice(message.indexOf(': ') + 2), field }],
  })
}

function needsMatch(_resource: Resource): ApiError {
  return listOptions(
    'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    'resourceVersionMatch',
    'FieldValueForbidden',
  )
}

type Write = (type: string, object: KubeObject) => void

function line(type: string, object: JsonMap): string {
  return JSON.stringify({ type, object }, (_key, item: unknown) =>
    typeof item === 'bigint' ? JSON.rawJSON(String(item)) : item,
  )
}

function writer(resource: Resource, accept: string, stream: LineStream, now: () => number): Write {
  const partial = accept.includes('as=PartialObjectMetadata')
  return (type, object) => {
    const view = viewOf(resource, object)
    if (partial)
      stream.push(line(type, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: view.metadata }))
    else stream.push(line(type, isTable(accept) ? tableOf(resource, [view], {}, now()) : view))
  }
}

/** An object that leaves or enters the selection counts as deleted or added. */
function deliver(change: Change, resource: Resource, filter: Filter, write: Write): void {
  if (change.resource !== resource.key) return
  const is = change.type !== 'DELETED' && filter(change.object)
  const was = change.previous !== undefined && filter(change.previous)
  if (is) write(was ? 'MODIFIED' : 'ADDED', change.object)
  else if (was) {
    const base = change.type === 'DELETED' ? change.object : (change.previous ?? change.object)
    write('DELETED', { ...base, metadata: { ...base.metadata, resourceVersion: String(change.revision) } })
  }
}

/** A bookmark is an object with nothing in it but the revision. */
function hollow(resource: Resource, revision: number, annotations?: JsonMap): JsonMap {
  const metadata: JsonMap = { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) }
  if (resource.custom) return { kind: resource.kind, apiVersion: resource.apiVersion, metadata }
  const { type } = resource
  const spec = type.kind === 'struct' && type.fields.has('spec')
  const containers = resource.key === '/pods' ? { containers: null } : {}
  return {
    kind: resource.kind,
    apiVersion: resource.apiVersion,
    metadata,
    ...(spec ? { spec: containers } : {}),
    ...(resource.hasStatus ? { status: {} } : {}),
  }
}

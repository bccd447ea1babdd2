/* oxlint-disable typescript/no-unnecessary-type-parameters -- the caller names the shape it reads: this is the JSON boundary */
import type { Clock } from '../shared/clock.ts'
import { HeadgateError } from '../shared/errors.ts'
import { parseJson } from '../shared/json.ts'
import { type JsonMap, type KubeObject, type ObjectRef, refOf } from '../shared/objects.ts'
import { apiError, unreachable } from './answers.ts'
import { Discovery } from './discovery.ts'
import { ApiError } from './errors.ts'
import { collectionPath, objectPath, proxyPath, type Query } from './paths.ts'
import {
  dryRunQuery,
  guarded,
  head,
  type Page,
  pages,
  type Patch,
  type RawRequest,
  warnings,
  wireForm,
} from './requests.ts'
import { withRetries } from './retry.ts'
import type { HttpRequest, HttpResponse, Transport } from './transport.ts'

export interface Kind {
  apiVersion: string
  kind: string
}

export interface ClientOptions {
  /** default `headgate` */
  userAgent?: string
  /** which server this is, for people: told where it does not answer */
  server?: string
  /** called once per try, with the time until the status line in milliseconds; status 0 when no answer came */
  onRequest?: (request: { method: string; path: string; status: number; ms: number }) => void
  /** ends every request that is no GET, with its reason; one under way is given up, and none is sent again */
  writesUntil?: AbortSignal
  /** text of each `Warning` header, e.g. that an API version is deprecated */
  onWarning?: (text: string, request: { method: string; path: string }) => void
}

export interface DeleteOptions {
  /** delete only this very object; another one of the same name answers 409 (`stale`) */
  uid?: string
  resourceVersion?: string
  propagation?: 'Background' | 'Foreground' | 'Orphan'
  gracePeriodSeconds?: number
  dryRun?: boolean
}

export interface ProxyTarget {
  kind: 'Pod' | 'Service'
  namespace: string
  name: string
  port?: string | number
  scheme?: string
}

const CONTENT_TYPES = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const

/**
 * Requests to the API server as plain JSON: objects travel untouched. Every method throws ApiError, or what `signal` was
 * aborted with. Requests that can safely be sent again are, with growing pauses on `clock` (see `retry.ts`).
 */
export class Client {
  readonly discovery: Discovery
  readonly clock: Clock
  readonly #transport: Transport
  readonly #options: ClientOptions
  #reached = false

  constructor(transport: Transport, clock: Clock, options: ClientOptions = {}, discovery?: Discovery) {
    this.#transport = transport
    this.#options = options
    this.clock = clock
    this.discovery = discovery ?? new Discovery((path, accept) => this.json({ method: 'GET', path, accept }))
  }

  /**
   * The same client for as long as it may write: a write that was sent before the signal could otherwise arrive long
   * after it, once a broken network is whole again.
   */
  writingUntil(signal: AbortSignal): Client {
    const client = new Client(this.#transport, this.clock, { ...this.#options, writesUntil: signal }, this.discovery)
    client.#reached = this.#reached
    return client
  }

  /** undefined when the object does not exist. */
  async get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined> {
    try {
      return await this.json<T>({ method: 'GET', path: await this.#path(ref) })
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'not-found') return undefined
      throw error
    }
  }

  /** All objects of a kind, page by page; items get the apiVersion and kind that lists leave out. */
  async list<T extends KubeObject>(
    kind: Kind,
    namespace?: string,
    options: { labelSelector?: string; fieldSelector?: string; signal?: AbortSignal } = {},
  ): Promise<{ items: T[]; resourceVersion: string }> {
    const path = collectionPath(await this.discovery.resourceOf(kind.apiVersion, kind.kind), namespace)
    const { signal, ...selectors } = options
    const page = (query: Query): Promise<Page<T>> =>
      this.json({ method: 'GET', path, query: { ...selectors, ...query }, ...(signal ? { signal } : {}) })
    const { items, resourceVersion } = await pages(page)
    for (const item of items) Object.assign(item, { apiVersion: kind.apiVersion, kind: kind.kind })
    return { items, resourceVersion }
  }

  /**
   * Throws `exists` when there is one of that name. After a lost answer that can be the object of the first try: the
   * caller, who knows what it wrote, compares.
   */
  async create<T extends KubeObject>(object: T, options: { fieldManager: string; dryRun?: boolean }): Promise<T> {
    const ref = refOf(object)
    const path = collectionPath(await this.discovery.resourceOf(ref.apiVersion, ref.kind), ref.namespace)
    const query = { fieldManager: options.fieldManager, fieldValidation: 'Strict', ...dryRunQuery(options.dryRun) }
    return this.json<T>({ method: 'POST', path, query, body: object, idempotent: true })
  }

  /** PUT; the resourceVersion in the object makes it conditional (`stale` when it is old). */
  async replace<T extends KubeObject>(object: T, options: { fieldManager: string }): Promise<T> {
    const path = await this.#path(refOf(object))
    const query = { fieldManager: options.fieldManager, fieldValidation: 'Strict' }
    const idempotent = object.metadata.resourceVersion !== undefined
    return this.json<T>({ method: 'PUT', path, query, body: object, idempotent })
  }

  /**
   * Server-side apply. A resourceVersion in the object makes it conditional. Throws `conflict` (fields of other managers,
   * without force), `stale`, `unknown-field`, `invalid` …
   */
  async apply(
    object: KubeObject,
    options: { fieldManager: string; force?: boolean; dryRun?: boolean },
  ): Promise<{ object: KubeObject; created: boolean }> {
    const { fieldManager, force, dryRun } = options
    const query = { fieldManager, force, fieldValidation: 'Strict', ...dryRunQuery(dryRun) }
    const path = await this.#path(refOf(object))
    const contentType = 'application/apply-patch+yaml'
    const request = { method: 'PATCH', path, query, body: object, contentType, idempotent: true } as const
    return this.#answered(request, async (response) => ({
      object: parseJson(await response.text()) as KubeObject,
      created: response.status === 201,
    }))
  }

  /** A patch that carries a test or a resourceVersion is sent again after a lost answer, and is then `stale` if it had worked. */
  async patch<T extends KubeObject>(
    ref: ObjectRef,
    patch: Patch,
    options: { fieldManager: string; subresource?: string; dryRun?: boolean; once?: boolean },
  ): Promise<T> {
    const path = `${await this.#path(ref)}${options.subresource === undefined ? '' : `/${options.subresource}`}`
    const query = { fieldManager: options.fieldManager, ...dryRunQuery(options.dryRun) }
    const body = patch.type === 'json' ? patch.operations : patch.body
    return this.json<T>({
      method: 'PATCH',
      path,
      query,
      body,
      contentType: CONTENT_TYPES[patch.type],
      idempotent: guarded(patch),
      once: options.once === true,
    })
  }

  /** An object that is not there is fine. Throws `stale` where uid or resourceVersion are not those of the live object. */
  async delete(ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, propagation, gracePeriodSeconds, dryRun } = options
    const preconditions =
      uid === undefined && resourceVersion === undefined ? {} : { preconditions: { uid, resourceVersion } }
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: propagation ?? 'Background',
      gracePeriodSeconds,
      ...preconditions,
      ...(dryRun === true ? { dryRun: ['All'] } : {}),
    }
    try {
      await this.json({ method: 'DELETE', path: await this.#path(ref), body, idempotent: true })
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== 'not-found') throw error
    }
  }

  /** POST of something that stores nothing, such as an access review. */
  post<T>(path: string, body: JsonMap): Promise<T> {
    return this.json<T>({ method: 'POST', path, body, idempotent: true })
  }

  /** Log of a container; undefined where there is none (not started, no previous run, pod gone). */
  async logs(
    namespace: string,
    pod: string,
    options: { container?: string; previous?: boolean; tailLines?: number } = {},
  ): Promise<string | undefined> {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log`
    try {
      return await this.#answered({ method: 'GET', path, query: { ...options }, accept: '*/*' }, (response) =>
        response.text(),
      )
    } catch (error) {
      if (error instanceof ApiError && (error.status === 400 || error.status === 404)) return undefined
      throw error
    }
  }

  /**
   * GET through the API server's proxy. Any HTTP status is an answer, also one of the API server itself (403 without the
   * right, 503 when the pod does not answer). Throws `timeout` after `timeoutMs` (default 10 s), `unreachable` when no
   * answer came; asked once, because the caller measures. At most `maxBytes` of the body are kept (default 64 KiB).
   */
  async proxy(
    target: ProxyTarget,
    path: string,
    options: { headers?: Record<string, string>; timeoutMs?: number; maxBytes?: number; signal?: AbortSignal } = {},
  ): Promise<{ status: number; headers: Record<string, string>; body: string }> {
    const request = {
      method: 'GET',
      path: proxyPath(target, path),
      headers: { accept: '*/*', ...options.headers },
    } as const
    const done = new AbortController()
    const late = new AbortController()
    const signals = [late.signal, ...(options.signal ? [options.signal] : [])]
    const expire = async (): Promise<void> => {
      await this.clock.sleep(options.timeoutMs ?? 10_000, done.signal)
      if (done.signal.aborted) return
      late.abort(new ApiError({ status: 0, kind: 'timeout', message: 'no answer in time', request }))
    }
    const timer = expire()
    try {
      const response = await this.#send({ ...request, signal: AbortSignal.any(signals) })
      return {
        status: response.status,
        headers: response.headers,
        body: await head(response, options.maxBytes ?? 65_536),
      }
    } finally {
      done.abort()
      await timer
    }
  }

  version(): Promise<{ major: string; minor: string; gitVersion: string }> {
    return this.json({ method: 'GET', path: '/version' })
  }

  /** One request with retries; throws ApiError for every status but 2xx. The body is the caller's to read. */
  raw(request: RawRequest): Promise<HttpResponse> {
    return this.#answered(request, async (response) => response)
  }

  /** The same, read as JSON; a body that breaks off counts as no answer. */
  json<T>(request: RawRequest): Promise<T> {
    return this.#answered(request, async (response) => parseJson(await response.text()) as T)
  }

  #answered<T>(request: RawRequest, read: (response: HttpResponse) => Promise<T>): Promise<T> {
    const sent = wireForm(this.#bounded(request))
    const policy = {
      clock: this.clock,
      idempotent: request.idempotent ?? request.method === 'GET',
      reached: () => this.#reached,
      ...(sent.signal === undefined ? {} : { signal: sent.signal }),
    }
    const attempt = async (): Promise<T> => {
      sent.signal?.throwIfAborted()
      const response = await this.#send(sent)
      try {
        if (response.status >= 200 && response.status < 300) return await read(response)
        throw apiError(sent, { status: response.status, headers: response.headers, body: await response.text() })
      } catch (error) {
        throw this.#broken(sent, error)
      }
    }
    return request.once === true ? attempt() : withRetries(policy, attempt)
  }

  #bounded(request: RawRequest): RawRequest {
    const { writesUntil } = this.#options
    if (writesUntil === undefined || request.method === 'GET') return request
    const signals = [writesUntil, ...(request.signal === undefined ? [] : [request.signal])]
    return { ...request, signal: AbortSignal.any(signals) }
  }

  async #path(ref: ObjectRef): Promise<string> {
    return objectPath(await this.discovery.resourceOf(ref.apiVersion, ref.kind), ref.namespace, ref.name)
  }

  async #send(request: HttpRequest): Promise<HttpResponse> {
    const { onRequest, onWarning, userAgent = 'headgate' } = this.#options
    const { method, path } = request
    const began = this.clock.now()
    const report = (status: number): void => onRequest?.({ method, path, status, ms: this.clock.now() - began })
    try {
      const response = await this.#transport({ ...request, headers: { 'user-agent': userAgent, ...request.headers } })
      this.#reached = true
      report(response.status)
      for (const text of warnings(response.headers['warning'])) onWarning?.(text, { method, path })
      return response
    } catch (error) {
      report(0)
      throw this.#broken(request, error)
    }
  }

  /** What a failed request is reported as: the reason of an aborted signal first, our own errors as they are. */
  #broken(request: HttpRequest, error: unknown): unknown {
    if (request.signal?.aborted) return request.signal.reason
    if (error instanceof ApiError || error instanceof HeadgateError) return error
    return unreachable(request, error, this.#options.server)
  }
}

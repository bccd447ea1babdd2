import type { HttpRequest } from '../../../src/kubernetes/transport.ts'
import type { Json } from '../../../src/shared/objects.ts'
import type { Resource, Resources } from '../resources.ts'

export interface User {
  name: string
  groups: string[]
}

/** What the path and method of a request mean. */
export interface Target {
  resource: Resource
  namespace: string | undefined
  name: string
  subresource: string
  /** what follows the subresource, e.g. the path behind `proxy` */
  rest: string
  verb: string
}

export interface ApiRequest {
  method: HttpRequest['method']
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  body: string
  user: User
}

export interface Answer {
  status: number
  headers: Record<string, string>
  body: string | LineStream
}

export function jsonAnswer(status: number, value: Json, headers: Record<string, string> = {}): Answer {
  const body = `${JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? JSON.rawJSON(String(item)) : item))}\n`
  return { status, headers: { 'content-type': 'application/json', ...headers }, body }
}

export function textAnswer(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
}

/** The body of a watch: lines that arrive one by one. */
export class LineStream implements AsyncIterable<string> {
  readonly #lines: string[] = []
  #ended = false
  #error: Error | undefined
  #wake: (() => void) | undefined
  readonly #onCancel: (() => void)[] = []

  push(line: string): void {
    if (this.#ended) return
    this.#lines.push(line)
    this.#wake?.()
  }

  /** The server ends the stream, cleanly or, with an error, by dropping the connection. */
  end(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    for (const fn of this.#onCancel.splice(0)) fn()
    this.#wake?.()
  }

  onEnd(fn: () => void): void {
    if (this.#ended) fn()
    else this.#onCancel.push(fn)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    try {
      for (;;) {
        const line = this.#lines.shift()
        if (line !== undefined) yield line
        else if (this.#ended) break
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
      }
      if (this.#error !== undefined) throw this.#error
    } finally {
      this.end()
    }
  }
}

const VERBS: Record<string, [collection: string, single: string]> = {
  GET: ['list', 'get'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['deletecollection', 'delete'],
}

/** The resource that a path addresses; undefined when there is no such path. */
export function parseTarget(resources: Resources, request: ApiRequest): Target | undefined {
  const parts = request.path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  const [root, ...after] = parts
  if (root !== 'api' && root !== 'apis') return undefined
  const apiVersion = root === 'api' ? after[0] : `${after[0]}/${after[1]}`
  const steps = root === 'api' ? after.slice(1) : after.slice(2)
  const inNamespace = steps[0] === 'namespaces' && steps.length > 2 && !['status', 'finalize'].includes(steps[2] ?? '')
  const namespace = inNamespace ? steps[1] : undefined
  const [plural = '', name = '', subresource = '', ...rest] = inNamespace ? steps.slice(2) : steps
  const resource = resources.at(apiVersion ?? '', plural)
  if (resource === undefined) return undefined
  const [collection, single] = VERBS[request.method] ?? ['', '']
  const watching = request.method === 'GET' && isTrue(request.query.get('watch'))
  const verb = watching ? 'watch' : name === '' ? (collection ?? '') : (single ?? '')
  const fixed = resource.key === '/namespaces' && name !== '' ? undefined : namespace
  return { resource, namespace: fixed, name, subresource, rest: rest.join('/'), verb }
}

export function isTrue(value: string | null): boolean {
  return value === '1' || value === 'true'
}

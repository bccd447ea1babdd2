/**
 * A small client of the Kubernetes API for the harness itself. It is not the client of the product on purpose: a fault
 * there must not be able to hide itself from the tests.
 */
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject } from '../../src/shared/objects.ts'

export const JSON_TYPE = 'application/json'
export const MERGE_PATCH = 'application/merge-patch+json'
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'
export const APPLY_PATCH = 'application/apply-patch+yaml'
export const JSON_PATCH = 'application/json-patch+json'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Answer {
  status: number
  text: string
}

export interface ListOf<T> {
  metadata: { resourceVersion: string }
  items: T[]
}

export interface ClientOptions {
  /** `https://host:port` or `http://host:port` */
  server: string
  userAgent: string
  token?: string
  authorityFile?: string
}

export class ApiError extends Error {
  readonly answer: Answer
  constructor(method: string, path: string, answer: Answer) {
    super(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 400)}`)
    this.name = 'ApiError'
    this.answer = answer
  }
}

export interface CallOptions {
  body?: unknown
  /** content type of the body */
  type?: string
  timeoutMs?: number
}

interface StreamEvent {
  type: string
  object: KubeObject
}

export interface Follower<T extends KubeObject> {
  /** all there is; called at the start and whenever the stream had to begin anew */
  replace: (items: T[]) => void
  change: (kind: 'ADDED' | 'MODIFIED' | 'DELETED', item: T) => void
  /** the stream broke and is opened again */
  broken?: (reason: string) => void
}

export class Client {
  readonly #base: URL
  readonly #agent: http.Agent
  readonly #headers: Record<string, string>

  constructor(options: ClientOptions) {
    this.#base = new URL(options.server)
    this.#headers = { accept: JSON_TYPE, 'user-agent': options.userAgent }
    if (options.token !== undefined) this.#headers['authorization'] = `Bearer ${options.token}`
    const ca = options.authorityFile === undefined ? {} : { ca: readFileSync(options.authorityFile) }
    const pool = { keepAlive: true, maxSockets: 64 }
    this.#agent = this.#base.protocol === 'https:' ? new https.Agent({ ...pool, ...ca }) : new http.Agent(pool)
  }

  /** Closes connections; requests under way fail. */
  close(): void {
    this.#agent.destroy()
  }

  #open(method: Method, path: string, headers: Record<string, string>): http.ClientRequest {
    const url = new URL(path, this.#base)
    const options = { method, agent: this.#agent, headers: { ...this.#headers, ...headers } }
    return this.#base.protocol === 'https:' ? https.request(url, options) : http.request(url, options)
  }

  /** One request, whatever its answer; rejects only when there is none. */
  ask(method: Method, path: string, { body, type = JSON_TYPE, timeoutMs = 15_000 }: CallOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
      // Node sends a DELETE with a body but without its length, and the server then reads the rest as a second request.
      const headers = payload === undefined ? {} : { 'content-type': type, 'content-length': String(payload.length) }
      const request = this.#open(method, path, headers)
      request.setTimeout(timeoutMs, () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)))
      request.once('error', reject)
      request.once('response', (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.once('error', reject)
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
        )
      })
      request.end(payload)
    })
  }

  /** One request that must succeed; the answer is read as JSON. */
  async call<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
    const answer = await this.ask(method, path, options)
    if (answer.status < 200 || answer.status > 299) throw new ApiError(method, path, answer)
    return JSON.parse(answer.text) as T
  }

  get<T>(path: string): Promise<T> {
    return this.call<T>('GET', path)
  }

  /** The object, or undefined when there is none. */
  async find<T>(path: string): Promise<T | undefined> {
    const answer = await this.ask('GET', path)
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw new ApiError('GET', path, answer)
    return JSON.parse(answer.text) as T
  }

  /** Lists and then watches until `signal` is aborted; begins again by itself after any break. */
  async follow<T extends KubeObject>(
    path: string,
    query: string,
    follower: Follower<T>,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      try {
        const list = await this.get<ListOf<T>>(`${path}?${query}`)
        follower.replace(list.items)
        let version: string | undefined = list.metadata.resourceVersion
        while (version !== undefined && !signal.aborted)
          version = await this.#watch(path, query, version, follower, signal)
      } catch (error) {
        if (signal.aborted) return
        follower.broken?.(error instanceof Error ? error.message : String(error))
        await sleep(200)
      }
    }
  }

  /** One watch. Resolves with the version to go on from, or undefined when a new list is needed. */
  #watch<T extends KubeObject>(
    path: string,
    query: string,
    from: string,
    follower: Follower<T>,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const parameters = `watch=1&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=${from}`
      const request = this.#open('GET', `${path}?${[query, parameters].filter((x) => x !== '').join('&')}`, {})
      let version = from
      let rest = ''
      const stop = (): void => {
        request.destroy()
        resolve(version)
      }
      signal.addEventListener('abort', stop, { once: true })
      request.once('close', () => signal.removeEventListener('abort', stop))
      request.once('error', reject)
      request.once('response', (response) => {
        if (response.statusCode !== 200) {
          response.resume()
          return resolve(undefined)
        }
        response.setEncoding('utf8')
        response.on('data', (text: string) => {
          rest += text
          const lines = rest.split('\n')
          rest = lines.pop() ?? ''
          for (const line of lines) {
            const event = JSON.parse(line) as StreamEvent
            // The server says "too old" with a 200 and an event of this type.
            if (event.type === 'ERROR') return resolve(undefined)
            version = event.object.metadata.resourceVersion ?? version
            if (event.type === 'ADDED' || event.type === 'MODIFIED' || event.type === 'DELETED')
              follower.change(event.type, event.object as T)
          }
        })
        response.once('end', () => resolve(version))
        response.once('error', reject)
      })
      request.end()
    })
  }
}

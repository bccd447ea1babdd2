/**
 * A bounded HTTP load in a process of its own, so that whatever else a test does cannot slow it down or hide a failure.
 * Rate, count, time and connections have upper limits that no caller can lift.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { createInterface } from 'node:readline'
import { assertInside } from './network.ts'

export interface LoadOptions {
  url: string
  /** asked in turn instead of `url`: pods of one side, say */
  urls?: string[]
  /** requests per second, default 50 */
  rate?: number
  /** default 30 */
  seconds?: number
  /** requests in all; default and most: rate × seconds */
  count?: number
  /** one pool of connections that stay open, as most clients do; default: a new connection for each request */
  keepAlive?: boolean
  /** size of that pool, default 10 */
  connections?: number
  timeoutMs?: number
  /** sent with every request; `host` is what a router goes by */
  headers?: Record<string, string>
  /** Headers of users, by a name for each: they ask in turn, and what each was answered is counted apart. */
  users?: Record<string, Record<string, string>>
}

export interface LoadFailure {
  /** when it was asked, in milliseconds since 1970: how long it then takes to fail says nothing of the cluster */
  at: number
  /** `ECONNREFUSED`, `timeout`, `HTTP 500` … */
  reason: string
}

export interface Share {
  answers: number
  /** milliseconds since 1970 */
  first: number
  last: number
}

export interface LoadResult {
  /** milliseconds since 1970 */
  started: number
  ended: number
  sent: number
  ok: number
  failed: number
  reasons: Record<string, number>
  /** the first hundred, in order */
  failures: LoadFailure[]
  /** answers of any kind by HTTP status */
  statuses: Record<string, number>
  /** by the name of the user: versions that answered well, and reasons of what failed */
  users: Record<string, Record<string, number>>
  /** by the name of the user: versions in the order in which they answered, each only once while it goes on */
  turns: Record<string, string[]>
  /** good answers by the header x-version, else by what looks like a version in the answer */
  versions: Record<string, Share>
  /** good answers by the header x-pod */
  pods: Record<string, number>
  /** milliseconds */
  latency: { p50: number; p95: number; p99: number; max: number }
}

/** Good answers by version. */
export function answersByVersion({ versions }: LoadResult): Record<string, number> {
  return Object.fromEntries(Object.entries(versions).map(([version, { answers }]) => [version, answers]))
}

const LIMITS = { rate: 500, seconds: 600, connections: 200, users: 1_000 }
const MOST_FAILURES_KEPT = 100
const PROGRESS_MS = 100
const VERSION = /\d+\.\d+\.\d+[\w.-]*/

type Bounded = Required<LoadOptions>

function bound(options: LoadOptions): Bounded {
  const users = Object.entries(options.users ?? {})
  if (users.length > LIMITS.users) throw new Error(`${users.length} users are more than ${LIMITS.users}`)
  const rate = Math.min(LIMITS.rate, options.rate ?? 50)
  const seconds = Math.min(LIMITS.seconds, options.seconds ?? 30)
  return {
    url: options.url,
    urls: options.urls ?? [options.url],
    rate,
    seconds,
    count: Math.min(rate * seconds, options.count ?? rate * seconds),
    keepAlive: options.keepAlive ?? false,
    connections: Math.min(LIMITS.connections, options.connections ?? 10),
    timeoutMs: options.timeoutMs ?? 5_000,
    headers: options.headers ?? {},
    users: options.users ?? {},
  }
}

class Generator {
  readonly #options: Bounded
  readonly #users: [name: string, headers: Record<string, string>][]
  readonly #agent: http.Agent
  readonly #times: number[] = []
  readonly #open = new Set<Promise<void>>()
  readonly result: LoadResult
  #stopped = false

  constructor(options: Bounded) {
    this.#options = options
    this.#users = Object.entries(options.users)
    this.#agent = options.keepAlive
      ? new http.Agent({ keepAlive: true, maxSockets: options.connections, scheduling: 'fifo' })
      : new http.Agent({ keepAlive: false, maxSockets: LIMITS.connections })
    const latency = { p50: 0, p95: 0, p99: 0, max: 0 }
    const counts = { sent: 0, ok: 0, failed: 0, reasons: {}, failures: [], statuses: {}, versions: {}, pods: {} }
    this.result = { started: Date.now(), ended: 0, ...counts, users: {}, turns: {}, latency }
  }

  stop(): void {
    this.#stopped = true
  }

  async run(): Promise<LoadResult> {
    const { rate, count, seconds } = this.#options
    const { result } = this
    while (!this.#stopped && result.sent < count && Date.now() - result.started < seconds * 1_000) {
      const due = Math.min(count, Math.floor(((Date.now() - result.started) / 1_000) * rate) + 1)
      while (result.sent < due) this.#send()
      await new Promise((resolve) => setTimeout(resolve, 4))
    }
    await Promise.all(this.#open)
    this.#agent.destroy()
    result.ended = Date.now()
    const sorted = this.#times.sort((a, b) => a - b)
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    result.latency = { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
    return result
  }

  #send(): void {
    const [user, headers] = this.#users[this.result.sent % this.#users.length] ?? [undefined, {}]
    const { url, urls } = this.#options
    const request = this.#ask(urls[this.result.sent % urls.length] ?? url, user, headers)
    this.result.sent++
    this.#open.add(request)
    void request.finally(() => this.#open.delete(request))
  }

  #note(user: string | undefined, what: string): void {
    if (user === undefined) return
    const answers = (this.result.users[user] ??= {})
    answers[what] = (answers[what] ?? 0) + 1
  }

  #turn(user: string | undefined, version: string): void {
    if (user === undefined) return
    const turns = (this.result.turns[user] ??= [])
    if (turns.at(-1) !== version) turns.push(version)
  }

  #fail(user: string | undefined, reason: string, at: number): void {
    const { result } = this
    this.#note(user, reason)
    result.failed++
    result.reasons[reason] = (result.reasons[reason] ?? 0) + 1
    if (result.failures.length < MOST_FAILURES_KEPT) result.failures.push({ at, reason })
  }

  #succeed(user: string | undefined, headers: http.IncomingHttpHeaders, body: string, took: number): void {
    const { result } = this
    const now = Date.now()
    const version = String(headers['x-version'] ?? VERSION.exec(body)?.[0] ?? 'unknown')
    const pod = String(headers['x-pod'] ?? 'unknown')
    const share = (result.versions[version] ??= { answers: 0, first: now, last: now })
    share.answers++
    share.last = now
    this.#note(user, version)
    this.#turn(user, version)
    result.pods[pod] = (result.pods[pod] ?? 0) + 1
    result.ok++
    this.#times.push(took)
  }

  /** Resolves when the request has ended, one way or the other; it is counted exactly once. */
  #ask(url: string, user: string | undefined, own: Record<string, string>): Promise<void> {
    const { timeoutMs, headers } = this.#options
    const { statuses } = this.result
    const started = Date.now()
    return new Promise((resolve) => {
      let over = false
      const end = (count: () => void): void => {
        if (over) return
        over = true
        clearTimeout(timer)
        count()
        resolve()
      }
      const request = http.request(url, { agent: this.#agent, headers: { ...headers, ...own } })
      // Counted from the start of the request: a connection that never comes is as bad as an answer that never comes.
      const timer = setTimeout(() => {
        end(() => this.#fail(user, 'timeout', started))
        request.destroy()
      }, timeoutMs)
      request.once('error', (error: NodeJS.ErrnoException) =>
        end(() => this.#fail(user, error.code ?? error.message, started)),
      )
      request.once('response', (response) => {
        const status = response.statusCode ?? 0
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body = (body + text).slice(0, 500)))
        response.once('end', () =>
          end(() => {
            statuses[status] = (statuses[status] ?? 0) + 1
            if (status >= 400) this.#fail(user, `HTTP ${status}`, started)
            else this.#succeed(user, response.headers, body, Date.now() - started)
          }),
        )
        response.once('error', () => end(() => this.#fail(user, 'cut off', started)))
        response.once('close', () => end(() => this.#fail(user, 'cut off', started)))
      })
      request.end()
    })
  }
}

export interface Counts {
  sent: number
  ok: number
  failed: number
  /** good answers by version */
  versions: Record<string, number>
}

type Message = { counts: Counts } | { result: LoadResult }

export interface Load {
  /** as of a tenth of a second ago */
  readonly counts: Counts
  /** resolves at the end of count or time */
  readonly done: Promise<LoadResult>
  /** ends it early; requests under way are still counted */
  stop(): Promise<LoadResult>
  /** waits until the counts are as wished; rejects when the load ends first */
  until(test: (counts: Counts) => boolean): Promise<void>
}

/** Starts a load in the network namespace of the caller. */
export function startLoad(options: LoadOptions): Load {
  const child = spawn(process.execPath, [import.meta.filename], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => {}) // it has ended by itself
  child.stdin.write(`${JSON.stringify(options)}\n`) // many users are more than an argument can be long
  let counts: Counts = { sent: 0, ok: 0, failed: 0, versions: {} }
  let result: LoadResult | undefined
  const watchers = new Set<() => void>()
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const message = JSON.parse(line) as Message
      if ('counts' in message) counts = message.counts
      else result = message.result
    }
    for (const watcher of watchers) watcher()
  })
  const done = new Promise<LoadResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (result === undefined) reject(new Error(`the load ended with ${code} and without a result`))
      else resolve(result)
    })
  })
  done.catch(() => {}) // whoever waits for it gets the reason; nobody has to
  return {
    get counts() {
      return counts
    },
    done,
    stop: () => {
      child.stdin.end()
      return done
    },
    until: (test) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!test(counts)) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        done.then(() => reject(new Error(`the load ended first: ${JSON.stringify(counts)}`)), reject)
        look()
      }),
  }
}

async function main(): Promise<void> {
  const input = createInterface({ input: process.stdin })
  const [line] = (await once(input, 'line')) as [string]
  const options = bound(JSON.parse(line) as LoadOptions)
  const hosts = options.urls.map((url) => new URL(url).hostname)
  // Addresses of a cluster may belong to somebody else outside of its namespace; the loopback belongs to everyone.
  if (hosts.some((host) => host !== '127.0.0.1' && host !== 'localhost')) assertInside('load')
  const generator = new Generator(options)
  const tell = (message: Message): boolean => process.stdout.write(`${JSON.stringify(message)}\n`)
  const progress = setInterval(() => {
    const { sent, ok, failed } = generator.result
    tell({ counts: { sent, ok, failed, versions: answersByVersion(generator.result) } })
  }, PROGRESS_MS)
  // The end of the standard input means stop; it also comes when the test that asked for the load has died.
  input.on('close', () => generator.stop())
  const result = await generator.run()
  clearInterval(progress)
  tell({ result })
  process.stdin.destroy()
}

if (import.meta.main) await main()

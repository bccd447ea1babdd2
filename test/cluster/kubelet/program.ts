/** What runs in a container: an HTTP server on the pod's address, or something that ends by itself. */
import http from 'node:http'
import http2 from 'node:http2'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { METRICS_PATH, metricsAnswer, metricsKind, RequestMetrics } from '../../pods/request-metrics.ts'
import { versionOf } from './behaviour.ts'
import { Exitable, type ProgramContext, Task } from './exitable.ts'

/** How soon a program that cannot live dies: late enough to be seen running. */
const CRASH_MS = 300
/** The longest that a timer can be, 24 days. */
const FOREVER_MS = 2_147_483_647
const HEALTH_PATH = /^\/(healthz|livez|ready|readyz|health)$/

class Server extends Exitable {
  readonly #version: string
  readonly #servers: (http.Server | http2.Http2Server)[] = []
  readonly #sessions = new Set<http2.Http2Session>()
  readonly #sockets = new Set<Socket>()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #metrics: RequestMetrics
  #requests = 0
  #busy = 0
  /** SIGTERM came: answers ask clients to close */
  #closing = false
  /** no more connections are accepted */
  #closed = false

  constructor(context: ProgramContext) {
    super(context)
    this.#version = versionOf(context.container.image)
    this.#metrics = new RequestMetrics(this.#version)
    const { behaviour } = context
    const later = (ms: number, action: () => void): void => void this.#timers.push(setTimeout(action, ms))
    later(behaviour.number('start-delay-ms', 0), () => this.#listen())
    const crashAfter = behaviour.number('crash-after-ms', -1)
    if (crashAfter >= 0) later(crashAfter, () => this.exit(behaviour.number('exit-code', 1), 'panic: gave up'))
  }

  #ports(): { name?: string; containerPort: number }[] {
    const named = (this.context.container.ports ?? []).filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
    if (named.length > 0) return named
    return this.context.mayUseDefaultPort ? [{ containerPort: 8080 }] : []
  }

  #httpServer(): http.Server {
    const server = http.createServer((request, response) => void this.#answer(request, response))
    server.keepAliveTimeout = this.context.behaviour.number('keepalive-ms', 65_000)
    return server
  }

  /** HTTP/2 without TLS, as gRPC has it. Node offers the same objects to answer with. */
  #grpcServer(): http2.Http2Server {
    const server = http2.createServer((request, response) => {
      void this.#answer(
        request as unknown as http.IncomingMessage,
        response as unknown as http.ServerResponse & http2.Http2ServerResponse,
      )
    })
    server.on('session', (session) => {
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
    })
    return server
  }

  #listen(): void {
    const { address, write } = this.context
    const ports = this.#ports()
    for (const { name, containerPort: port } of ports) {
      const server = name === 'grpc' ? this.#grpcServer() : this.#httpServer()
      server.on('connection', (socket: Socket) => {
        this.#sockets.add(socket)
        socket.on('close', () => this.#sockets.delete(socket))
        socket.on('error', () => {}) // a client that went away
      })
      server.on('error', (error: Error) => this.exit(1, `cannot listen on ${address}:${port}: ${error.message}`))
      server.listen({ host: address, port, backlog: 511 })
      this.#servers.push(server)
    }
    write(`echo-version ${this.#version} listens on ${address}:${ports.map((port) => port.containerPort).join()}`)
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://pod')
    const isProbe = (request.headers['user-agent'] ?? '').startsWith('kube-probe/')
    if (isProbe || HEALTH_PATH.test(url.pathname)) return this.#answerHealth(url.pathname, response)
    // Whoever looks must not change what is seen: mirrored requests show nowhere else.
    if (url.pathname === '/requests') return void response.end(`${this.#requests}\n`)
    if (url.pathname === METRICS_PATH) return this.#showMetrics(response)
    this.#requests++
    this.#busy++
    response.once('close', () => {
      this.#busy--
      this.#endWhenIdle()
    })
    const { behaviour } = this.context
    const started = performance.now()
    const wait = this.#waitMs(Number(url.searchParams.get('ms') ?? 0))
    if (wait > 0) await sleep(wait)
    if (!this.running) return
    const status = Math.random() * 100 < behaviour.errorPercent ? 500 : 200
    const resetAfter = behaviour.number('metrics-reset-after', Number.POSITIVE_INFINITY)
    this.#metrics.count(status, (performance.now() - started) / 1_000, resetAfter)
    this.#sayGoodbye(response)
    response.setHeader('x-version', this.#version)
    response.setHeader('x-pod', this.context.pod)
    this.#writeBody(url, status, request, response)
  }

  /** How long the answer to the latest request is held back; `askedMs` is the client's own wish. */
  #waitMs(askedMs: number): number {
    const { behaviour } = this.context
    const jitter = Math.random() * behaviour.number('jitter-ms', 0)
    const cold = this.#requests <= behaviour.number('cold-requests', 0) ? behaviour.number('cold-ms', 0) : 0
    const slow = Math.random() * 100 < behaviour.number('slow-percent', 0) ? behaviour.number('slow-ms', 0) : 0
    return behaviour.number('latency-ms', 0) + jitter + cold + slow + Math.min(60_000, askedMs)
  }

  #showMetrics(response: http.ServerResponse): void {
    const { status, headers, body } = metricsAnswer(this.#metrics, metricsKind(this.context.behaviour.text('metrics')))
    this.#sayGoodbye(response)
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
    response.end(body)
  }

  #writeBody(url: URL, status: number, request: http.IncomingMessage, response: http.ServerResponse): void {
    const { pod, environment, address, container } = this.context
    const send = (type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
      response.end(body)
    }
    if (url.pathname === '/version') return send('application/json', `${JSON.stringify({ version: this.#version })}\n`)
    if (url.pathname !== '/json') return send('text/plain', `version ${this.#version}\n`)
    const about = {
      version: this.#version,
      pod,
      address,
      image: container.image,
      environment,
      headers: request.headers,
    }
    send('application/json', `${JSON.stringify(about)}\n`)
  }

  #answerHealth(path: string, response: http.ServerResponse): void {
    const { behaviour } = this.context
    const warmingUp = Date.now() - this.startedAt < behaviour.number('ready-after-ms', 0)
    const bad = path !== '/livez' && (behaviour.readyNever || warmingUp)
    this.#sayGoodbye(response)
    response.writeHead(bad ? 503 : 200, { 'content-type': 'text/plain' })
    response.end(bad ? 'not ready\n' : 'ok\n')
  }

  #sayGoodbye(response: http.ServerResponse): void {
    if (this.#closing && response.req.httpVersionMajor === 1) response.setHeader('connection', 'close')
  }

  async terminate(): Promise<void> {
    const mode = this.context.behaviour.text('shutdown') ?? 'graceful'
    this.context.write('got SIGTERM')
    if (mode === 'ignore') return
    if (mode === 'abrupt') return this.exit(143)
    this.#closing = true
    await sleep(this.context.behaviour.number('drain-ms', 0))
    this.#closed = true
    for (const server of this.#servers) {
      server.close()
      if (server instanceof http.Server) server.closeIdleConnections()
    }
    for (const session of this.#sessions) session.close()
    this.#endWhenIdle()
  }

  #endWhenIdle(): void {
    if (!this.#closed || this.#busy > 0 || !this.running) return
    for (const socket of this.#sockets) socket.end()
    // The last answers must leave before the sockets are torn down.
    setTimeout(() => this.exit(0, 'bye'), 20)
  }

  protected release(): void {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const server of this.#servers) server.close()
    // The kernel resets the connections of a process that dies.
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}

export type Program = Exitable

export function startProgram(context: ProgramContext): Program {
  const { behaviour, role, write } = context
  const failure = behaviour.number('exit-code', 1)
  const greeting = behaviour.text('log')
  if (greeting !== undefined) write(greeting)
  if (behaviour.is('crash')) return new Task(context, CRASH_MS, failure, 'panic: cannot live')
  if (behaviour.is('oom')) return new Task(context, CRASH_MS, 137, 'needs more memory', 'OOMKilled')
  if (behaviour.is('idle')) return new Task(context, FOREVER_MS, 0, 'done')
  const runMs = behaviour.number('run-ms', 500)
  if (behaviour.is('job-fail')) return new Task(context, runMs, failure, 'the job failed')
  if (role === 'task' || behaviour.is('job-ok')) return new Task(context, runMs, 0, 'done')
  return new Server(context)
}

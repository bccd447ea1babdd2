/** Pods as real HTTP servers on the loopback interface, for demonstrations with a browser or a load generator. */
import http from 'node:http'
import net from 'node:net'
import type { Container, Pod, Probe } from '../../../src/shared/objects.ts'
import { textAt } from '../values.ts'
import type { PodHttpAnswer, PodHttpRequest } from './behaviour.ts'

type App = (request: PodHttpRequest) => PodHttpAnswer | undefined

interface Server {
  server: http.Server
  port: number
  closing: boolean
}

const HOST = '127.0.0.1'

export class RealServers {
  readonly #servers = new Map<string, Server>()

  #key(pod: Pod, port: number): string {
    return `${pod.metadata.uid ?? ''}:${port}`
  }

  /** The loopback port behind a container port, while a process listens. */
  portOf(uid: string, containerPort: number): number | undefined {
    const server = this.#servers.get(`${uid}:${containerPort}`)
    return server === undefined || server.closing ? undefined : server.port
  }

  async open(pod: Pod, container: Container, app: App): Promise<void> {
    for (const { containerPort } of container.ports ?? [{ containerPort: 8080 }]) {
      const entry: Server = { server: http.createServer(), port: 0, closing: false }
      entry.server.on('request', (request, response) => void serve(app, entry, request, response))
      await new Promise<void>((resolve) => entry.server.listen(0, HOST, resolve))
      const address = entry.server.address()
      entry.port = typeof address === 'object' && address !== null ? address.port : 0
      this.#servers.set(this.#key(pod, containerPort), entry)
    }
  }

  /** Stops listening; at once with all connections, or after the requests under way are answered. */
  close(pod: Pod, container: Container, now: boolean): void {
    for (const { containerPort } of container.ports ?? [{ containerPort: 8080 }]) {
      const key = this.#key(pod, containerPort)
      const entry = this.#servers.get(key)
      if (entry === undefined) continue
      entry.closing = true
      entry.server.close()
      entry.server.closeIdleConnections()
      if (!now) continue
      entry.server.closeAllConnections()
      this.#servers.delete(key)
    }
  }

  closeAll(): void {
    for (const { server } of this.#servers.values()) {
      server.close()
      server.closeAllConnections()
    }
    this.#servers.clear()
  }

  /** Asks as a kubelet does; the answer is why it failed. */
  async probe(pod: Pod, container: Container, probe: Probe): Promise<string | undefined> {
    const action = probe.httpGet ?? probe.tcpSocket
    if (action === undefined) return undefined
    const wanted =
      typeof action.port === 'number'
        ? action.port
        : (container.ports?.find((p) => p.name === action.port)?.containerPort ?? Number(action.port))
    const port = this.portOf(pod.metadata.uid ?? '', wanted)
    const address = `${textAt(pod, 'status', 'podIP') ?? ''}:${wanted}`
    if (port === undefined) return `dial tcp ${address}: connect: connection refused`
    const ms = (probe.timeoutSeconds ?? 1) * 1_000
    return probe.httpGet === undefined ? dial(port, ms) : ask(port, probe.httpGet.path ?? '/', ms)
  }
}

async function serve(
  app: App,
  entry: Server,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const parts: Buffer[] = []
  for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part)
  const headers = Object.fromEntries(Object.entries(request.headers).map(([key, value]) => [key, String(value)]))
  const answer = app({
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers,
    body: Buffer.concat(parts).toString(),
  })
  if (answer === undefined) {
    request.socket.destroy()
    return
  }
  if (entry.closing) response.setHeader('connection', 'close')
  response.writeHead(answer.status, answer.headers)
  response.end(answer.body)
}

function ask(port: number, path: string, ms: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = http.request(
      { host: HOST, port, path, timeout: ms, agent: false, headers: { 'user-agent': 'kube-probe/1.36' } },
      (response) => {
        response.resume()
        const { statusCode = 0 } = response
        resolve(statusCode >= 200 && statusCode < 400 ? undefined : `HTTP probe failed with statuscode: ${statusCode}`)
      },
    )
    request.on('timeout', () =>
      request.destroy(new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')),
    )
    request.on('error', (error) => resolve(error.message))
    request.end()
  })
}

function dial(port: number, ms: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: HOST, port, timeout: ms })
    socket.on('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
    socket.on('timeout', () => socket.destroy(new Error('i/o timeout')))
    socket.on('error', (error) => resolve(error.message))
  })
}

/** What kube-proxy is to a node: a loopback port per Service that forwards each connection to a ready endpoint. */
import net from 'node:net'
import type { KubeObject } from '../../../src/shared/objects.ts'
import type { World } from '../controllers/machinery.ts'
import { at, mapsAt, numberAt, textAt } from '../values.ts'
import type { RealServers } from './real-servers.ts'

const HOST = '127.0.0.1'
const SLICES = 'discovery.k8s.io/endpointslices'

interface Front {
  server: net.Server
  port: number
  /** counts connections: round robin */
  turn: number
}

export class ServiceFronts {
  readonly #world: World
  readonly #real: RealServers
  readonly #fronts = new Map<string, Front>()

  constructor(world: World, real: RealServers) {
    this.#world = world
    this.#real = real
    world.informers.on('/services', ({ type, object }) => {
      const key = `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`
      if (type !== 'DELETED') this.#open(key, object)
      else {
        this.#fronts.get(key)?.server.close()
        this.#fronts.delete(key)
      }
    })
  }

  url(namespace: string, name: string): string | undefined {
    const front = this.#fronts.get(`${namespace}/${name}`)
    return front === undefined || front.port === 0 ? undefined : `http://${HOST}:${front.port}`
  }

  closeAll(): void {
    for (const { server } of this.#fronts.values()) server.close()
    this.#fronts.clear()
  }

  #open(key: string, service: KubeObject): void {
    if (this.#fronts.has(key)) return
    const front: Front = { server: net.createServer(), port: 0, turn: 0 }
    this.#fronts.set(key, front)
    front.server.on('connection', (socket) => this.#forward(service, front, socket))
    front.server.listen(0, HOST, () => {
      const address = front.server.address()
      front.port = typeof address === 'object' && address !== null ? address.port : 0
    })
    front.server.unref()
  }

  /** Ready endpoints; when there are none, those that end but still serve. */
  #targets(service: KubeObject): number[] {
    const { namespace, name } = service.metadata
    const slices = this.#world.informers
      .list(SLICES, namespace)
      .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === name)
    const find = (wanted: (conditions: unknown) => boolean): number[] =>
      slices.flatMap((slice) =>
        mapsAt(slice, 'endpoints')
          .filter((endpoint) => wanted(endpoint['conditions']))
          .flatMap(
            (endpoint) =>
              this.#real.portOf(textAt(endpoint, 'targetRef', 'uid') ?? '', numberAt(slice, 'ports', 0, 'port') ?? 0) ??
              [],
          ),
      )
    const ready = find((conditions) => flag(conditions, 'ready'))
    return ready.length > 0
      ? ready
      : find((conditions) => flag(conditions, 'serving') && flag(conditions, 'terminating'))
  }

  #forward(service: KubeObject, front: Front, socket: net.Socket): void {
    const targets = this.#targets(service)
    const port = targets[front.turn++ % Math.max(1, targets.length)]
    socket.on('error', () => {})
    if (port === undefined) {
      // As near as an open port gets to a refused connection.
      socket.resetAndDestroy()
      return
    }
    const upstream = net.connect({ host: HOST, port })
    upstream.on('error', () => socket.resetAndDestroy())
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
    socket.pipe(upstream)
    upstream.pipe(socket)
  }
}

function flag(conditions: unknown, name: string): boolean {
  return (
    typeof conditions === 'object' &&
    conditions !== null &&
    !Array.isArray(conditions) &&
    at({ ...conditions }, name) === true
  )
}

import type { KubeObject } from '../../src/shared/objects.ts'
import { readyEndpoints } from '../invariants/snapshot.ts'
import { APP, NAMESPACE, type World } from './world.ts'

/** Time in ms that a controller may lag behind an Ingress. Nothing in its status tells when it no longer does. */
const LAG_MS = 2_000
const PREFIX = 'nginx.ingress.kubernetes.io'

export function ingressObject(): KubeObject {
  const backend = { service: { name: APP, port: { number: 80 } } }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'shop', namespace: NAMESPACE, annotations: { [`${PREFIX}/proxy-body-size`]: '8m' } },
    spec: {
      ingressClassName: 'nginx',
      tls: [{ hosts: ['shop.test'], secretName: 'shop-tls' }],
      rules: [{ host: 'shop.test', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  }
}

/** A controller that reads canary annotations, late, and sends a share where they say. */
export class IngressController {
  /** what went wrong for users, each once */
  readonly lost = new Set<string>()
  readonly #world: World
  /** shares above 0 that some proxy may still have: until when, by Service */
  readonly #late = new Map<string, number>()
  #now: string | undefined

  constructor(world: World) {
    this.#world = world
    world.emulator.create(ingressObject(), 'kubectl')
    world.emulator.observe(() => this.#look())
  }

  get main(): KubeObject {
    const found = this.#world.emulator.get('ingresses', NAMESPACE, 'shop')
    if (found === undefined) throw new Error('no Ingress')
    return found
  }

  get canary(): KubeObject | undefined {
    return this.#world.emulator.get('ingresses', NAMESPACE, 'shop-canary')
  }

  get weight(): string | undefined {
    return this.canary?.metadata.annotations?.[`${PREFIX}/canary-weight`]
  }

  #look(): void {
    const at = this.#world.clock.now()
    const shared = Number(this.weight ?? 0) > 0 ? `${APP}-canary` : undefined
    if (this.#now !== undefined && shared !== this.#now) this.#late.set(this.#now, at + LAG_MS)
    this.#now = shared
    const led = [shared, ...[...this.#late].flatMap(([service, until]) => (until > at ? [service] : []))]
    for (const service of led) {
      if (service === undefined || readyEndpoints(this.#world.snapshot(), NAMESPACE, service) > 0) continue
      this.lost.add(`a share leads to Service ${service}, which has no endpoint`)
    }
  }
}

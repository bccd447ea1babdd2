/**
 * Looks at a cluster from outside and only looks: it lists and watches, keeps the last state of everything, and judges
 * each change by the invariants.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConfigMap, Deployment, KubeObject, Lease, Pod, ReplicaSet, Service } from '../../src/shared/objects.ts'
import { type Breach, Ledger } from '../invariants/ledger.ts'
import { type Expectations, violations } from '../invariants/rules.ts'
import { type EndpointSlice, readyEndpoints, type Snapshot } from '../invariants/snapshot.ts'
import type { Client } from './client.ts'

/** Some rules are about time: a pod becomes serving, and a breach gets too long, without any event. */
const TICK_MS = 100

export interface EndpointCount {
  /** milliseconds since 1970 */
  at: number
  ready: number
}

/** Objects of one kind in one namespace, as the watch last told. */
class Mirror<T extends KubeObject> {
  readonly #items = new Map<string, T>()

  get items(): T[] {
    return [...this.#items.values()]
  }

  async run(client: Client, path: string, changed: () => void, signal: AbortSignal): Promise<void> {
    const key = ({ metadata }: T): string => metadata.uid ?? ''
    await client.follow<T>(
      path,
      '',
      {
        replace: (items) => {
          this.#items.clear()
          // A list leaves kind and version of its items out.
          for (const item of items) this.#items.set(key(item), item)
          changed()
        },
        change: (kind, item) => {
          if (kind === 'DELETED') this.#items.delete(key(item))
          else this.#items.set(key(item), item)
          changed()
        },
      },
      signal,
    )
  }
}

export class Observer {
  readonly #client: Client
  readonly #namespace: string
  readonly #ending = new AbortController()
  readonly #ledger = new Ledger()
  readonly #endpoints = new Map<string, EndpointCount[]>()
  readonly #waiting = new Set<() => void>()
  readonly #deployments = new Mirror<Deployment>()
  readonly #replicaSets = new Mirror<ReplicaSet>()
  readonly #pods = new Mirror<Pod>()
  readonly #services = new Mirror<Service>()
  readonly #slices = new Mirror<EndpointSlice>()
  readonly #configMaps = new Mirror<ConfigMap>()
  readonly #leases = new Mirror<Lease>()
  #expectations: Expectations = { workloads: [], services: [] }
  #running: Promise<unknown> = Promise.resolve()
  /** a picture with parts missing is not looked at */
  #complete = false

  constructor(client: Client, namespace: string) {
    this.#client = client
    this.#namespace = namespace
  }

  /** Resolves when everything has been listed once. */
  async start(): Promise<this> {
    const core = `/api/v1/namespaces/${this.#namespace}`
    const apps = `/apis/apps/v1/namespaces/${this.#namespace}`
    const discovery = `/apis/discovery.k8s.io/v1/namespaces/${this.#namespace}`
    const coordination = `/apis/coordination.k8s.io/v1/namespaces/${this.#namespace}`
    const starting: Promise<void>[] = []
    const running: Promise<void>[] = []
    const follow = <T extends KubeObject>(mirror: Mirror<T>, path: string): void => {
      const listed = Promise.withResolvers<void>()
      starting.push(listed.promise)
      const changed = (): void => {
        listed.resolve()
        this.#look()
      }
      running.push(mirror.run(this.#client, path, changed, this.#ending.signal))
    }
    follow(this.#deployments, `${apps}/deployments`)
    follow(this.#replicaSets, `${apps}/replicasets`)
    follow(this.#pods, `${core}/pods`)
    follow(this.#services, `${core}/services`)
    follow(this.#slices, `${discovery}/endpointslices`)
    follow(this.#configMaps, `${core}/configmaps`)
    follow(this.#leases, `${coordination}/leases`)
    await Promise.all(starting)
    this.#complete = true
    this.#look()
    this.#running = Promise.all([...running, this.#tick()])
    return this
  }

  async #tick(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      this.#look()
      await sleep(TICK_MS)
    }
  }

  /** From now on this must hold; replaces what was expected before. */
  expect(expectations: Expectations): void {
    this.#expectations = expectations
    this.#look()
  }

  snapshot(): Snapshot {
    return {
      at: Date.now(),
      deployments: this.#deployments.items.map((item) => ({ ...item, kind: 'Deployment' })),
      replicaSets: this.#replicaSets.items,
      pods: this.#pods.items,
      services: this.#services.items.map((item) => ({ ...item, kind: 'Service' })),
      endpointSlices: this.#slices.items,
      configMaps: this.#configMaps.items,
      leases: this.#leases.items,
    }
  }

  #look(): void {
    if (!this.#complete) return
    const snapshot = this.snapshot()
    this.#ledger.note(snapshot.at, violations(snapshot, this.#expectations))
    for (const { metadata } of snapshot.services) this.#countEndpoints(snapshot, metadata.name ?? '')
    for (const wake of this.#waiting) wake()
  }

  #countEndpoints(snapshot: Snapshot, service: string): void {
    const ready = readyEndpoints(snapshot, this.#namespace, service)
    const counts = this.#endpoints.get(service) ?? []
    if (counts.at(-1)?.ready !== ready) counts.push({ at: snapshot.at, ready })
    this.#endpoints.set(service, counts)
  }

  /** Every change of the number of ready endpoints. */
  endpoints(service: string): readonly EndpointCount[] {
    return this.#endpoints.get(service) ?? []
  }

  /** The fewest ready endpoints that a Service had since the given time. */
  fewestEndpoints(service: string, since = 0): number {
    const counts = this.endpoints(service)
    const later = counts.filter(({ at }) => at >= since)
    const before = counts.findLast(({ at }) => at < since)
    return Math.min(...[...(before === undefined ? [] : [before]), ...later].map(({ ready }) => ready))
  }

  get breaches(): readonly Breach[] {
    return this.#ledger.breaches
  }

  /** Waits for a state of the cluster; rejects after `timeoutMs`. */
  async until(what: string, test: (snapshot: Snapshot) => boolean, timeoutMs = 30_000): Promise<Snapshot> {
    const { promise, resolve, reject } = Promise.withResolvers<Snapshot>()
    const look = (): void => {
      const snapshot = this.snapshot()
      if (test(snapshot)) resolve(snapshot)
    }
    const timer = setTimeout(() => reject(new Error(`waited ${timeoutMs} ms in vain until ${what}`)), timeoutMs)
    this.#waiting.add(look)
    try {
      look()
      return await promise
    } finally {
      this.#waiting.delete(look)
      clearTimeout(timer)
    }
  }

  async stop(): Promise<readonly Breach[]> {
    this.#ending.abort()
    await this.#running
    return this.breaches
  }
}

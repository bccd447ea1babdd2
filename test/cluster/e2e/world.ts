/**
 * What an end-to-end test works with: a namespace of its own in a real cluster, kubectl, load, an observer. Begins and
 * ends with the test file.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll } from 'vitest'
import type { Deployment, KubeObject, Pod, Service } from '../../../src/shared/objects.ts'
import { APPLY_PATCH, Client, type ListOf } from '../client.ts'
import { type Cluster, openCluster } from '../cluster.ts'
import { type Load, type LoadOptions, startLoad } from '../load.ts'
import { assertInside } from '../network.ts'
import { Observer } from '../observer.ts'
import { PROMETHEUS_PROXY_PATH, queryPrometheus, type Sample, startPrometheus } from '../prometheus.ts'
import { installDefinitions, ROUTER_SETTLES_MS, ROUTER_URL, startTraefik } from '../routers.ts'
import type { DefinitionSet } from '../traffic.ts'
import { type Proxy, startProxy } from './proxy.ts'

/** False on a cluster that was given by KUBECONFIG: no audit log, no parts to stop, pods are real containers. */
export const ownCluster = process.env['HEADGATE_E2E_CLUSTER'] !== undefined

/** False where Traefik could not be fetched; tests of traffic routers are skipped then. */
export const hasTraefik = ownCluster && process.env['HEADGATE_E2E_TRAEFIK'] !== undefined

/** False where `prepare.sh` could not bring Prometheus. */
export const hasPrometheus = ownCluster && process.env['HEADGATE_E2E_PROMETHEUS'] !== undefined

/** Where users come in: the name of a Service, or what they ask the test router for. */
export type Door = string | { host: string; path?: string; headers?: Record<string, string> }

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; annotations?: Record<string, string>; labels?: Record<string, string> }
  [field: string]: unknown
}

export interface ProgramResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs a program to its end and keeps what it wrote. */
export function runProgram(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; input?: string; cwd?: string; timeoutMs?: number } = {},
): Promise<ProgramResult> {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    timeout: options.timeoutMs ?? 120_000,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => {}) // a program that does not read its input
  child.stdin.end(options.input ?? '')
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }))
  })
}

export class World {
  readonly namespace: string
  readonly api: Client
  readonly #cluster: Cluster | undefined
  readonly #observers: Observer[] = []
  readonly #loads: Load[] = []
  readonly #proxy: Proxy | undefined

  constructor(namespace: string, api: Client, cluster: Cluster | undefined, proxy: Proxy | undefined) {
    this.namespace = namespace
    this.api = api
    this.#cluster = cluster
    this.#proxy = proxy
  }

  /** The test cluster itself: audit log, parts to stop and start. */
  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error('this test needs the test cluster')
    return this.#cluster
  }

  get kubeconfig(): string {
    return process.env['HEADGATE_E2E_KUBECONFIG'] ?? ''
  }

  async tryKubectl(...args: string[]): Promise<ProgramResult> {
    const common = [`--kubeconfig=${this.kubeconfig}`, `--namespace=${this.namespace}`]
    return runProgram(process.env['HEADGATE_E2E_KUBECTL'] ?? 'kubectl', [...common, ...args])
  }

  /** Standard output of a kubectl that must succeed. */
  async kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryKubectl(...args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}: ${stderr}`)
    return stdout
  }

  path(resource: string, name?: string, group = 'api/v1'): string {
    return `/${group}/namespaces/${this.namespace}/${resource}${name === undefined ? '' : `/${name}`}`
  }

  /** Path of objects of a kind in this namespace. */
  pathOf({ apiVersion, kind }: { apiVersion: string; kind: string }, name?: string): string {
    const plural = `${kind.toLowerCase()}${kind.endsWith('s') ? 'es' : 's'}`
    return this.path(plural, name, apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`)
  }

  /** Server-side apply of one object, as a person who is not Headgate. */
  async apply(object: Manifest): Promise<void> {
    const path = this.pathOf(object, object.metadata.name)
    await this.api.call('PATCH', `${path}?fieldManager=somebody&force=true`, { body: object, type: APPLY_PATCH })
  }

  deployment(name: string): Promise<Deployment> {
    return this.api.get(this.path('deployments', name, 'apis/apps/v1'))
  }

  service(name: string): Promise<Service> {
    return this.api.get(this.path('services', name))
  }

  async list<T extends KubeObject>(resource: string, group = 'api/v1'): Promise<T[]> {
    return (await this.api.get<ListOf<T>>(this.path(resource, undefined, group))).items
  }

  pods(): Promise<Pod[]> {
    return this.list<Pod>('pods')
  }

  /** Address at which this process reaches a Service as its users do. */
  async serviceUrl(name: string): Promise<string> {
    const { clusterIP, ports } = (await this.service(name)).spec
    const [port] = ports ?? []
    if (this.#proxy === undefined) return `http://${clusterIP}:${port?.port ?? 80}/`
    // Outside of the cluster the way leads through the API server, which picks an endpoint by itself.
    const target = port?.name === undefined ? name : `${name}:${port.name}`
    return `${this.#proxy.base}${this.path('services', target)}/proxy/`
  }

  /** The API server takes objects of these routers from now on. */
  installDefinitions(sets: readonly DefinitionSet[]): Promise<void> {
    return installDefinitions(this.cluster, sets)
  }

  /** From now on Traefik acts on HTTPRoutes, ingress-nginx's Ingresses and its own objects. It stays for later files. */
  startTraefik(): Promise<void> {
    return startTraefik(this.cluster)
  }

  /** From now on Prometheus asks all pods every two seconds. It stays for later files. */
  startPrometheus(): Promise<void> {
    return startPrometheus(this.cluster)
  }

  /** What Prometheus answers through its Service; `NAMESPACE` in the query stands for this namespace. */
  query(query: string): Promise<Sample[]> {
    return queryPrometheus(this.api, query.replaceAll('NAMESPACE', this.namespace), PROMETHEUS_PROXY_PATH)
  }

  /** Until whatever was changed before counts for every request; nothing in the objects' status tells. */
  async routerSettles(): Promise<void> {
    await sleep(ROUTER_SETTLES_MS)
  }

  /** A host name that no other test uses: all share one Traefik. */
  host(name = 'web'): string {
    return `${name}.${this.namespace}.test`
  }

  /**
   * Starts a load on a Service or through the router, after there was an answer once: a new Service refuses connections
   * for up to a second, a new route is not known (404) for up to two.
   */
  async load(door: Door, options: Omit<LoadOptions, 'url'> = {}): Promise<Load> {
    const { url, headers } = await this.#way(door)
    const deadline = Date.now() + 10_000
    while (!(await answers(url, headers))) {
      if (Date.now() > deadline) throw new Error(`${url} ${headers['host'] ?? ''} does not answer`)
      await sleep(50)
    }
    return this.loadUrl(url, { ...options, headers: { ...headers, ...options.headers } })
  }

  async #way(door: Door): Promise<{ url: string; headers: Record<string, string> }> {
    if (typeof door === 'string') return { url: await this.serviceUrl(door), headers: {} }
    const { host, path = '/', headers } = door
    return { url: `${ROUTER_URL}${path}`, headers: { ...headers, host } }
  }

  /** How many requests the pods of an app have got so far, by image tag: also those whose answers nobody waits for. */
  async requestsOf(app: string): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { metadata, spec } of await this.pods()) {
      if (metadata.labels?.['app'] !== app) continue
      const answer = await this.api.ask('GET', this.path('pods', `${metadata.name}:8080/proxy/requests`))
      const version = spec?.containers[0]?.image?.split(':').at(-1) ?? ''
      counts[version] = (counts[version] ?? 0) + Number(answer.text)
    }
    return counts
  }

  /** Starts a load on the pods that now have these labels, each in turn, whatever Services and routes say. */
  async loadPods(labels: Record<string, string>, options: Omit<LoadOptions, 'url'> = {}): Promise<Load> {
    const chosen = (await this.pods()).filter(({ metadata, status }) => {
      const isWanted = Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value)
      return isWanted && status?.podIP !== undefined && metadata.deletionTimestamp === undefined
    })
    const urls = chosen.map((pod) => this.#podUrl(pod))
    const [url] = urls
    if (url === undefined) throw new Error(`no pod has the labels ${JSON.stringify(labels)}`)
    return this.loadUrl(url, { ...options, urls })
  }

  #podUrl({ metadata, spec, status }: Pod): string {
    const port = spec?.containers.flatMap(({ ports }) => ports ?? [])[0]?.containerPort ?? 8080
    if (this.#proxy === undefined) return `http://${status?.podIP}:${port}/`
    return `${this.#proxy.base}${this.path('pods', `${metadata.name}:${port}`)}/proxy/`
  }

  loadUrl(url: string, options: Omit<LoadOptions, 'url'> = {}): Load {
    const load = startLoad({ ...options, url })
    this.#loads.push(load)
    return load
  }

  /** Begins to look at the namespace. */
  async observe(): Promise<Observer> {
    const client = this.#cluster?.client('observer', 'test-observer') ?? this.api
    const observer = new Observer(client, this.namespace)
    this.#observers.push(observer)
    return observer.start()
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#loads.map((load) => load.stop()))
    await Promise.all(this.#observers.map((observer) => observer.stop()))
    await this.api.ask('DELETE', `/api/v1/namespaces/${this.namespace}`)
    this.api.close()
    this.#proxy?.stop()
  }
}

function answers(url: string, headers: Record<string, string>): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false, timeout: 1_000, headers }, (response) => {
      response.resume()
      const { statusCode = 500 } = response
      resolve(statusCode < 500 && statusCode !== 404)
    })
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(false))
  })
}

/** A world in a new namespace; whoever opens it ends it. */
export async function openWorld(name: string): Promise<World> {
  const folder = process.env['HEADGATE_E2E_CLUSTER']
  const cluster = folder === undefined ? undefined : openCluster(folder)
  if (cluster !== undefined) assertInside('end-to-end tests')
  const proxy = cluster === undefined ? await startProxy() : undefined
  const userAgent = 'test-harness'
  const api = cluster?.client('admin', userAgent) ?? new Client({ server: proxy?.base ?? '', userAgent })
  const namespace = `${name}-${randomBytes(3).toString('hex')}`
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }
  await api.call('POST', '/api/v1/namespaces', { body })
  const world = new World(namespace, api, cluster, proxy)
  await untilUsable(world)
  return world
}

/** A world for the tests of this file. Nothing happens before the first test. */
export function useWorld(name: string): () => World {
  let world: World | undefined
  beforeAll(async () => {
    world = await openWorld(name)
  })
  afterAll(() => world?.end())
  return () => {
    if (world === undefined) throw new Error('there is no world before the first test')
    return world
  }
}

/** Pods are refused until the namespace's default account exists. */
async function untilUsable(world: World): Promise<void> {
  const deadline = Date.now() + 20_000
  while ((await world.api.find(world.path('serviceaccounts', 'default'))) === undefined) {
    if (Date.now() > deadline) throw new Error(`namespace ${world.namespace} got no account`)
    await sleep(20)
  }
}

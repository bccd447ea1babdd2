/**
 * Traefik under the harness: that it divides as it is told, and that the harness counts what came of it. What is said here
 * of Traefik is what its users would see, good or bad; README.md has it as a list.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import type { KubeObject, Pod } from '../../../src/shared/objects.ts'
import type { ListOf } from '../client.ts'
import { answersByVersion, type LoadOptions, type LoadResult } from '../load.ts'
import { ROUTER_URL } from '../routers.ts'
import { echoDeployment, echoService } from './echo.ts'
import {
  grpcRoute,
  httpRoute,
  ingressRoute,
  mirroringService,
  nginxIngress,
  routeRule,
  weightedService,
} from './routes.ts'
import { type Door, hasTraefik, type Manifest, useWorld } from './world.ts'

const OLD = '0.1.0'
const NEW = '0.2.0'
const PORTS = [
  { name: 'http', containerPort: 8080 },
  { name: 'grpc', containerPort: 9090 },
]
/** Good for every weight used here: whole turns, so that shares come out exactly. */
const REQUESTS = 200

const world = useWorld('routers')

/** Shares are exact only while nothing changes: endpoints that come or go anywhere begin the turns of all routes anew. */
async function earlierTestsAreGone(): Promise<void> {
  const deadline = Date.now() + 40_000
  for (;;) {
    const { items } = await world().api.get<ListOf<KubeObject>>('/api/v1/namespaces')
    if (items.every(({ metadata }) => metadata.deletionTimestamp === undefined)) return
    if (Date.now() > deadline) throw new Error('namespaces of earlier tests are still there')
    await sleep(500)
  }
}

/** Applies objects and waits until they count. */
async function given(...objects: Manifest[]): Promise<void> {
  for (const object of objects) await world().apply(object)
  await world().routerSettles()
}

async function ask(door: Door, options: Omit<LoadOptions, 'url'> = {}): Promise<LoadResult> {
  return (await world().load(door, { rate: 400, count: REQUESTS, ...options })).done
}

async function shares(door: Door, options: Omit<LoadOptions, 'url'> = {}): Promise<Record<string, number>> {
  const result = await ask(door, options)
  expect(result).toMatchObject({ failed: 0, reasons: {} })
  return answersByVersion(result)
}

interface Route extends KubeObject {
  status?: { parents: { conditions: { type: string; status: string; observedGeneration: number }[] }[] }
}

async function conditions(route: string): Promise<Record<string, string>> {
  const path = world().path('httproutes', route, 'apis/gateway.networking.k8s.io/v1')
  const [parent] = (await world().api.get<Route>(path)).status?.parents ?? []
  return Object.fromEntries((parent?.conditions ?? []).map(({ type, status }) => [type, status]))
}

function podsOf(pods: readonly Pod[], app: string): Pod[] {
  return pods.filter(({ metadata }) => metadata.labels?.['app'] === app)
}

describe.runIf(hasTraefik)('through Traefik', () => {
  beforeAll(async () => {
    await earlierTestsAreGone()
    await world().startTraefik()
    for (const [name, version, replicas] of [
      ['stable', OLD, 2],
      ['canary', NEW, 1],
    ] as const) {
      await world().apply(echoDeployment({ name, version, replicas, container: { ports: PORTS } }))
      await world().apply(echoService(name))
      await world().apply(echoService(`${name}-grpc`, { app: name, targetPort: 'grpc' }))
    }
    for (const name of ['stable', 'canary'])
      await world().kubectl('rollout', 'status', `deployment/${name}`, '--timeout=30s')
  })

  test('an HTTPRoute divides exactly, new connections and kept ones alike', async () => {
    const host = world().host()
    await given(httpRoute('web', host, [routeRule({ stable: 90, canary: 10 })]))
    expect(await shares({ host })).toEqual({ [OLD]: 180, [NEW]: 20 })
    expect(await shares({ host }, { keepAlive: true })).toEqual({ [OLD]: 180, [NEW]: 20 })
    expect(await conditions('web')).toEqual({ Accepted: 'True', ResolvedRefs: 'True' })
  })

  test('a change of weights counts within two seconds, also right after another one, and no request is lost', async () => {
    const host = world().host('change')
    const weigh = (stable: number, canary: number): Manifest =>
      httpRoute('change', host, [routeRule({ stable, canary })])
    await given(weigh(100, 0))
    const load = await world().load({ host }, { rate: 200, seconds: 30 })
    await load.until(({ ok }) => ok > 0)
    await world().apply(weigh(50, 50))
    await given(weigh(0, 100))
    const settled = Date.now()
    const { sent } = load.counts
    await load.until((counts) => counts.sent > sent + 200)
    const result = await load.stop()
    expect(result).toMatchObject({ failed: 0, reasons: {}, statuses: { 200: result.sent } })
    expect(Object.keys(result.versions)).toEqual([OLD, NEW])
    expect(result.versions[OLD]?.last).toBeLessThan(settled)
  })

  test('an HTTPRoute leads by header, cookie and query, also by regular expressions', async () => {
    const host = world().host('match')
    const cookie = '^(?:.*;\\s*)?uid=a[0-9]+(?:;.*)?$'
    const matches = [
      { headers: [{ name: 'x-canary', value: 'always' }] },
      { headers: [{ name: 'cookie', type: 'RegularExpression', value: cookie }] },
      { queryParams: [{ name: 'beta', type: 'RegularExpression', value: '^[0-4]$' }] },
    ]
    await given(httpRoute('match', host, [routeRule({ canary: 1 }, { matches }), routeRule({ stable: 1 })]))
    const users = {
      nobody: {},
      tester: { 'x-canary': 'always' },
      other: { 'x-canary': 'never' },
      chosen: { cookie: 'theme=dark; uid=a12; lang=en' },
      left: { cookie: 'theme=dark; uid=b12' },
    }
    const answered = await ask({ host }, { users })
    expect(answered.users).toEqual({
      nobody: { [OLD]: 40 },
      tester: { [NEW]: 40 },
      other: { [OLD]: 40 },
      chosen: { [NEW]: 40 },
      left: { [OLD]: 40 },
    })
    expect(await shares({ host, path: '/?beta=3' })).toEqual({ [NEW]: REQUESTS })
    expect(await shares({ host, path: '/?beta=7' })).toEqual({ [OLD]: REQUESTS })
  })

  test('a GRPCRoute divides exactly, to pods that speak HTTP/2', async () => {
    const host = world().host('grpc')
    await given(grpcRoute('grpc', host, [routeRule({ 'stable-grpc': 90, 'canary-grpc': 10 })]))
    expect(await shares({ host, path: '/echo.Echo/Say' })).toEqual({ [OLD]: 180, [NEW]: 20 })
  })

  test('an Ingress of ingress-nginx divides by weight, header and cookie, for all hosts of the same Service', async () => {
    const host = world().host('nginx')
    const choice = { 'canary-weight': '20', 'canary-by-header': 'x-canary', 'canary-by-cookie': 'beta' }
    await given(
      nginxIngress('nginx', host, 'stable'),
      nginxIngress('nginx-canary', host, 'canary', { canary: 'true', ...choice }),
      nginxIngress('neighbour', world().host('neighbour'), 'stable'),
    )
    expect(await shares({ host })).toEqual({ [OLD]: 160, [NEW]: 40 })
    const users = {
      always: { cookie: 'beta=always' },
      never: { cookie: 'beta=never' },
      both: { 'x-canary': 'never', cookie: 'beta=always' },
    }
    const answered = await ask({ host }, { users, count: 30 })
    expect(answered.users).toEqual({ always: { [NEW]: 10 }, never: { [OLD]: 10 }, both: { [OLD]: 10 } })
    // Traefik keeps a canary by the Service that it stands beside; ingress-nginx keeps it by host and path.
    expect(await shares({ host: world().host('neighbour') })).toEqual({ [OLD]: 160, [NEW]: 40 })
  })

  test('IngressRoute and TraefikService divide exactly, the second also behind an HTTPRoute', async () => {
    const [direct, named, behind] = [world().host('direct'), world().host('named'), world().host('behind')]
    const reference = { group: 'traefik.io', kind: 'TraefikService', name: 'shares', port: 80 }
    await given(
      ingressRoute('direct', direct, { stable: 60, canary: 40 }),
      weightedService('shares', { stable: 75, canary: 25 }),
      ingressRoute('named', named, 'shares'),
      httpRoute('behind', behind, [{ backendRefs: [reference] }]),
    )
    expect(await shares({ host: direct })).toEqual({ [OLD]: 120, [NEW]: 80 })
    expect(await shares({ host: named })).toEqual({ [OLD]: 150, [NEW]: 50 })
    expect(await shares({ host: behind })).toEqual({ [OLD]: 150, [NEW]: 50 })
  })

  test('a TraefikService mirrors a share of the requests, and pods tell how many they got', async () => {
    const host = world().host('mirror')
    await given(mirroringService('mirror', 'stable', { canary: 50 }), ingressRoute('mirror', host, 'mirror'))
    const before = await world().requestsOf('canary')
    const result = await world().loadUrl(ROUTER_URL, { rate: 400, count: REQUESTS, headers: { host } }).done
    expect(answersByVersion(result)).toEqual({ [OLD]: REQUESTS })
    await expect.poll(() => world().requestsOf('canary')).toEqual({ [NEW]: (before[NEW] ?? 0) + REQUESTS / 2 })
  })

  test('a RequestMirror breaks an HTTPRoute, which calls itself accepted all the same', async () => {
    const host = world().host('unmirrored')
    const filters = [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'canary', port: 80 } } }]
    await given(httpRoute('unmirrored', host, [routeRule({ stable: 1 }, { filters })]))
    const before = await world().requestsOf('canary')
    const result = await world().loadUrl(ROUTER_URL, { rate: 400, count: 20, headers: { host } }).done
    expect(result).toMatchObject({ ok: 0, failed: 20, statuses: { 500: 20 }, reasons: { 'HTTP 500': 20 } })
    expect(await conditions('unmirrored')).toEqual({ Accepted: 'True', ResolvedRefs: 'True' })
    expect(await world().requestsOf('canary')).toEqual(before)
  })

  test('no request is lost while pods are replaced', async () => {
    const host = world().host('replaced')
    const app = (version: string): Manifest => echoDeployment({ name: 'replaced', version, replicas: 2 })
    await given(app(OLD), echoService('replaced'), httpRoute('replaced', host, [routeRule({ replaced: 1 })]))
    const load = await world().load({ host }, { rate: 100, seconds: 60 })
    const observer = await world().observe()
    await load.until(({ ok }) => ok > 0)
    await world().apply(app(NEW))
    await world().kubectl('rollout', 'status', 'deployment/replaced', '--timeout=30s')
    await observer.until('the old pods are gone', ({ pods }) => podsOf(pods, 'replaced').length === 2)
    await world().routerSettles()
    const result = await load.stop()
    expect(result).toMatchObject({ failed: 0, reasons: {}, statuses: { 200: result.sent } })
    expect(Object.keys(result.versions)).toEqual([OLD, NEW])
  })

  test('each kind of router has its own way with a Service whose pods have gone', async () => {
    const weights = { stable: 50, empty: 50 }
    await world().apply(echoDeployment({ name: 'empty', version: NEW, replicas: 1, container: { lifecycle: null } }))
    await world().apply(echoService('empty'))
    await world().kubectl('rollout', 'status', 'deployment/empty', '--timeout=30s')
    const [route, ingress, own] = [world().host('lost-route'), world().host('lost-nginx'), world().host('lost-own')]
    await given(
      echoService('kept', { app: 'stable' }),
      httpRoute('lost', route, [routeRule(weights)]),
      nginxIngress('lost', ingress, 'kept'),
      nginxIngress('lost-canary', ingress, 'empty', { canary: 'true', 'canary-weight': '50' }),
      ingressRoute('lost', own, weights),
    )
    const half = { [OLD]: 100, [NEW]: 100 }
    for (const host of [route, ingress, own]) expect(await shares({ host })).toEqual(half)
    await world().kubectl('scale', 'deployment/empty', '--replicas=0')
    const observer = await world().observe()
    await observer.until('the pod is gone', ({ pods }) => podsOf(pods, 'empty').length === 0)
    await world().routerSettles()
    const asked = async (host: string): Promise<Record<string, number>> =>
      (await world().loadUrl(ROUTER_URL, { rate: 400, count: REQUESTS, headers: { host } }).done).statuses
    expect(await asked(route)).toEqual({ 200: 100, 503: 100 })
    expect(await asked(ingress)).toEqual({ 200: REQUESTS })
    // Not only the share of the Service without pods: the whole route is dropped.
    expect(await asked(own)).toEqual({ 404: REQUESTS })
  })
})

describe.runIf(hasTraefik)('routers that are not there', () => {
  test('have their objects checked and kept by the API server', async () => {
    await world().installDefinitions(['istio', 'aws'])
    const destination = (subset: string, weight: unknown): object => ({ destination: { host: 'web', subset }, weight })
    const virtual = (weight: unknown): Manifest => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'web' },
      spec: { hosts: ['web'], http: [{ route: [destination('stable', weight), destination('canary', 10)] }] },
    })
    await world().apply(virtual(90))
    await expect(world().apply(virtual('most'))).rejects.toThrow('expected numeric')
    await world().apply({
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'web' },
      spec: { host: 'web', subsets: [{ name: 'stable', labels: { app: 'web' } }] },
    })
    await world().apply({
      apiVersion: 'elbv2.k8s.aws/v1beta1',
      kind: 'TargetGroupBinding',
      metadata: { name: 'web' },
      spec: { targetGroupARN: 'arn:of-a-test', targetType: 'ip', serviceRef: { name: 'web', port: 80 } },
    })
    const kept = await world().kubectl('get', 'virtualservices,destinationrules,targetgroupbindings', '--output=name')
    expect(kept.trim().split('\n')).toHaveLength(3)
  })
})

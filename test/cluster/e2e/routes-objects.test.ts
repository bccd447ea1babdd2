/**
 * Objects of every kind of route against the definitions of their routers, whether anything here reads them or not: what
 * is written is accepted by the letter of the schema, kept whole, and taken back.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { ALL_ROUTERS, routerNamed } from '../../../src/routers/all.ts'
import {
  allObjects,
  changes,
  covers,
  type Match,
  type Pin,
  type Route,
  type Router,
  type RouterName,
  type Split,
  type Sticky,
} from '../../../src/routers/router.ts'
import { type KubeObject, keyOf, refOf } from '../../../src/shared/objects.ts'
import { NEW, OLD, onRoute, type Way } from './routed.ts'
import { grpcRoute, httpRoute, ingressRoute, nginxIngress, routeRule, weightedService } from './routes.ts'
import { APP, type Stage } from './stage.ts'
import { hasTraefik, type Manifest, useWorld } from './world.ts'

const world = useWorld('objects')
const CANARY = `${APP}-canary`
const TO_APP = { [APP]: 1 }
const ACTION = 'alb.ingress.kubernetes.io/actions.web'
const PATCH = 'application/json-patch+json'

function layerFour(kind: 'TLSRoute' | 'TCPRoute'): Manifest {
  const spec = {
    parentRefs: [{ name: 'web', namespace: 'gateway' }],
    ...(kind === 'TLSRoute' ? { hostnames: ['web.test'] } : {}),
    rules: [routeRule(TO_APP)],
  }
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata: { name: 'web' }, spec }
}

function virtualService(name = 'web'): Manifest {
  const route = (host: string): object[] => [{ destination: { host, port: { number: 80 } } }]
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name },
    spec: {
      hosts: ['web.test', APP],
      http: [
        { match: [{ uri: { prefix: '/static' } }], route: route('static') },
        {
          name: 'main',
          timeout: '5s',
          retries: { attempts: 2, perTryTimeout: '2s' },
          headers: { response: { set: { 'x-via': 'mesh' } } },
          route: route(APP),
        },
      ],
    },
  }
}

const DESTINATION: Manifest = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'web' },
  spec: {
    host: APP,
    trafficPolicy: { connectionPool: { http: { http1MaxPendingRequests: 100 } }, outlierDetection: { interval: '5s' } },
    subsets: [{ name: 'main', labels: { app: APP } }],
  },
}

function albIngress(): Manifest {
  const forward = { targetGroups: [{ serviceName: APP, servicePort: 80, weight: 100 }] }
  const backend = { service: { name: 'web', port: { name: 'use-annotation' } } }
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'web', annotations: { [ACTION]: JSON.stringify({ type: 'forward', forwardConfig: forward }) } },
    spec: {
      ingressClassName: 'alb',
      rules: [{ host: 'web.test', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  }
}

const GENERIC = { stable: 'spec.weighted.services[0].weight', canary: 'spec.weighted.services[1].weight', total: 100 }

const COHORT: Match[] = [
  [{ kind: 'header', name: 'x-canary', values: ['always'] }],
  [{ kind: 'header', name: 'x-team', values: ['shop', 'o\'neil; "a"'] }],
  [
    { kind: 'cookie', name: 'staff', values: ['1', '2'] },
    { kind: 'language', values: ['de', 'fr-CA'] },
  ],
  [{ kind: 'query', name: 'beta', values: ['1', 'on'] }],
]
const ONE: Match[] = [[{ kind: 'header', name: 'x-canary', values: ['always'] }]]
const MESH: Match[] = [
  ...COHORT,
  [{ kind: 'port', port: 8080 }],
  [{ kind: 'source', labels: { app: 'tester', 'team.test/name': 'shop' } }],
]
const BUCKET: Sticky = { by: 'bucket', source: 'cookie', name: 'uid', offset: 250 }
const OWN: Sticky = { by: 'router', name: 'side' }
const PIN: Pin = {
  id: 'a1b2c3d4',
  services: { [APP]: `${APP}-a1b2c3d4` },
  header: 'x-deployment-id',
  query: 'dpl',
  cookie: 'dpl',
}

interface Asked {
  title: string
  router: RouterName
  route: Manifest
  related?: Manifest[]
  /** beside the shares 0, 10, 50 and 100 */
  more?: Partial<Split>[]
}

const WHOLE = [{ match: COHORT }, { sticky: BUCKET }, { match: ONE, sticky: BUCKET }, { pins: [PIN] }]
const ALL = { match: COHORT, pins: [PIN], mirror: 20 }

const CASES: Asked[] = [
  {
    title: 'HTTPRoute',
    router: 'gateway-api',
    route: httpRoute('web', 'web.test', [routeRule(TO_APP, { timeouts: { request: '5s' } })]),
    more: [...WHOLE, { mirror: 20 }, { mirror: 100 }, ALL],
  },
  {
    title: 'GRPCRoute',
    router: 'gateway-api',
    route: grpcRoute('web', 'web.test', [
      routeRule(TO_APP, { matches: [{ method: { service: 'echo.Echo', method: 'Say' } }] }),
    ]),
    more: [
      { match: COHORT.slice(0, 3) },
      { sticky: BUCKET },
      { mirror: 20 },
      { pins: [{ id: PIN.id, services: PIN.services, header: 'x-deployment-id' }] },
    ],
  },
  { title: 'TLSRoute', router: 'gateway-api', route: layerFour('TLSRoute') },
  { title: 'TCPRoute', router: 'gateway-api', route: layerFour('TCPRoute') },
  {
    title: 'VirtualService and DestinationRule',
    router: 'istio',
    route: virtualService(),
    related: [DESTINATION],
    more: [...WHOLE, { match: MESH }, { mirror: 20 }, { ...ALL, match: MESH }],
  },
  {
    title: 'IngressRoute',
    router: 'traefik',
    route: ingressRoute('web', 'web.test', TO_APP),
    more: [...WHOLE, { sticky: OWN }, { mirror: 20 }, ALL],
  },
  {
    title: 'TraefikService',
    router: 'traefik',
    route: weightedService('web', TO_APP),
    more: [{ sticky: OWN }, { mirror: 20 }],
  },
  { title: 'Ingress of the AWS controller', router: 'alb', route: albIngress() },
  {
    title: 'Ingress of ingress-nginx',
    router: 'nginx',
    route: nginxIngress('web', 'web.test', APP),
    more: [
      { match: ONE },
      { match: [[{ kind: 'cookie', name: 'beta', values: ['always'] }]] },
      { match: [[{ kind: 'language', values: ['de'] }]] },
      { sticky: BUCKET },
    ],
  },
  {
    title: 'any kind',
    router: 'generic',
    route: weightedService('web', { [APP]: 100, [CANARY]: 0 }),
    more: [{ weights: GENERIC }],
  },
]

/** Every share, with nothing else and with each of the others. */
function splitsOf({ more = [], router }: Asked): Split[] {
  const common = {
    sides: [{ stable: APP, canary: CANARY, ports: [{ name: 'http', port: 80 }] }],
    match: [],
    pins: [],
    mirror: 0,
    labels: { 'headgate.dev/app': APP },
    ...(router === 'generic' ? { weights: GENERIC } : {}),
  }
  return [{}, ...more].flatMap((each) => [0, 10, 50, 100].map((percent) => ({ ...common, ...each, percent })))
}

describe.runIf(hasTraefik)('what is written', () => {
  beforeAll(async () => {
    await world().startTraefik()
    await world().installDefinitions(['istio', 'aws'])
  })

  /** As it is in the cluster. */
  async function given(object: Manifest): Promise<KubeObject> {
    await world().apply(object)
    // Traefik answers for some of them, sooner or later; what it can do is not the question here.
    const { status: _status, ...found } = await world().api.get<KubeObject>(
      world().pathOf(object, object.metadata.name),
    )
    return found
  }

  /** What the server would keep of it, to the letter of the schema. */
  async function tried(wanted: KubeObject, route: KubeObject): Promise<KubeObject> {
    const strict = 'dryRun=All&fieldValidation=Strict'
    const same = keyOf(refOf(wanted)) === keyOf(refOf(route))
    const path = world().pathOf(wanted, same ? wanted.metadata.name : undefined)
    const how = same ? { body: changes(route, wanted), type: PATCH } : { body: wanted }
    const answer = await world().api.ask(same ? 'PATCH' : 'POST', `${path}?${strict}`, how)
    const said = JSON.parse(answer.text) as KubeObject & { message?: string }
    // It repeats the whole object before it says what is wrong with it.
    if (answer.status >= 300) throw new Error(`${answer.status} ${said.message?.slice(-500) ?? ''}`)
    return said
  }

  for (const asked of CASES)
    test(`of ${asked.title} is in its schema, and kept whole`, async () => {
      const object = await given(asked.route)
      const related = await Promise.all((asked.related ?? []).map(given))
      const route: Route = { object, related }
      const router: Router = routerNamed(asked.router)
      for (const split of splitsOf(asked)) {
        const { sides: _sides, labels: _labels, ...told } = split
        const title = JSON.stringify(told)
        expect(router.problems(route, split), title).toEqual([])
        const objects = router.wanted(route, split)
        const all = allObjects(router, route, split).map((each) => keyOf(refOf(each)))
        for (const wanted of objects) {
          expect(all).toContain(keyOf(refOf(wanted)))
          const answer = await tried(wanted, object).catch((error: unknown) => {
            throw new Error(`${title}\n${JSON.stringify(wanted, undefined, 1)}`, { cause: error })
          })
          const context = `${title}\nwanted ${JSON.stringify(wanted['spec'])}\nkept ${JSON.stringify(answer['spec'])}`
          expect(covers(answer['spec'], wanted['spec']), context).toBe(true)
          expect(answer.metadata.annotations ?? {}).toMatchObject(wanted.metadata.annotations ?? {})
        }
      }
      await world().api.call('DELETE', world().pathOf(object, object.metadata.name))
    })

  test('would be refused if it had a field that the schema does not know', async () => {
    const object = await given(httpRoute('web', 'web.test', [routeRule(TO_APP)]))
    const rules = [routeRule(TO_APP, { retires: 2 })]
    await expect(tried({ ...object, spec: { rules } } as KubeObject, object)).rejects.toThrow(
      'unknown field "spec.rules[0].retires"',
    )
  })

  test('is tried for every router that there is', () => {
    expect(new Set(CASES.map(({ router }) => router))).toEqual(new Set(ALL_ROUTERS.map(({ name }) => name)))
  })
})

interface Unread {
  way: Way
  traffic: object
  /** by Service, as the router would read them */
  weights: (route: KubeObject) => Record<string, number>
  /** made for the rollout beside the route */
  made?: Manifest
}

interface Destination {
  destination: { host: string }
  weight: number
}

function istioWeights(route: KubeObject): Record<string, number> {
  const { http } = route['spec'] as unknown as { http: { name?: string; route: Destination[] }[] }
  const main = http.find(({ name }) => name === 'main')
  return Object.fromEntries((main?.route ?? []).map(({ destination: { host }, weight }) => [host, weight]))
}

function albWeights({ metadata }: KubeObject): Record<string, number> {
  const { forwardConfig } = JSON.parse(metadata.annotations?.[ACTION] ?? '{}') as {
    forwardConfig: { targetGroups: { serviceName: string; weight: number }[] }
  }
  return Object.fromEntries(forwardConfig.targetGroups.map(({ serviceName, weight }) => [serviceName, weight]))
}

function serviceWeights(route: KubeObject): Record<string, number> {
  const { weighted } = route['spec'] as { weighted: { services: { name: string; weight: number }[] } }
  return Object.fromEntries(weighted.services.map(({ name, weight }) => [name, weight]))
}

const PARTED = weightedService('shares', { [APP]: 100, [CANARY]: 0 })

const UNREAD: Unread[] = [
  {
    way: { name: 'VirtualService', objects: () => [virtualService(), DESTINATION] },
    traffic: { router: 'istio', settle: '1s', match: { header: { 'x-canary': 'always' } } },
    weights: istioWeights,
    made: { ...DESTINATION, metadata: { name: 'web-canary' } },
  },
  {
    way: { name: 'Ingress of the AWS controller', objects: () => [albIngress()] },
    traffic: { router: 'alb', settle: '1s' },
    weights: albWeights,
  },
  {
    way: { name: 'any kind', objects: () => [PARTED] },
    traffic: {
      router: 'generic',
      settle: '1s',
      weights: [{ apiVersion: PARTED.apiVersion, kind: PARTED.kind, name: 'shares', ...GENERIC }],
    },
    weights: serviceWeights,
  },
]

describe.runIf(hasTraefik).concurrent('a canary through a router that is not there', () => {
  for (const { way, traffic, weights, made } of UNREAD)
    test(`${way.name}: the objects are right at each rest, and as before in the end`, () =>
      onRoute('10 and 50%', way, async (routed, stage) => {
        await routed.runs(traffic)
        // Nobody comes by the route; whoever comes past it notices nothing.
        await stage.usersCome()
        stage.guard(2 * stage.replicas)
        await routed.deploys('10%, approve, 50%, approve')
        for (const percent of [10, 50]) {
          expect(weights(await routed.route())).toEqual({ [APP]: 100 - percent, [CANARY]: percent })
          expect(await stage.answerOf(CANARY)).toContain(NEW)
          expect(await stage.answerOf(APP)).toContain(OLD)
          if (made !== undefined) {
            const { subsets: _subsets, ...spec } = made['spec'] as Record<string, unknown>
            expect(await copyOf(stage, made)).toMatchObject({ spec: { ...spec, host: CANARY } })
          }
          await routed.promotes(percent === 50 ? 'succeeded' : 'paused')
        }
        await routed.endedWith(NEW)
        if (made !== undefined) expect(await copyOf(stage, made)).toBeUndefined()
        await stage.nobodyNoticed()
      }))
})

function copyOf({ world }: Stage, made: Manifest): Promise<KubeObject | undefined> {
  return world.api.find(world.pathOf(made, made.metadata.name))
}

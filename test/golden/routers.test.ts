import { dump } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { alb } from '../../src/routers/alb.ts'
import { gatewayApi } from '../../src/routers/gateway-api.ts'
import { generic } from '../../src/routers/generic.ts'
import { istio } from '../../src/routers/istio.ts'
import { nginx } from '../../src/routers/nginx.ts'
import type { Route, Router, Split } from '../../src/routers/router.ts'
import { traefik } from '../../src/routers/traefik.ts'
import type { KubeObject } from '../../src/shared/objects.ts'
import {
  albIngress,
  bucket,
  cookie,
  header,
  httpRoute,
  ingress,
  ingressRoute,
  object,
  ownCookie,
  pin,
  route,
  split,
  traefikService,
  virtualService,
} from '../unit/routers/given.ts'
import { expectGolden } from './golden.ts'

/** What a canary asks of its route, from the first step to the last; the first of each that its router can do. */
const ASKED: Record<string, Partial<Split>[]> = {
  '10 %': [{ percent: 10 }],
  'match at 0 %': [
    { percent: 0, match: [[header('x-canary', 'always')], [cookie('staff', '1', '2')]] },
    { percent: 0, match: [[header('x-canary', 'always')]] },
  ],
  'sticky: {cookie: uid} at 25 %, from bucket 240 on': [{ percent: 25, sticky: bucket('uid', 240) }],
  'sticky: {router: side} at 25 %': [{ percent: 25, sticky: ownCookie }],
  'mirror 20%': [{ percent: 0, mirror: 20 }],
  'an older version kept': [{ percent: 10, pins: [pin] }],
  '100 %': [{ percent: 100, match: [[header('x-canary', 'always')]], sticky: bucket('uid', 240) }, { percent: 100 }],
}

const help = { name: 'help', port: 80 }

const ROUTES: Record<string, { router: Router; route: Route; values?: Partial<Split> }> = {
  'gateway-api': {
    router: gatewayApi,
    route: route(
      httpRoute(
        { matches: [{ path: { type: 'PathPrefix', value: '/help' } }], backendRefs: [help] },
        {
          name: 'main',
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          timeouts: { request: '10s' },
          backendRefs: [{ name: 'web', port: 80 }],
        },
      ),
    ),
  },
  istio: {
    router: istio,
    route: route(
      virtualService(
        { match: [{ uri: { prefix: '/help' } }], route: [{ destination: { host: 'help' } }] },
        { name: 'main', timeout: '10s', route: [{ destination: { host: 'web.shop.svc.cluster.local', port: { number: 80 } } }] },
      ),
      object('networking.istio.io/v1', 'DestinationRule', {
        host: 'web',
        trafficPolicy: { connectionPool: { http: { maxRequestsPerConnection: 100 } } },
      }),
    ),
  },
  'traefik-ingressroute': {
    router: traefik,
    route: route(
      ingressRoute(
        { kind: 'Rule', match: 'Host(`shop.example.com`) && PathPrefix(`/help`)', services: [help] },
        {
          kind: 'Rule',
          match: 'Host(`shop.example.com`)',
          middlewares: [{ name: 'compress' }],
          services: [{ name: 'web', port: 80 }],
        },
      ),
    ),
  },
  'traefik-traefikservice': { router: traefik, route: route(traefikService({ name: 'web', port: 80 })) },
  alb: { router: alb, route: route(albIngress([{ serviceName: 'web', servicePort: 80 }])) },
  nginx: {
    router: nginx,
    route: route(
      ingress({ '/': 'web', '/help': 'help' }, { 'cert-manager.io/cluster-issuer': 'le' }, {
        ingressClassName: 'nginx',
        tls: [{ hosts: ['shop.example.com'], secretName: 'shop' }],
      }),
    ),
  },
  generic: {
    router: generic,
    route: route(
      object('projectcontour.io/v1', 'HTTPProxy', {
        virtualhost: { fqdn: 'shop.example.com' },
        routes: [
          {
            services: [
              { name: 'web', port: 80, weight: 100 },
              { name: 'web-canary', port: 80, weight: 0 },
            ],
          },
        ],
      }),
    ),
    values: {
      weights: { stable: 'spec.routes[0].services[0].weight', canary: 'spec.routes[0].services[1].weight', total: 100 },
    },
  },
}

const yaml = (objects: KubeObject[]): string =>
  objects.map((each) => dump(each, { lineWidth: -1, noRefs: true })).join('---\n')

/** All that a router writes for a canary, to be read: what it cannot do stands there as its problem. */
function written({ router, route, values = {} }: (typeof ROUTES)[string]): string {
  const parts = Object.entries(ASKED).map(([name, choices]) => {
    const asked = choices.map((choice) => split({ ...values, ...choice }))
    const able = asked.find((ask) => router.problems(route, ask).length === 0)
    if (able !== undefined) return `### ${name}\n${yaml(router.wanted(route, able))}`
    const problems = asked.slice(-1).flatMap((ask) => router.problems(route, ask))
    return [`### ${name}\n`, ...problems.map(({ reason, mend }) => `# ${reason}:\n# ${mend}\n`)].join('')
  })
  return [`### before\n${yaml([route.object, ...route.related])}`, ...parts].join('\n')
}

describe('what a router writes', () => {
  it.each(Object.entries(ROUTES))('%s', (name, given) => {
    expect(given.router.problems(given.route, split(given.values))).toEqual([])
    expectGolden(`routers/${name}.yaml`, written(given))
  })
})

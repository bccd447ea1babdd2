import { describe, expect, it } from 'vitest'
import { placedAt, type RouteInput, routeFindings } from '../../../src/preflight/routes.ts'
import { gatewayApi } from '../../../src/routers/gateway-api.ts'
import type { Router } from '../../../src/routers/router.ts'
import type { KubeObject, Service } from '../../../src/shared/objects.ts'

const retired: Router = { ...gatewayApi, notice: 'this router has an end' }

function route(name = 'web', more: Partial<KubeObject> = {}): KubeObject {
  const conditions = ['Accepted', 'ResolvedRefs'].map((type) => ({ type, status: 'True', observedGeneration: 1 }))
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'shop', generation: 1 },
    spec: { parentRefs: [{ name: 'public' }], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] },
    status: { parents: [{ parentRef: { name: 'public' }, conditions }] },
    ...more,
  }
}

function input(more: Partial<RouteInput> = {}): RouteInput {
  return {
    app: 'shop',
    settings: { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [] },
    steps: [{ kind: 'weight', percent: 25 }],
    services: ['web'],
    live: [],
    found: [{ router: gatewayApi, routes: [{ object: route(), related: [] }] }],
    unread: [],
    named: [],
    split: { sides: [{ stable: 'web', canary: 'web-canary', ports: [] }], match: [], pins: [], labels: {} },
    resting: false,
    ...more,
  }
}

function ids(more: Partial<RouteInput> = {}): string[] {
  return routeFindings(input(more)).map(({ id, severity }) => `${id} ${severity}`)
}

function service(name: string, labels?: Record<string, string>): Service {
  const metadata = { name, namespace: 'shop', ...(labels === undefined ? {} : { labels }) }
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: {} }
}

describe('findings about the route of a canary', () => {
  it('are none where all is well', () => {
    expect(ids()).toEqual([])
  })

  it('are none where no router is asked for and none is there', () => {
    expect(ids({ found: [], unread: [{ kind: { apiVersion: 'x/v1', kind: 'X' }, why: 'not-served' }] })).toEqual([])
  })

  it.each<[string, Partial<RouteInput>, string[]]>([
    [
      'a second router',
      {
        found: [
          { router: gatewayApi, routes: [{ object: route(), related: [] }] },
          { router: retired, routes: [{ object: route('other'), related: [] }] },
        ],
      },
      ['route-other warning'],
    ],
    [
      'a router with an end',
      { found: [{ router: retired, routes: [{ object: route(), related: [] }] }] },
      ['router-notice warning'],
    ],
    ['a Service of somebody else', { live: [service('web-canary')] }, ['canary-service error']],
    [
      'a Service of another app',
      { live: [service('web-canary', { 'headgate.dev/app': 'x' })] },
      ['canary-service error'],
    ],
    ['its own Service, left from before', { live: [service('web-canary', { 'headgate.dev/app': 'shop' })] }, []],
    [
      'no status',
      { found: [{ router: gatewayApi, routes: [{ object: route('web', { status: {} }), related: [] }] }] },
      ['route-not-live error'],
    ],
  ])('%s', (_what, more, wanted) => {
    expect(ids(more)).toEqual(wanted)
  })

  it('say when the name of the Service would be too long, with the length that fits', () => {
    const stable = 's'.repeat(57)
    const sides = [{ stable, canary: `${stable}-canary`, ports: [] }]
    const [finding] = routeFindings(input({ split: { sides, match: [], pins: [], labels: {} } }))
    expect(finding).toMatchObject({ id: 'preview-name', severity: 'error' })
    expect(finding?.reason).toContain('has 64 characters')
    expect(finding?.mend).toContain('at most 56 characters')
  })

  it('do not ask again what a rollout that rests on the route has been asked', () => {
    const refs = [
      { name: 'web', port: 80, weight: 75 },
      { name: 'web-canary', port: 80, weight: 25 },
    ]
    const split = route('web', { spec: { parentRefs: [{ name: 'public' }], rules: [{ backendRefs: refs }] } })
    const found = [{ router: gatewayApi, routes: [{ object: split, related: [] }] }]
    expect(ids({ found })).toEqual(['route-problem error'])
    expect(ids({ found, resting: true })).toEqual([])
  })

  it('stand at the place of the config, or at that of the route in a manifest', () => {
    const place = { file: '.github/headgate.yml', line: 3, column: 1 }
    const settings = { ...input().settings, place }
    const live = [service('web-canary')]
    const findings = routeFindings(input({ settings, live }))
    expect(findings[0]?.place).toEqual(place)
    const own = { file: 'app.yml', line: 9, column: 1 }
    expect(placedAt(findings, [{ object: service('web-canary'), place: own }])[0]?.place).toEqual(own)
    expect(placedAt(findings, [])[0]?.place).toEqual(place)
  })

  it('name a route that may be meant, also where none of the named is there', () => {
    const settings = { ...input().settings, routes: ['HTTPRoute/wbe'] }
    const [finding, ...others] = routeFindings(input({ settings, found: [], named: ['HTTPRoute/web'] }))
    expect(finding).toMatchObject({
      id: 'route-missing',
      reason: 'there is no HTTPRoute/wbe; did you mean HTTPRoute/web?',
    })
    expect(others).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { gatewayApi } from '../../../src/routers/gateway-api.ts'
import type { Match, Split, Verdict } from '../../../src/routers/router.ts'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import {
  both,
  bucket,
  cookie,
  header,
  httpRoute,
  language,
  object,
  ownCookie,
  pin,
  port,
  query,
  route,
  source,
  split,
} from './given.ts'

const to = (name: string, weight?: number, more: JsonMap = {}): JsonMap => ({
  name,
  port: 80,
  ...more,
  ...(weight === undefined ? {} : { weight }),
})
const rule = (more: JsonMap = {}): JsonMap => ({ backendRefs: [to('web')], ...more })
const given = httpRoute(rule())
const ofKind = (kind: string, ...rules: JsonMap[]): KubeObject =>
  object('gateway.networking.k8s.io/v1', kind, { parentRefs: [{ name: 'public' }], rules })

const wanted = (object: KubeObject, values: Partial<Split> = {}) => gatewayApi.wanted(route(object), split(values))[0]
const rulesOf = (object: KubeObject | undefined) => (object?.['spec'] as JsonMap | undefined)?.['rules'] as JsonMap[]
const named = (name: string, type: 'Exact' | 'RegularExpression', value: string): JsonMap => ({ type, name, value })

it('reads the newest version of each kind first', () => {
  expect(gatewayApi.kinds.map(({ apiVersion, kind }) => `${apiVersion.split('/')[1]} ${kind}`)).toEqual([
    'v1 HTTPRoute',
    'v1 GRPCRoute',
    'v1 TLSRoute',
    'v1alpha3 TLSRoute',
    'v1alpha2 TLSRoute',
    'v1 TCPRoute',
    'v1alpha3 TCPRoute',
    'v1alpha2 TCPRoute',
  ])
})

describe('leadsTo', () => {
  it.each<[string, JsonMap, boolean]>([
    ['the name', to('web'), true],
    ['the group of the core', to('web', 1, { group: '', kind: 'Service' }), true],
    ['the group as Linkerd writes it', to('web', 1, { group: 'core' }), true],
    ['this namespace', to('web', 1, { namespace: 'shop' }), true],
    ['another namespace', to('web', 1, { namespace: 'other' }), false],
    ['another kind', to('web', 1, { group: 'traefik.io', kind: 'TraefikService' }), false],
    ['another name', to('webs'), false],
  ])('%s', (_, ref, leads) => {
    for (const object of [
      httpRoute({ backendRefs: [to('api')] }, { backendRefs: [ref] }),
      ofKind('TCPRoute', { backendRefs: [to('api'), ref] }),
    ])
      expect(gatewayApi.leadsTo(route(object), 'web')).toBe(leads)
  })

  it('nothing without backends', () => {
    expect(gatewayApi.leadsTo(route(httpRoute({ filters: [{ type: 'RequestRedirect' }] })), 'web')).toBe(false)
  })
})

describe('weights', () => {
  it.each([
    [0, 100, 0],
    [10, 90, 10],
    [100, 0, 100],
  ])('at %i %% are %i and %i, with everything of the backend', (percent, stable, canary) => {
    const more = { group: '', kind: 'Service', filters: [{ type: 'RequestHeaderModifier' }] }
    for (const kind of ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'])
      expect(wanted(ofKind(kind, { backendRefs: [to('web', undefined, more)] }), { percent })).toEqual(
        ofKind(kind, { backendRefs: [to('web', stable, more), to('web-canary', canary, more)] }),
      )
  })

  it('of others keep their part; without one they have 1', () => {
    const object = httpRoute({ backendRefs: [to('web', 3), to('api')] })
    expect(wanted(object, { percent: 25 })).toEqual(
      httpRoute({ backendRefs: [to('web', 225), to('web-canary', 75), to('api', 100)] }),
    )
  })

  it('of each Service that is moved, and of no other', () => {
    const object = httpRoute({ backendRefs: [to('api')] }, { backendRefs: [to('help')] }, rule())
    expect(wanted(object, { sides: both })).toEqual(
      httpRoute(
        { backendRefs: [to('api', 90), to('api-canary', 10)] },
        { backendRefs: [to('help')] },
        { backendRefs: [to('web', 90), to('web-canary', 10)] },
      ),
    )
  })
})

describe('rules', () => {
  const first = (values: Partial<Split>, of: JsonMap = rule()) => rulesOf(wanted(httpRoute(of), values))[0]
  const staff = named('Cookie', 'RegularExpression', '^(?:.*\\x3b\\s*)?staff=1(?:\\x3b.*)?$')

  it.each<[string, Match, JsonMap[]]>([
    ['a header', [header('x-canary', 'always')], [{ headers: [named('x-canary', 'Exact', 'always')] }]],
    [
      'one of its values',
      [header('x-canary', 'a', 'b')],
      [{ headers: [named('x-canary', 'RegularExpression', '^(?:a|b)$')] }],
    ],
    ['a cookie', [cookie('staff', '1')], [{ headers: [staff] }]],
    [
      'a language',
      [language('de')],
      [{ headers: [named('Accept-Language', 'RegularExpression', '^(?:[dD][eE])(?:[-\\x2c\\x3b].*)?$')] }],
    ],
    [
      'a query',
      [query('new', '1', '2')],
      [{ queryParams: [named('new', 'Exact', '1')] }, { queryParams: [named('new', 'Exact', '2')] }],
    ],
    [
      'all of them',
      [header('a', '1'), cookie('staff', '1'), query('new', '1')],
      [{ headers: [named('a', 'Exact', '1'), staff], queryParams: [named('new', 'Exact', '1')] }],
    ],
  ])('%s', (_, match, matches) => {
    expect(first({ match: [match], percent: 0 })).toEqual({ matches, backendRefs: [to('web-canary', 1)] })
  })

  it('add to every match of the rule, and keep what else it says, but its name', () => {
    const matches = [
      { path: { type: 'PathPrefix', value: '/a' } },
      { headers: [named('end', 'Exact', 'x')], method: 'GET' },
    ]
    const kept = { timeouts: { request: '5s' }, filters: [{ type: 'URLRewrite' }], retry: { attempts: 2 } }
    const added = named('b', 'Exact', '1')
    expect(first({ match: [[header('b', '1')]] }, rule({ name: 'main', matches, ...kept }))).toEqual({
      ...kept,
      matches: [
        { path: { type: 'PathPrefix', value: '/a' }, headers: [added] },
        { headers: [named('end', 'Exact', 'x'), added], method: 'GET' },
      ],
      backendRefs: [to('web-canary', 1)],
    })
  })

  it('users with an id come by their own rule until all are on the new version', () => {
    const rules = (percent: number) => rulesOf(wanted(given, { percent, sticky: bucket() }))
    expect(rules(0)).toEqual([{ backendRefs: [to('web', 100), to('web-canary', 0)] }])
    expect(rules(50)).toEqual([
      {
        matches: [
          {
            headers: [
              named('Cookie', 'RegularExpression', '^(?:.*\\x3b\\s*)?uid=[0-9a-f-]*[01234567][0-9a-f](?:\\x3b.*)?$'),
            ],
          },
        ],
        backendRefs: [to('web-canary', 1)],
      },
      ...rules(0),
    ])
    expect(rules(100)).toEqual([{ backendRefs: [to('web', 0), to('web-canary', 100)] }])
  })

  it('kept versions come and go with nothing else changed', () => {
    const pinned = gatewayApi.withPins?.(given, split({ pins: [pin] }))
    const matches = [
      { headers: [named('x-deployment-id', 'Exact', 'v41')] },
      { queryParams: [named('dpl', 'Exact', 'v41')] },
    ]
    expect(pinned).toEqual(httpRoute({ matches, backendRefs: [to('web-v41', 1)] }, rule()))
    expect(gatewayApi.withoutPins?.(pinned ?? given, ['web-v41'])).toEqual(given)
  })

  it.each<[number, JsonMap]>([
    [20, { percent: 20 }],
    // Older bundles know no percent, and copy all.
    [100, {}],
  ])('a mirror of %i %% copies beside other filters', (mirror, share) => {
    const filters = [{ type: 'RequestHeaderModifier' }]
    const [main] = rulesOf(wanted(httpRoute(rule({ filters })), { percent: 0, mirror }))
    const requestMirror = { backendRef: { group: '', kind: 'Service', name: 'web-canary', port: 80 }, ...share }
    expect(main?.['filters']).toEqual([...filters, { type: 'RequestMirror', requestMirror }])
  })
})

describe('problems', () => {
  const problems = (object: KubeObject, values: Partial<Split> = {}): string[] =>
    gatewayApi.problems(route(object), split(values)).map(({ reason }) => reason)
  const cohort = { match: [[header('a', '1')]] }
  const cookies = 'a match of the Gateway API can name the header cookie only once, and cookies are one header'
  const asks = (headers: JsonMap[]) => httpRoute(rule({ matches: [{ headers }] }))
  const noQuery = 'a GRPCRoute has no query to match'
  const from = (controllerName: string): KubeObject => ({ ...given, status: { parents: [{ controllerName }] } })
  const onlyHeader = { id: 'v41', services: { web: 'web-v41' }, header: 'x-id' }

  it('has none with all that it can do', () => {
    const match = [[header('a', '1'), cookie('b', '2')], [query('c', '1')], [language('de')]]
    for (const each of [{}, { match }, { sticky: bucket() }, { mirror: 20 }, { pins: [pin] }])
      expect(problems(given, each)).toEqual([])
    for (const each of [{}, cohort, { sticky: bucket() }, { mirror: 20 }, { pins: [onlyHeader] }])
      expect(problems(ofKind('GRPCRoute', rule()), each)).toEqual([])
    expect(problems(ofKind('TLSRoute', rule()))).toEqual([])
  })

  it.each<[string, KubeObject, Partial<Split>, string]>([
    [
      'the new version',
      httpRoute({ backendRefs: [to('web', 1), to('web-canary', 0)] }),
      {},
      'it leads to web-canary already, which somebody else has put there',
    ],
    [
      'two Services',
      httpRoute({ backendRefs: [to('web', 1), to('api', 1)] }),
      { sides: both },
      'one rule leads more than once to Services that this rollout moves',
    ],
    [
      'no weight',
      httpRoute({ backendRefs: [to('web', 0), to('help', 1)] }),
      {},
      'the Service has the weight 0 in a rule, so that it gets no requests to share',
    ],
    [
      'no weight, and nothing else',
      httpRoute({ backendRefs: [to('web', 0)] }),
      {},
      'the Service has the weight 0 in a rule, so that it gets no requests to share',
    ],
    [
      'a weight beyond parts',
      httpRoute({ backendRefs: [to('web', 1), to('help', 10_001)] }),
      {},
      'a weight above 10000 cannot be parted by the percent',
    ],
    ['half a percent', given, { percent: 0.5 }, 'a share of 0.5% is no whole percent'],
    [
      'users who are bound to a pod',
      httpRoute(rule({ sessionPersistence: { type: 'Cookie' } })),
      {},
      'a rule has sessionPersistence, which binds a client to a pod and outranks every weight, also a weight of 0',
    ],
    [
      'the gateway’s own cookie',
      given,
      { sticky: ownCookie },
      'the Gateway API has no stable way to keep a user on a version by a cookie of the gateway',
    ],
    [
      'a match of connections',
      ofKind('TCPRoute', rule()),
      cohort,
      'a TCPRoute sees no requests, so that it can neither match nor copy them',
    ],
    [
      'a mirror of connections',
      ofKind('TLSRoute', rule()),
      { mirror: 20 },
      'a TLSRoute sees no requests, so that it can neither match nor copy them',
    ],
    ['a port', given, { match: [[port]] }, 'the Gateway API cannot match a port'],
    ['who asks', given, { match: [[source]] }, 'the Gateway API cannot match who asks'],
    ['a query of gRPC', ofKind('GRPCRoute', rule()), { match: [[query('new', '1')]] }, noQuery],
    ['kept versions by a query of gRPC', ofKind('GRPCRoute', rule()), { pins: [pin] }, noQuery],
    ['two cookies', given, { match: [[cookie('a', '1'), cookie('b', '1')]] }, cookies],
    [
      'a cookie that the rule asks for',
      asks([named('cookie', 'Exact', 'x')]),
      { match: [[cookie('a', '1')]] },
      cookies,
    ],
    ['ids in a cookie that the rule asks for', asks([named('Cookie', 'Exact', 'x')]), { sticky: bucket() }, cookies],
    [
      'the header of kept versions that the rule asks for',
      asks([named('X-Deployment-Id', 'Exact', 'x')]),
      { pins: [pin] },
      'a match of the Gateway API can name the header x-deployment-id only once',
    ],
    [
      'a query that the rule asks for',
      httpRoute(rule({ matches: [{ queryParams: [named('new', 'Exact', '0')] }] })),
      { match: [[query('new', '1')]] },
      'a match of the Gateway API can name the query new only once',
    ],
    [
      'very many rules',
      httpRoute(...Array.from({ length: 9 }, (_, at) => rule({ matches: [{ path: { value: `/${at}` } }] }))),
      cohort,
      'the route would need 18 rules, and 16 is the most',
    ],
    [
      'very many values of a query',
      given,
      { match: [[query('new', ...Array.from({ length: 65 }, (_, at) => `${at}`))]] },
      'a rule would need more than 64 matches',
    ],
    [
      'very many matches in all',
      httpRoute(rule(), rule({ matches: [{ path: { value: '/a' } }] }), rule({ matches: [{ path: { value: '/b' } }] })),
      { match: [[query('new', ...Array.from({ length: 50 }, (_, at) => `${at}`))]] },
      'the route would need 153 matches, and 128 is the most',
    ],
    [
      'a mirror of Traefik',
      from('traefik.io/gateway-controller'),
      { mirror: 20 },
      'its gateway (traefik.io/gateway-controller) cannot copy requests by an HTTPRoute: the rule would answer with errors',
    ],
  ])('%s', (_, object, values, reason) => {
    expect(problems(object, values)).toEqual([reason])
  })
})

describe('verify', () => {
  const condition = (type: string, status: string, more: JsonMap = {}): JsonMap => ({
    type,
    status,
    observedGeneration: 3,
    ...more,
  })
  const good = [condition('Accepted', 'True'), condition('ResolvedRefs', 'True')]
  const parent = (conditions: JsonMap[], name = 'public'): JsonMap => ({ parentRef: { name }, conditions })
  const said = (parents: JsonMap[], refs: JsonMap[] = [{ name: 'public' }]): Verdict =>
    gatewayApi.verify({
      ...given,
      metadata: { ...given.metadata, generation: 3 },
      spec: { parentRefs: refs, rules: [rule()] },
      status: { parents },
    })
  const taken: Verdict = { kind: 'waiting', text: 'Gateway/public to take the route' }

  it.each<[string, JsonMap[], Verdict]>([
    ['nothing yet', [], taken],
    ['only another parent', [parent(good, 'other')], taken],
    ['taken', [parent(good)], { kind: 'live' }],
    ['taken, and an old parent is left behind', [parent(good), parent([], 'gone')], { kind: 'live' }],
    ['one condition of two', [parent(good.slice(0, 1))], taken],
    [
      'an old generation',
      [parent([condition('Accepted', 'True', { observedGeneration: 2 }), ...good.slice(1)])],
      taken,
    ],
    ['an old refusal', [parent([condition('Accepted', 'False', { observedGeneration: 2 })])], taken],
    ['one of two controllers', [parent(good), parent([])], taken],
    [
      'a backend that is not there',
      [
        parent([
          ...good.slice(0, 1),
          condition('ResolvedRefs', 'False', { reason: 'BackendNotFound', message: 'no web' }),
        ]),
      ],
      { kind: 'refused', text: 'Gateway/public says ResolvedRefs False: BackendNotFound no web' },
    ],
    [
      'in part',
      [parent([...good, condition('PartiallyInvalid', 'True', { reason: 'UnsupportedValue' })])],
      { kind: 'refused', text: 'Gateway/public says PartiallyInvalid True: UnsupportedValue' },
    ],
  ])('%s', (_, parents, verdict) => {
    expect(said(parents)).toEqual(verdict)
  })

  it('asks every parent, each by its section and kind', () => {
    const [one, two] = [
      { name: 'public', sectionName: 'http' },
      { name: 'public', sectionName: 'https' },
    ]
    const parents = (...refs: JsonMap[]) => refs.map((parentRef) => ({ parentRef, conditions: good }))
    expect(said(parents(one), [one, two])).toEqual(taken)
    expect(said(parents(one, two), [one, two])).toEqual({ kind: 'live' })
    const mesh = { group: '', kind: 'Service', name: 'web' }
    expect(said([], [mesh])).toEqual({ kind: 'waiting', text: 'Service/web to take the route' })
    expect(said(parents({ ...mesh, namespace: 'shop' }), [mesh])).toEqual({ kind: 'live' })
  })
})

import { describe, expect, it } from 'vitest'
import { istio } from '../../../src/routers/istio.ts'
import type { Match, Split, Verdict } from '../../../src/routers/router.ts'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import {
  both,
  bucket,
  cookie,
  header,
  language,
  object,
  ownCookie,
  pin,
  port,
  query,
  route,
  source,
  split,
  virtualService,
} from './given.ts'

const to = (host: string, more: JsonMap = {}): JsonMap => ({ destination: { host, port: { number: 80 } }, ...more })
const rule = (more: JsonMap = {}): JsonMap => ({ route: [to('web')], ...more })
const given = virtualService(rule())

/** The route as it should be: the last of what is written. */
const wanted = (object: KubeObject, values: Partial<Split> = {}) => istio.wanted(route(object), split(values)).at(-1)
const httpOf = (object: KubeObject | undefined) => (object?.['spec'] as JsonMap | undefined)?.['http'] as JsonMap[]
const lower = (spec: JsonMap) => object('networking.istio.io/v1', 'VirtualService', { hosts: ['shop'], ...spec })

function policy(host: string, more: JsonMap = {}, name = 'web', labels?: Record<string, string>): KubeObject {
  const rule = object('networking.istio.io/v1', 'DestinationRule', { host, ...more })
  return { ...rule, metadata: { ...rule.metadata, name, ...(labels === undefined ? {} : { labels }) } }
}

const HOSTS: [string, string][] = [
  ['web', 'web-canary'],
  ['web.shop', 'web-canary.shop'],
  ['web.shop.svc', 'web-canary.shop.svc'],
  ['web.shop.svc.cluster.local', 'web-canary.shop.svc.cluster.local'],
]

describe('leadsTo', () => {
  it.each([...HOSTS.map(([host]) => host), 'web.shop.svc.k8s.example.com'])('%s', (host) => {
    for (const object of [
      virtualService({ route: [to(host)] }),
      virtualService({ route: [to('api')] }, { route: [to('api', { weight: 1 }), to(host, { weight: 1 })] }),
      lower({ tcp: [{ route: [to(host)] }] }),
      lower({ tls: [{ route: [to(host)] }] }),
    ])
      expect(istio.leadsTo(route(object), 'web')).toBe(true)
  })

  it.each(['webs', 'web.other', 'web.other.svc.cluster.local', 'web.shop.example.com', 'api.web', 'web-canary'])(
    'not %s',
    (host) => {
      expect(istio.leadsTo(route(virtualService({ route: [to(host)] })), 'web')).toBe(false)
    },
  )

  it('not a rule without destinations', () => {
    expect(istio.leadsTo(route(virtualService({ redirect: { uri: '/' } }, { delegate: { name: 'web' } })), 'web')).toBe(
      false,
    )
  })
})

describe('weights', () => {
  it.each(HOSTS)('of %s and %s, as the host is written', (stable, canary) => {
    expect(wanted(virtualService({ route: [to(stable)] }))).toEqual(
      virtualService({ route: [to(stable, { weight: 90 }), to(canary, { weight: 10 })] }),
    )
  })

  it('of others keep their part; without one they have none', () => {
    const object = virtualService({ route: [to('web', { weight: 3 }), to('api', { weight: 1 }), to('help')] })
    expect(httpOf(wanted(object, { percent: 25 }))[0]?.['route']).toEqual([
      to('web', { weight: 225 }),
      to('web-canary', { weight: 75 }),
      to('api', { weight: 100 }),
      to('help', { weight: 0 }),
    ])
  })

  it('of tcp and tls routes as well', () => {
    const object = lower({ tcp: [{ match: [{ port: 5432 }], route: [to('web')] }], tls: [{ route: [to('web.shop')] }] })
    expect(wanted(object, { percent: 100 })).toEqual(
      lower({
        tcp: [{ match: [{ port: 5432 }], route: [to('web', { weight: 0 }), to('web-canary', { weight: 100 })] }],
        tls: [{ route: [to('web.shop', { weight: 0 }), to('web-canary.shop', { weight: 100 })] }],
      }),
    )
  })

  it('of each Service that is moved, and of no other', () => {
    const object = virtualService({ route: [to('api')] }, { route: [to('help')] }, rule())
    const rules = httpOf(wanted(object, { sides: both }))
    expect(rules.map(({ route }) => (route as JsonMap[]).map(({ weight }) => weight))).toEqual([
      [90, 10],
      [undefined],
      [90, 10],
    ])
  })
})

describe('rules', () => {
  const first = (values: Partial<Split>, of: JsonMap = rule()) => httpOf(wanted(virtualService(of), values))[0]
  const regex = (name: string, pattern: string) => ({ headers: { [name]: { regex: pattern } } })

  it.each<[string, Match, JsonMap[]]>([
    [
      'a header, its name in lower case',
      [header('X-Canary', 'always')],
      [{ headers: { 'x-canary': { exact: 'always' } } }],
    ],
    ['one of its values', [header('x-canary', 'a', 'b')], [regex('x-canary', '^(?:a|b)$')]],
    ['a cookie', [cookie('staff', '1')], [regex('cookie', '^(?:.*\\x3b\\s*)?staff=1(?:\\x3b.*)?$')]],
    ['a language', [language('de')], [regex('accept-language', '^(?:[dD][eE])(?:[-\\x2c\\x3b].*)?$')]],
    [
      'a query',
      [query('new', '1', '2')],
      [{ queryParams: { new: { exact: '1' } } }, { queryParams: { new: { exact: '2' } } }],
    ],
    ['a port', [port], [{ port: 8080 }]],
    ['who asks', [source], [{ sourceLabels: { app: 'shop' } }]],
    [
      'all of them',
      [header('a', '1'), query('b', '2'), port, source],
      [
        {
          headers: { a: { exact: '1' } },
          queryParams: { b: { exact: '2' } },
          port: 8080,
          sourceLabels: { app: 'shop' },
        },
      ],
    ],
  ])('%s', (_, match, matches) => {
    expect(first({ match: [match], percent: 0 })).toEqual({ match: matches, route: [to('web-canary')] })
  })

  it('add to every match of the rule, without its names, and keep what else it says', () => {
    const match = [
      { name: 'a', uri: { prefix: '/a' } },
      { headers: { end: { exact: 'x' } }, method: { exact: 'GET' } },
    ]
    const more = { name: 'main', match, timeout: '5s', rewrite: { uri: '/' }, headers: { request: { remove: ['x'] } } }
    const { name: _name, ...kept } = more
    expect(first({ match: [[header('b', '1')]] }, rule(more))).toEqual({
      ...kept,
      match: [
        { uri: { prefix: '/a' }, headers: { b: { exact: '1' } } },
        { headers: { end: { exact: 'x' }, b: { exact: '1' } }, method: { exact: 'GET' } },
      ],
      route: [to('web-canary')],
    })
  })

  it('stand just before their own, so that rules before it still win', () => {
    const before = { match: [{ uri: { prefix: '/api' } }], route: [to('api')] }
    const rules = httpOf(wanted(virtualService(before, rule()), { match: [[header('a', '1')]], pins: [pin] }))
    expect(
      rules.map(({ route }) => (route as JsonMap[]).map(({ destination }) => (destination as JsonMap)['host'])),
    ).toEqual([['api'], ['web-v41'], ['web-canary'], ['web', 'web-canary']])
    expect(rules[0]).toEqual(before)
  })

  it('users with an id come by their own rule until all are on the new version', () => {
    const rules = (percent: number) => httpOf(wanted(given, { percent, sticky: bucket() }))
    expect(rules(0)).toEqual([rule({ route: [to('web', { weight: 100 }), to('web-canary', { weight: 0 })] })])
    expect(rules(50)[0]?.['match']).toEqual([
      regex('cookie', '^(?:.*\\x3b\\s*)?uid=[0-9a-f-]*[01234567][0-9a-f](?:\\x3b.*)?$'),
    ])
    expect(rules(50)[1]).toEqual(rules(0)[0])
    expect(rules(100)).toEqual([rule({ route: [to('web', { weight: 0 }), to('web-canary', { weight: 100 })] })])
  })

  it('kept versions come and go with nothing else changed', () => {
    const pinned = istio.withPins?.(given, split({ pins: [pin] }))
    const matches = [{ headers: { 'x-deployment-id': { exact: 'v41' } } }, { queryParams: { dpl: { exact: 'v41' } } }]
    expect(pinned).toEqual(virtualService({ match: matches, route: [to('web-v41')] }, rule()))
    expect(istio.withoutPins?.(pinned ?? given, ['web-v41'])).toEqual(given)
    const tcp = lower({ tcp: [{ route: [to('web')] }] })
    expect(istio.withPins?.(tcp, split({ pins: [pin] }))).toEqual(tcp)
  })

  it('a mirror copies beside those that are there', () => {
    const mirrors = [{ destination: { host: 'shadow' }, percentage: { value: 1 } }]
    const [main] = httpOf(wanted(virtualService(rule({ mirrors })), { percent: 0, mirror: 20 }))
    expect(main?.['mirrors']).toEqual([...mirrors, { ...to('web-canary'), percentage: { value: 20 } }])
  })
})

describe('DestinationRules', () => {
  const traffic = { trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } }

  it.each(HOSTS)('of %s are copied for %s, and written first', (stable, canary) => {
    const [copy, live] = istio.wanted(route(given, policy('api', {}, 'api'), policy(stable, traffic, 'rules')), split())
    expect(copy).toEqual({
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'rules-canary', namespace: 'shop', labels: { 'headgate.dev/app': 'web' } },
      spec: { host: canary, ...traffic },
    })
    expect(live?.kind).toBe('VirtualService')
  })

  it('keep their subsets without the labels, and only known ones are asked for', () => {
    const subsets = [{ name: 'eu', labels: { region: 'eu' }, ...traffic }]
    const of = (subset: string) => virtualService({ route: [{ destination: { host: 'web', subset } }] })
    const [copy, live] = istio.wanted(route(of('eu'), policy('web', { subsets })), split({ percent: 100 }))
    expect(copy?.['spec']).toEqual({ host: 'web-canary', subsets: [{ name: 'eu', ...traffic }] })
    expect(httpOf(live)[0]?.['route']).toEqual([
      { destination: { host: 'web', subset: 'eu' }, weight: 0 },
      { destination: { host: 'web-canary', subset: 'eu' }, weight: 100 },
    ])
    const [other] = istio.wanted(route(of('us')), split({ percent: 100 }))
    expect(httpOf(other)[0]?.['route']).toContainEqual({ destination: { host: 'web-canary' }, weight: 100 })
  })

  it('are copied once, of the newest version that is served', () => {
    const old = { ...policy('web'), apiVersion: 'networking.istio.io/v1beta1' }
    const all = istio.wanted(route(given, policy('web'), old), split())
    expect(all.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)).toEqual([
      'networking.istio.io/v1 DestinationRule',
      'networking.istio.io/v1 VirtualService',
    ])
  })
})

describe('problems', () => {
  const problems = (object: KubeObject, values: Partial<Split> = {}, ...related: KubeObject[]): string[] =>
    istio.problems(route(object, ...related), split(values)).map(({ reason }) => reason)
  const tcp = lower({ tcp: [{ route: [to('web')] }] })
  const layer4 = 'only its tcp and tls routes lead to the Service, and they see no requests'
  const once = (what: string) => `a match of Istio can name ${what} only once`
  const byCookie = virtualService(rule({ match: [{ headers: { cookie: { regex: 'x' } } }] }))
  const cookies = once('the header cookie (and cookies are one header)')

  it('has none with all that it can do', () => {
    const mesh = lower({ http: [rule()] })
    const match = [[header('a', '1'), cookie('b', '2')], [query('c', '1')], [port], [source]]
    for (const each of [{}, { match }, { sticky: bucket() }, { mirror: 20 }, { pins: [pin] }])
      expect(problems(mesh, each)).toEqual([])
    expect(problems(tcp)).toEqual([])
  })

  it.each<[string, KubeObject, Partial<Split>, string]>([
    [
      'the new version',
      virtualService({ route: [to('web', { weight: 1 }), to('web-canary.shop', { weight: 0 })] }),
      {},
      'it leads to web-canary already, which somebody else has put there',
    ],
    [
      'two Services',
      virtualService({ route: [to('web', { weight: 1 }), to('api', { weight: 1 })] }),
      { sides: both },
      'one rule leads to several Services that this rollout moves',
    ],
    [
      'no weight',
      virtualService({ route: [to('web'), to('help', { weight: 1 })] }),
      {},
      'the Service has no weight in a rule, so that it gets no requests to share',
    ],
    ['half a percent', given, { percent: 0.5 }, 'a share of 0.5% is no whole percent'],
    [
      'its own cookie',
      given,
      { sticky: ownCookie },
      'consistentHash picks a pod inside of one version, so Istio cannot keep a user on a version by its own cookie',
    ],
    ['a match of connections', tcp, { match: [[header('a', '1')]] }, layer4],
    ['ids of connections', tcp, { sticky: bucket() }, layer4],
    ['a mirror of connections', tcp, { mirror: 20 }, layer4],
    ['kept versions of connections', tcp, { pins: [pin] }, layer4],
    [
      'ids, and connections beside',
      lower({ http: [rule()], tcp: [{ route: [to('web')] }] }),
      { sticky: bucket() },
      'a tcp or tls route leads to the Service as well, and sees no user to keep on a version',
    ],
    ['a mirror', virtualService(rule({ mirror: { host: 'shadow' } })), { mirror: 20 }, 'a rule has a mirror already'],
    ['two cookies', given, { match: [[cookie('a', '1'), cookie('b', '1')]] }, cookies],
    ['a cookie that the rule asks for', byCookie, { match: [[cookie('a', '1')]] }, cookies],
    ['ids in a cookie that the rule asks for', byCookie, { sticky: bucket() }, cookies],
    [
      'the header of kept versions that the rule asks for',
      virtualService(rule({ match: [{ headers: { 'x-deployment-id': { exact: 'x' } } }] })),
      { pins: [pin] },
      once('the header x-deployment-id'),
    ],
    [
      'a query that the rule asks for',
      virtualService(rule({ match: [{ queryParams: { new: { exact: 'x' } } }] })),
      { match: [[query('new', '1')]] },
      once('the query new'),
    ],
    ['a port that is another', virtualService(rule({ match: [{ port: 80 }] })), { match: [[port]] }, once('the port')],
    [
      'who asks, at a gateway',
      given,
      { match: [[source]] },
      'it is bound to gateways alone, and labels of who asks are known within the mesh only',
    ],
    [
      'who asks, that is another',
      lower({ http: [rule({ match: [{ sourceLabels: { app: 'admin' } }] })] }),
      { match: [[source]] },
      once('the label app'),
    ],
    [
      'very many values',
      given,
      { match: [[header('a', ...Array.from({ length: 200 }, (_, at) => `value-${at}`))]] },
      'a pattern would be longer than 1024 characters',
    ],
  ])('%s', (_, object, values, reason) => {
    expect(problems(object, values)).toEqual([reason])
  })

  it('somebody else’s DestinationRule in the place of a copy', () => {
    const reason = 'DestinationRule/web-canary is there already, and a copy for the new version needs its name'
    const own = policy('web-canary', {}, 'web-canary', { 'headgate.dev/app': 'web' })
    expect(problems(given, {}, policy('web'), policy('web-canary', {}, 'web-canary'))).toEqual([reason])
    expect(problems(given, {}, policy('web'), own)).toEqual([])
    expect(problems(given, {}, policy('web-canary', {}, 'web-canary'))).toEqual([])
  })
})

describe('verify', () => {
  const said = (status: JsonMap): Verdict =>
    istio.verify({ ...given, metadata: { ...given.metadata, generation: 3 }, status })
  const reconciled = (status: string, more: JsonMap = {}) => ({ conditions: [{ type: 'Reconciled', status, ...more }] })

  it.each<[string, JsonMap, Verdict]>([
    ['no status', {}, { kind: 'unknown' }],
    ['no generation', reconciled('True'), { kind: 'unknown' }],
    ['an old one', { ...reconciled('True'), observedGeneration: 2 }, { kind: 'unknown' }],
    ['an old one of the condition', reconciled('True', { observedGeneration: '2' }), { kind: 'unknown' }],
    ['taken', { ...reconciled('True'), observedGeneration: '3' }, { kind: 'live' }],
    ['taken, as the condition says', reconciled('True', { observedGeneration: 3 }), { kind: 'live' }],
    [
      'not by all',
      { ...reconciled('False'), observedGeneration: 3 },
      { kind: 'waiting', text: 'every proxy to take the VirtualService' },
    ],
  ])('%s', (_, status, verdict) => {
    expect(said(status)).toEqual(verdict)
  })
})

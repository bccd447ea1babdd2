import { describe, expect, it } from 'vitest'
import type { Match, Split } from '../../../src/routers/router.ts'
import { traefik } from '../../../src/routers/traefik.ts'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import {
  both,
  bucket,
  cookie,
  header,
  ingressRoute,
  language,
  object,
  ownCookie,
  pin,
  port,
  query,
  route,
  source,
  split,
  traefikService,
} from './given.ts'

const HOST = 'Host(`shop.example.com`)'
const web = { name: 'web', port: 80 }
const rule = (more: JsonMap = {}): JsonMap => ({ kind: 'Rule', match: HOST, services: [web], ...more })
const given = ingressRoute(rule())

/** The route as it should be: the last of what is written. */
const wanted = (object: KubeObject, values: Partial<Split> = {}) => traefik.wanted(route(object), split(values)).at(-1)
const routesOf = (object: KubeObject | undefined) => (object?.['spec'] as JsonMap | undefined)?.['routes'] as JsonMap[]
const service = (spec: JsonMap) => object('traefik.io/v1alpha1', 'TraefikService', spec)

describe('leadsTo', () => {
  it.each([
    ['a service of a route', given, true],
    ['one of several', ingressRoute(rule({ services: [{ name: 'api' }, { ...web, weight: 2 }] })), true],
    ['one in this namespace', ingressRoute(rule({ services: [{ ...web, namespace: 'shop' }] })), true],
    ['one in another namespace', ingressRoute(rule({ services: [{ ...web, namespace: 'other' }] })), false],
    [
      'a TraefikService of that name',
      ingressRoute(rule({ services: [{ name: 'web', kind: 'TraefikService' }] })),
      false,
    ],
    ['a weighted service', traefikService(web), true],
    ['a service of another kind of weights', service({ highestRandomWeight: { services: [web] } }), true],
    ['what is copied', service({ mirroring: { ...web, mirrors: [] } }), true],
    ['a copy', service({ mirroring: { name: 'api', mirrors: [web] } }), false],
    ['what stands in', service({ failover: { service: { name: 'api' }, fallback: web } }), true],
    ['another', traefikService({ name: 'webs' }), false],
  ])('%s', (_, object, leads) => {
    expect(traefik.leadsTo(route(object), 'web')).toBe(leads)
  })
})

describe('weights', () => {
  it.each([
    [0, 100, 0],
    [10, 90, 10],
    [100, 0, 100],
  ])('at %i %% are %i and %i, with everything of the entry', (percent, stable, canary) => {
    const entry = { name: 'web', port: 'http', scheme: 'h2c', passHostHeader: true, serversTransport: 'mtls' }
    const parts = [
      { ...entry, weight: stable },
      { ...entry, name: 'web-canary', weight: canary },
    ]
    expect(wanted(traefikService(entry), { percent })).toEqual(traefikService(...parts))
    expect(wanted(ingressRoute(rule({ services: [entry] })), { percent })).toEqual(
      ingressRoute(rule({ services: parts })),
    )
  })

  it('of others keep their part', () => {
    const object = traefikService({ ...web, weight: 3 }, { name: 'api', port: 80 })
    expect(wanted(object, { percent: 25 })).toEqual(
      traefikService(
        { ...web, weight: 225 },
        { ...web, name: 'web-canary', weight: 75 },
        { name: 'api', port: 80, weight: 100 },
      ),
    )
  })

  it('of every route that leads to a Service that is moved', () => {
    const api = { name: 'api', port: 80 }
    const help = rule({ match: 'Host(`help.example.com`)', services: [{ name: 'help' }] })
    const object = ingressRoute(rule(), rule({ match: `${HOST} && PathPrefix(\`/api\`)`, services: [api] }), help)
    const [first, second, third] = routesOf(wanted(object, { sides: both }))
    expect(first?.['services']).toEqual([
      { ...web, weight: 90 },
      { ...web, name: 'web-canary', weight: 10 },
    ])
    expect(second?.['services']).toEqual([
      { ...api, weight: 90 },
      { ...api, name: 'api-canary', weight: 10 },
    ])
    expect(third).toEqual(help)
  })
})

describe('special routes', () => {
  const special = (values: Partial<Split>, of: JsonMap = rule()) => routesOf(wanted(ingressRoute(of), values))[0]

  it.each<[string, Match, string]>([
    ['a header', [header('x-canary', 'always')], 'Header(`x-canary`, `always`)'],
    ['one of its values', [header('x-canary', 'a', 'b')], 'HeaderRegexp(`x-canary`, `^(?:a|b)$`)'],
    ['a cookie', [cookie('staff', '1')], 'HeaderRegexp(`Cookie`, `^(?:.*\\x3b\\s*)?staff=1(?:\\x3b.*)?$`)'],
    [
      'two cookies',
      [cookie('a', '1'), cookie('b', '2')],
      '(HeaderRegexp(`Cookie`, `^(?:.*\\x3b\\s*)?a=1(?:\\x3b.*)?$`) && HeaderRegexp(`Cookie`, `^(?:.*\\x3b\\s*)?b=2(?:\\x3b.*)?$`))',
    ],
    ['a query', [query('new', '1', '2')], '(Query(`new`, `1`) || Query(`new`, `2`))'],
    ['a language', [language('de')], 'HeaderRegexp(`Accept-Language`, `^(?:[dD][eE])(?:[-\\x2c\\x3b].*)?$`)'],
    ['a value with a backtick', [header('x-canary', 'a`b')], 'Header(`x-canary`, "a`b")'],
  ])('%s', (_, match, text) => {
    expect(special({ match: [match] })).toEqual({
      kind: 'Rule',
      match: `(${HOST}) && ${text}`,
      priority: HOST.length + 1,
      services: [{ ...web, name: 'web-canary' }],
    })
  })

  it('any of several matches, and users with an id', () => {
    const values = { match: [[header('a', '1')], [header('b', '2')]], sticky: bucket(), percent: 50 }
    expect(special(values)?.['match']).toBe(
      `(${HOST}) && (Header(\`a\`, \`1\`) || Header(\`b\`, \`2\`) || HeaderRegexp(\`Cookie\`, \`^(?:.*\\x3b\\s*)?uid=[0-9a-f-]*[01234567][0-9a-f](?:\\x3b.*)?$\`))`,
    )
    expect(routesOf(wanted(given, { ...values, percent: 100 }))).toHaveLength(1)
  })

  it('keeps what else the route says', () => {
    const more = { middlewares: [{ name: 'strip' }], observability: { accessLogs: false } }
    expect(special({ match: [[header('a', '1')]] }, rule(more))).toMatchObject(more)
  })

  it.each([
    ['as many as the rule has bytes', { match: 'Host(`bücher.example`)' }, 24],
    ['its own', { priority: 7 }, 8],
    ['none of its own', { priority: 0 }, HOST.length + 1],
    ['below all that have none', { priority: -7 }, -6],
    // 0 would be that of the rule's length again.
    ['just below none', { priority: -1 }, 1],
  ])('has a priority just above: %s', (_, more, priority) => {
    expect(special({ match: [[header('a', '1')]] }, rule(more))?.['priority']).toBe(priority)
  })

  it('kept versions stand above the cohort, and leave nothing else behind', () => {
    const routes = routesOf(wanted(given, { match: [[header('a', '1')]], pins: [pin] }))
    expect(routes.map(({ priority }) => priority)).toEqual([HOST.length + 2, HOST.length + 1, undefined])
    expect(routes[0]).toEqual({
      kind: 'Rule',
      match: `(${HOST}) && (Header(\`x-deployment-id\`, \`v41\`) || Query(\`dpl\`, \`v41\`))`,
      priority: HOST.length + 2,
      services: [{ ...web, name: 'web-v41' }],
    })
    expect(traefik.withPins?.(given, split({ pins: [pin] }))).toEqual(ingressRoute(routes[0] ?? {}, rule()))
    expect(traefik.withoutPins?.(ingressRoute(routes[0] ?? {}, rule()), ['web-v41'])).toEqual(given)
    expect(traefik.withPins?.(traefikService(web), split({ pins: [pin] }))).toEqual(traefikService(web))
  })

  it('does not take requests of another route that wins by little', () => {
    const near = rule({
      match: `${HOST} && PathPrefix(\`/a\`)`,
      priority: HOST.length + 1,
      services: [{ name: 'api' }],
    })
    const [first, ...others] = routesOf(wanted(ingressRoute(rule(), near), { match: [[header('a', '1')]] }))
    expect(first?.['match']).toBe(`(${HOST}) && Header(\`a\`, \`1\`) && !(${HOST} && PathPrefix(\`/a\`))`)
    expect(others.at(-1)).toEqual(near)
  })
})

describe('mirror', () => {
  const entry = { name: 'web', port: 443, scheme: 'https', serversTransport: 'mtls' }

  it('stands in the place of the Service, with all that is said of it', () => {
    const [mirror, live] = traefik.wanted(
      route(ingressRoute(rule({ services: [entry] }))),
      split({ mirror: 20, percent: 0 }),
    )
    expect(mirror).toMatchObject({ kind: 'TraefikService', metadata: { name: 'web-web-mirror', namespace: 'shop' } })
    expect(mirror?.['spec']).toEqual({
      mirroring: { ...entry, mirrors: [{ ...entry, name: 'web-canary', percent: 20 }], maxBodySize: 1024 * 1024 },
    })
    expect(routesOf(live)[0]?.['services']).toEqual([
      { name: 'web-web-mirror', kind: 'TraefikService', weight: 100 },
      { ...entry, name: 'web-canary', weight: 0 },
    ])
  })

  it('is another one where the Service is named otherwise', () => {
    const object = ingressRoute(rule(), rule({ match: 'Host(`a`)', services: [entry] }), rule({ match: 'Host(`b`)' }))
    const all = traefik.wanted(route(object), split({ mirror: 20, percent: 0 }))
    expect(all.map(({ metadata }) => metadata.name)).toEqual(['web-web-mirror', 'web-web-mirror-2', 'web'])
    const names = routesOf(all.at(-1)).map(({ services }) => (services as JsonMap[])[0]?.['name'])
    expect(names).toEqual(['web-web-mirror', 'web-web-mirror-2', 'web-web-mirror'])
  })
})

describe('its own cookie', () => {
  it('stands in a TraefikService of an IngressRoute, secure where there is TLS', () => {
    const [sticky, live] = traefik.wanted(route(given), split({ sticky: ownCookie }))
    expect(sticky?.['spec']).toEqual({
      weighted: {
        services: [
          { ...web, weight: 90 },
          { ...web, name: 'web-canary', weight: 10 },
        ],
        sticky: { cookie: { name: 'side', httpOnly: true, secure: true, sameSite: 'lax', path: '/' } },
      },
    })
    expect(routesOf(live)).toEqual([rule({ services: [{ name: sticky?.metadata.name, kind: 'TraefikService' }] })])
  })

  it('stands in the TraefikService itself, unless users hold another', () => {
    const cookie = { name: 'side', httpOnly: true, sameSite: 'lax', path: '/' }
    expect(wanted(traefikService(web), { sticky: ownCookie })).toMatchObject({
      spec: { weighted: { sticky: { cookie } } },
    })
    const held = service({ weighted: { services: [web], sticky: { cookie: { name: 'held' } } } })
    expect(wanted(held, { sticky: ownCookie })).toMatchObject({
      spec: { weighted: { sticky: { cookie: { name: 'held' } } } },
    })
  })
})

describe('problems', () => {
  const problems = (object: KubeObject, values: Partial<Split> = {}, ...related: KubeObject[]): string[] =>
    traefik.problems(route(object, ...related), split(values)).map(({ reason }) => reason)
  const cohort = { match: [[header('a', '1')]] }
  const seesNothing = 'a TraefikService sees no request, so that it can neither match nor tell users apart'
  const named = 'it names the Service where there are no weights, under mirroring or failover'
  const several = 'one list leads to several Services that this rollout moves, or to one of them twice'
  const zero = 'the Service has the weight 0 in a list, so that it gets no requests to share'

  it('has none with all that it can do', () => {
    for (const each of [{}, cohort, { sticky: bucket() }, { sticky: ownCookie }, { mirror: 20 }, { pins: [pin] }])
      expect(problems(given, each)).toEqual([])
    for (const each of [{}, { sticky: ownCookie }, { mirror: 20 }])
      expect(problems(traefikService(web), each)).toEqual([])
  })

  it.each<[string, KubeObject, Partial<Split>, string]>([
    [
      'the new version',
      ingressRoute(rule({ services: [web, { name: 'web-canary', weight: 0 }] })),
      {},
      'it leads to web-canary already, which somebody else has put there',
    ],
    ['two Services', traefikService(web, { name: 'api' }), { sides: both }, several],
    ['one twice', traefikService(web, web), {}, several],
    ['no weight', traefikService({ ...web, weight: 0 }, { name: 'api' }), {}, zero],
    ['what is copied', service({ mirroring: { ...web, mirrors: [] } }), {}, named],
    ['what stands in', service({ failover: { service: { name: 'api' }, fallback: web } }), {}, named],
    ['half a percent', given, { percent: 0.5 }, 'a share of 0.5% is no whole percent'],
    ['a match without requests', traefikService(web), cohort, seesNothing],
    ['ids without requests', traefikService(web), { sticky: bucket() }, seesNothing],
    ['kept versions without requests', traefikService(web), { pins: [pin] }, seesNothing],
    [
      'a cookie beside an address',
      service({ highestRandomWeight: { services: [web] } }),
      { sticky: ownCookie },
      'highestRandomWeight keeps a client on a version by its address, and has no cookie',
    ],
    ['a port', given, { match: [[port]] }, 'Traefik cannot match a port'],
    ['who asks', given, { match: [[source]] }, 'Traefik cannot match who asks'],
    ['the syntax of old', ingressRoute(rule({ syntax: 'v2' })), cohort, 'a rule is written in the syntax of Traefik 2'],
  ])('%s', (_, object, values, reason) => {
    expect(problems(object, values)).toEqual([reason])
  })

  it('another IngressRoute that wins by little', () => {
    const near = (match: string): KubeObject => {
      const other = ingressRoute({ kind: 'Rule', match, priority: HOST.length + 2, services: [{ name: 'api' }] })
      return { ...other, metadata: { ...other.metadata, name: 'api' } }
    }
    const match = `${HOST} && Path(\`/a\`)`
    const reason = `the route ${match} of another IngressRoute stands so close above that there is no priority between`
    expect(problems(given, { pins: [pin] }, near(match))).toEqual([reason])
    expect(problems(given, cohort, near(match))).toEqual([])
    expect(problems(given, {}, near(match))).toEqual([])
    expect(problems(given, { pins: [pin] }, near('Host(`other.example.com`)'))).toEqual([])
  })
})

it('does not know whether what was written is in force', () => {
  expect(traefik.verify(given)).toEqual({ kind: 'unknown' })
  expect(traefik.mine).toBeUndefined()
})

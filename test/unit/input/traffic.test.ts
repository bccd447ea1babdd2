import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/input/config.ts'
import { trafficSettings } from '../../../src/input/traffic.ts'
import { failureOf } from '../../../src/shared/errors.ts'

function read(text: string): ReturnType<typeof trafficSettings> {
  return trafficSettings(parseConfig(`traffic: ${text}`, 'headgate.yaml').values.traffic)
}

function wrong(text: string): { code: string; message: string; at: string } {
  try {
    read(text)
  } catch (error) {
    const { code, message, place } = failureOf(error)
    expect(place?.file).toBe('headgate.yaml')
    return { code, message, at: `${place?.line}:${place?.column}` }
  }
  throw new Error('not refused')
}

describe('traffic in the config file', () => {
  it('looks for a route by itself and asks nothing more of it', () => {
    const bare = { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [] }
    expect(trafficSettings(undefined)).toEqual(bare)
    expect(read('{}')).toEqual(bare)
  })

  it('reads a match as conditions that all must hold, and a list as any of them', () => {
    expect(read('{match: {header: {x-canary: always}, language: [de, de-CH]}}').match).toEqual([
      [
        { kind: 'header', name: 'x-canary', values: ['always'] },
        { kind: 'language', values: ['de', 'de-CH'] },
      ],
    ])
    const several = '{match: [{cookie: {staff: ["1", "2"]}}, {query: {v: new}}, {port: 8443, source: {app: shop}}]}'
    expect(read(several).match).toEqual([
      [{ kind: 'cookie', name: 'staff', values: ['1', '2'] }],
      [{ kind: 'query', name: 'v', values: ['new'] }],
      [
        { kind: 'port', port: 8443 },
        { kind: 'source', labels: { app: 'shop' } },
      ],
    ])
  })

  it.each([
    ['{sticky: {cookie: uid}}', { by: 'bucket', source: 'cookie', name: 'uid' }],
    ['{sticky: {header: x-user}}', { by: 'bucket', source: 'header', name: 'x-user' }],
    ['{sticky: {router: lb}}', { by: 'router', name: 'lb' }],
  ])('%s', (text, sticky) => {
    expect(read(text).sticky).toEqual(sticky)
  })

  it('has its defaults for weights and kept versions', () => {
    const route = 'apiVersion: a/v1, kind: A, name: a, stable: "spec.b[0].w", canary: "spec.b[1].w"'
    expect(read(`{router: generic, weights: [{${route}}]}`).weights).toEqual([
      { apiVersion: 'a/v1', kind: 'A', name: 'a', stable: 'spec.b[0].w', canary: 'spec.b[1].w', total: 100 },
    ])
    expect(read('{keep-versions: {for: 2h, header: x-id}}').keep).toEqual({
      count: 1,
      forMs: 7_200_000,
      replicas: 1,
      header: 'x-id',
    })
    expect(read('{settle: 5s, on-drift: reassert, pods: full}')).toMatchObject({
      settleMs: 5_000,
      onDrift: 'reassert',
      pods: 'full',
    })
  })
})

describe('what is wrong under traffic', () => {
  const weights = (stable: string, canary: string, more = ''): string =>
    `{apiVersion: a/v1, kind: A, name: a, stable: "${stable}", canary: "${canary}"${more}}`

  it.each([
    // the router
    ['5', 'traffic: must be a mapping', '1:1'],
    ['{onDrift: stop}', 'traffic: unknown key "onDrift"; did you mean on-drift?', '1:11'],
    ['{router: istoi}', 'traffic.router: unknown value "istoi"; did you mean istio?', '1:11'],
    ['{router: haproxy}', 'allowed: auto, none, gateway-api, nginx, istio, traefik, alb or generic', '1:11'],
    ['{pods: half}', 'traffic.pods: unknown value "half"; allowed: share or full', '1:11'],
    ['{on-drift: stay}', 'traffic.on-drift: unknown value "stay"; did you mean stop?', '1:11'],
    ['{settle: fast}', 'traffic.settle: must be a duration such as 30s, 10m or 1h, not "fast"', '1:11'],
    ['{routes: HTTPRoute/web}', 'traffic.routes: must be a list, such as [HTTPRoute/web]', '1:11'],
    ['{routes: [HTTPRoute/a, web]}', 'traffic.routes.1: must be Kind/name, such as HTTPRoute/web, not "web"', '1:33'],
    // annotations-prefix
    ['{annotations-prefix: a..b}', 'must be the DNS name that annotations begin with, such as nginx.', '1:11'],
    ['{annotations-prefix: nginx.org/}', 'must be the DNS name that annotations begin with', '1:11'],
    ['{router: istio, annotations-prefix: a.b}', 'annotations-prefix: has no meaning with router: istio', '1:26'],
    // match
    ['{match: 5}', 'traffic.match: must be a mapping, or a list of mappings', '1:11'],
    ['{match: [5]}', 'traffic.match.0: must be a mapping', '1:19'],
    ['{match: {}}', 'traffic.match: is empty: every request would match', '1:11'],
    ['{match: [{port: 1}, {}]}', 'traffic.match.1: is empty: every request would match', '1:30'],
    ['{match: {user: a}}', 'traffic.match: unknown key "user"; a user is matched by a header or a cookie', '1:19'],
    ['{match: [{user: {a: b}}]}', 'traffic.match.0: unknown key "user"; a user is matched by', '1:20'],
    ['{match: {headers: {a: b}}}', 'unknown key "headers"; did you mean header?', '1:19'],
    ['{match: {constructor: a}}', 'allowed: header, cookie, query, language, port or source', '1:19'],
    ['{match: {header: {"x y": a}}}', '"x y" is not a name of a header', '1:28'],
    ['{match: {cookie: {"a=b": a}}}', '"a=b" is not a name of a cookie', '1:28'],
    ['{match: {query: {"a[b]": a}}}', '"a[b]" is not a name of a query parameter', '1:27'],
    ['{match: {header: {X-A: a, x-a: b}}}', 'header.x-a: stands twice: upper and lower case are one name', '1:36'],
    ['{match: {header: {}}}', 'traffic.match.header: must not be empty', '1:19'],
    ['{match: {header: [a]}}', 'traffic.match.header: must be a mapping', '1:19'],
    ['{match: {header: {a: 1}}}', 'must be text or a list of texts, taken literally; a number, yes and no are', '1:28'],
    ['{match: {header: {a: [b, 1]}}}', 'traffic.match.header.a.1: must be text, not 1; a number, yes and no', '1:35'],
    ['{match: [{header: {a: [b, 1]}}]}', 'traffic.match.0.header.a.1: must be text, not 1', '1:36'],
    ['{match: {header: {a: ""}}}', 'traffic.match.header.a: must not be empty', '1:28'],
    ['{match: {header: {a: []}}}', 'traffic.match.header.a: must not be empty', '1:28'],
    ['{match: {header: {a: é}}}', 'must be printable ASCII without spaces around it, not "é"', '1:28'],
    ['{match: {header: {a: " b"}}}', 'without spaces around it, not " b"', '1:28'],
    [
      '{match: {header: {a: ^b$}}}',
      'is taken literally, and "^b$" looks like a pattern; write the value itself',
      '1:28',
    ],
    ['{match: {query: {a: [b, c.*]}}}', 'traffic.match.query.a.1: is taken literally, and "c.*" looks', '1:34'],
    ['{match: {cookie: {a: "b;c"}}}', 'as a cookie holds it: no space " , ; \\, not "b;c"', '1:28'],
    ['{match: {language: german}}', 'must be a language such as de or de-CH, not "german"', '1:19'],
    ['{match: {language: [de, 5]}}', 'traffic.match.language.1: must be a language such as de or de-CH', '1:34'],
    ['{match: {language: []}}', 'traffic.match.language: must not be empty', '1:19'],
    ['{match: {port: https}}', 'traffic.match.port: must be a whole number from 1 to 65535', '1:19'],
    ['{match: {source: {}}}', 'traffic.match.source: must not be empty', '1:19'],
    ['{match: {source: {a: 1}}}', 'traffic.match.source.a: must be text, not 1; a number, yes and no', '1:28'],
    ['{match: {source: {a/b/c: d}}}', '"a/b/c" is not the name of a label', '1:28'],
    ['{match: {source: {a: "b c"}}}', 'must be the value of a label, not "b c"', '1:28'],
    // sticky
    ['{sticky: uid}', 'traffic.sticky: must be a mapping', '1:11'],
    ['{sticky: {}}', 'traffic.sticky: has exactly one of cookie, header and router', '1:11'],
    ['{sticky: {cookie: a, header: b}}', 'traffic.sticky: has exactly one of cookie, header and router', '1:11'],
    ['{sticky: {cookie: "a b"}}', 'traffic.sticky.cookie: must be the name of a cookie, not "a b"', '1:20'],
    ['{sticky: {user: uid}}', 'unknown key "user"; a user is known by a cookie or a header', '1:20'],
    // weights
    ['{router: generic}', 'traffic.router: the generic router needs weights: the paths of the two numbers', '1:11'],
    ['{router: generic, weights: []}', 'the generic router needs weights', '1:11'],
    ['{router: generic, weights: {}}', 'traffic.weights: must be a list of routes with the paths', '1:28'],
    ['{weights: []}', 'traffic.weights: is read with router: generic only', '1:11'],
    [`{router: alb, weights: [${weights('a', 'b')}]}`, 'is read with router: generic only', '1:24'],
    [`{router: generic, weights: [${weights('a..b', 'c')}]}`, 'must be a path such as spec.http[0].backends', '1:75'],
    [`{router: generic, weights: [${weights('a', 'a')}]}`, 'weights.0.canary: is the path of stable', '1:88'],
    [
      `{router: generic, weights: [${weights('a', 'b')}, ${weights('a', 'b', ', total: 10')}]}`,
      'traffic.weights: all routes must have their weights at the same paths, with the same total',
      '1:28',
    ],
    [`{router: generic, weights: [${weights('a', 'b', ', total: 0')}]}`, 'a whole number from 1 to 1000000', '1:101'],
    // keep-versions
    ['{keep-versions: {header: x}}', 'traffic.keep-versions.for: is missing', '1:11'],
    ['{keep-versions: {for: 2h}}', 'needs header, query or cookie: how a request names its version', '1:11'],
    ['{keep-versions: {for: 0m, header: x}}', 'traffic.keep-versions.for: must be above 0', '1:27'],
    [
      '{keep-versions: {for: 2h, count: 4, query: x}}',
      'keep-versions.count: must be a whole number from 1 to 3',
      '1:36',
    ],
    ['{keep-versions: {for: 2h, cont: 1, query: x}}', 'unknown key "cont"; did you mean count?', '1:36'],
    ['{keep-versions: {for: 2h, replicas: 0, query: x}}', 'replicas: must be a whole number from 1 to 100', '1:36'],
    ['{keep-versions: {for: 2h, cookie: "a b"}}', 'must be the name of a cookie', '1:36'],
    ['{keep-versions: {for: 2h, query: x, env: a-b}}', 'env: must be the name of a variable, not "a-b"', '1:46'],
  ])('%s', (text, part, at) => {
    const problem = wrong(text)
    expect(problem).toMatchObject({ code: 'config', at })
    expect(problem.message).toContain(part)
    expect(problem.message, 'one thing is wrong').not.toContain('things are wrong')
  })

  it.each(['routes: [A/a]', 'match: {port: 1}', 'sticky: {cookie: a}', 'pods: full', 'on-drift: stop', 'settle: 1s'])(
    'has nobody to tell that %s',
    (pair) => {
      expect(wrong(`{router: none, ${pair}}`)).toEqual({
        code: 'config',
        message: `traffic.${pair.split(':')[0]}: needs a router, and router is none`,
        at: '1:25',
      })
    },
  )

  it('points into a file of several lines', () => {
    const problem = wrong('\n  match:\n    - header: { x-canary: always }\n    - cookie:\n        staff: [a, 2]')
    expect(problem.message).toBe(
      'traffic.match.1.cookie.staff.1: must be text, not 2; a number, yes and no are written in quotes',
    )
    expect(problem.at).toBe('5:20')
  })
})

import { describe, expect, it } from 'vitest'
import { nginx } from '../../../src/routers/nginx.ts'
import type { Match, Split, Sticky } from '../../../src/routers/router.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import {
  both,
  bucket,
  cookie,
  header,
  ingress,
  language,
  ownCookie,
  pin,
  port,
  query,
  route,
  source,
  split,
} from './given.ts'

const CLASS = { ingressClassName: 'nginx' }
const LEGACY = 'kubernetes.io/ingress.class'
const PREFIX = 'nginx.ingress.kubernetes.io'
const given = ingress({ '/': 'web' }, undefined, CLASS)

/** A canary Ingress for the same paths. */
function canary(
  name: string,
  labels: Record<string, string>,
  paths: Record<string, string>,
  prefix = PREFIX,
): KubeObject {
  const other = ingress(paths, { [`${prefix}/canary`]: 'true' })
  return { ...other, metadata: { ...other.metadata, name, labels } }
}

describe('mine', () => {
  it.each([
    ['its class', given, true],
    ['a class of one team', ingress({ '/': 'web' }, undefined, { ingressClassName: 'team-nginx' }), true],
    ['the class of old', ingress({ '/': 'web' }, { [LEGACY]: 'nginx' }), true],
    ['one of its annotations', ingress({ '/': 'web' }, { [`${PREFIX}/rewrite-target`]: '/' }), true],
    ['another class', ingress({ '/': 'web' }, undefined, { ingressClassName: 'traefik' }), false],
    [
      'the field before the annotation',
      ingress({ '/': 'web' }, { [LEGACY]: 'nginx' }, { ingressClassName: 'alb' }),
      false,
    ],
    ['nothing', ingress({ '/': 'web' }), false],
  ])('%s', (_, object, mine) => {
    expect(nginx.mine?.(route(object))).toBe(mine)
  })
})

describe('leadsTo', () => {
  it.each([
    ['a backend', given, true],
    ['one of several', ingress({ '/': 'front', '/api': 'web' }), true],
    ['another', ingress({ '/': 'webs' }), false],
    ['a canary Ingress', canary('other', {}, { '/': 'web' }), false],
  ])('%s', (_, object, leads) => {
    expect(nginx.leadsTo(route(object), 'web')).toBe(leads)
  })
})

describe('the second Ingress', () => {
  const second = (object: KubeObject, values: Partial<Split> = {}) => nginx.wanted(route(object), split(values))

  it('has hosts, paths, class and TLS of the first, and none of its annotations', () => {
    const tls = [{ hosts: ['shop.example.com'], secretName: 'shop' }]
    const first = ingress(
      { '/': 'web', '/help': 'help' },
      { 'cert-manager.io/cluster-issuer': 'le' },
      { ...CLASS, tls },
    )
    expect(second(first)).toEqual([
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'Ingress',
        metadata: {
          name: 'web-canary',
          namespace: 'shop',
          labels: { 'headgate.dev/app': 'web' },
          annotations: { [`${PREFIX}/canary`]: 'true', [`${PREFIX}/canary-weight`]: '10' },
        },
        spec: { ...(ingress({ '/': 'web-canary' }, undefined, { ...CLASS, tls })['spec'] as object) },
      },
    ])
  })

  it('keeps the class of old', () => {
    const [object] = second(ingress({ '/': 'web' }, { [LEGACY]: 'nginx' }))
    expect(object?.metadata.annotations).toMatchObject({ [LEGACY]: 'nginx' })
    expect(object?.['spec']).not.toHaveProperty('ingressClassName')
  })

  it('leads each path to the new version of its own Service', () => {
    const [object] = second(ingress({ '/': 'web', '/api': 'api', '/help': 'help' }), { sides: both })
    expect(object?.['spec']).toEqual(ingress({ '/': 'web-canary', '/api': 'api-canary' })['spec'])
  })

  it('chooses pods as the first one does', () => {
    const first = ingress(
      { '/': 'web' },
      { [`${PREFIX}/upstream-hash-by`]: '$remote_addr', [`${PREFIX}/rewrite-target`]: '/' },
      CLASS,
    )
    expect(second(first)[0]?.metadata.annotations).toEqual({
      [`${PREFIX}/canary`]: 'true',
      [`${PREFIX}/canary-weight`]: '10',
      [`${PREFIX}/upstream-hash-by`]: '$remote_addr',
    })
  })

  it('has annotations of the prefix that the controller is told', () => {
    const [object] = second(given, { prefix: 'ingress.example.com' })
    expect(object?.metadata.annotations).toEqual({
      'ingress.example.com/canary': 'true',
      'ingress.example.com/canary-weight': '10',
    })
  })
})

describe('annotations', () => {
  const said = (values: Partial<Split>): Record<string, string> => {
    const [object] = nginx.wanted(route(given), split(values))
    const all = Object.entries(object?.metadata.annotations ?? {})
    return Object.fromEntries(all.map(([key, value]) => [key.slice(PREFIX.length + 1), value]))
  }
  const weight = (percent: number) => ({ canary: 'true', 'canary-weight': String(percent) })

  it.each<[string, Match, Record<string, string>]>([
    ['a header', [header('x-canary', 'on')], { 'canary-by-header': 'x-canary', 'canary-by-header-value': 'on' }],
    [
      'several values',
      [header('x-canary', 'on', '1.0')],
      { 'canary-by-header': 'x-canary', 'canary-by-header-pattern': String.raw`^(?:on|1\.0)$` },
    ],
    // Its annotation check lets a value through only when it is plain.
    [
      'a value that is refused as such',
      [header('x-team', 'a=b, c')],
      { 'canary-by-header': 'x-team', 'canary-by-header-pattern': String.raw`^a=b\x2c\x20c$` },
    ],
    [
      'a cookie',
      [cookie('staff', '1')],
      { 'canary-by-header': 'Cookie', 'canary-by-header-pattern': String.raw`^(?:.*\x3b\s*)?staff=1(?:\x3b.*)?$` },
    ],
    ['the value that it knows', [cookie('staff', 'always')], { 'canary-by-cookie': 'staff' }],
    [
      'that value of a name that is refused as such',
      [cookie('staff!', 'always')],
      {
        'canary-by-header': 'Cookie',
        'canary-by-header-pattern': String.raw`^(?:.*\x3b\s*)?staff\x21=always(?:\x3b.*)?$`,
      },
    ],
    [
      'a language',
      [language('de')],
      {
        'canary-by-header': 'Accept-Language',
        'canary-by-header-pattern': String.raw`^(?:[dD][eE])(?:[-\x2c\x3b].*)?$`,
      },
    ],
  ])('%s', (_, match, rule) => {
    expect(said({ match: [match], percent: 0 })).toEqual({ ...weight(0), ...rule })
    expect(said({ match: [match], percent: 10 })).toEqual({ ...weight(10), ...rule })
    expect(said({ match: [match], percent: 100 })).toEqual(weight(100))
  })

  it('one header by several ways, and a cookie beside it', () => {
    const staff = String.raw`^(?:.*\x3b\s*)?staff=1(?:\x3b.*)?$`
    const ids = String.raw`^(?:.*\x3b\s*)?uid=[0-9a-f-]*[0123][0-9a-f](?:\x3b.*)?$`
    expect(
      said({ match: [[cookie('staff', '1')], [cookie('beta', 'always')]], sticky: bucket(), percent: 25 }),
    ).toEqual({
      ...weight(0),
      'canary-by-header': 'Cookie',
      'canary-by-header-pattern': `${staff}|${ids}`,
      'canary-by-cookie': 'beta',
    })
    expect(said({ match: [[header('X-Team', 'a')], [header('x-team', 'b')]] })).toEqual({
      ...weight(10),
      'canary-by-header': 'X-Team',
      'canary-by-header-pattern': '^a$|^b$',
    })
  })

  it('users with an id come by their pattern alone', () => {
    const sticky = bucket('uid', 16)
    expect(said({ sticky, percent: 0 })).toEqual(weight(0))
    expect(said({ sticky, percent: 25 })).toEqual({
      ...weight(0),
      'canary-by-header': 'Cookie',
      'canary-by-header-pattern': String.raw`^(?:.*\x3b\s*)?uid=[0-9a-f-]*[1234][0-9a-f](?:\x3b.*)?$`,
    })
    expect(said({ sticky, percent: 100 })).toEqual(weight(100))
    const byHeader: Sticky = { by: 'bucket', source: 'header', name: 'x-user', offset: 0 }
    expect(said({ sticky: byHeader, percent: 50 })).toMatchObject({ 'canary-by-header': 'x-user' })
  })
})

describe('problems', () => {
  const problems = (values: Partial<Split>, object = given, ...related: KubeObject[]): string[] =>
    nginx.problems(route(object, ...related), split(values)).map(({ reason }) => reason)
  const room = 'canary annotations have room for one header beside a cookie whose value is always'

  it.each<[string, Partial<Split>]>([
    ['a weight', {}],
    ['a header', { match: [[header('x', '1')]] }],
    ['a language', { match: [[language('de')]] }],
    ['an id', { sticky: bucket() }],
    ['cookies', { sticky: bucket(), match: [[cookie('staff', '1')], [cookie('beta', 'always')]] }],
    ['a header and a cookie that it knows', { match: [[header('x', '1')], [cookie('beta', 'always')]] }],
  ])('has none with %s', (_, values) => {
    expect(problems(values)).toEqual([])
  })

  it.each<[string, Partial<Split>, string]>([
    ['a mirror', { mirror: 20 }, 'canary annotations cannot copy requests'],
    ['kept versions', { pins: [pin] }, 'there is one canary Ingress for a path, so that older versions cannot be kept'],
    ['its own cookie', { sticky: ownCookie }, 'its cookie outranks the weight, also on the way back'],
    ['an id and a match', { sticky: bucket(), match: [[header('x', '1')]] }, `${room}: x, Cookie are 2`],
    ['two matches', { match: [[header('a', '1')], [header('b', '1')]] }, `${room}: a, b are 2`],
    [
      'two conditions',
      { match: [[header('a', '1'), cookie('b', '1')]] },
      'canary annotations cannot ask for two things at once',
    ],
    ['half a percent', { percent: 0.5 }, 'a share of 0.5% is no whole percent'],
    ['a query', { match: [[query('new', '1')]] }, 'canary annotations cannot match a query'],
    ['a port', { match: [[port]] }, 'canary annotations cannot match a port'],
    ['who asks', { match: [[source]] }, 'canary annotations cannot match a source'],
    [
      'the name of a header',
      { match: [[header('x!canary', '1')]] },
      'ingress-nginx refuses the header x!canary in an annotation',
    ],
    [
      'the name of a header with an id',
      { sticky: { by: 'bucket', source: 'header', name: "x'user", offset: 0 } },
      "ingress-nginx refuses the header x'user in an annotation",
    ],
  ])('%s', (_, values, reason) => {
    expect(problems(values)).toEqual([reason])
  })

  it('users who are bound to a pod', () => {
    const bound = ingress({ '/': 'web' }, { [`${PREFIX}/affinity`]: 'cookie' }, CLASS)
    const reason = 'its annotation affinity: cookie outranks headers and cookies of a canary on ingress-nginx'
    expect(problems({ sticky: bucket() }, bound)).toEqual([reason])
    expect(problems({ match: [[header('x', '1')]] }, bound)).toEqual([reason])
    expect(problems({}, bound)).toEqual([])
  })

  it('requests that it does not read', () => {
    const unread = ingress({ '/': 'web' }, { [`${PREFIX}/ssl-passthrough`]: 'true' }, CLASS)
    expect(problems({}, unread)).toEqual([
      'its annotation ssl-passthrough lets requests through unread, so that they cannot be parted',
    ])
  })

  it('a default backend', () => {
    const rest = ingress({ '/': 'web' }, undefined, {
      defaultBackend: { service: { name: 'web', port: { number: 80 } } },
    })
    expect(problems({}, rest)).toEqual([
      'its default backend leads to the Service, and only paths of rules can be parted',
    ])
  })

  it('a backend that is the new version already', () => {
    const old = ingress({ '/': 'web', '/new': 'web-canary' }, undefined, CLASS)
    expect(problems({}, old)).toEqual(['it leads to web-canary already, which somebody else has put there'])
    const other = ingress({ '/new': 'web-canary' }, undefined, CLASS)
    const named = { ...other, metadata: { ...other.metadata, name: 'preview' } }
    expect(problems({}, given, named)).toEqual(["Ingress/preview leads to the new version's Service by itself"])
  })

  it('another Ingress of its name', () => {
    const other = ingress({ '/other': 'blue' }, undefined, CLASS)
    const named = { ...other, metadata: { ...other.metadata, name: 'web-canary' } }
    expect(problems({}, given, named)).toEqual(['Ingress/web-canary is there already, and the canary needs its name'])
  })

  it('another canary of the same path', () => {
    const reason = 'Ingress/blue is a canary for the same path already, and there can be one'
    const app = { 'headgate.dev/app': 'web' }
    expect(problems({}, given, canary('blue', {}, { '/': 'blue' }))).toEqual([reason])
    expect(problems({}, given, canary('blue', {}, { '/other': 'blue' }))).toEqual([])
    expect(problems({}, given, canary('web-canary', app, { '/': 'web-canary' }))).toEqual([])
    expect(problems({}, given, canary('web-canary', {}, { '/': 'web-canary' }))).toHaveLength(1)
    const own = canary('blue', {}, { '/': 'blue' }, 'ingress.example.com')
    expect(problems({}, given, own)).toEqual([])
    expect(problems({ prefix: 'ingress.example.com' }, given, own)).toEqual([reason])
  })
})

it('says that nobody knows whether a weight is in force, and that the controller is retired', () => {
  expect(nginx.verify(given)).toEqual({ kind: 'unknown' })
  expect(nginx.notice).toMatch(/^the ingress-nginx controller is retired/)
  expect(nginx.withPins).toBeUndefined()
})

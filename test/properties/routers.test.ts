import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { alb } from '../../src/routers/alb.ts'
import { gatewayApi } from '../../src/routers/gateway-api.ts'
import { generic } from '../../src/routers/generic.ts'
import { istio } from '../../src/routers/istio.ts'
import { nginx } from '../../src/routers/nginx.ts'
import {
  anyOf,
  BUCKETS,
  bucketOf,
  bucketRule,
  bucketsFor,
  cookiePattern,
  idPattern,
  languagePattern,
  wholePattern,
  windowPattern,
} from '../../src/routers/patterns.ts'
import {
  changes,
  covers,
  isAsWanted,
  mapAt,
  mapsIn,
  type Pin,
  type Route,
  type Router,
  type Split,
} from '../../src/routers/router.ts'
import { traefik } from '../../src/routers/traefik.ts'
import type { Json, JsonMap, KubeObject } from '../../src/shared/objects.ts'
import {
  ACTION,
  albIngress,
  bucket,
  cookie,
  header,
  httpRoute,
  ingress,
  ingressRoute,
  language,
  object,
  query,
  route,
  split,
  traefikService,
  virtualService,
} from '../unit/routers/given.ts'

const hex = (value: number): string => value.toString(16).padStart(2, '0')
const IDS = Array.from({ length: BUCKETS }, (_, value) => hex(value))

const count = fc.integer({ min: 1, max: BUCKETS })
const offset = fc.integer({ min: 0, max: BUCKETS - 1 })
const percent = fc.integer({ min: 0, max: 100 })
/** Names and values as a config takes them: printable, whatever they mean to a pattern. */
const name = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/)
const text = fc.stringMatching(/^[!-~]{1,12}$/)
const tongue = fc.stringMatching(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$/)
const words = fc.uniqueArray(fc.oneof(text, fc.stringMatching(/^[ -~]{1,8}$/)), { minLength: 1, maxLength: 3 })

/** Both dialects: some match anywhere in the text, others the whole of it. */
function accepts(pattern: string, value: string): boolean {
  const search = new RegExp(pattern).test(value)
  expect(new RegExp(`^(?:${pattern})$`).test(value)).toBe(search)
  return search
}

/** What the annotation check of ingress-nginx lets through. */
const NGINX = /^[A-Za-z0-9\-._~/:^$[\](){}*+?|&=\\]*$/

function expectSafe(pattern: string): void {
  expect(pattern).toMatch(NGINX)
  const meaning = pattern.replaceAll(/\\[^1-9k]/g, '')
  expect(meaning).not.toMatch(/\(\?[=!<]|\\/)
  expect(() => new RegExp(pattern)).not.toThrow()
}

describe('patterns', () => {
  it('a window holds exactly its buckets, wherever it begins', () => {
    fc.assert(
      fc.property(count, offset, (many, from) => {
        const window = new RegExp(`^(?:${windowPattern(many, from)})$`)
        const inside = IDS.filter((id) => window.test(id))
        expect(inside).toEqual(IDS.filter((_, value) => (value - from + BUCKETS) % BUCKETS < many))
      }),
      { numRuns: 300 },
    )
  })

  it('every count from every sixteenth offset', () => {
    for (let from = 0; from < BUCKETS; from += 15)
      for (let many = 1; many <= BUCKETS; many += 1) {
        const window = new RegExp(`^(?:${windowPattern(many, from)})$`)
        expect(IDS.filter((id) => window.test(id))).toHaveLength(many)
      }
  })

  it('a higher share has all users of a lower one', () => {
    fc.assert(
      fc.property(percent, percent, offset, (one, other, from) => {
        const [low, high] = one < other ? [one, other] : [other, one]
        expect(bucketsFor(low)).toBeLessThanOrEqual(bucketsFor(high))
        if (low === 0) return
        const [small, large] = [low, high].map((share) => new RegExp(`^${windowPattern(bucketsFor(share), from)}$`))
        for (const id of IDS) if (small?.test(id) === true) expect(large?.test(id)).toBe(true)
      }),
    )
  })

  it('holds only characters that ingress-nginx lets through, and nothing that RE2 does not know', () => {
    fc.assert(
      fc.property(name, words, tongue, count, offset, (key, values, spoken, many, from) => {
        const id = idPattern(many, from)
        for (const pattern of [
          id,
          wholePattern(id),
          cookiePattern(key, id),
          wholePattern(anyOf(values)),
          cookiePattern(key, anyOf(values)),
          languagePattern([spoken, 'de']),
        ])
          expectSafe(pattern)
      }),
      { numRuns: 500 },
    )
  })

  it('takes values literally', () => {
    fc.assert(
      fc.property(words, text, (values, other) => {
        const pattern = wholePattern(anyOf(values))
        for (const value of values) expect(accepts(pattern, value)).toBe(true)
        expect(accepts(pattern, other)).toBe(values.includes(other))
      }),
      { numRuns: 500 },
    )
  })

  it('finds a cookie between others, and none whose name only ends alike', () => {
    const neighbour = fc.tuple(fc.constantFrom('a', 'yuid', 'uid2', 'u', '_ga'), fc.stringMatching(/^[0-9a-f-]{0,8}$/))
    const others = fc.array(neighbour, { maxLength: 3 })
    const gap = fc.constantFrom('; ', ';')
    const id = fc.stringMatching(/^[0-9a-f-]{0,12}[0-9a-f]{2}$/)
    const lists = fc.tuple(others, others, gap)
    fc.assert(
      fc.property(lists, id, count, offset, ([before, after, between], value, many, from) => {
        const pattern = cookiePattern('uid', idPattern(many, from))
        const pairs = (list: [string, string][]) => list.map((pair) => pair.join('='))
        const cookies = (own: string[]) => [...pairs(before), ...own, ...pairs(after)].join(between)
        const inside = ((bucketOf(value) ?? 0) - from + BUCKETS) % BUCKETS < many
        expect(accepts(pattern, cookies([`uid=${value}`]))).toBe(inside)
        expect(accepts(pattern, cookies([]))).toBe(false)
        expect(accepts(pattern, cookies([`yuid=${value}`]))).toBe(false)
        expect(accepts(pattern, cookies([`uid=${value}.`]))).toBe(false)
        expect(accepts(pattern, cookies([`uid=${value}0G`]))).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('does not take upper-case hex digits', () => {
    const pattern = cookiePattern('uid', idPattern(BUCKETS, 0))
    expect(accepts(pattern, 'uid=12ab')).toBe(true)
    expect(accepts(pattern, 'uid=12AB')).toBe(false)
    expect(accepts(pattern, 'uid=12aB')).toBe(false)
    expect(bucketOf('12AB')).toBeUndefined()
  })

  it('the first language counts, with its regions', () => {
    const pattern = languagePattern(['de', 'pt-BR'])
    for (const good of [
      'de',
      'de-CH',
      'de,en;q=0.5',
      'de;q=0.9',
      'de-CH,de;q=0.9',
      'DE',
      'pt-BR',
      'pt-br',
      'pt-BR,pt;q=0.8',
    ])
      expect(accepts(pattern, good), good).toBe(true)
    for (const bad of ['', 'en', 'en,de', 'den', 'pt', 'pt-PT', 'deu']) expect(accepts(pattern, bad), bad).toBe(false)
  })

  it('leads 10,000 users from 1 % to 100 %: nobody goes back, and the share is exact', () => {
    fc.assert(
      fc.property(fc.integer(), offset, fc.constantFrom('cookie' as const, 'header' as const), (seed, from, source) => {
        const users = uuids(seed, 10_000)
        let before = new Set<string>()
        for (const share of [1, 5, 25, 50, 100]) {
          const rule = bucketRule({ source, name: 'uid', offset: from }, share)
          const pattern = new RegExp(rule?.pattern ?? '')
          const now = new Set(users.filter((id) => pattern.test(source === 'cookie' ? `a=1; uid=${id}; b=2` : id)))
          const wanted = users.filter((id) => ((bucketOf(id) ?? 0) - from + BUCKETS) % BUCKETS < bucketsFor(share))
          expect([...now]).toEqual(wanted)
          expect([...before].every((id) => now.has(id))).toBe(true)
          // 256 buckets: half a bucket off at most, but for the least share, and what chance does to 10,000 users.
          expect(Math.abs(now.size / users.length - share / 100)).toBeLessThan(0.025)
          before = now
        }
        expect(before.size).toBe(users.length)
      }),
      { numRuns: 5 },
    )
  })
})

/** Ids like UUIDs of version 4, the same for the same seed. */
function uuids(seed: number, many: number): string[] {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return Array.from({ length: many }, () => {
    const digits = Array.from({ length: 4 }, () => next().toString(16).padStart(8, '0')).join('')
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  })
}

const NEW = ['web-canary', 'web-v41', 'web-v40']
const pins: Pin[] = [
  { id: 'v41', services: { web: 'web-v41' }, header: 'x-deployment-id', query: 'dpl', cookie: 'dpl' },
  { id: 'v40', services: { web: 'web-v40' }, header: 'x-deployment-id' },
]
const conditions = fc.uniqueArray(
  fc.constantFrom(header('x-canary', 'always'), cookie('staff', '1', '2'), query('new', '1', '2'), language('de')),
  { minLength: 1, maxLength: 2 },
)
/** Cookies and languages are headers: two conditions on one are refused. */
const asked = fc.record({
  mirror: fc.constantFrom(0, 20, 100),
  match: fc.array(conditions, { maxLength: 2 }),
  sticky: fc.option(fc.tuple(fc.constantFrom('uid', 'sid'), offset), { nil: undefined }),
  pins: fc.constantFrom([], pins.slice(0, 1), pins),
})

type Asked = typeof asked extends fc.Arbitrary<infer T> ? T : never

function splitOf({ mirror, match, sticky, pins }: Asked, percent: number): Split {
  return split({ mirror, match, pins, percent, ...(sticky === undefined ? {} : { sticky: bucket(...sticky) }) })
}

/** Rules that lead to the Service alone, beside another, or elsewhere; with fields of any kind beside. */
const leads = fc.constantFrom<string[]>(['web'], ['web', 'api'], ['api', 'web'], ['api'])
const weight = fc.constantFrom(1, 3, 100, 200)
const beside = (fields: Record<string, fc.Arbitrary<Json>>) => fc.record(fields, { requiredKeys: [] })

function rules(
  leads: fc.Arbitrary<string[]>,
  entry: (name: string, weight: number | undefined) => JsonMap,
  fields: Record<string, fc.Arbitrary<Json>>,
  key: string,
): fc.Arbitrary<JsonMap[]> {
  const one = leads.chain((names) =>
    fc.tuple(beside(fields), fc.array(weight, { minLength: 2, maxLength: 2 })).map(
      ([others, weights]): JsonMap => ({
        ...others,
        [key]: names.map((name, at) => entry(name, names.length === 1 ? undefined : weights[at])),
      }),
    ),
  )
  return fc.array(one, { minLength: 1, maxLength: 3 })
}

const weighed = (weight: number | undefined): JsonMap => (weight === undefined ? {} : { weight })

interface Case {
  router: Router
  routes: fc.Arbitrary<Route>
  /** what a split may ask here */
  asked: fc.Arbitrary<Asked>
  /** entries with a name and a weight, by rule, of the rules that were there before */
  entries(object: KubeObject): { name: string; weight: number | undefined }[][]
  /** the object without weights and without what leads to new and kept versions */
  bare(object: KubeObject): unknown
}

const onlyNew = (names: string[]): boolean => names.length > 0 && names.every((name) => NEW.includes(name))
const without = (map: JsonMap, ...keys: string[]): JsonMap =>
  Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)))

/** One list of rules whose entries are maps with a name and a weight. */
function listed(list: string, key: string, nameOf: (entry: JsonMap) => string): Pick<Case, 'entries' | 'bare'> {
  const named = (rule: JsonMap) => mapsIn(rule[key]).map(nameOf)
  const old = (object: KubeObject) => mapsIn(mapAt(object, 'spec')[list]).filter((rule) => !onlyNew(named(rule)))
  return {
    entries: (object) =>
      old(object).map((rule) =>
        mapsIn(rule[key]).map((entry) => ({
          name: nameOf(entry),
          weight: typeof entry['weight'] === 'number' ? entry['weight'] : undefined,
        })),
      ),
    bare: (object) => ({
      ...object,
      spec: {
        ...mapAt(object, 'spec'),
        [list]: old(object).map((rule) => ({
          ...without(rule, 'filters', 'mirrors'),
          copies: [...mapsIn(rule['filters']), ...mapsIn(rule['mirrors'])].filter(
            (copy) => !JSON.stringify(copy).includes('web-canary'),
          ),
          [key]: mapsIn(rule[key])
            .filter((entry) => !NEW.includes(nameOf(entry)))
            .map((entry) => without(entry, 'weight')),
        })),
      },
    }),
  }
}

const title = fc.constantFrom('main', 'other')

const gateway: Case = {
  router: gatewayApi,
  asked,
  ...listed('rules', 'backendRefs', ({ name }) => name as string),
  routes: rules(
    leads,
    (name, weight) => ({ name, port: 80, ...weighed(weight) }),
    {
      name: title,
      matches: fc.constantFrom([{ path: { type: 'PathPrefix', value: '/a' } }], [{ method: 'GET' }, { method: 'PUT' }]),
      timeouts: fc.constant({ request: '10s' }),
      filters: fc.constant([{ type: 'RequestHeaderModifier', requestHeaderModifier: { remove: ['x-internal'] } }]),
    },
    'backendRefs',
  ).map((rules) => route(httpRoute(...rules))),
}

const mesh: Case = {
  router: istio,
  asked,
  ...listed('http', 'route', (entry) => (mapAt(entry, 'destination')['host'] as string).replace(/\..*/, '')),
  routes: fc
    .tuple(
      fc.constantFrom('', '.shop', '.shop.svc', '.shop.svc.cluster.local').chain((home) =>
        rules(
          leads,
          (name, weight) => ({ destination: { host: `${name}${home}`, port: { number: 80 } }, ...weighed(weight) }),
          {
            name: title,
            match: fc.constantFrom([{ uri: { prefix: '/a' } }], [{ headers: { end: { exact: 'x' } } }, { port: 80 }]),
            timeout: fc.constant('10s'),
            mirrors: fc.constant([{ destination: { host: 'shadow' }, percentage: { value: 1 } }]),
          },
          'route',
        ),
      ),
      fc.boolean(),
    )
    .map(([http, policy]) =>
      route(
        virtualService(...http),
        ...(policy
          ? [object('networking.istio.io/v1', 'DestinationRule', { host: 'web', trafficPolicy: { tls: {} } })]
          : []),
      ),
    ),
}

const ingressRoutes: Case = {
  router: traefik,
  // With a mirror, a TraefikService stands in the place of the Service: seen in the unit tests.
  asked: asked.map((all) => ({ ...all, mirror: 0 })),
  ...listed('routes', 'services', ({ name }) => name as string),
  routes: rules(
    leads,
    (name, weight) => ({ name, port: 'http', ...weighed(weight) }),
    {
      kind: fc.constant('Rule'),
      match: fc.constantFrom('Host(`shop.example.com`)', 'Host(`shop.example.com`) && PathPrefix(`/a`)'),
      priority: fc.constantFrom(1, 50),
      middlewares: fc.constant([{ name: 'strip' }]),
    },
    'services',
  ).map((routes) => route(ingressRoute(...routes))),
}

const nothing = fc.constant<Asked>({ mirror: 0, match: [], sticky: undefined, pins: [] })

const traefikServices: Case = {
  router: traefik,
  asked: nothing,
  entries: ({ spec }) => [
    mapsIn(mapAt(spec as Json, 'weighted')['services']).map(({ name, weight }) => ({
      name: name as string,
      weight: weight as number | undefined,
    })),
  ],
  bare: ({ spec, ...rest }) => ({
    ...rest,
    services: mapsIn(mapAt(spec as Json, 'weighted')['services'])
      .filter(({ name }) => name !== 'web-canary')
      .map((entry) => without(entry, 'weight')),
  }),
  routes: rules(
    leads.filter((names) => names.includes('web')),
    (name, weight) => ({ name, port: 80, ...weighed(weight) }),
    {},
    'services',
  ).map(([first]) => route(traefikService(...mapsIn(first?.['services'])))),
}

const action = ({ metadata }: KubeObject): JsonMap => JSON.parse(metadata.annotations?.[ACTION] ?? '') as JsonMap
const groupsOf = (object: KubeObject) => mapsIn(mapAt(action(object), 'forwardConfig')['targetGroups'])

const balancer: Case = {
  router: alb,
  asked: nothing,
  entries: (object) => [
    groupsOf(object).map(({ serviceName, weight }) => ({
      name: serviceName as string,
      weight: weight as number | undefined,
    })),
  ],
  bare: (object) => ({
    spec: object['spec'],
    action: without(action(object), 'forwardConfig'),
    groups: groupsOf(object)
      .filter(({ serviceName }) => serviceName !== 'web-canary')
      .map((group) => without(group, 'weight')),
  }),
  routes: fc.tuple(leads, fc.constantFrom(100, 200, 300), fc.constantFrom(50, 100)).map(([names, own, others]) =>
    route(
      albIngress(
        names.map((name) => ({
          serviceName: name,
          servicePort: 80,
          ...(names.length === 1 ? {} : { weight: name === 'web' ? own : others }),
        })),
      ),
    ),
  ),
}

const CASES: Record<string, Case> = {
  'gateway-api': gateway,
  istio: mesh,
  'traefik: IngressRoute': ingressRoutes,
  'traefik: TraefikService': traefikServices,
  alb: balancer,
}

/** Whoever changes a part of it fails. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const each of Object.values(Object.freeze(value))) frozen(each)
  return value
}

/** The object itself, of all that is written for it. */
function itself(objects: KubeObject[], { object }: Route): KubeObject {
  const own = objects.find(({ kind, metadata }) => kind === object.kind && metadata.name === object.metadata.name)
  return own ?? object
}

describe.each(Object.entries(CASES))('%s', (_, { router, routes, asked, entries, bare }) => {
  it('changes nothing of what it is given, and wants what covers itself', () => {
    fc.assert(
      fc.property(routes, asked, percent, (given, ask, share) => {
        const [route, want] = [frozen(structuredClone(given)), frozen(splitOf(ask, share))]
        const all = router.wanted(route, want)
        expect(route).toEqual(given)
        expect(router.wanted(route, want)).toEqual(all)
        for (const each of all) {
          expect(covers(each, each)).toBe(true)
          expect(isAsWanted(structuredClone(each), each)).toBe(true)
          expect(changes(each, each)).toEqual([])
          expect(isDeepStrictEqual(JSON.parse(JSON.stringify(each)), each), 'nothing undefined in it').toBe(true)
        }
      }),
    )
  })

  it('leaves everything else as it was, at every share', () => {
    fc.assert(
      fc.property(routes, asked, percent, (route, ask, share) => {
        const live = itself(router.wanted(route, splitOf(ask, share)), route)
        expect(bare(live)).toEqual(bare(route.object))
      }),
    )
  })

  it('gives the new version its share of the weight of the old one, and keeps the sum', () => {
    fc.assert(
      fc.property(routes, percent, percent, (route, one, other) => {
        const before = entries(route.object)
        const [first, second] = [one, other].map((share) =>
          entries(itself(router.wanted(route, split({ percent: share })), route)),
        )
        for (const [at, list] of before.entries()) {
          const [now, then] = [first?.[at] ?? [], second?.[at] ?? []]
          if (!list.some(({ name }) => name === 'web')) {
            expect(now).toEqual(list)
            continue
          }
          expect(now.map(({ name }) => name)).toEqual(
            list.flatMap(({ name }) => (name === 'web' ? ['web', 'web-canary'] : [name])),
          )
          expect(sum(now)).toBe(sum(then))
          const [stable, canary] = ['web', 'web-canary'].map((name) => sum(now.filter((each) => each.name === name)))
          expect((canary ?? 0) * 100).toBe(((stable ?? 0) + (canary ?? 0)) * one)
          // The others keep their part of all.
          const own = list.find(({ name }) => name === 'web')?.weight ?? 1
          if (list.length > 1) expect(((stable ?? 0) + (canary ?? 0)) * sum(list)).toBe(own * sum(now))
        }
      }),
    )
  })

  it('leaves the old version nothing at 100 %, whatever else is asked', () => {
    fc.assert(
      fc.property(routes, asked, (route, ask) => {
        const live = itself(router.wanted(route, splitOf({ ...ask, pins: [] }, 100)), route)
        for (const list of entries(live))
          for (const { name, weight } of list) if (name === 'web') expect(weight).toBe(0)
      }),
    )
  })

  it('takes back the pins that it has put in, and only those', () => {
    const { withPins, withoutPins } = router
    if (withPins === undefined || withoutPins === undefined) return
    fc.assert(
      fc.property(routes, fc.constantFrom([], pins.slice(0, 1), pins), ({ object }, pins) => {
        const pinned = withPins(frozen(structuredClone(object)), split({ pins }))
        expect(withoutPins(frozen(pinned), ['web-v41', 'web-v40'])).toEqual(object)
        if (pins.length === 2)
          expect(withoutPins(pinned, ['web-v40'])).toEqual(withPins(object, split({ pins: pins.slice(0, 1) })))
      }),
    )
  })
})

function sum(list: { weight: number | undefined }[]): number {
  return list.reduce((all, { weight }) => all + (weight ?? 0), 0)
}

describe('nginx', () => {
  const places = fc.uniqueArray(
    fc.record({ path: fc.constantFrom('/', '/a', '/b', '/c'), to: fc.constantFrom('web', 'api') }),
    { minLength: 1, maxLength: 4, selector: ({ path }) => path },
  )
  const annotations = fc.constantFrom(undefined, {}, { 'cert-manager.io/issuer': 'le' })
  const extra = fc.constantFrom<JsonMap>({}, { ingressClassName: 'nginx' }, { tls: [{ hosts: ['shop.example.com'] }] })

  it('is a second Ingress of the same places that lead to the new version, and no other', () => {
    fc.assert(
      fc.property(places, annotations, extra, percent, (places, annotations, extra, share) => {
        const given = route(ingress(Object.fromEntries(places.map(({ path, to }) => [path, to])), annotations, extra))
        const all = nginx.wanted(frozen(structuredClone(given)), frozen(split({ percent: share })))
        expect(all).toHaveLength(1)
        const [second] = all
        expect(second?.metadata.name).toBe('web-canary')
        expect(second?.metadata.annotations?.['nginx.ingress.kubernetes.io/canary-weight']).toBe(String(share))
        expect(second?.metadata.annotations).not.toHaveProperty('cert-manager.io/issuer')
        const own = places.filter(({ to }) => to === 'web')
        const wanted = ingress(Object.fromEntries(own.map(({ path }) => [path, 'web-canary'])), undefined, extra)
        expect(second?.['spec']).toEqual(own.length === 0 ? { ...extra, rules: [] } : wanted['spec'])
      }),
    )
  })

  it('has a rule or a weight for users with an id, never both', () => {
    fc.assert(
      fc.property(offset, percent, (from, share) => {
        const [second] = nginx.wanted(
          route(ingress({ '/': 'web' })),
          split({ percent: share, sticky: bucket('uid', from) }),
        )
        const said = second?.metadata.annotations ?? {}
        expect(said['nginx.ingress.kubernetes.io/canary-weight']).toBe(share === 100 ? '100' : '0')
        expect('nginx.ingress.kubernetes.io/canary-by-header-pattern' in said).toBe(share > 0 && share < 100)
      }),
    )
  })
})

describe('generic', () => {
  it('writes the two numbers and nothing else', () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const paths = fc.constantFrom(
      { stable: 'spec.http[0].backends[0].weight', canary: 'spec.http[0].backends[1].weight' },
      { stable: 'spec.stable', canary: 'spec.canary' },
    )
    fc.assert(
      fc.property(
        key,
        fc.jsonValue(),
        paths,
        percent,
        fc.constantFrom(100, 1000),
        (key, value, paths, share, total) => {
          const backends = (stable: number, canary: number): JsonMap => ({
            http: [
              { backends: [{ name: 'web', weight: stable }, { name: 'web-canary', weight: canary }, { [key]: value }] },
            ],
          })
          const spec = (stable: number, canary: number): JsonMap => ({
            [key]: value,
            ...(paths.stable === 'spec.stable' ? { stable, canary, ...backends(1, 1) } : backends(stable, canary)),
          })
          const given = frozen(object('example.com/v1', 'Split', spec(1, 1)))
          const want = split({ percent: share, weights: { ...paths, total } })
          expect(generic.problems(route(given), want)).toEqual([])
          const canary = (total * share) / 100
          expect(generic.wanted(route(given), want)).toEqual([
            object('example.com/v1', 'Split', spec(total - canary, canary)),
          ])
        },
      ),
    )
  })
})

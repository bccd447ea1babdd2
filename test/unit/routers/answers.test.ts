import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gatewayApi } from '../../../src/routers/gateway-api.ts'
import { istio } from '../../../src/routers/istio.ts'
import { mapAt, mapsIn, type Pin, type Router, type Split } from '../../../src/routers/router.ts'
import { traefik } from '../../../src/routers/traefik.ts'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { bucket, cookie, header, httpRoute, ingressRoute, query, route, split, virtualService } from './given.ts'

/**
 * Routes as their routers read them, as far as these tests write them: who answers a request must be who was meant,
 * whatever other rules there are.
 */
interface Request {
  path: string
  headers: Record<string, string>
  query: Record<string, string>
}

/** Share of each Service, by its name. */
type Answer = Record<string, number>

/** One rule as a team writes it. */
interface Rule {
  path: string
  beta: boolean
  query: boolean
  to: string
}

function shares(entries: { name: string; weight: unknown }[]): Answer {
  const weight = (each: { weight: unknown }) => (typeof each.weight === 'number' ? each.weight : 1)
  const sum = entries.reduce((all, each) => all + weight(each), 0)
  const all = entries.map((each): [string, number] => [each.name, weight(each) / sum])
  return Object.fromEntries(all.filter(([, share]) => share > 0))
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const lower = (headers: Request['headers'], name: unknown): string | undefined => headers[text(name).toLowerCase()]

function meets(value: string | undefined, type: unknown, wanted: unknown): boolean {
  if (value === undefined) return false
  return type === 'RegularExpression' ? new RegExp(text(wanted)).test(value) : value === wanted
}

/** The longest path wins, then the most headers, then the most queries, then the earlier rule. */
function byGateway(object: KubeObject, { path, headers, query }: Request): Answer {
  const matches = mapsIn(mapAt(object, 'spec')['rules']).flatMap((rule) =>
    mapsIn(rule['matches']).map((match) => ({
      rule,
      prefix: text(mapAt(match, 'path')['value']),
      asked: mapsIn(match['headers']),
      queries: mapsIn(match['queryParams']),
    })),
  )
  const [best] = matches
    .filter(({ prefix }) => path.startsWith(prefix))
    .filter(({ asked }) => asked.every(({ name, type, value }) => meets(lower(headers, name), type, value)))
    .filter(({ queries }) => queries.every(({ name, type, value }) => meets(query[text(name)], type, value)))
    .toSorted(
      (a, b) =>
        b.prefix.length - a.prefix.length || b.asked.length - a.asked.length || b.queries.length - a.queries.length,
    )
  return shares(mapsIn(best?.rule['backendRefs']).map(({ name, weight }) => ({ name: text(name), weight })))
}

/** The first rule wins. */
function byIstio(object: KubeObject, { path, headers, query }: Request): Answer {
  const holds = (condition: JsonMap, value: string | undefined): boolean =>
    value !== undefined &&
    (condition['regex'] === undefined
      ? value === condition['exact']
      : new RegExp(`^(?:${text(condition['regex'])})$`).test(value))
  const all = (asked: JsonMap, values: Record<string, string>): boolean =>
    Object.keys(asked).every((name) => holds(mapAt(asked, name), values[name]))
  const rule = mapsIn(mapAt(object, 'spec')['http']).find(({ match }) =>
    mapsIn(match).some(
      (each) =>
        path.startsWith(text(mapAt(each, 'uri')['prefix'])) &&
        all(mapAt(each, 'headers'), headers) &&
        all(mapAt(each, 'queryParams'), query),
    ),
  )
  const name = (entry: JsonMap) => text(mapAt(entry, 'destination')['host'])
  return shares(mapsIn(rule?.['route']).map((entry) => ({ name: name(entry), weight: entry['weight'] })))
}

const RULES = new Map<string, (...words: unknown[]) => unknown>()

function compiled(rule: string, words: string[]): (...words: unknown[]) => unknown {
  const known = RULES.get(rule)
  if (known !== undefined) return known
  // oxlint-disable-next-line typescript/no-implied-eval -- the words are all that stands in it
  const fresh = new Function(...words, `return ${rule.replaceAll(/([(,] ?)`/g, '$1String.raw`')}`) as () => unknown
  RULES.set(rule, fresh)
  return fresh
}

/** The highest priority wins; without one it is the length of the rule. Rules are read as the same words of JavaScript. */
function byTraefik(object: KubeObject, { path, headers, query }: Request): Answer {
  const words = {
    Host: () => true,
    PathPrefix: (prefix: string) => path.startsWith(prefix),
    Header: (name: string, value: string) => lower(headers, name) === value,
    HeaderRegexp: (name: string, pattern: string) => meets(lower(headers, name), 'RegularExpression', pattern),
    Query: (name: string, value: string) => query[name] === value,
  }
  const holds = (rule: string): unknown => compiled(rule, Object.keys(words))(...Object.values(words))
  const priority = ({ priority, match }: JsonMap) => (typeof priority === 'number' ? priority : text(match).length)
  const [best] = mapsIn(mapAt(object, 'spec')['routes'])
    .filter(({ match }) => holds(text(match)) === true)
    .toSorted((a, b) => priority(b) - priority(a))
  return shares(mapsIn(best?.['services']).map(({ name, weight }) => ({ name: text(name), weight })))
}

interface Reader {
  router: Router
  /** rules as teams write them; of the Gateway API one for each path */
  selector(rule: Rule): string
  written(rules: Rule[]): KubeObject
  answer(object: KubeObject, request: Request): Answer
}

const BETA = { name: 'x-beta', value: '1' }

const whole = ({ path, beta, query }: Rule): string => `${path} ${beta} ${query}`

const READERS: Record<string, Reader> = {
  'gateway-api': {
    router: gatewayApi,
    selector: ({ path }) => path,
    answer: byGateway,
    written: (rules) =>
      httpRoute(
        ...rules.map(({ path, beta, query, to }) => ({
          matches: [
            {
              path: { type: 'PathPrefix', value: path },
              ...(beta ? { headers: [{ type: 'Exact', ...BETA }] } : {}),
              ...(query ? { queryParams: [{ type: 'Exact', name: 'q', value: '1' }] } : {}),
            },
          ],
          backendRefs: [{ name: to, port: 80 }],
        })),
      ),
  },
  istio: {
    router: istio,
    selector: whole,
    answer: byIstio,
    written: (rules) =>
      virtualService(
        ...rules.map(({ path, beta, query, to }) => ({
          match: [
            {
              uri: { prefix: path },
              ...(beta ? { headers: { [BETA.name]: { exact: BETA.value } } } : {}),
              ...(query ? { queryParams: { q: { exact: '1' } } } : {}),
            },
          ],
          route: [{ destination: { host: to } }],
        })),
      ),
  },
  traefik: {
    router: traefik,
    selector: whole,
    answer: byTraefik,
    written: (rules) =>
      ingressRoute(
        ...rules.map(({ path, beta, query, to }) => ({
          kind: 'Rule',
          match: [
            'Host(`shop`)',
            `PathPrefix(\`${path}\`)`,
            ...(beta ? ['Header(`x-beta`, `1`)'] : []),
            ...(query ? ['Query(`q`, `1`)'] : []),
          ].join(' && '),
          services: [{ name: to, port: 80 }],
        })),
      ),
  },
}

const rule = fc.record<Rule>({
  path: fc.constantFrom('/', '/a', '/ab', '/abc'),
  beta: fc.boolean(),
  query: fc.boolean(),
  to: fc.constantFrom('web', 'api'),
})
const kept: Pin = { id: 'v41', services: { web: 'web-v41' }, header: 'x-deployment-id', query: 'dpl' }
const asked = fc.record({
  percent: fc.integer({ min: 0, max: 100 }),
  match: fc.constantFrom<Split['match']>(
    [],
    [[header('x-canary', 'on')]],
    [[header('x-canary', 'on'), cookie('staff', '1')], [query('new', '1')]],
  ),
  sticky: fc.constantFrom(undefined, bucket('uid', 250)),
  pins: fc.constantFrom<Pin[]>([], [kept]),
})
const some = <T>(value: T) => fc.constantFrom(undefined, value)
const requests = fc
  .record({
    path: fc.constantFrom('/', '/a', '/ab', '/abc', '/x'),
    beta: some({ 'x-beta': '1' }),
    canary: some({ 'x-canary': 'on' }),
    pin: some({ 'x-deployment-id': 'v41' }),
    uid: fc.constantFrom(undefined, 'uid=00fb', 'uid=0080'),
    staff: some('staff=1'),
    q: some({ q: '1' }),
    fresh: some({ new: '1' }),
    dpl: some({ dpl: 'v41' }),
  })
  .map(({ path, beta, canary, pin, uid, staff, q, fresh, dpl }): Request => {
    const cookies = [uid, staff].filter((each) => each !== undefined).join('; ')
    return {
      path,
      headers: { ...beta, ...canary, ...pin, ...(cookies === '' ? {} : { cookie: cookies }) },
      query: { ...q, ...fresh, ...dpl },
    }
  })

/** Who should answer a request that the Service answered before. */
function meant({ percent, match, sticky, pins }: Split, { headers, query }: Request): Answer {
  if (pins.length > 0 && (headers['x-deployment-id'] === 'v41' || query['dpl'] === 'v41')) return { 'web-v41': 1 }
  if (percent === 100) return { 'web-canary': 1 }
  const cookies = headers['cookie']?.split('; ') ?? []
  const ways = match.map((each) =>
    each.every((condition) => {
      if (condition.kind === 'header') return headers[condition.name] === condition.values[0]
      if (condition.kind === 'cookie') return cookies.includes(`${condition.name}=${condition.values[0]}`)
      return condition.kind === 'query' && query[condition.name] === condition.values[0]
    }),
  )
  if (ways.includes(true)) return { 'web-canary': 1 }
  if (sticky === undefined)
    return shares([
      { name: 'web', weight: 100 - percent },
      { name: 'web-canary', weight: percent },
    ])
  // The buckets from 250 on: 0xfb is the second, 0x80 the 135th of 256.
  const bucket = cookies.includes('uid=00fb') ? 2 : cookies.includes('uid=0080') ? 135 : 257
  return bucket <= Math.max(percent > 0 ? 1 : 0, Math.floor((256 * percent + 50) / 100))
    ? { 'web-canary': 1 }
    : { web: 1 }
}

describe.each(Object.entries(READERS))('%s', (_, { router, selector, written, answer }) => {
  const rules = fc.uniqueArray(rule, { minLength: 1, maxLength: 4, selector })

  it('answers each request by the version that is meant, and takes none of other Services', () => {
    fc.assert(
      fc.property(rules, asked, fc.array(requests, { minLength: 5, maxLength: 20 }), (rules, ask, requests) => {
        const { sticky, ...others } = ask
        const want = split({ ...others, ...(sticky === undefined ? {} : { sticky }) })
        const before = route(written(rules))
        fc.pre(router.problems(before, want).length === 0)
        const after = router.wanted(before, want).at(-1) ?? before.object
        for (const request of requests) {
          const [was, is] = [answer(before.object, request), answer(after, request)]
          expect({ request, is }).toEqual({ request, is: was['web'] === undefined ? was : meant(want, request) })
        }
      }),
      { numRuns: 300 },
    )
  })
})

import { describe, expect, it } from 'vitest'
import { gatewayApi } from '../../../src/routers/gateway-api.ts'
import type { Pin, Split } from '../../../src/routers/router.ts'
import { mapsIn, mapAt, textOf } from '../../../src/routers/router.ts'
import type { JsonMap } from '../../../src/shared/objects.ts'
import { bucket, cookie, header, httpRoute, query, route, split } from './given.ts'

const rule = { matches: [{ path: { type: 'PathPrefix', value: '/' } }], backendRefs: [{ name: 'web', port: 80 }] }
const pinned = (ways: Partial<Pin>): Pin => ({ id: 'v41', services: { web: 'web-v41' }, ...ways })

/** What a request has: its headers, by names in lower case, and its query. */
interface Request {
  headers?: Record<string, string>
  query?: Record<string, string>
}

function holds(condition: JsonMap, values: Record<string, string> = {}): boolean {
  const value = values[textOf(condition['name']).toLowerCase()]
  if (value === undefined) return false
  return condition['type'] === 'Exact'
    ? value === condition['value']
    : new RegExp(textOf(condition['value'])).test(value)
}

/** The backend with the largest weight of the rule that the Gateway API says wins. */
function answeredBy(rules: JsonMap[], { headers, query }: Request): unknown {
  const matches = rules.flatMap((each) => mapsIn(each['matches']).map((match) => ({ each, match })))
  const asked = (match: JsonMap, key: string): JsonMap[] => mapsIn(match[key])
  const won = matches
    .filter(({ match }) => asked(match, 'headers').every((condition) => holds(condition, headers)))
    .filter(({ match }) => asked(match, 'queryParams').every((condition) => holds(condition, query)))
    .toSorted(
      (a, b) =>
        asked(b.match, 'headers').length - asked(a.match, 'headers').length ||
        asked(b.match, 'queryParams').length - asked(a.match, 'queryParams').length,
    )
  const refs = mapsIn(won[0]?.each['backendRefs'])
  return refs.toSorted((a, b) => Number(b['weight']) - Number(a['weight']))[0]?.['name']
}

describe('a kept version in the middle of a rollout', () => {
  const rules = (values: Partial<Split>) =>
    mapsIn(mapAt(gatewayApi.wanted(route(httpRoute(rule)), split(values))[0], 'spec')['rules'])
  const old = { cookie: 'uid=00' }
  const dpl = { query: { dpl: 'v41' } }
  const id = { 'x-deployment-id': 'v41' }

  it.each<[string, Partial<Split>, Request, string]>([
    [
      'by its query, of a user who is on the new version',
      { pins: [pinned({ query: 'dpl' })], sticky: bucket() },
      { ...dpl, headers: old },
      'web-v41',
    ],
    ['by its query, of others', { pins: [pinned({ query: 'dpl' })], sticky: bucket() }, dpl, 'web-v41'],
    ['without it', { pins: [pinned({ query: 'dpl' })], sticky: bucket() }, { headers: old }, 'web-canary'],
    [
      'by its header beside two of the cohort',
      { pins: [pinned({ header: 'x-deployment-id' })], match: [[header('x-a', '1'), cookie('b', '1')]] },
      { headers: { ...id, 'x-a': '1', cookie: 'b=1' } },
      'web-v41',
    ],
    [
      'by its header beside a query',
      { pins: [pinned({ header: 'x-deployment-id' })], match: [[query('new', '1')]] },
      { headers: id, query: { new: '1' } },
      'web-v41',
    ],
    [
      'by its cookie, of a user whose id is another cookie',
      { pins: [pinned({ cookie: 'dpl' })], sticky: bucket() },
      { headers: { cookie: 'uid=00; dpl=v41' } },
      'web-v41',
    ],
    [
      'by its query beside a query and a header',
      { pins: [pinned({ query: 'dpl' })], match: [[query('new', '1'), header('x-a', '1')]] },
      { query: { ...dpl.query, new: '1' }, headers: { 'x-a': '1' } },
      'web-v41',
    ],
  ])('%s', (_, values, request, backend) => {
    expect(answeredBy(rules(values), request)).toBe(backend)
  })

  it('asks for no more than its own where nothing else is asked for', () => {
    const pins = [pinned({ query: 'dpl' })]
    const [kept] = rules({ pins, percent: 100, sticky: bucket() })
    expect(mapsIn(kept?.['matches'])).toHaveLength(1)
    expect(gatewayApi.withPins?.(httpRoute(rule), split({ pins, sticky: bucket() }))['spec']).toMatchObject({
      rules: [{ matches: [{ queryParams: [{ name: 'dpl', value: 'v41' }] }] }, rule],
    })
  })
})

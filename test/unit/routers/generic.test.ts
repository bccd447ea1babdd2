import { describe, expect, it } from 'vitest'
import { generic } from '../../../src/routers/generic.ts'
import type { Problem, Split, Verdict } from '../../../src/routers/router.ts'
import type { JsonMap } from '../../../src/shared/objects.ts'
import { both, bucket, header, object, pin, route, split } from './given.ts'

const PATHS = { stable: 'spec.routes[0].services[0].weight', canary: 'spec.routes[0].services[1].weight', total: 100 }

const proxy = (...services: JsonMap[]) => object('projectcontour.io/v1', 'HTTPProxy', { routes: [{ services }] })
const given = proxy({ name: 'web', weight: 100 }, { name: 'web-canary', weight: 0 }, { name: 'other' })
const ask = (values: Partial<Split> = {}) => split({ weights: PATHS, ...values })

function problems(values: Partial<Split>, of = given): string[] {
  return generic.problems(route(of), ask(values)).map(({ reason }: Problem) => reason)
}

it('takes a route at its word that it leads to the Service', () => {
  expect(generic.leadsTo(route(given), 'anything')).toBe(true)
  expect(generic.mine).toBeUndefined()
})

describe('weights', () => {
  it.each([
    [0, 100, 100, 0],
    [1, 100, 99, 1],
    [10, 1000, 900, 100],
    [33, 100, 67, 33],
    [100, 300, 0, 300],
  ])('at %i %% of %i are %i and %i', (percent, total, stable, canary) => {
    const [wanted] = generic.wanted(route(given), ask({ percent, weights: { ...PATHS, total } }))
    expect(wanted).toEqual(
      proxy({ name: 'web', weight: stable }, { name: 'web-canary', weight: canary }, { name: 'other' }),
    )
  })

  it('may stand anywhere in the spec', () => {
    const deep = object('example.com/v1', 'Split', { a: [[{ 'b-c': 1 }, { d_e: 2 }]], names: 'web-canary.shop.svc' })
    const weights = { stable: 'spec.a[0][0].b-c', canary: 'spec.a[0][1].d_e', total: 100 }
    expect(generic.problems(route(deep), split({ weights }))).toEqual([])
    const [wanted] = generic.wanted(route(deep), split({ weights }))
    expect(wanted?.['spec']).toEqual({ a: [[{ 'b-c': 90 }, { d_e: 10 }]], names: 'web-canary.shop.svc' })
  })
})

describe('problems', () => {
  it('has none with two numbers and both Services', () => {
    expect(problems({})).toEqual([])
  })

  it.each<[string, Partial<Split>, string]>([
    [
      'nothing at a path',
      { weights: { ...PATHS, canary: 'spec.routes[0].services[3].weight' } },
      'at spec.routes[0].services[3].weight stands nothing, and a weight is a number in the spec',
    ],
    [
      'no number',
      { weights: { ...PATHS, canary: 'spec.routes[0].services[1].name' } },
      'at spec.routes[0].services[1].name stands "web-canary", and a weight is a number in the spec',
    ],
    [
      'not in the spec',
      { weights: { ...PATHS, canary: 'specs.weight' } },
      'at specs.weight stands nothing, and a weight is a number in the spec',
    ],
    [
      'one path for both',
      { weights: { ...PATHS, canary: PATHS.stable } },
      'both weights are said to stand at spec.routes[0].services[0].weight',
    ],
    // Half of ten is five, but a quarter is not whole: asked once, before the start.
    [
      'too few',
      { percent: 50, weights: { ...PATHS, total: 10 } },
      'weights that sum up to 10 cannot say every percent',
    ],
    ['a Service that is not named', { sides: both }, 'nothing in it names the Service api-canary'],
    ...[{ match: [[header('x', 'y')]] }, { sticky: bucket() }, { mirror: 20 }, { pins: [pin] }].map(
      (values): [string, Partial<Split>, string] => [
        Object.keys(values).join(),
        values,
        'the generic router moves weights only: no match, sticky, mirror and kept versions',
      ],
    ),
  ])('%s', (_, values, reason) => {
    expect(problems(values)).toEqual([reason])
  })

  it('no paths', () => {
    expect(generic.problems(route(given), split())).toEqual([
      { reason: 'no paths of its weights are known', mend: 'set traffic: weights' },
    ])
  })
})

describe('verify', () => {
  const said = (status: JsonMap): Verdict =>
    generic.verify({ ...given, metadata: { ...given.metadata, generation: 3 }, status })
  const taken: Verdict = { kind: 'waiting', text: 'its controller to take the route' }

  it.each<[string, JsonMap, Verdict]>([
    ['no status', {}, { kind: 'unknown' }],
    ['other conditions', { conditions: [{ type: 'Synced', status: 'False' }] }, { kind: 'unknown' }],
    ['no generation', { conditions: [{ type: 'Ready', status: 'True' }] }, { kind: 'unknown' }],
    ['an old one', { conditions: [{ type: 'Valid', status: 'True', observedGeneration: 2 }] }, taken],
    ['an old refusal', { conditions: [{ type: 'Valid', status: 'False', observedGeneration: 2 }] }, taken],
    ['not known yet', { conditions: [{ type: 'Ready', status: 'Unknown', observedGeneration: 3 }] }, taken],
    ['taken', { conditions: [{ type: 'Valid', status: 'True', observedGeneration: 3 }] }, { kind: 'live' }],
    ['taken as a whole', { observedGeneration: 3, conditions: [{ type: 'Ready', status: 'True' }] }, { kind: 'live' }],
    [
      'refused',
      {
        observedGeneration: 3,
        conditions: [{ type: 'Valid', status: 'False', reason: 'Bad', message: 'no such port' }],
      },
      { kind: 'refused', text: 'Valid False: Bad no such port' },
    ],
  ])('%s', (_, status, verdict) => {
    expect(said(status)).toEqual(verdict)
  })
})

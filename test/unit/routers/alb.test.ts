import { describe, expect, it } from 'vitest'
import { alb } from '../../../src/routers/alb.ts'
import type { Split } from '../../../src/routers/router.ts'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ACTION, albIngress, both, bucket, header, ingress, object, ownCookie, pin, route, split } from './given.ts'

const one = { serviceName: 'web', servicePort: 80 }
const given = albIngress([one])
const PREFIX = 'alb.ingress.kubernetes.io'

/** An Ingress with these actions as its backends. */
function withActions(actions: Record<string, unknown>): KubeObject {
  const texts = Object.entries(actions).map(([name, action]) => [`${PREFIX}/actions.${name}`, JSON.stringify(action)])
  const paths = Object.keys(actions).map((name) => [`/${name}`, name])
  return ingress(Object.fromEntries(paths), Object.fromEntries(texts), { ingressClassName: 'alb' })
}

const forward = (...targetGroups: JsonMap[]) => ({ type: 'forward', forwardConfig: { targetGroups } })

function annotated(object: KubeObject, annotations: Record<string, string>): KubeObject {
  const { metadata } = object
  return { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } } }
}

describe('mine', () => {
  it.each([
    ['its class', ingress({ '/': 'web' }, undefined, { ingressClassName: 'alb' }), true],
    ['the class of old', ingress({ '/': 'web' }, { 'kubernetes.io/ingress.class': 'alb' }), true],
    ['one of its annotations', ingress({ '/': 'web' }, { [`${PREFIX}/scheme`]: 'internal' }), true],
    ['another class', ingress({ '/': 'web' }, undefined, { ingressClassName: 'nginx' }), false],
    ['nothing', ingress({ '/': 'web' }), false],
  ])('%s', (_, object, mine) => {
    expect(alb.mine?.(route(object))).toBe(mine)
  })
})

describe('leadsTo', () => {
  const spec = { defaultBackend: { service: { name: 'web-split', port: { name: 'use-annotation' } } } }
  it.each([
    ['a group of an action that is a backend', given, true],
    ['a backend itself', ingress({ '/': 'web' }), true],
    [
      'an action that is the default backend',
      object('networking.k8s.io/v1', 'Ingress', spec, given.metadata.annotations),
      true,
    ],
    ['an action that no backend uses', { ...given, spec: { rules: [] } }, false],
    ['another', albIngress([{ serviceName: 'api', servicePort: 80 }]), false],
    ['an action that is no JSON', annotated(given, { [ACTION]: '{' }), false],
    ['an action without groups', annotated(given, { [ACTION]: '{"type":"fixed-response"}' }), false],
  ])('%s', (_, object, leads) => {
    expect(alb.leadsTo(route(object), 'web')).toBe(leads)
  })
})

describe('the action', () => {
  const action = (object: KubeObject, values: Partial<Split> = {}, key = ACTION): unknown => {
    const [wanted] = alb.wanted(route(object), split(values))
    return JSON.parse(wanted?.metadata.annotations?.[key] ?? '')
  }

  it.each([
    [0, 100, 0],
    [10, 90, 10],
    [33, 67, 33],
    [100, 0, 100],
  ])('at %i %% has groups of %i and %i', (percent, stable, canary) => {
    expect(action(given, { percent })).toEqual(
      forward({ ...one, weight: stable }, { ...one, serviceName: 'web-canary', weight: canary }),
    )
  })

  it('leaves other groups, stickiness and annotations as they are', () => {
    const other = { serviceName: 'api', servicePort: 'http', weight: 200 }
    const rest = { targetGroupStickinessConfig: { enabled: false } }
    const before = annotated(albIngress([{ ...one, weight: 300 }, other], rest), { [`${PREFIX}/scheme`]: 'internal' })
    const [wanted] = alb.wanted(route(before), split({ percent: 5 }))
    expect(wanted?.['spec']).toEqual(before['spec'])
    expect(wanted?.metadata.annotations?.[`${PREFIX}/scheme`]).toBe('internal')
    const groups = [{ ...one, weight: 285 }, { ...one, serviceName: 'web-canary', weight: 15 }, other]
    expect(action(before, { percent: 5 })).toEqual({
      type: 'forward',
      forwardConfig: { targetGroups: groups, ...rest },
    })
  })

  it('keeps the style of its keys', () => {
    const text = '{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"web","ServicePort":"80"}]}}'
    expect(action(annotated(given, { [ACTION]: text }))).toEqual({
      Type: 'forward',
      ForwardConfig: {
        TargetGroups: [
          { ServiceName: 'web', ServicePort: '80', weight: 90 },
          { ServiceName: 'web-canary', ServicePort: '80', weight: 10 },
        ],
      },
    })
  })

  it('is changed wherever it leads to a Service that is moved', () => {
    const three = withActions({
      a: forward(one),
      b: forward({ serviceName: 'api', servicePort: 80 }),
      c: forward({ serviceName: 'help', servicePort: 80 }),
    })
    const texts = (key: string) => action(three, { sides: both }, `${PREFIX}/actions.${key}`)
    expect(texts('a')).toEqual(forward({ ...one, weight: 90 }, { ...one, serviceName: 'web-canary', weight: 10 }))
    expect(texts('b')).toEqual(
      forward(
        { serviceName: 'api', servicePort: 80, weight: 90 },
        { serviceName: 'api-canary', servicePort: 80, weight: 10 },
      ),
    )
    expect(texts('c')).toEqual(forward({ serviceName: 'help', servicePort: 80 }))
  })
})

describe('problems', () => {
  const problems = (object: KubeObject, values: Partial<Split> = {}): string[] =>
    alb.problems(route(object), split(values)).map(({ reason }) => reason)
  const api = (weight: number) => ({ serviceName: 'api', servicePort: 80, weight })
  const web = (weight: number) => ({ ...one, weight })
  const sticky =
    'its target groups are sticky, which outranks weights: users would stay on a group whose pods are taken away and get 503'
  const attributes = `${PREFIX}/target-group-attributes`

  it.each([
    ['one group', given],
    ['parts of hundreds', albIngress([web(300), api(50)])],
    ['stickiness that is off', albIngress([one], { targetGroupStickinessConfig: { enabled: false } })],
    ['other attributes', annotated(given, { [attributes]: 'stickiness.enabled=false,slow_start.duration_seconds=30' })],
  ])('has none with %s', (_, object) => {
    expect(problems(object)).toEqual([])
  })

  it.each<[string, KubeObject, string]>([
    [
      'a Service as backend',
      ingress({ '/': 'web' }, undefined, { ingressClassName: 'alb' }),
      'Service/web is a backend itself: to put an action in its place would delete its target group at once and cut connections off',
    ],
    ['stickiness', albIngress([one], { targetGroupStickinessConfig: { enabled: true } }), sticky],
    [
      'stickiness of the groups themselves',
      annotated(given, { [attributes]: 'slow_start.duration_seconds=30, stickiness.enabled=true' }),
      sticky,
    ],
    [
      'the new version',
      albIngress([web(100), { serviceName: 'web-canary', servicePort: 80, weight: 0 }]),
      'it leads to web-canary already, which somebody else has put there',
    ],
    [
      'five groups',
      albIngress([web(100), api(1), ...['b', 'c', 'd'].map((serviceName) => ({ serviceName, weight: 1 }))]),
      'an action takes five target groups at most',
    ],
    [
      'a weight of tens',
      albIngress([web(90), api(10)]),
      'the weight 90 beside other groups cannot be parted by the percent',
    ],
    [
      'no weight',
      albIngress([web(0), api(100)]),
      'the Service has the weight 0 in an action, so that it gets no requests to share',
    ],
  ])('%s', (_, object, reason) => {
    expect(problems(object)).toEqual([reason])
  })

  it('looks at the weights of each Service that is moved', () => {
    const two = withActions({ a: forward(one), b: forward(api(30), { serviceName: 'help', weight: 70 }) })
    expect(problems(two, { sides: both })).toEqual([
      'the weight 30 beside other groups cannot be parted by the percent',
    ])
    expect(problems(two)).toEqual([])
  })

  it('two Services of one action', () => {
    expect(problems(albIngress([web(100), api(100)]), { sides: both })).toEqual([
      'one action leads to several Services that this rollout moves',
    ])
  })

  it.each([
    { match: [[header('x', '1')]] },
    { sticky: bucket() },
    { sticky: ownCookie },
    { mirror: 20 },
    { pins: [pin] },
  ])('nothing but weights: %j', (values) => {
    expect(problems(given, values)).toEqual([
      'an action parts requests by weight only: match, sticky, mirror and kept versions are not possible',
    ])
  })
})

it('has the Service in the route before its pods come, and knows no more than time', () => {
  expect(alb.registersPods).toBe(true)
  expect(alb.settleMs).toBe(30_000)
  expect(alb.verify(given)).toEqual({ kind: 'unknown' })
  expect(alb.withPins).toBeUndefined()
})

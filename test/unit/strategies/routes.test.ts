import { describe, expect, it } from 'vitest'
import { gatewayApi } from '../../../src/routers/gateway-api.ts'
import { traefik } from '../../../src/routers/traefik.ts'
import { keyOf, type KubeObject, refOf } from '../../../src/shared/objects.ts'
import { SPLIT } from '../../../src/strategies/annotations.ts'
import { type Asked, shareOf } from '../../../src/strategies/route-writes.ts'
import { routeDrifts, routeMove } from '../../../src/strategies/routes.ts'
import type { RouteObject, Routing } from '../../../src/strategies/view.ts'
import { NOW, said, written } from './views.ts'

const QUARTER = { percent: 25, mirror: 0 }

/** The route as its team wrote it, taken by its gateway. */
function route(): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'web', namespace: 'shop', generation: 1, annotations: { team: 'shop' } },
    spec: {
      parentRefs: [{ name: 'public' }],
      rules: [{ backendRefs: [{ name: 'web', port: 80, weight: 1 }] }],
    },
    status: statusAt(1),
  }
}

function statusAt(observedGeneration: number, accepted = 'True'): KubeObject[string] {
  const conditions = [
    { type: 'Accepted', status: accepted, reason: 'Because', message: 'of this', observedGeneration },
    { type: 'ResolvedRefs', status: 'True', observedGeneration },
  ]
  return { parents: [{ parentRef: { name: 'public' }, conditions }] }
}

interface Spec {
  live?: KubeObject | undefined
  changed?: number
  own?: boolean
  begun?: boolean
  onDrift?: Routing['onDrift']
}

function asked({ changed = 60_000, own = false, begun = false, onDrift = 'stop', ...spec }: Spec = {}): Asked {
  const before = route()
  const live: RouteObject = { live: 'live' in spec ? spec.live : before, changedAt: NOW - changed, own }
  const key = keyOf(refOf(before))
  return {
    routing: {
      router: gatewayApi,
      routes: [{ object: before, related: [] }],
      before: new Map([[key, before]]),
      after: new Map([[key, before]]),
      live: new Map([[key, live]]),
      split: {
        sides: [{ stable: 'web', canary: 'web-canary', ports: [{ port: 80 }] }],
        match: [],
        pins: [],
        labels: {},
      },
      settleMs: 3_000,
      pods: 'share',
      onDrift,
      begun,
    },
    rollout: 7,
    app: 'shop',
    sentence: 'Headgate moves this object.',
    now: NOW,
  }
}

/** The route as a write of the rollout for this share has left it, with the gateway's word for it. */
function split(share = QUARTER, rollout = 7): KubeObject {
  const [wanted] = gatewayApi.wanted({ object: route(), related: [] }, { ...asked().routing.split, ...share })
  const annotations = { team: 'shop', [SPLIT]: JSON.stringify({ rollout, ...share, generation: 2 }) }
  const metadata = { ...route().metadata, generation: 2, annotations, labels: { 'headgate.dev/app': 'shop' } }
  return { ...route(), ...wanted, metadata, status: statusAt(2) }
}

function changed(object: KubeObject, spec: KubeObject[string], manager = 'kubectl-edit'): KubeObject {
  const managedFields = [
    { manager, time: '2026-01-01T00:00:00Z' },
    { manager: 'traefik', time: '2026-01-01T00:00:01Z', subresource: 'status' },
  ]
  const { generation = 0 } = object.metadata
  const metadata = { ...object.metadata, generation: generation + 1, managedFields }
  return { ...object, metadata, spec: { ...Object(object['spec']), ...Object(spec) } }
}

describe('a share', () => {
  it('is written with what it is for, and with the generation that the write will make', () => {
    const move = routeMove(asked(), QUARTER)
    const patch = written(move)
    expect(said(move)).toBe('write: 25% to the new version')
    expect(JSON.parse(String(patch['/metadata/annotations/headgate.dev~1split']))).toEqual({
      rollout: 7,
      percent: 25,
      mirror: 0,
      generation: 2,
    })
    expect(patch['/metadata/labels']).toEqual({ 'headgate.dev/app': 'shop' })
    expect(Object.keys(patch).filter((path) => path.startsWith('/spec'))).toEqual(['/spec/rules'])
  })

  it('with a mirror makes what copies requests only then, after a share without one', () => {
    const apiVersion = 'traefik.io/v1alpha1'
    const services = [{ name: 'web', port: 80 }]
    const metadata = { name: 'shop', namespace: 'shop' }
    const object: KubeObject = { apiVersion, kind: 'TraefikService', metadata, spec: { weighted: { services } } }
    const { routing, ...rest } = asked({ begun: true })
    const at = { percent: 0, mirror: 0 }
    const [stands] = traefik.wanted({ object, related: [] }, { ...routing.split, ...at })
    const annotations = { [SPLIT]: JSON.stringify({ rollout: 7, ...at, generation: 1 }) }
    const live = {
      ...object,
      ...stands,
      metadata: { ...metadata, annotations, labels: { 'headgate.dev/app': 'shop' } },
    }
    const key = keyOf(refOf(object))
    const own = { ...routing, router: traefik, routes: [{ object, related: [] }], before: new Map([[key, object]]) }
    const given = { ...rest, routing: { ...own, live: new Map([[key, { live, changedAt: 0, own: false }]]) } }
    const move = routeMove(given, { percent: 0, mirror: 20 })
    expect(said(move)).toBe('write: created, with no share yet')
  })

  it('that changes nothing of the spec makes no generation', () => {
    // Left by another rollout, with the same share.
    const before = split(QUARTER, 6)
    const patch = written(routeMove(asked({ live: before, onDrift: 'reassert', begun: true }), QUARTER))
    expect(JSON.parse(String(patch['/metadata/annotations/headgate.dev~1split']))).toMatchObject({ generation: 2 })
  })

  it.each<[string, Spec, string]>([
    ['there and settled', { live: split() }, 'nothing'],
    ['there, not settled', { live: split(), changed: 1_000 }, 'wait: the route to settle in every proxy'],
    ['not taken yet', { live: { ...split(), status: statusAt(1) } }, 'wait: Gateway/public to take the route'],
    [
      'refused a moment ago',
      { live: { ...split(), status: statusAt(2, 'False') }, changed: 9_000 },
      'wait: Gateway/public says Accepted False: Because of this',
    ],
    [
      'refused for long',
      { live: { ...split(), status: statusAt(2, 'False') }, changed: 10_000 },
      'refused: HTTPRoute/web: Gateway/public says Accepted False: Because of this',
    ],
    ['gone', { live: undefined, begun: true }, 'drift: it was deleted'],
    ['gone, and written over what others write', { live: undefined, onDrift: 'reassert' }, 'drift: it was deleted'],
    [
      'not kept by the server',
      { live: { ...split(), spec: route()['spec'] ?? {} }, own: true },
      'refused: the cluster did not keep all that was written to HTTPRoute/web: its definition is too old for it, or something changes it on the way',
    ],
    [
      'written over',
      { live: changed(split(), route()['spec'] ?? {}) },
      'drift: its content was changed by kubectl-edit',
    ],
    ['with more', { live: changed(split(), { hostnames: ['a'] }) }, 'drift: its content was changed by kubectl-edit'],
    [
      'with more, and written again',
      { live: changed(split(), { hostnames: ['a'] }), onDrift: 'reassert' },
      'write: 25% to the new version, which kubectl-edit had changed',
    ],
    [
      'reset without a trace, once begun',
      { live: changed(route(), {}), begun: true },
      'drift: its content was changed by kubectl-edit',
    ],
    ['as before, not begun', { live: changed(route(), {}) }, 'write: 25% to the new version'],
  ])('%s', (_what, spec, move) => {
    expect(said(routeMove(asked(spec), QUARTER))).toBe(move)
  })

  it('with what the server has filled in is as it was written', () => {
    const filled = { ...split(), spec: { ...Object(split()['spec']), hostnames: [] } }
    expect(said(routeMove(asked({ live: filled }), QUARTER))).toBe('nothing')
  })

  it('of an object whose status is none of its own is not changed by a word of its controller', () => {
    const { managedFields: _, ...metadata } = changed(split(), {}).metadata
    const live = { ...split(), metadata, spec: { ...Object(split()['spec']), hostnames: [] } }
    // Its gateway has taken the newer generation.
    expect(said(routeMove(asked({ live: { ...live, status: statusAt(3) } }), QUARTER))).toBe('nothing')
  })

  it('leaves annotations that others have given the route', () => {
    const live = split()
    live.metadata.annotations = { ...live.metadata.annotations, ttl: '60' }
    for (const to of [{ percent: 50, mirror: 0 }, 'before', 'after'] as const)
      expect(Object.keys(written(routeMove(asked({ live }), to)))).not.toContain('/metadata/annotations/ttl')
  })

  it('is told from the annotation of this rollout alone', () => {
    expect(shareOf(split(), 7)).toEqual(QUARTER)
    expect(shareOf(split(), 8)).toBeUndefined()
    expect(shareOf(route(), 7)).toBeUndefined()
    expect(shareOf(undefined, 7)).toBeUndefined()
    expect(shareOf({ ...route(), metadata: { annotations: { [SPLIT]: 'no JSON' } } }, 7)).toBeUndefined()
  })
})

describe('drift while it rests', () => {
  it.each<[string, Spec, string[]]>([
    ['none', { live: split() }, []],
    ['deleted', { live: undefined, begun: true }, ['it was deleted']],
    ['more', { live: changed(split(), { hostnames: ['a'] }) }, ['its content was changed by kubectl-edit']],
    ['reset', { live: changed(route(), {}), begun: true }, ['its content was changed by kubectl-edit']],
  ])('%s', (_what, spec, texts) => {
    expect(routeDrifts(asked(spec), QUARTER).map(({ text }) => text)).toEqual(texts)
  })
})

describe('the way back', () => {
  it('puts back what was there and takes every trace away', () => {
    const patch = written(routeMove(asked({ live: split() }), 'before'))
    expect(patch).toEqual({
      '/spec/rules': Object(route()['spec']).rules,
      '/metadata/annotations/headgate.dev~1split': null,
      '/metadata/labels/headgate.dev~1app': null,
    })
  })

  it.each<[string, Spec, string]>([
    ['there and settled', {}, 'nothing'],
    ['there, not settled', { changed: 1_000 }, 'wait: the route to settle in every proxy'],
    ['deleted', { live: undefined }, 'nothing'],
    [
      'not taken yet',
      { live: { ...route(), status: statusAt(0) }, changed: 29_000 },
      'wait: Gateway/public to take the route',
    ],
    ['never taken', { live: { ...route(), status: statusAt(0) }, changed: 30_000 }, 'nothing'],
    ['refused', { live: { ...route(), status: statusAt(1, 'False') }, changed: 4_000 }, 'nothing'],
  ])('%s', (_what, spec, move) => {
    expect(said(routeMove(asked(spec), 'before'))).toBe(move)
  })

  it('leaves what somebody else has written when it leads to nothing of the rollout', () => {
    const rules = [{ backendRefs: [{ name: 'maintenance', port: 80 }] }]
    const live = changed(split(), { rules })
    const move = routeMove(asked({ live }), 'before')
    expect(said(move)).toMatch(/left as kubectl-edit has written it/)
    expect(Object.keys(written(move)).filter((path) => path.startsWith('/spec'))).toEqual([])
  })

  it('does not leave it when it leads to the new version', () => {
    const rules = [{ backendRefs: [{ name: 'web-canary', port: 80 }] }]
    const move = routeMove(asked({ live: changed(split(), { rules }) }), 'before')
    expect(written(move)).toHaveProperty(['/spec/rules'], Object(route()['spec']).rules)
  })
})

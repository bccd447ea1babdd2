import { describe, expect, it } from 'vitest'
import { gatewayApi } from '../../../src/routers/gateway-api.ts'
import type { Split } from '../../../src/routers/router.ts'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'

const PATH = { path: { type: 'PathPrefix', value: '/' } }

function route(change: JsonMap = {}, status?: JsonMap): KubeObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'shop', namespace: 'shop', generation: 2 },
    spec: { parentRefs: [{ name: 'public' }], rules: [{ matches: [PATH], backendRefs: [{ name: 'web' }] }], ...change },
    ...(status === undefined ? {} : { status }),
  }
}

const split = (change: Partial<Split> = {}): Split => ({
  sides: [{ stable: 'web', canary: 'web-canary', ports: [] }],
  percent: 50,
  mirror: 0,
  match: [],
  pins: [],
  labels: {},
  ...change,
})

describe('a narrower rule of another Service', () => {
  const beta = { matches: [{ ...PATH, headers: [{ name: 'x-beta', value: '1' }] }], backendRefs: [{ name: 'api' }] }
  const elsewhere = {
    matches: [{ path: { type: 'PathPrefix', value: '/api' }, headers: [] }],
    backendRefs: [{ name: 'api' }],
  }
  const rules = (other: JsonMap): JsonMap => ({ rules: [{ matches: [PATH], backendRefs: [{ name: 'web' }] }, other] })
  const sticky = { sticky: { by: 'bucket', source: 'cookie', name: 'uid', offset: 0 } } as const
  const reasons = (other: JsonMap, asked: Partial<Split>): string[] =>
    gatewayApi.problems({ object: route(rules(other)), related: [] }, split(asked)).map(({ reason }) => reason)

  it('is refused beside sticky users, whose rule would win against it', () => {
    expect(reasons(beta, sticky)).toEqual([expect.stringContaining('could no longer reach its Service')])
  })

  it('is no matter for weights alone, or on another path', () => {
    expect(reasons(beta, {})).toEqual([])
    expect(reasons(elsewhere, sticky)).toEqual([])
  })
})

describe('the status of a route', () => {
  const told = (status: string): JsonMap => ({
    parents: [
      {
        parentRef: { name: 'public' },
        conditions: ['Accepted', 'ResolvedRefs'].map((type) => ({
          type,
          status,
          reason: 'Pending',
          observedGeneration: 2,
        })),
      },
    ],
  })

  it('is waited for while a gateway has not made up its mind', () => {
    expect(gatewayApi.verify(route({}, told('Unknown')))).toEqual({
      kind: 'waiting',
      text: 'Gateway/public to take the route',
    })
    expect(gatewayApi.verify(route({}, told('False')))).toMatchObject({ kind: 'refused' })
    expect(gatewayApi.verify(route({}, told('True')))).toEqual({ kind: 'live' })
  })

  it('never comes where there is no parent', () => {
    expect(gatewayApi.verify(route({ parentRefs: [] }))).toMatchObject({ kind: 'waiting' })
  })
})

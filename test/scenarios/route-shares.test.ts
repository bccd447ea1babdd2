import { describe, expect, it } from 'vitest'
import { remains } from '../invariants/remains.ts'
import { V1, V2, V3 } from './given.ts'
import {
  expectNothingLost,
  type Gateway,
  resting,
  routed,
  type Routed,
  routedCanary,
  routeObject,
  type Rule,
  trafficOf,
} from './routed.ts'
import { APP, manifestsOf, NAMESPACE } from './world.ts'

const CANARY = `${APP}-canary`

/** Rules that lead to the new version alone. */
function ownRules({ rules }: Gateway): Rule[] {
  return rules.filter(({ backendRefs }) => backendRefs.every(({ name }) => name === CANARY))
}

async function expectOver(given: Routed, version = V2): Promise<void> {
  const { world, gateway } = given
  expect(world.serving()).toEqual({ [version]: 3 })
  expect(gateway.route['spec']).toEqual(routeObject()['spec'])
  await world.clock.advance(40_000)
  expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
  expectNothingLost(given)
}

async function promoted({ world }: Routed, outcome: 'paused' | 'succeeded'): Promise<void> {
  const { result } = await world.run('promote')
  expect(result, result?.message).toMatchObject({ outcome })
}

describe('a cohort', () => {
  const traffic = trafficOf({ match: [[{ kind: 'header', name: 'x-canary', values: ['always'] }]] })
  const MATCHED = {
    matches: [
      { path: { type: 'PathPrefix', value: '/' }, headers: [{ type: 'Exact', name: 'x-canary', value: 'always' }] },
    ],
  }

  it('is on the new version at 0 % alone, at 50 % besides the others, and in the end like all', async () => {
    const given = await resting('0%, approve, 50%, approve', { traffic })
    const { world, gateway } = given
    expect(gateway.weights).toEqual({ [APP]: 100, [CANARY]: 0 })
    expect(ownRules(gateway)).toEqual([expect.objectContaining(MATCHED)])
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 1 })
    await promoted(given, 'paused')
    expect(gateway.weights).toEqual({ [APP]: 50, [CANARY]: 50 })
    expect(ownRules(gateway)).toEqual([expect.objectContaining(MATCHED)])
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 2 })
    await promoted(given, 'succeeded')
    await expectOver(given)
  })

  it('keeps what the rule of the team does to a request', async () => {
    const { gateway } = await resting('0%, approve', { traffic })
    const [rule] = gateway.rules
    expect(rule).toMatchObject({
      filters: [{ type: 'RequestHeaderModifier' }],
      backendRefs: [{ name: CANARY, port: 80 }],
    })
  })

  it('goes back with an abort', async () => {
    const given = await resting('0%, approve', { traffic })
    expect((await given.world.run('abort')).result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    await expectOver(given, V1)
  })

  it('has a full set from the first step on where pods say so', async () => {
    const given = await resting('0%, approve', { traffic: { ...traffic, pods: 'full' } })
    expect(given.world.serving()).toEqual({ [V1]: 3, [V2]: 3 })
    await promoted(given, 'succeeded')
    await expectOver(given)
  })
})

describe('a mirror', () => {
  const controller = 'gateway.envoyproxy.io/gatewayclass-controller'
  const mirroring = (plan: string): Promise<Routed> => resting(plan, {}, { controller })

  function mirrors({ rules }: Gateway): unknown[] {
    return rules.flatMap(({ filters = [] }) => filters.flatMap(({ requestMirror }) => requestMirror ?? []))
  }

  it('copies to pods of its own, answers nobody, and is gone at the next weight', async () => {
    const given = await mirroring('mirror 20%, approve, 50%, approve')
    const { world, gateway } = given
    expect(mirrors(gateway)).toEqual([
      { backendRef: { group: '', kind: 'Service', name: CANARY, port: 80 }, percent: 20 },
    ])
    expect(gateway.weights).toEqual({ [APP]: 100, [CANARY]: 0 })
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 1 })
    await promoted(given, 'paused')
    expect(mirrors(gateway)).toEqual([])
    expect(gateway.weights).toEqual({ [APP]: 50, [CANARY]: 50 })
    await promoted(given, 'succeeded')
    await expectOver(given)
  })

  it('beside a weight has pods for both, and ends with mirror 0%', async () => {
    const given = await mirroring('20%, mirror 40%, approve, mirror 0%, approve')
    const { world, gateway } = given
    expect(mirrors(gateway)).toHaveLength(1)
    expect(gateway.weights).toEqual({ [APP]: 80, [CANARY]: 20 })
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 2 })
    await promoted(given, 'paused')
    expect(mirrors(gateway)).toEqual([])
    expect(gateway.weights).toEqual({ [APP]: 80, [CANARY]: 20 })
    await promoted(given, 'succeeded')
    await expectOver(given)
  })

  it('is away before its pods are, with an abort', async () => {
    const given = await mirroring('mirror 100%, approve')
    expect(mirrors(given.gateway)).toEqual([{ backendRef: { group: '', kind: 'Service', name: CANARY, port: 80 } }])
    expect((await given.world.run('abort')).result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    await expectOver(given, V1)
  })
})

describe('sticky users', () => {
  const HEX = Array.from({ length: 256 }, (_, bucket) => bucket.toString(16).padStart(2, '0'))
  const traffic = trafficOf({ sticky: { by: 'bucket', source: 'cookie', name: 'uid' } })

  /** Buckets whose users the route leads to the new version, whatever the weights. */
  function buckets(gateway: Gateway): number[] {
    const headers = ownRules(gateway).flatMap(({ matches = [] }) => matches.flatMap(({ headers: all = [] }) => all))
    const patterns = headers.flatMap(({ type, name, value }) =>
      type === 'RegularExpression' && name === 'Cookie' ? [new RegExp(`^(?:${value})$`)] : [],
    )
    const cookie = (tail: string): string => `lang=de; uid=6ba7b810-9dad-4d1a-80b4-00c04fd430${tail}; a=b`
    return HEX.flatMap((tail, bucket) => (patterns.some((pattern) => pattern.test(cookie(tail))) ? [bucket] : []))
  }

  it('only ever move to the new version, and the others wait until 100 %', async () => {
    const given = await resting('1%, approve, 25%, approve, 50%, approve, 100%, approve', { traffic })
    const { world, gateway } = given
    const { offset } = { offset: undefined, ...world.record?.traffic?.sticky }
    const stages = [buckets(gateway)]
    for (let step = 0; step < 2; step++) {
      expect(gateway.weights).toEqual({ [APP]: 100, [CANARY]: 0 })
      await promoted(given, 'paused')
      stages.push(buckets(gateway))
    }
    expect(gateway.weights).toEqual({ [APP]: 100, [CANARY]: 0 })
    expect(stages.map(({ length }) => length)).toEqual([3, 64, 128])
    expect(stages[0]?.[0]).toBe(offset)
    for (const [at, stage] of stages.slice(1).entries()) expect(stage).toEqual(expect.arrayContaining(stages[at] ?? []))
    expect(world.record?.traffic?.sticky).toMatchObject({ offset })

    await promoted(given, 'paused')
    expect(gateway.weights).toEqual({ [APP]: 0, [CANARY]: 100 })
    expect(ownRules(gateway)).toEqual([])
    await promoted(given, 'succeeded')
    await expectOver(given)
  })

  it('are others in the next rollout', async () => {
    const given = await resting('25%, approve', { traffic })
    const { world, gateway } = given
    const first = buckets(gateway)
    await promoted(given, 'succeeded')
    const objects = manifestsOf({ version: V3 })
    expect((await world.run('deploy', routedCanary('25%, approve', { objects, traffic }))).result).toMatchObject({
      outcome: 'paused',
    })
    const second = buckets(gateway)
    expect(second).toHaveLength(64)
    expect(second).not.toEqual(first)
    expect((await world.run('abort')).result).toMatchObject({ outcome: 'aborted' })
    await expectOver(given, V2)
  })

  it('of a run that was cut off stay where they are', async () => {
    const given = await routed()
    const { world, gateway } = given
    const options = routedCanary('25%, wait 10m, 50%', { traffic })
    const { result } = await world.run('deploy', { ...options, cut: { after: 24, when: 'after' } })
    expect(result).toBeUndefined()
    const before = buckets(gateway)
    expect(before).toHaveLength(64)
    const seen = new Set<string>()
    world.emulator.observe(() => seen.add(buckets(gateway).join(' ')))
    const again = await world.run('deploy', options)
    expect(again.result, again.result?.message).toMatchObject({ outcome: 'succeeded' })
    const stages = [...seen].map((stage) => (stage === '' ? [] : stage.split(' ').map(Number)))
    expect(stages.map(({ length }) => length)).toEqual([64, 128, 0])
    expect(stages[1]).toEqual(expect.arrayContaining(before))
    await expectOver(given)
  })
})

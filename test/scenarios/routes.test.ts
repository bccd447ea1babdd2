import { describe, expect, it } from 'vitest'
import { remains } from '../invariants/remains.ts'
import { V1, V2 } from './given.ts'
import { expectNothingLost, routed, routedCanary, routeObject } from './routed.ts'
import { APP, NAMESPACE } from './world.ts'

describe('a canary through an HTTPRoute', () => {
  it('gives each step its share of the requests and ends with the route as it was', async () => {
    const { world, gateway } = await routed()
    const before = gateway.route
    const first = await world.run('deploy', routedCanary('10%, approve, 50%, approve, 100%, approve'))
    expect(first.result, first.result?.message).toMatchObject({ outcome: 'paused' })
    expect(gateway.weights).toEqual({ [APP]: 90, [`${APP}-canary`]: 10 })
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 1 })
    expect(world.deployment().spec.paused).toBe(true)

    await world.run('promote')
    expect(gateway.weights).toEqual({ [APP]: 50, [`${APP}-canary`]: 50 })
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 2 })
    await world.run('promote')
    expect(gateway.weights).toEqual({ [APP]: 0, [`${APP}-canary`]: 100 })
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 3 })

    const last = await world.run('promote')
    expect(last.result, last.result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(gateway.route['spec']).toEqual(before['spec'])
    expect(gateway.route.metadata.annotations).toEqual(before.metadata.annotations)
    expect(gateway.route.metadata.labels).toEqual(before.metadata.labels)
    expect(gateway.route.metadata.managedFields?.map(({ manager }) => manager)).not.toContain('headgate-rollout')
    expect(world.serving()).toEqual({ [V2]: 3 })
    await world.clock.advance(20_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectNothingLost({ world, gateway })
  })

  it('gives nobody the new version before its endpoints are ready, and puts the route back on abort', async () => {
    const { world, gateway } = await routed()
    const before = gateway.route
    await world.run('deploy', routedCanary('25%, approve'))
    expect(gateway.weights).toEqual({ [APP]: 75, [`${APP}-canary`]: 25 })
    const { result } = await world.run('abort')
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(gateway.route['spec']).toEqual(before['spec'])
    expect(world.serving()).toEqual({ [V1]: 3 })
    await world.clock.advance(20_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectNothingLost({ world, gateway })
  })
})

describe('a route that somebody else writes while a canary rests', () => {
  it('refuses the promote and leaves everything as it was', async () => {
    const { world, gateway } = await routed()
    await world.run('deploy', routedCanary('25%, approve'))
    world.emulator.put({ ...routeObject(), metadata: { ...routeObject().metadata } }, 'argocd')
    const status = await world.run('status')
    expect(status.events.flatMap((event) => (event.kind === 'line' ? event.text : []))).toContain(
      'DRIFT: HTTPRoute/shop carries no share of rollout 1 any more: argocd has put something else there',
    )
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'drift' } })
    expect(result?.message).toContain('HTTPRoute/shop is no longer what rollout 1')
    expect(result?.message).toContain('argocd')
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 1 })
    const aborted = await world.run('abort')
    expect(aborted.result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(gateway.route['spec']).toEqual(routeObject()['spec'])
    expectNothingLost({ world, gateway })
  })
})

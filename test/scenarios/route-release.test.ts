import { describe, expect, it } from 'vitest'
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { remains } from '../invariants/remains.ts'
import { V1, V2, V3 } from './given.ts'
import { expectNothingLost, routed, type Routed, routedCanary, routeObject } from './routed.ts'
import { APP, manifestsOf, NAMESPACE, type Ran, type RunOptions } from './world.ts'

const CANARY = `${APP}-canary`

/** The route as the release has it: without what the server fills in. */
function released(change: (spec: JsonMap) => JsonMap = (spec) => spec, labels?: Record<string, string>): KubeObject {
  const route = routeObject()
  const metadata = { name: 'shop', ...(labels === undefined ? {} : { labels }) }
  return { ...route, metadata, spec: change(route['spec'] as JsonMap) }
}

const same = released()
const other = released(
  (spec) => ({
    ...spec,
    hostnames: ['shop.test', 'www.shop.test'],
    rules: (spec['rules'] as JsonMap[]).map((rule) => ({ ...rule, timeouts: { request: '10s' } })),
  }),
  { team: 'shop' },
)

function bringing(version: string, route: KubeObject, more: RunOptions = {}): RunOptions {
  return routedCanary('25%, approve', { objects: manifestsOf({ version, more: [route] }), ...more })
}

function managers({ gateway }: Routed): string[] {
  return (gateway.route.metadata.managedFields ?? []).map(({ manager }) => manager ?? '')
}

function texts({ events }: Ran): string[] {
  return events.flatMap((event) => ('text' in event ? [event.text] : []))
}

async function expectReleased(given: Routed, route: KubeObject, version: string): Promise<void> {
  const { world, gateway } = given
  expect(gateway.route['spec']).toEqual(route['spec'])
  expect(gateway.route.metadata.labels ?? {}).toEqual(route.metadata.labels ?? {})
  expect(Object.keys(gateway.route.metadata.annotations ?? {}).filter((key) => key.startsWith('headgate'))).toEqual([])
  expect(managers(given)).not.toContain('headgate-rollout')
  expect(world.serving()).toEqual({ [version]: 3 })
  await world.clock.advance(40_000)
  expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
  expectNothingLost(given)
}

describe.each([
  ['as it is live', same],
  ['changed', other],
])('a release that has the route itself, %s', (_what, route) => {
  it('rests with the old route and the share, and ends with what the release says', async () => {
    const given = await routed()
    const { world, gateway } = given
    const first = await world.run('deploy', bringing(V2, route))
    expect(first.result, first.result?.message).toMatchObject({ outcome: 'paused' })
    expect(gateway.weights).toEqual({ [APP]: 75, [CANARY]: 25 })
    expect((gateway.route['spec'] as JsonMap)['hostnames']).toEqual(['shop.test'])
    const { result } = await world.run('promote')
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    await expectReleased(given, route, V2)
  })

  it('deployed again it changes nothing', async () => {
    const given = await routed()
    const { world, gateway } = given
    await world.run('deploy', bringing(V2, route))
    await world.run('promote')
    await world.clock.advance(60_000)
    const before = gateway.route
    const again = await world.run('deploy', bringing(V2, route))
    expect(again.result, again.result?.message).toMatchObject({ outcome: 'unchanged' })
    expect(again.writes.filter((write) => !write.includes('/leases'))).toEqual([])
    expect(gateway.route).toEqual(before)
    expectNothingLost(given)
  })

  it('the next release rests and ends as well', async () => {
    const given = await routed()
    const { world, gateway } = given
    await world.run('deploy', bringing(V2, route))
    await world.run('promote')
    // Until its gateway has taken the route it is not known to be in force.
    await world.clock.advance(1_000)
    const second = await world.run('deploy', bringing(V3, route))
    expect(second.result, second.result?.message).toMatchObject({ outcome: 'paused' })
    expect(gateway.weights).toEqual({ [APP]: 75, [CANARY]: 25 })
    const { result } = await world.run('promote')
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    await expectReleased(given, route, V3)
  })

  it('abort leaves the route as it was before', async () => {
    const given = await routed()
    const { world, gateway } = given
    const before = gateway.route
    await world.run('deploy', bringing(V2, route))
    const { result } = await world.run('abort')
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(gateway.route['spec']).toEqual(before['spec'])
    expect(gateway.route.metadata.labels).toEqual(before.metadata.labels)
    expect(gateway.route.metadata.managedFields?.filter(({ subresource }) => subresource === undefined)).toEqual(
      before.metadata.managedFields?.filter(({ subresource }) => subresource === undefined),
    )
    await world.clock.advance(40_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectNothingLost(given)
    const again = await world.run('deploy', bringing(V2, route))
    expect(again.result, again.result?.message).toMatchObject({ outcome: 'paused' })
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    await expectReleased(given, route, V2)
  })

  it('a release whose first step fails leaves it as it was before', async () => {
    const given = await routed()
    const { world, gateway } = given
    const before = gateway.route
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V2}`, { imagePull: 'not-found' })
    const { result } = await world.run('deploy', bringing(V2, route))
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'image-pull' } })
    expect(gateway.route).toEqual(before)
    expectNothingLost(given)
  })
})

it('a release that changes the route alone goes in without steps, and users stay served', async () => {
  const given = await routed()
  const { world } = given
  const ran = await world.run('deploy', bringing(V1, other))
  expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'succeeded' })
  expect(texts(ran).join('\n')).toMatch(/HTTPRoute\/shop configured/)
  await expectReleased(given, other, V1)
})

it('a rollback brings the route of the release before back as well', async () => {
  const given = await routed()
  const { world, gateway } = given
  await world.run('deploy', bringing(V2, same))
  await world.run('promote')
  await world.run('deploy', bringing(V3, other))
  await world.run('promote')
  const { result } = await world.run('rollback')
  expect(result, result?.message).toMatchObject({ outcome: 'rolled-back' })
  // A way back takes no steps: both versions serve for its seconds.
  gateway.mixed.clear()
  await expectReleased(given, same, V2)
})

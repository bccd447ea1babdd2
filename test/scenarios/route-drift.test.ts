import { describe, expect, it } from 'vitest'
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { remains } from '../invariants/remains.ts'
import { V1, V2 } from './given.ts'
import {
  annotationsOf,
  expectNothingLost,
  resting,
  routed,
  type Routed,
  routedCanary,
  routeObject,
  trafficOf,
  writeRoute,
} from './routed.ts'
import { APP, NAMESPACE, type Ran } from './world.ts'

const CANARY = `${APP}-canary`
const CANARY_OF_USERS = { [APP]: 75, [CANARY]: 25 }

function specOf(object: KubeObject): JsonMap {
  return object['spec'] as JsonMap
}

function told({ events }: Ran): string {
  return events.flatMap((event) => ('text' in event ? [event.text] : [])).join('\n')
}

/** The rules of the team, with other ends of the first. */
function rulesTo(...backendRefs: { name: string; weight: number }[]): JsonMap {
  const [first, ...others] = specOf(routeObject())['rules'] as JsonMap[]
  const refs = backendRefs.map((ref) => ({ group: '', kind: 'Service', port: 80, ...ref }))
  return { rules: [{ ...first, backendRefs: refs }, ...others] }
}

const KUBECTL = 'kubectl-client-side-apply'

/** `kubectl apply` merges: what it does not name, our annotations, stays. */
function applied({ world }: Routed): void {
  const metadata = { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } }
  world.emulator.patch('httproutes', NAMESPACE, 'shop', { metadata, spec: specOf(routeObject()) }, KUBECTL)
}

function replaced({ world }: Routed): void {
  world.emulator.put(routeObject(), 'kubectl-replace')
}

function half(given: Routed): void {
  writeRoute(given, rulesTo({ name: APP, weight: 1 }, { name: CANARY, weight: 1 }), 'flagger')
}

/** Nothing in it leads to the new version. */
const MAINTENANCE = rulesTo({ name: 'static', weight: 1 })

function elsewhere(given: Routed): void {
  writeRoute(given, MAINTENANCE, 'kubectl-edit')
}

/** What the other wrote is there in the end, or what was there before. */
const STRANGERS: [string, (given: Routed) => void, RegExp, 'before' | 'theirs'][] = [
  ['apply of the file', applied, /kubectl-client-side-apply/, 'before'],
  ['replace by the file', replaced, /kubectl-replace/, 'before'],
  ['other weights', half, /flagger/, 'before'],
  ['another Service', elsewhere, /kubectl-edit/, 'theirs'],
]

function expectStable({ world, gateway }: Routed, end: 'before' | 'theirs'): void {
  expect(world.serving()).toEqual({ [V1]: 3 })
  expect(specOf(gateway.route)).toEqual(
    end === 'theirs' ? { ...specOf(routeObject()), ...MAINTENANCE } : specOf(routeObject()),
  )
  const { annotations = {}, labels, managedFields = [] } = gateway.route.metadata
  expect(Object.keys(annotations).filter((key) => key.startsWith('headgate'))).toEqual([])
  expect(labels ?? {}).toEqual({})
  expect(managedFields.map(({ manager }) => manager)).not.toContain('headgate-rollout')
}

describe('a route that somebody else writes while a canary rests', () => {
  it.each(STRANGERS)('%s: promote is refused and touches nothing, abort ends it', async (_act, act, who, end) => {
    const given = await resting()
    const { world, gateway } = given
    act(given)
    await world.clock.advance(60_000)
    const [route, record] = [gateway.route, world.record]
    expect(told(await world.run('status'))).toMatch(/HTTPRoute\/shop/)
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'drift' } })
    expect(result?.message).toMatch(who)
    expect(gateway.route).toEqual(route)
    expect(world.record).toEqual(record)
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 1 })

    const aborted = await world.run('abort')
    expect(aborted.result, aborted.result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expectStable(given, end)
    await world.clock.advance(20_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectNothingLost(given)
  })

  it.each(STRANGERS)(
    '%s: with on-drift reassert promote writes the share again and tells who changed it',
    async (_act, act, who) => {
      const given = await resting('25%, approve, 50%, approve', { traffic: trafficOf({ onDrift: 'reassert' }) })
      const { world, gateway } = given
      act(given)
      await world.clock.advance(60_000)
      const promoted = await world.run('promote')
      expect(promoted.result, promoted.result?.message).toMatchObject({ outcome: 'paused' })
      expect(told(promoted)).toMatch(who)
      expect(gateway.weights).toEqual({ [APP]: 50, [CANARY]: 50 })
      const { result } = await world.run('promote')
      expect(result).toMatchObject({ outcome: 'succeeded' })
      expect(world.serving()).toEqual({ [V2]: 3 })
      expect(specOf(gateway.route)).toEqual(specOf(routeObject()))
      expectNothingLost(given)
    },
  )

  it('deleted: promote is refused, abort brings the old version back without it', async () => {
    const given = await resting()
    const { world } = given
    world.emulator.delete('httproutes', NAMESPACE, 'shop')
    await world.clock.advance(60_000)
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'drift' } })
    expect(result?.message).toMatch(/HTTPRoute\/shop.*deleted/)
    const aborted = await world.run('abort')
    expect(aborted.result, aborted.result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(world.serving()).toEqual({ [V1]: 3 })
    expect(world.emulator.get('httproutes', NAMESPACE, 'shop')).toBeUndefined()
    await world.clock.advance(20_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectNothingLost(given)
  })

  it('deleted, with on-drift reassert: nothing is left to write again, so promote is refused as well', async () => {
    const given = await resting('25%, approve, 50%, approve', { traffic: trafficOf({ onDrift: 'reassert' }) })
    given.world.emulator.delete('httproutes', NAMESPACE, 'shop')
    const { result } = await given.world.run('promote')
    expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'drift' } })
  })

  it('an annotation of somebody else is no drift, and stays over the next step, promote and abort', async () => {
    for (const last of ['promote', 'abort'] as const) {
      const given = await resting('25%, approve, 50%, approve')
      const { world, gateway } = given
      const metadata = { annotations: { 'external-dns.alpha.kubernetes.io/ttl': '60' }, labels: { team: 'shop' } }
      world.emulator.patch('httproutes', NAMESPACE, 'shop', { metadata }, 'kubectl-annotate')
      expect((await world.run('promote')).result).toMatchObject({ outcome: 'paused' })
      expect(gateway.route.metadata.annotations).toMatchObject(metadata.annotations)
      expect((await world.run(last)).result?.exitCode).toBe(0)
      expect(annotationsOf(given)).toEqual(metadata.annotations)
      expect(gateway.route.metadata.labels).toEqual(metadata.labels)
      expect(specOf(gateway.route)).toEqual(specOf(routeObject()))
      expectNothingLost(given)
    }
  })

  it.each<[string, JsonMap]>([
    ['a field of the route', { useDefaultGateways: 'All' }],
    [
      'a field of a rule',
      {
        rules: (specOf(routeObject())['rules'] as JsonMap[]).map((rule) => ({ ...rule, timeouts: { request: '5s' } })),
      },
    ],
  ])('%s that was not there before is drift, not lost in silence', async (_what, change) => {
    const given = await resting('25%, approve, 50%, approve')
    const { world, gateway } = given
    const rules = change['rules'] as JsonMap[] | undefined
    const spec =
      rules === undefined
        ? change
        : {
            rules: rules.map((rule, at) => ({
              ...rule,
              backendRefs: (specOf(gateway.route)['rules'] as JsonMap[])[at]?.['backendRefs'] ?? [],
            })),
          }
    writeRoute(given, spec, 'kubectl-edit')
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'drift' } })
    expect(result?.message).toMatch(/kubectl-edit/)
  })
})

describe('a route that somebody else writes under a run that waits', () => {
  const PLAN = '25%, wait 5m, 50%, approve'

  it.each(STRANGERS)('%s: the run ends, and users are on the old version', async (_act, act, who, end) => {
    const given = await routed()
    const { world } = given
    world.clock.timer(60_000, () => act(given))
    const { result } = await world.run('deploy', routedCanary(PLAN))
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'drift' } })
    expect(result?.message).toMatch(who)
    expectStable(given, end)
    await world.clock.advance(20_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectNothingLost(given)
  })

  it.each(STRANGERS)('%s: with on-drift reassert the share is written again at once', async (_act, act, who) => {
    const given = await routed()
    const { world, gateway } = given
    world.clock.timer(60_000, () => act(given))
    let again: Record<string, number> = {}
    world.clock.timer(65_000, () => {
      again = gateway.weights
    })
    const ran = await world.run('deploy', routedCanary(PLAN, { traffic: trafficOf({ onDrift: 'reassert' }) }))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
    expect(again).toEqual(CANARY_OF_USERS)
    expect(told(ran)).toMatch(who)
    expect(gateway.weights).toEqual({ [APP]: 50, [CANARY]: 50 })
    expectNothingLost(given)
  })

  it('deleted: the run ends, and users are on the old version', async () => {
    const given = await routed()
    const { world } = given
    world.clock.timer(60_000, () => world.emulator.delete('httproutes', NAMESPACE, 'shop'))
    const { result } = await world.run('deploy', routedCanary(PLAN))
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'drift' } })
    expect(result?.message).toMatch(/HTTPRoute\/shop.*deleted/)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectNothingLost(given)
  })
})

describe('the Service of the new version deleted', () => {
  it('under a run that waits: it comes again at once', async () => {
    const given = await routed()
    const { world, gateway } = given
    world.clock.timer(60_000, () => world.emulator.delete('services', NAMESPACE, CANARY))
    let again = false
    world.clock.timer(61_000, () => {
      again = world.service(CANARY) !== undefined
    })
    const ran = await world.run('deploy', routedCanary('25%, wait 5m, 50%, approve'))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
    expect(again).toBe(true)
    expect(gateway.weights).toEqual({ [APP]: 50, [CANARY]: 50 })
    expect([...gateway.mixed]).toEqual([])
    expect(world.breaches).toEqual([])
  })

  it.each(['promote', 'abort'] as const)('while it rests: %s ends well', async (command) => {
    const given = await resting()
    const { world, gateway } = given
    world.emulator.delete('services', NAMESPACE, CANARY)
    await world.clock.advance(60_000)
    gateway.lost.clear()
    const { result } = await world.run(command)
    expect(result?.exitCode, result?.message).toBe(0)
    expect(world.serving()).toEqual({ [command === 'promote' ? V2 : V1]: 3 })
    expect(specOf(gateway.route)).toEqual(specOf(routeObject()))
    expect(world.service()?.spec.selector).toEqual({ app: APP })
    await world.clock.advance(20_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expect([...gateway.mixed]).toEqual([])
    expect(world.breaches).toEqual([])
  })
})

describe('what people should know of a route that somebody touched', () => {
  it('an edit beside the shares is gone after the way back, and is named', async () => {
    const given = await resting('25%, approve')
    writeRoute(given, { ...specOf(given.gateway.route), hostnames: ['shop.test', 'extra.test'] }, 'kubectl-patch')
    const ran = await given.world.run('abort')
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'aborted' })
    expect(told(ran)).toContain('what kubectl-patch had changed in it meanwhile is gone: apply that again')
  })

  it('a route that is gone is told by the abort', async () => {
    const given = await resting('25%, approve')
    given.world.emulator.delete('httproutes', NAMESPACE, 'shop')
    const { result } = await given.world.run('abort')
    expect(result).toMatchObject({ outcome: 'aborted' })
    expect(given.world.record?.timeline.at(-1)?.text).toContain('HTTPRoute/shop is gone: nobody comes that way')
  })

  it.each<[string, (given: Routed) => void, RegExp]>([
    [
      'gone',
      ({ world }) => world.emulator.delete('services', NAMESPACE, CANARY),
      /DRIFT: Service\/echo-version-canary does not exist: requests to the new version are not answered/,
    ],
    [
      'led elsewhere',
      ({ world }) =>
        world.emulator.patch('services', NAMESPACE, CANARY, { spec: { selector: { app: 'other' } } }, 'kubectl-patch'),
      /DRIFT: Service\/echo-version-canary was changed by kubectl-patch/,
    ],
  ])('status says that the Service of the new version is %s', async (_name, touch, text) => {
    const given = await resting('25%, approve')
    expect(told(await given.world.run('status'))).not.toContain('DRIFT')
    touch(given)
    expect(told(await given.world.run('status'))).toMatch(text)
  })
})

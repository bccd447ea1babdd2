import { describe, expect, it } from 'vitest'
import type { Deployment, ReplicaSet } from '../../src/shared/objects.ts'
import { remains } from '../invariants/remains.ts'
import type { Expectations } from '../invariants/rules.ts'
import { BESIDE, manifestOf, setImage, V1, V2, V3 } from './given.ts'
import { expectNothingLost, routed, type Routed, routedCanary, routeObject } from './routed.ts'
import { APP, manifestsOf, NAMESPACE, type Ran, type RunOptions } from './world.ts'

const CANARY = `${APP}-canary`
const REST_MS = 120_000

/** Users of the Service itself as well, whatever an autoscaler does. */
const SERVED: Expectations = { ...BESIDE, workloads: [] }

const MIN_READY: Partial<Deployment['spec']> = { minReadySeconds: 2 }

/** Version 0.2.0 rests at the last step of the plan; both manifests have these fields. */
async function restingAt(plan: string, spec: Partial<Deployment['spec']> = {}, more: RunOptions = {}): Promise<Routed> {
  const given = await routed({ judged: SERVED, app: { spec } })
  const objects = manifestsOf({ version: V2, spec })
  const { result } = await given.world.run('deploy', routedCanary(plan, { objects, ...more }))
  expect(result, result?.message).toMatchObject({ outcome: 'paused', exitCode: 3 })
  return given
}

function told({ result, events }: Ran): string {
  const evidence = (result?.failure?.evidence ?? []).flatMap(({ title, lines }) => [title, ...lines])
  return [result?.message, ...evidence, ...events.flatMap((each) => ('text' in each ? [each.text] : []))].join('\n')
}

/** Client-side apply of a manifest: what it names is merged into what is live. */
function apply({ world }: Routed, version: string, spec: Partial<Deployment['spec']>): void {
  const merged = { ...Object(manifestOf(version, 'Deployment')['spec']), ...spec }
  world.emulator.patch('deployments', NAMESPACE, APP, { spec: merged }, 'kubectl-client-side-apply')
}

async function expectOver(given: Routed, version: string, replicas = 3): Promise<void> {
  const { world, gateway } = given
  expect(world.serving()).toEqual({ [version]: replicas })
  expect(gateway.route['spec']).toEqual(routeObject()['spec'])
  await world.clock.advance(40_000)
  expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
  const sets = world.emulator.list('replicasets', NAMESPACE) as ReplicaSet[]
  expect(sets.filter(({ spec }) => spec.template.metadata?.annotations !== undefined)).toEqual([])
  expectNothingLost(given)
}

describe('an autoscaler while a routed canary rests', () => {
  it('up and down again: locked all the time, no request lost, the next steps are of the pods there are', async () => {
    const given = await restingAt('25%, approve, 50%, approve')
    const { world, gateway } = given
    for (const replicas of [6, 3, 6]) {
      world.emulator.scale('deployments', NAMESPACE, APP, replicas)
      await world.clock.advance(REST_MS)
      expect(world.deployment().spec.paused).toBe(true)
      const counts = world.serving()
      expect(counts[V1], JSON.stringify(counts)).toBeGreaterThanOrEqual(replicas)
      expect(counts[V2], JSON.stringify(counts)).toBeGreaterThanOrEqual(Math.ceil(replicas / 4))
      expect(gateway.weights).toEqual({ [APP]: 75, [CANARY]: 25 })
    }
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'paused' })
    expect(world.serving()).toEqual({ [V1]: 6, [V2]: 3 })
    world.emulator.scale('deployments', NAMESPACE, APP, 3)
    await world.clock.advance(REST_MS)
    const { result } = await world.run('promote')
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    await expectOver(given, V2, 3)
  })

  it.each([2, 5, 9])('over %i replicas a run under way ends well', async (replicas) => {
    const given = await routed({ judged: { ...SERVED, services: [{ namespace: NAMESPACE, name: APP, minReady: 2 }] } })
    const { world } = given
    // In the first wait, while the new pods start, and in the middle of the finish.
    for (const [ms, count] of [
      [12_000, replicas],
      [21_000, 3],
      [28_000, replicas],
      [38_000, 4],
    ] as const)
      world.clock.timer(ms, () => world.emulator.scale('deployments', NAMESPACE, APP, count))
    const { result } = await world.run('deploy', routedCanary('25%, wait 10s, 60%, wait 5s'))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    await world.clock.advance(60_000)
    await expectOver(given, V2, 4)
  })

  it('to nothing and back, which brings the pods of the new set alone: promote is refused, abort ends it', async () => {
    const given = await restingAt('25%, approve, 50%, approve')
    const { world, gateway } = given
    world.expect({ workloads: [], services: [] })
    for (const replicas of [0, 3]) {
      world.emulator.scale('deployments', NAMESPACE, APP, replicas)
      await world.clock.advance(REST_MS)
      const before = world.serving()
      expect((await world.run('promote')).result).toMatchObject({ outcome: 'refused', exitCode: 2 })
      expect(world.serving()).toEqual(before)
    }
    const { result } = await world.run('abort')
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    gateway.lost.clear()
    gateway.mixed.clear()
    await expectOver(given, V1)
  })
})

describe.each([
  ['25%', '25%, approve', { [APP]: 75, [CANARY]: 25 }],
  ['50%', '50%, approve', { [APP]: 50, [CANARY]: 50 }],
  ['100%', '50%, 100%, approve', { [APP]: 0, [CANARY]: 100 }],
] as const)('while a routed canary rests at %s', (_at, plan, weights) => {
  // A set that has all requests must be whole, and is then the only one that such a file leaves.
  const whole = weights[APP] === 0
  const ACTS: [string, (given: Routed) => void, Partial<Deployment['spec']>][] = [
    ['set image', ({ world }) => setImage(world, V3), {}],
    ['apply of the new file', (given) => apply(given, V2, {}), {}],
    ['apply of the old file', (given) => apply(given, V1, {}), {}],
    ['apply of the old file that names minReadySeconds', (given) => apply(given, V1, MIN_READY), MIN_READY],
    ['apply of the new file that names minReadySeconds', (given) => apply(given, V2, MIN_READY), MIN_READY],
  ]
  if (whole) ACTS.pop()

  it.each(ACTS)('%s empties no side; abort works', async (_act, act, spec) => {
    const given = await restingAt(plan, spec)
    const { world, gateway } = given
    act(given)
    await world.clock.advance(REST_MS)
    expect(world.serving()[V1]).toBe(3)
    expect(gateway.weights).toEqual(weights)
    expectNothingLost(given)
    const { result } = await world.run('abort')
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    await expectOver(given, V1)
  })

  it.each(ACTS.slice(1))('%s: promote ends well, or is refused and touches nothing', async (_act, act, spec) => {
    const given = await restingAt(plan, spec)
    const { world } = given
    act(given)
    await world.clock.advance(REST_MS)
    const before = world.serving()
    const { result } = await world.run('promote')
    if (result?.outcome === 'refused') {
      expect(world.serving()).toEqual(before)
      expect((await world.run('abort')).result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
      await expectOver(given, V1)
      return
    }
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    await expectOver(given, V2)
  })

  it('a pod of either side deleted is replaced', async () => {
    const given = await restingAt(plan, {}, { plan: plan.replace('25%', '60%') })
    const { world } = given
    world.expect({ workloads: [], services: [] })
    for (const version of [V1, V2]) {
      const pods = world.emulator.list('pods', NAMESPACE)
      const pod = pods.find((each) => JSON.stringify(each['spec']).includes(`echo-version:${version}"`))
      world.emulator.delete('pods', NAMESPACE, pod?.metadata.name ?? '')
      await world.clock.advance(REST_MS)
    }
    expect(world.serving()[V1]).toBe(3)
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    await expectOver(given, V2)
  })
})

describe('bad pods of a routed canary', () => {
  const BAD = `gihyodocker/echo-version:${V2}`

  it.each([
    ['an image that is not there', { imagePull: 'not-found' }, 'image-pull'],
    ['pods that are never ready', { neverReady: true }, 'timeout'],
  ] as const)('%s at the first step: no user has met it, all is as before', async (_what, behaviour, code) => {
    const given = await routed()
    const { world, gateway } = given
    world.emulator.setBehaviour(BAD, behaviour)
    let touched = false
    world.emulator.observe(() => {
      touched ||= gateway.weights[CANARY] !== undefined
    })
    const { result } = await world.run('deploy', routedCanary('25%, approve'))
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code } })
    expect(touched).toBe(false)
    await expectOver(given, V1)
  })

  it('that are no longer ready at 50% under a run that waits: it goes back and says what they answer', async () => {
    const given = await routed()
    const { world, gateway } = given
    let died = 0
    let back = 0
    world.clock.timer(60_000, () => {
      died = world.clock.now()
      world.emulator.setBehaviour(BAD, { neverReady: 'database is locked' })
    })
    world.emulator.observe(() => {
      if (died > 0 && back === 0 && gateway.weights[CANARY] === undefined) back = world.clock.now()
    })
    const ran = await world.run('deploy', routedCanary('50%, wait 10m'))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'aborted', failure: { code: 'timeout' } })
    expect(told(ran)).toMatch(/readiness probe.*(503|database is locked)/)
    expect(back - died).toBeLessThan(20_000)
    // What went to them until then is lost by the release itself.
    gateway.lost.clear()
    await expectOver(given, V1)
  })

  it('that die at 50% while it rests: promote goes back, abort does too', async () => {
    for (const command of ['promote', 'abort'] as const) {
      const given = await restingAt('50%, approve')
      const { world, gateway } = given
      world.emulator.setBehaviour(BAD, { neverReady: true, crashAfterMs: 300, exitCode: 3 })
      await world.clock.advance(REST_MS)
      const { result } = await world.run(command)
      expect(result, result?.message).toMatchObject({ outcome: 'aborted' })
      gateway.lost.clear()
      await expectOver(given, V1)
    }
  })
})

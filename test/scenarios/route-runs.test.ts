import { describe, expect, it } from 'vitest'
import type { Transport } from '../../src/kubernetes/transport.ts'
import type { ReplicaSet } from '../../src/shared/objects.ts'
import { remains } from '../invariants/remains.ts'
import { cancelAfter, V1, V2, V3 } from './given.ts'
import {
  annotationsOf,
  expectNothingLost,
  resting,
  routed,
  type Routed,
  routedCanary,
  routeObject,
  trafficOf,
} from './routed.ts'
import { APP, manifestsOf, NAMESPACE, type RunOptions, type World } from './world.ts'

const CANARY = `${APP}-canary`

/** Dozens of rollouts each. */
const LONG = { timeout: 60_000 }

/** Nothing of any rollout is left, on the route and beside it. */
async function expectOver({ world, gateway }: Routed, version: string): Promise<void> {
  expect(world.serving()).toEqual({ [version]: 3 })
  expect(gateway.route['spec']).toEqual(routeObject()['spec'])
  const { labels, managedFields = [] } = gateway.route.metadata
  expect([annotationsOf({ world, gateway }), labels ?? {}]).toEqual([{}, {}])
  expect(managedFields.map(({ manager }) => manager)).not.toContain('headgate-rollout')
  await world.clock.advance(40_000)
  expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
  expectNothingLost({ world, gateway })
}

async function until(world: World, isSo: () => boolean): Promise<void> {
  const end = world.clock.now() + 600_000
  while (!isSo()) {
    if (world.clock.now() >= end) throw new Error('it never came to be')
    await world.clock.advance(50)
  }
}

/** A line to the server that freezes before one of the run's writes and can be thawed. */
function frozenAt(write: number): {
  between: (inner: Transport) => Transport
  isFrozen: () => boolean
  thaw: () => void
} {
  const thawed = Promise.withResolvers<undefined>()
  let writes = 0
  let frozen = false
  return {
    between: (inner) => async (request) => {
      const { method, path } = request
      frozen ||= method !== 'GET' && !/leases|selfsubject|dryRun/.test(path) && ++writes === write
      if (frozen) await thawed.promise
      return inner(request)
    },
    isFrozen: () => frozen,
    thaw: () => thawed.resolve(undefined),
  }
}

describe('a cancel in the middle of a canary through a route', () => {
  it('at any moment it rests where it is, users are served, and the next deploy goes on', LONG, async () => {
    const stopped = new Set<string>()
    for (let ms = 1_000; ms < 60_000; ms += 2_900) {
      const given = await routed()
      const { world } = given
      const { result } = await world.run(
        'deploy',
        routedCanary('25%, wait 15s, 60%', { cancel: cancelAfter(world, ms) }),
      )
      if (result?.outcome === 'succeeded') break
      expect(result, `${ms} ms`).toMatchObject({ exitCode: 130 })
      stopped.add(JSON.stringify(given.gateway.weights))
      await world.clock.advance(30_000)
      const next = await world.run('deploy', routedCanary('25%, wait 15s, 60%'))
      expect(next.result, `${ms} ms: ${next.result?.message}`).toMatchObject({ outcome: 'succeeded' })
      await expectOver(given, V2)
    }
    expect(stopped.size).toBeGreaterThan(3)
  })

  it('at any moment with on-cancel abort it goes back, at once or by the next command', LONG, async () => {
    const outcomes = new Set<string>()
    for (let ms = 1_000; ms < 60_000; ms += 2_900) {
      const given = await routed()
      const { world } = given
      const { result } = await world.run(
        'deploy',
        routedCanary('25%, wait 15s, 60%', { onCancel: 'abort', cancel: cancelAfter(world, ms) }),
      )
      if (result?.outcome === 'succeeded') break
      expect(result, `${ms} ms`).toMatchObject({ exitCode: 130 })
      outcomes.add(result?.outcome ?? '')
      if (result?.outcome === 'failed') {
        const { result: aborted } = await world.run('abort')
        expect(aborted, `${ms} ms: ${aborted?.message}`).toMatchObject({ outcome: 'aborted', exitCode: 0 })
      }
      // Once the old set goes, its pods come back while users are on the new ones.
      given.gateway.mixed.clear()
      await expectOver(given, V1)
    }
    expect(outcomes).toContain('aborted')
  })
})

describe('after an abort', () => {
  it('the same release can be deployed again, and another one as well', async () => {
    for (const version of [V2, V3]) {
      const given = await resting()
      const { world, gateway } = given
      await world.run('abort')
      const objects = manifestsOf({ version })
      const again = await world.run('deploy', routedCanary('25%, approve', { objects }))
      expect(again.result, again.result?.message).toMatchObject({ outcome: 'paused' })
      expect(gateway.weights).toEqual({ [APP]: 75, [CANARY]: 25 })
      expect(world.serving()).toEqual({ [V1]: 3, [version]: 1 })
      expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
      await expectOver(given, version)
    }
  })
})

describe('another release while a canary rests on a route', () => {
  it('the route is as it was, and the new pods gone, before the new rollout begins', async () => {
    const given = await resting('25%, approve')
    const { world, gateway } = given
    const seen: string[] = []
    world.emulator.observe(() => {
      const split = gateway.route.metadata.annotations?.['headgate.dev/split']
      const rollout = split === undefined ? 'nobody' : `rollout ${(JSON.parse(split) as { rollout: number }).rollout}`
      const line = `${rollout}: ${gateway.weights[CANARY] ?? 'no canary'}, ${Object.keys(world.serving()).sort().join(' + ')}`
      if (seen.at(-1) !== line) seen.push(line)
    })
    const objects = manifestsOf({ version: V3 })
    const { result } = await world.run('deploy', routedCanary('40%, approve', { objects }))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(seen).toEqual([
      `rollout 1: 25, ${V1} + ${V2}`,
      `nobody: no canary, ${V1} + ${V2}`,
      `nobody: no canary, ${V1}`,
      `nobody: no canary, ${V1} + ${V3}`,
      `rollout 2: 40, ${V1} + ${V3}`,
    ])
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    await expectOver(given, V3)
  })

  it.each([
    ['match', '0%, 25%, approve', { match: [[{ kind: 'header' as const, name: 'x-canary', values: ['always'] }]] }],
    ['sticky', '25%, approve', { sticky: { by: 'bucket' as const, source: 'cookie' as const, name: 'uid' } }],
    ['0%', '0%, approve', {}],
    ['a router by name', '25%, approve', { router: 'gateway-api' as const }],
  ])('comes with %s as well, and its plan knows the route', async (_name, plan, more) => {
    const traffic = trafficOf(more)
    const given = await resting(plan, { traffic })
    const { world } = given
    const options = routedCanary(plan, { traffic, objects: manifestsOf({ version: V3 }) })
    const planned = await world.run('plan', options)
    expect(planned.result, planned.result?.message).toMatchObject({ outcome: 'planned' })
    expect(planned.result?.plan).toContain('HTTPRoute/shop')
    const { result } = await world.run('deploy', options)
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    await world.run('promote', { full: true })
    await expectOver(given, V3)
  })

  it('a release that cannot come leaves what rests as it is', async () => {
    const given = await resting('25%, approve')
    const { world, gateway } = given
    const broken = manifestsOf({ version: V3 }).map((object) =>
      object.kind === 'Deployment' ? { ...object, spec: { ...Object(object['spec']), replicas: -1 } } : object,
    )
    const { result } = await world.run('deploy', routedCanary('40%, approve', { objects: broken }))
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 })
    expect(gateway.weights).toEqual({ [APP]: 75, [CANARY]: 25 })
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 1 })
    expectNothingLost(given)
  })
})

describe('a run that freezes', () => {
  const STORIES: [string, RunOptions, number][] = [
    ['to the end', routedCanary('60%'), 18],
    ['from one share to the next', routedCanary('25%, wait 1s, 60%, approve'), 12],
  ]

  it.each(STORIES)(
    'before any write, %s: whatever it wakes up to it harms nobody',
    LONG,
    async (_name, options, least) => {
      for (let write = 1; ; write++) {
        const given = await routed()
        const { world } = given
        const line = frozenAt(write)
        const frozen = world.start('deploy', { ...options, between: line.between })
        let over = false
        void frozen.then(() => (over = true))
        await until(world, () => line.isFrozen() || over)
        if (!line.isFrozen()) {
          expect(write).toBeGreaterThan(least)
          return
        }
        const { result } = await world.run('abort', { app: APP })
        expect(result?.exitCode, `write ${write}: ${result?.message}`).toBe(0)
        const serving = world.serving()
        line.thaw()
        await world.clock.run(frozen)
        await world.clock.advance(40_000)
        expect(world.serving(), `write ${write}`).toEqual(serving)
        expect(given.gateway.route['spec'], `write ${write}`).toEqual(routeObject()['spec'])
        const split = given.gateway.route.metadata.annotations?.['headgate.dev/split']
        expect(split, `write ${write}`).toBeUndefined()
        expect(world.service()?.spec.selector, `write ${write}`).toEqual({ app: APP })
        const sets = world.emulator.list('replicasets', NAMESPACE) as ReplicaSet[]
        const marked = sets.filter(({ spec }) => spec.template.metadata?.annotations !== undefined)
        expect(marked, `write ${write}`).toEqual([])
        expect([...given.gateway.lost], `write ${write}`).toEqual([])
        expect(world.breaches, `write ${write}`).toEqual([])
      }
    },
  )
})

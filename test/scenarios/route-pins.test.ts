import { describe, expect, it } from 'vitest'
import type { Deployment, KubeObject } from '../../src/shared/objects.ts'
import { BESIDE, expectUnharmed, running, V2, V3 } from './given.ts'
import { Gateway } from './routed.ts'
import { APP, manifestsOf, NAMESPACE, type RunOptions, type World } from './world.ts'

const HOUR_MS = 3_600_000

const KEEP = {
  count: 1,
  forMs: 2 * HOUR_MS,
  replicas: 1,
  header: 'x-deployment-id',
  query: 'dpl',
  env: 'DEPLOYMENT_ID',
}

function keeping(version: string, more: RunOptions = {}): RunOptions {
  return {
    strategy: 'canary',
    plan: '50%',
    objects: manifestsOf({ version }),
    traffic: { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [], keep: KEEP },
    ...more,
  }
}

interface Rule {
  matches: { headers?: { name: string; value: string }[]; queryParams?: { name: string; value: string }[] }[]
  backendRefs: { name: string }[]
}

function rulesOf(gateway: Gateway): Rule[] {
  return (gateway.route['spec'] as unknown as { rules: Rule[] }).rules
}

/** Service that a request with this header value comes to; undefined when the main rule takes it. */
function pinned(gateway: Gateway, id: string): string | undefined {
  const rule = rulesOf(gateway).find(({ matches }) =>
    matches.some(({ headers }) => headers?.some(({ name, value }) => name === 'x-deployment-id' && value === id)),
  )
  return rule?.backendRefs[0]?.name
}

function kept(world: World): KubeObject[] {
  return [...world.emulator.list('deployments', NAMESPACE), ...world.emulator.list('services', NAMESPACE)].filter(
    ({ metadata }) => metadata.labels?.['headgate.dev/version'] !== undefined,
  )
}

async function twice(): Promise<{ world: World; gateway: Gateway; plain: unknown; first: string }> {
  const world = await running({ judged: { ...BESIDE, workloads: [] } })
  const gateway = await Gateway.standing(world)
  const plain = gateway.route['spec']
  const one = await world.run('deploy', keeping(V2))
  expect(one.result, one.result?.message).toMatchObject({ outcome: 'succeeded' })
  // What served before was brought by nobody that gave it an id.
  expect(gateway.route['spec']).toEqual(plain)
  const first = world.record?.release.id ?? ''
  expect(first).toMatch(/^[0-9a-f]{10}$/)
  return { world, gateway, plain, first }
}

function idOfPods(deployment: Deployment): unknown {
  const { env = [] } = deployment.spec.template.spec.containers[0] ?? {}
  return env.find(({ name }) => name === 'DEPLOYMENT_ID')?.['value']
}

describe('kept versions', () => {
  it('leads requests with the id of the version before to it, while all others are on the new one', async () => {
    const { world, gateway, first } = await twice()
    const { result } = await world.run('deploy', keeping(V3))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(pinned(gateway, first)).toBe(`${APP}-${first}`)
    expect(world.serving()).toEqual({ [V2]: 1, [V3]: 3 })
    expect(idOfPods(world.deployment(`${APP}-${first}`))).toBe(first)
    expect(idOfPods(world.deployment())).toBe(world.record?.release.id)
    expect([...gateway.lost]).toEqual([])
    expectUnharmed(world)
  })

  it('takes a version away by the next run after its time, the route first', async () => {
    const { world, gateway, plain, first } = await twice()
    await world.run('deploy', keeping(V3))
    await world.clock.advance(KEEP.forMs - HOUR_MS)
    const early = await world.run('deploy', keeping(V3))
    expect(early.result, early.result?.message).toMatchObject({ outcome: 'unchanged' })
    expect(pinned(gateway, first)).toBeDefined()

    await world.clock.advance(2 * HOUR_MS)
    const late = await world.run('deploy', keeping(V3))
    expect(late.result, late.result?.message).toMatchObject({ outcome: 'unchanged' })
    await world.clock.advance(20_000)
    expect(gateway.route['spec']).toEqual(plain)
    expect(gateway.route.metadata.managedFields?.map(({ manager }) => manager)).not.toContain('headgate-rollout')
    expect(kept(world)).toEqual([])
    expect(world.record?.kept).toEqual([])
    expect(world.serving()).toEqual({ [V3]: 3 })
    expect([...gateway.lost]).toEqual([])
    expectUnharmed(world)
  })

  it('keeps a version until the next run at least, however short its time', async () => {
    const { world, gateway, first } = await twice()
    const short = { ...KEEP, forMs: 1_000 }
    const options = keeping(V3)
    const traffic = { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [] } as const
    const asked = { ...traffic, routes: [], match: [], weights: [], keep: short }
    await world.run('deploy', { ...options, traffic: asked })
    expect(pinned(gateway, first)).toBe(`${APP}-${first}`)
    await world.run('deploy', { ...options, traffic: asked })
    expect(pinned(gateway, first)).toBeUndefined()
    expect([...gateway.lost]).toEqual([])
  })

  it('keeps no more versions than asked, and their rules through the next canary', async () => {
    const { world, gateway, first } = await twice()
    await world.run('deploy', keeping(V3))
    const second = world.record?.release.id ?? ''
    const paused = await world.run('deploy', keeping('0.4.0', { plan: '50%, approve' }))
    expect(paused.result, paused.result?.message).toMatchObject({ outcome: 'paused' })
    expect(pinned(gateway, first)).toBe(`${APP}-${first}`)
    // Old pages stay where they are while half of the users are on the new version.
    expect(pinned(gateway, second)).toBe(APP)
    expect(gateway.weights).toEqual({ [APP]: 50, [`${APP}-canary`]: 50 })
    const { result } = await world.run('promote')
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    await world.clock.advance(20_000)
    expect(pinned(gateway, first)).toBeUndefined()
    expect(pinned(gateway, second)).toBe(`${APP}-${second}`)
    expect(world.serving()).toEqual({ [V3]: 1, '0.4.0': 3 })
    expect(kept(world).map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      `Deployment/${APP}-${second}`,
      `Service/${APP}-${second}`,
    ])
    expect([...gateway.lost]).toEqual([])
    expectUnharmed(world)
  })

  it('puts back on abort exactly what was there, kept versions included', async () => {
    const { world, gateway } = await twice()
    await world.run('deploy', keeping(V3))
    const before = gateway.route
    await world.run('deploy', keeping('0.4.0', { plan: '50%, approve' }))
    const { result } = await world.run('abort')
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    await world.clock.advance(20_000)
    expect(gateway.route['spec']).toEqual(before['spec'])
    expect(kept(world)).toHaveLength(2)
    expect([...gateway.lost]).toEqual([])
    expectUnharmed(world)
  })
})

import { describe, expect, it } from 'vitest'
import { APP, manifestsOf, NAMESPACE, World } from './world.ts'

const IN_PLACE = {
  workloads: [{ namespace: NAMESPACE, names: [APP], minServing: 3, maxPods: 4 }],
  services: [{ namespace: NAMESPACE, name: APP, minReady: 3 }],
}
const BESIDE = {
  ...IN_PLACE,
  workloads: [{ namespace: NAMESPACE, names: [APP, `${APP}-blue`, `${APP}-green`], minServing: 3, maxPods: 6 }],
}

describe('canary', () => {
  it('pauses at the approval with the promised pair, locked, and is promoted with the same pods', async () => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    world.expect(IN_PLACE)
    const deployed = await world.run('deploy', {
      strategy: 'canary',
      plan: '50%, approve',
      objects: manifestsOf({ version: '0.2.0' }),
    })
    expect(deployed.result).toMatchObject({ outcome: 'paused', phase: 'paused', exitCode: 3 })
    expect(world.serving()).toEqual({ '0.1.0': 1, '0.2.0': 2 })
    expect(world.deployment().spec.paused).toBe(true)

    const promoted = await world.run('promote', { rollout: 1 })
    expect(promoted.result).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
    expect(world.serving()).toEqual({ '0.2.0': 3 })
    const { spec, metadata } = world.deployment()
    expect(spec).toMatchObject({
      progressDeadlineSeconds: 600,
      strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    })
    expect(spec.minReadySeconds ?? 0).toBe(0)
    expect(spec.paused ?? false).toBe(false)
    expect(Object.keys(metadata.annotations ?? {}).filter((key) => key.startsWith('headgate.dev/'))).toEqual([])
    expect((metadata.managedFields ?? []).map(({ manager }) => manager)).not.toContain('headgate-rollout')
    expect(world.breaches).toEqual([])
    expect(world.emulator.defects).toEqual([])
  })

  it('goes back on abort and keeps every stable pod', async () => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    world.expect(IN_PLACE)
    await world.run('deploy', {
      strategy: 'canary',
      plan: '50%, approve',
      objects: manifestsOf({ version: '0.2.0' }),
    })
    const aborted = await world.run('abort', { rollout: 1 })
    expect(aborted.result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(world.serving()).toEqual({ '0.1.0': 3 })
    expect(world.breaches).toEqual([])
  })

  it('calls a crashing release bad in seconds and undoes it', async () => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    world.emulator.setBehaviour('gihyodocker/echo-version:0.2.0-crash', {
      crashAfterMs: 300,
      exitCode: 1,
      neverReady: true,
      lastWords: ['panic: boom'],
    })
    world.expect(IN_PLACE)
    const began = world.clock.now()
    const { result } = await world.run('deploy', {
      strategy: 'canary',
      plan: '50%, approve',
      objects: manifestsOf({ version: '0.2.0-crash' }),
    })
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'crash-loop' } })
    expect(world.clock.now() - began).toBeLessThan(30_000)
    expect(world.serving()).toEqual({ '0.1.0': 3 })
    expect(world.breaches).toEqual([])
  })
})

describe('blue-green', () => {
  it.each(['in-place', 'separate'] as const)(
    '%s: shows the new set first, switches, and leaves only it',
    async (pods) => {
      const world = new World()
      await world.given({ version: '0.1.0' })
      world.expect(BESIDE)
      const plan = 'approve, switch, approve'
      await world.run('deploy', { strategy: 'blue-green', pods, plan, objects: manifestsOf({ version: '0.2.0' }) })
      expect(world.serving()).toEqual({ '0.1.0': 3, '0.2.0': 3 })
      expect(world.service(`${APP}-preview`)).toBeDefined()
      await world.run('promote', { rollout: 1 })
      const { result } = await world.run('promote', { rollout: 1 })
      expect(result).toMatchObject({ outcome: 'succeeded' })
      expect(world.serving()).toEqual({ '0.2.0': 3 })
      expect(world.service(`${APP}-preview`)).toBeUndefined()
      expect(world.service()?.spec.selector).toEqual(pods === 'separate' ? { app: APP, color: 'blue' } : { app: APP })
      expect(world.breaches).toEqual([])
    },
  )

  it.each(['in-place', 'separate'] as const)('%s: abort after the switch brings users back', async (pods) => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    world.expect(BESIDE)
    await world.run('deploy', {
      strategy: 'blue-green',
      pods,
      plan: 'switch, approve',
      objects: manifestsOf({ version: '0.2.0' }),
    })
    const { result } = await world.run('abort')
    expect(result).toMatchObject({ outcome: 'aborted' })
    expect(world.serving()).toEqual({ '0.1.0': 3 })
    expect(world.service()?.spec.selector).toEqual({ app: APP })
    expect(world.breaches).toEqual([])
  })
})

describe('rolling and recreate', () => {
  it('rolls to the new version', async () => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    const { result } = await world.run('deploy', { objects: manifestsOf({ version: '0.2.0' }) })
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(world.serving()).toEqual({ '0.2.0': 3 })
  })

  it('takes the old version down, runs the job, and measures the downtime', async () => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'migrate' },
      spec: {
        backoffLimit: 0,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: 'migrate:1-job-ok' }] } },
      },
    }
    const { result } = await world.run('deploy', {
      strategy: 'recreate',
      plan: 'job migrate',
      objects: manifestsOf({ version: '0.2.0', more: [job] }),
    })
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(world.serving()).toEqual({ '0.2.0': 3 })
    expect(world.record?.downtimeSeconds).toBeGreaterThan(5)
  })
})

import { describe, expect, it } from 'vitest'
import { APP, manifestsOf, NAMESPACE, World } from './world.ts'

/** Two releases have come, the second serves; now the observer watches. */
async function twoReleases(pods: 'in-place' | 'separate'): Promise<World> {
  const world = new World()
  await world.given({ version: '0.1.0' })
  for (const version of ['0.2.0', '0.3.0'])
    await world.run('deploy', { strategy: 'blue-green', pods, plan: 'switch', objects: manifestsOf({ version }) })
  expect(world.serving()).toEqual({ '0.3.0': 3 })
  const names = [APP, `${APP}-blue`, `${APP}-green`]
  world.expect({
    workloads: [{ namespace: NAMESPACE, names, minServing: 3, maxPods: 6 }],
    services: [{ namespace: NAMESPACE, name: APP, minReady: 1 }],
  })
  return world
}

describe('rollback', () => {
  it.each(['in-place', 'separate'] as const)(
    '%s: brings the release before back, and users stay served',
    async (pods) => {
      const world = await twoReleases(pods)
      const { result } = await world.run('rollback', { rollout: 2 })
      expect(result).toMatchObject({ outcome: 'rolled-back', phase: 'succeeded' })
      expect(world.serving()).toEqual({ '0.2.0': 3 })
      expect(world.breaches).toEqual([])
    },
  )

  it.each(['in-place', 'separate'] as const)('%s: a deploy of what was brought back changes nothing', async (pods) => {
    const world = await twoReleases(pods)
    await world.run('rollback')
    const manifests = manifestsOf({ version: '0.2.0' })
    const { result } = await world.run('deploy', {
      strategy: 'blue-green',
      pods,
      plan: 'switch',
      objects: manifests,
    })
    expect(result).toMatchObject({ outcome: 'unchanged' })
  })

  it('leaves the count that somebody has scaled to', async () => {
    const world = await twoReleases('in-place')
    world.expect({ workloads: [], services: [{ namespace: NAMESPACE, name: APP, minReady: 3 }] })
    world.emulator.patch('deployments', NAMESPACE, APP, { spec: { replicas: 5 } }, 'kubectl')
    await world.clock.advance(60_000)
    expect(world.serving()).toEqual({ '0.3.0': 5 })
    const { result } = await world.run('rollback')
    expect(result, result?.message).toMatchObject({ outcome: 'rolled-back' })
    expect(world.serving()).toEqual({ '0.2.0': 5 })
    expect(world.breaches).toEqual([])
  })

  it('in colors asks whose a foreign count is, and takes it over when told', async () => {
    const world = await twoReleases('separate')
    world.emulator.patch('deployments', NAMESPACE, `${APP}-green`, { spec: { replicas: 4 } }, 'kubectl')
    await world.clock.advance(60_000)
    const { result } = await world.run('rollback')
    expect(result?.outcome).not.toBe('rolled-back')
    expect(result?.message).toMatch(/\.spec\.replicas.*kubectl/)
    expect(world.serving()).toEqual({ '0.3.0': 4 })
    expect((await world.run('rollback', { takeOver: ['kubectl'] })).result).toMatchObject({ outcome: 'rolled-back' })
  })

  it('never lets both versions of a recreate run at once', async () => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    for (const version of ['0.2.0', '0.3.0'])
      await world.run('deploy', { strategy: 'recreate', plan: '', objects: manifestsOf({ version }) })
    world.expect({ workloads: [{ namespace: NAMESPACE, names: [APP], minServing: 0, maxPods: 3 }], services: [] })
    const { result } = await world.run('rollback')
    expect(result, result?.message).toMatchObject({ outcome: 'rolled-back' })
    expect(world.serving()).toEqual({ '0.2.0': 3 })
    expect(world.breaches).toEqual([])
  })

  it('in colors is not gone on with once it was undone by hand', async () => {
    const world = await twoReleases('separate')
    const options = { strategy: 'blue-green', pods: 'separate', plan: 'switch, approve' } as const
    await world.run('deploy', { ...options, objects: manifestsOf({ version: '0.4.0' }) })
    const [fresh, old] = ['blue', 'green'].map((color) => `${APP}-${color}`)
    const serving = world.service()?.spec.selector?.['color'] === 'blue' ? [fresh, old] : [old, fresh]
    const [away = '', kept = ''] = serving
    const color = { color: kept.slice(APP.length + 1) }
    world.emulator.patch('services', NAMESPACE, APP, { spec: { selector: color } }, 'kubectl-patch')
    world.emulator.patch('deployments', NAMESPACE, away, { spec: { replicas: 0 } }, 'kubectl')
    await world.clock.advance(60_000)
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'drift' }, next: '' })
    expect(world.serving()).toEqual({ '0.3.0': 3 })
    expect((await world.run('abort')).result).toMatchObject({ outcome: 'aborted' })
    expect(world.serving()).toEqual({ '0.3.0': 3 })
  })
})

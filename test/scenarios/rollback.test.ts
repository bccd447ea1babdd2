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
})

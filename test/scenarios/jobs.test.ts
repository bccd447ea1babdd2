import { expect, it } from 'vitest'
import type { KubeObject } from '../../src/shared/objects.ts'
import { expectUnharmed, running, V2, V3 } from './given.ts'
import { manifestsOf, NAMESPACE, type RunOptions, type World } from './world.ts'

const SMOKE: KubeObject = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'smoke' },
  spec: {
    backoffLimit: 0,
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 's', image: 'smoke:1-job-ok' }] } },
  },
}

function smoked(version: string, more: RunOptions = {}): RunOptions {
  const objects = manifestsOf({ version, more: [SMOKE] })
  return { strategy: 'canary', plan: '50%, job smoke, approve', objects, ...more }
}

function jobs(world: World): (string | undefined)[] {
  return world.emulator.list('jobs', NAMESPACE).map(({ metadata }) => metadata.name)
}

it('a job is made anew for every rollout, and the next one that succeeds removes it, whatever lies between', async () => {
  const world = await running()
  await world.run('deploy', smoked(V2))
  expect(jobs(world)).toEqual(['smoke-1'])
  await world.run('abort')
  expect(jobs(world)).toEqual(['smoke-1'])
  await world.run('deploy', smoked(V3))
  await world.run('abort')
  await world.run('deploy', smoked(V3))
  await world.run('promote')
  await world.clock.advance(5_000)
  expect(world.record).toMatchObject({ phase: 'succeeded', rollout: 3 })
  expect(jobs(world)).toEqual(['smoke-3'])
  expectUnharmed(world)
})

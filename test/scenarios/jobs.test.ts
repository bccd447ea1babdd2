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

it.each([
  ['a second', 1_000],
  ['longer than a server takes to count as steady', 45_000],
])('a job without a step is awaited to its end, where it takes %s', async (_what, runMs) => {
  const world = await running()
  world.emulator.setBehaviour('smoke:1-job-ok', { runMs, exitCode: 0 })
  const { result } = await world.run('deploy', smoked(V2, { plan: '50%' }))
  expect(result).toMatchObject({ outcome: 'succeeded' })
  expectUnharmed(world)
})

it('a job without a step that fails is told with its last words', async () => {
  const world = await running()
  world.emulator.setBehaviour('smoke:1-job-ok', { runMs: 45_000, exitCode: 3, lastWords: ['no such table'] })
  const { result } = await world.run('deploy', smoked(V2, { plan: '50%' }))
  expect(result?.failure).toMatchObject({ code: 'job-failed', message: expect.stringContaining('Job/smoke failed') })
  expect(JSON.stringify(result?.failure?.evidence)).toContain('no such table')
})

import { describe, expect, it } from 'vitest'
import { APP, manifestsOf, NAMESPACE, World } from './world.ts'

const NEW = manifestsOf({ version: '0.2.0' })

describe('deploying the same release again looks at the cluster', () => {
  it('brings back what somebody deleted', async () => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    await world.run('deploy', { objects: NEW })
    expect((await world.run('deploy', { objects: NEW })).result).toMatchObject({ outcome: 'unchanged' })
    world.emulator.delete('services', NAMESPACE, APP)
    const { result } = await world.run('deploy', { objects: NEW })
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(world.service()).toBeDefined()
  })

  it('is not green while another version serves', async () => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    await world.run('deploy', { objects: NEW })
    const template = {
      spec: {
        containers: [
          { ...world.deployment().spec.template.spec.containers[0], image: 'gihyodocker/echo-version:0.1.0' },
        ],
      },
    }
    world.emulator.patch('deployments', NAMESPACE, APP, { spec: { template } }, 'kubectl-rollout')
    await world.clock.advance(20_000)
    const { result } = await world.run('deploy', { objects: NEW })
    expect(result?.outcome).not.toBe('unchanged')
  })
})

it('other steps start anew instead of passing an approval that was added', async () => {
  const world = new World()
  await world.given({ version: '0.1.0' })
  const cancel = new AbortController()
  const first = world.start('deploy', { strategy: 'canary', plan: '50%, wait 1h', objects: NEW, cancel: cancel.signal })
  await world.clock.advance(30_000)
  cancel.abort()
  expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'stopped' })
  const { result } = await world.run('deploy', { strategy: 'canary', plan: '50%, approve', objects: NEW })
  expect(result).toMatchObject({ outcome: 'paused' })
  expect(world.record?.rollout).toBe(2)
})

it('refuses to promote what was put back by hand', async () => {
  const world = new World()
  await world.given({ version: '0.1.0' })
  const before = world.deployment()
  await world.run('deploy', { strategy: 'canary', plan: '50%, approve', objects: NEW })
  const { minReadySeconds = 0, progressDeadlineSeconds = 600, strategy, template } = before.spec
  const spec = {
    minReadySeconds,
    progressDeadlineSeconds,
    ...(strategy === undefined ? {} : { strategy }),
    template,
    paused: false,
  }
  world.emulator.patch('deployments', NAMESPACE, APP, { spec }, 'kubectl-patch')
  await world.clock.advance(20_000)
  const { result } = await world.run('promote', { rollout: 1 })
  expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'drift' } })
  expect(world.serving()).toEqual({ '0.1.0': 3 })
})

it.each([
  ['canary', '25%, approve, 50%, approve'],
  ['canary', '50%, approve'],
  ['blue-green', 'approve, switch'],
] as const)(
  'refuses to promote %s %s that was resumed and undone with kubectl, and says so before',
  async (strategy, plan) => {
    const world = new World()
    await world.given({ version: '0.1.0' })
    const { template } = world.deployment().spec
    await world.run('deploy', { strategy, plan, objects: NEW })
    world.emulator.patch('deployments', NAMESPACE, APP, { spec: { paused: false } }, 'kubectl-rollout')
    world.emulator.patch('deployments', NAMESPACE, APP, { spec: { template } }, 'kubectl-rollout')
    await world.clock.advance(20_000)
    const looked = await world.run('status', {})
    const said = looked.events.flatMap((event) => (event.kind === 'line' ? [event.text] : [])).join('\n')
    expect(said).toMatch(/DRIFT: Deployment\/.* was changed by kubectl-rollout/)
    expect(looked.result?.next).toContain('abort')
    const { result, writes } = await world.run('promote', { rollout: 1 })
    expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'drift' } })
    expect(writes.filter((write) => !write.includes('/leases'))).toEqual([])
    expect((await world.run('abort', {})).result?.outcome).toBe('aborted')
    expect(world.serving()).toEqual({ '0.1.0': 3 })
  },
)

it('stands a whole new set beside the old one where no Service leads to it', async () => {
  const world = new World()
  await world.given({ version: '0.1.0' })
  world.emulator.delete('services', NAMESPACE, APP)
  const objects = NEW.filter(({ kind }) => kind !== 'Service')
  await world.run('deploy', { strategy: 'blue-green', plan: 'switch, approve', objects })
  expect(world.serving()).toEqual({ '0.1.0': 3, '0.2.0': 3 })
})

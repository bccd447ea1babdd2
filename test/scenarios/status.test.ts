import { describe, expect, it } from 'vitest'
import { blueGreenOf, bringing, canaryOf, pausedCanary, running, V1, V2 } from './given.ts'
import { APP, NAMESPACE, type Ran, type RunOptions, type World } from './world.ts'

function linesOf({ events }: Ran): string[] {
  return events.flatMap((event) => (event.kind === 'line' ? [event.text] : []))
}

async function status(world: World, options: RunOptions = {}): Promise<string[]> {
  const ran = await world.run('status', options)
  expect(ran.result).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  expect(ran.writes).toEqual([])
  return linesOf(ran)
}

describe('status', () => {
  it('tells the step, that nobody is at work, why it rests, and what can be done', async () => {
    const world = await pausedCanary()
    const lines = await status(world)
    expect(lines[0]).toMatch(
      /^app echo-version in namespace shop: rollout 1, canary, paused for .*, step 2 of 2 \(approve\)$/,
    )
    expect(lines).toContain('no run is at work')
    expect(lines).toContain('reason: waits for an approval')
    expect(lines).toContain(
      'go back to 0.1.0: gh workflow run deploy.yml -R github.test/octo/shop -f command=abort -f rollout=1',
    )
  })

  it('prints commands for the command line, told its cluster as this one', async () => {
    const world = await running()
    const source = { repository: '', workflow: '', runId: '' }
    await world.run('deploy', canaryOf(V2, { source, manifests: ['k8s/'] }))
    const cluster = { kubeconfig: '/k', context: 'main' }
    const ran = await world.run('status', { source, cluster })
    const flags = '--app echo-version --namespace shop --rollout 1 --kubeconfig /k --context main'
    expect(linesOf(ran)).toContain(`go back to 0.1.0: node dist/cli.js abort ${flags}`)
    expect(ran.result?.next).toBe(`node dist/cli.js promote ${flags}`)
  })

  it('names the run that is at work, and one that has died', async () => {
    const world = await running()
    const cut = { after: 12, when: 'after' } as const
    await world.run('deploy', canaryOf(V2, { plan: '50%, wait 10m', cut }))
    const at = new Date(world.clock.now()).toISOString().slice(0, 16)
    expect((await status(world))[1]).toMatch(
      new RegExp(`^run octo/shop/101/1/run-1 is at work since ${at}.*Z, last heard .* ago$`),
    )
    await world.clock.advance(60_000)
    expect((await status(world))[1]).toMatch(/^run octo\/shop\/101\/1\/run-1, .* has died: last heard 1m.* ago$/)
  })

  it('after an abort no longer says what it once waited for', async () => {
    const world = await pausedCanary()
    await world.run('abort')
    const lines = await status(world)
    expect(lines[0]).toMatch(/rollout 1, canary, aborted for [^,]*$/)
    expect(lines.filter((line) => /^(reason|no run|back by hand)/.test(line))).toEqual([])
  })

  it('says which version a Service is pinned to, and when it is gone', async () => {
    const world = await running()
    await world.run('deploy', blueGreenOf(V2, { plan: 'switch, approve' }))
    expect((await status(world)).find((line) => line.startsWith('Service/'))).toMatch(
      /^Service\/echo-version: pinned to 0\.2\.0 \(\w+\)$/,
    )
    world.expect({ workloads: [], services: [] })
    world.emulator.delete('services', NAMESPACE, APP)
    expect(await status(world)).toContain(`Service/${APP} does not exist`)
  })

  it('says that nothing serves where it is scaled to 0', async () => {
    const world = await running()
    world.expect({ workloads: [], services: [] })
    await world.run('deploy', bringing(V1))
    world.emulator.put({ ...world.deployment(), spec: { ...world.deployment().spec, replicas: 0 } }, 'kubectl-scale')
    await world.clock.advance(20_000)
    expect(await status(world)).toContain(`Deployment/${APP}: scaled to 0, nothing serves`)
  })
})

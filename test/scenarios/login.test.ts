import { describe, expect, it } from 'vitest'
import type { Transport } from '../../src/kubernetes/transport.ts'
import { verdict } from '../../src/report/verdict.ts'
import { collector } from '../../src/report/collector.ts'
import { bringing, cancelAfter, canaryOf, expectUnharmed, pausedCanary, running, V1, V2, V3 } from './given.ts'
import type { Ran, World } from './world.ts'

/** From then on the cluster knows the run's token no more, as when a login of an hour has ended. */
function loggedOutAfter(world: World, ms: number) {
  const end = world.clock.now() + ms
  const stranger = world.emulator.transport('')
  return (inner: Transport): Transport =>
    (request) =>
      world.clock.now() < end ? inner(request) : stranger(request)
}

/** The first lines of what people read of the run. */
function told(world: World, { events }: Ran): string[] {
  const all = collector(world.clock)
  for (const event of events) all.emit(event)
  return verdict(all.view())
}

describe('a login that ends before the rollout', () => {
  const MOMENTS: [string, number][] = [
    ['in a wait', 30_000],
    ['between two shares', 63_500],
  ]

  it.each(MOMENTS)('%s leaves it where it is, says so, and a re-run goes on', async (_when, ms) => {
    const world = await running()
    const plan = '50%, wait 1m, 75%, wait 1m'
    const ran = await world.run('deploy', canaryOf(V2, { plan, between: loggedOutAfter(world, ms) }))
    expect(ran.result).toMatchObject({ outcome: 'failed', phase: 'progressing', exitCode: 1 })
    expect(ran.result?.failure).toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('the cluster does not accept the credentials'),
      done: expect.stringMatching(/the rollout is left where it is; 1 old pod and 2 new pods are ready$/),
      next: 'log in anew, and re-run the job that deployed, or deploy again: either goes on from here; or abort',
    })
    expect(ran.events.flatMap((event) => (event.kind === 'phase' ? [event.title] : []))).not.toContain(
      'Back to the stable version',
    )
    const lines = told(world, ran)
    expect(lines[0]).toContain('0.2.0 is half-way in, its run ended early, step ')
    expect(lines[2]).toContain('does not accept the credentials')
    expectUnharmed(world)
    const again = await world.run('deploy', canaryOf(V2, { plan }))
    expect(again.result).toMatchObject({ outcome: 'succeeded', record: { rollout: 1 } })
    expectUnharmed(world)
  })

  it('in a rollback sends nobody on to the release that is fled', async () => {
    const world = await running()
    await world.run('deploy', bringing(V2))
    await world.run('deploy', canaryOf(V3, { plan: '50%, wait 1m' }))
    const between = loggedOutAfter(world, 30_000)
    const ran = await world.run('rollback', { gates: 'all', between })
    expect(ran.result).toMatchObject({ outcome: 'failed', phase: 'progressing' })
    expect(ran.result?.failure?.next).toBe('log in anew, and abort, then roll back again')
    expect((await world.run('abort')).result?.outcome).toBe('aborted')
    expect((await world.run('rollback')).result?.outcome).toBe('rolled-back')
    expect(world.serving()).toEqual({ [V2]: 3 })
    expectUnharmed(world)
  })

  it('tells first what it was about to undo', async () => {
    const world = await running()
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V2}`, { crashAfterMs: 20_000, exitCode: 1 })
    let out = false
    const ran = await world.run('deploy', {
      ...canaryOf(V2, { plan: '50%, wait 10m' }),
      onEvent: (event) => (out ||= event.kind === 'failure'),
      between: (inner) => (request) => (out ? world.emulator.transport('')(request) : inner(request)),
    })
    expect(ran.result?.failure?.message).toMatch(/exit code 1.*; then the cluster does not accept the credentials/)
    expect(ran.result?.failure?.code).toBe('unauthorized')
  })

  it('says that a rolling update goes on, which nothing holds', async () => {
    const world = await running()
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V2}`, { readyAfterMs: 20_000 })
    const ran = await world.run('deploy', bringing(V2, { between: loggedOutAfter(world, 15_000) }))
    expect(ran.result?.failure?.done).toContain('and the cluster goes on with what it was told last')
    await world.clock.advance(120_000)
    expect(world.serving()).toEqual({ [V2]: 3 })
  })

  it('of a cancelled run says that it was cancelled', async () => {
    const world = await running()
    const between = loggedOutAfter(world, 29_000)
    const cancel = cancelAfter(world, 30_000)
    const ran = await world.run('deploy', canaryOf(V2, { plan: '50%, wait 5m', between, cancel }))
    expect(ran.result?.exitCode).toBe(130)
    expect(ran.result?.failure?.message).toMatch(/^the run was cancelled; then the cluster does not accept/)
  })

  it('on the way back leaves the rest of it to the next abort', async () => {
    const world = await pausedCanary()
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V1}`, { readyAfterMs: 60_000 })
    const ran = await world.run('abort', { between: loggedOutAfter(world, 20_000) })
    expect(ran.result).toMatchObject({ outcome: 'failed', phase: 'aborting', failure: { code: 'unauthorized' } })
    expect(ran.result?.failure?.next).toMatch(/abort again, which finishes the way back$/)
    expect(told(world, ran)[0]).toContain('the run that undid 0.2.0 ended early, back to 0.1.0 is not finished')
    const again = await world.run('abort')
    expect(again.result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(world.serving()).toEqual({ [V1]: 3 })
  })
})

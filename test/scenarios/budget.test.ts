import { describe, expect, it } from 'vitest'
import { BESIDE, blueGreenOf, canaryOf, expectUnharmed, running, V2 } from './given.ts'
import type { World } from './world.ts'

/** Requests of the client: all but watches and what keeps the lease alive. */
function counter(world: World): () => number {
  let renewals = 0
  world.emulator.onRequest({
    before: ({ method, path, body }) => {
      if (method === 'PATCH' && path.includes('/leases/') && body.includes('/spec/renewTime')) renewals++
    },
  })
  let from = world.emulator.log.length
  return () => {
    const watches = world.emulator.log.slice(from).filter(({ path }) => /[?&]watch=(1|true)/.test(path)).length
    const all = world.emulator.log.length - from
    from = world.emulator.log.length
    const counted = all - watches - renewals
    renewals = 0
    return counted
  }
}

describe('API requests, watches and lease renewals not counted', () => {
  it('canary 50%, approve over 3 replicas: at most 24 to the pause and 16 to promote', async () => {
    const world = await running()
    const take = counter(world)
    const deployed = await world.run('deploy', canaryOf(V2))
    expect(deployed.result).toMatchObject({ outcome: 'paused' })
    const deploy = take()
    const promoted = await world.run('promote', { rollout: 1 })
    expect(promoted.result).toMatchObject({ outcome: 'succeeded' })
    const promote = take()
    process.stdout.write(`canary: deploy ${deploy} (bar 24, aim 16), promote ${promote} (bar 16)\n`)
    expect(deploy).toBeLessThanOrEqual(24)
    expect(promote).toBeLessThanOrEqual(16)
    expectUnharmed(world)
  })

  it('blue-green switch, wait 1s: at most 46 from deploy to the end', async () => {
    const world = await running({ judged: BESIDE })
    const take = counter(world)
    const { result } = await world.run('deploy', blueGreenOf(V2, { plan: 'switch, wait 1s' }))
    expect(result).toMatchObject({ outcome: 'succeeded' })
    const all = take()
    process.stdout.write(`blue-green in one go: ${all} (bar 46, aim 32)\n`)
    expect(all).toBeLessThanOrEqual(46)
    expectUnharmed(world)
  })

  it.each(['approve, switch', 'switch, approve'])('blue-green %s: at most 46 for deploy and promote', async (plan) => {
    const world = await running({ judged: BESIDE })
    const take = counter(world)
    await world.run('deploy', blueGreenOf(V2, { plan }))
    const deploy = take()
    const { result } = await world.run('promote', { rollout: 1 })
    expect(result).toMatchObject({ outcome: 'succeeded' })
    const promote = take()
    process.stdout.write(`blue-green ${plan}: deploy ${deploy}, promote ${promote} (together: bar 46, aim 32)\n`)
    expect(deploy + promote).toBeLessThanOrEqual(46)
    expectUnharmed(world)
  })

  it('blue-green approve, switch, approve: at most 46 without the second promote', async () => {
    const world = await running({ judged: BESIDE })
    const take = counter(world)
    await world.run('deploy', blueGreenOf(V2))
    const deploy = take()
    await world.run('promote', { rollout: 1 })
    const promote = take()
    const { result } = await world.run('promote', { rollout: 1 })
    expect(result).toMatchObject({ outcome: 'succeeded' })
    process.stdout.write(`blue-green approve, switch, approve: ${deploy} + ${promote} + ${take()}\n`)
    expect(deploy + promote).toBeLessThanOrEqual(46)
    expectUnharmed(world)
  })
})

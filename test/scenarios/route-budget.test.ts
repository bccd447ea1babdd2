import { expect, it } from 'vitest'
import { expectNothingLost, routed, routedCanary } from './routed.ts'
import type { World } from './world.ts'

/** Requests of the client: all but watches and what keeps the lease alive. */
function counter({ emulator }: World): () => string[] {
  let from = emulator.log.length
  const renewals = new Set<number>()
  emulator.onRequest({
    before: ({ number, method, path, body }) => {
      if (method === 'PATCH' && path.includes('/leases/') && body.includes('/spec/renewTime')) renewals.add(number)
    },
  })
  return () => {
    const asked = emulator.log
      .slice(from)
      .filter(({ number, path }) => !renewals.has(number) && !/[?&]watch=(1|true)/.test(path))
    from = emulator.log.length
    return asked.map(({ method, path }) => `${method} ${path}`)
  }
}

it('canary 10%, approve through a route, watches and lease renewals not counted: at most 27 to the pause and 25 to promote', async () => {
  const given = await routed()
  const { world } = given
  const take = counter(world)
  const deployed = await world.run('deploy', routedCanary('10%, approve'))
  expect(deployed.result).toMatchObject({ outcome: 'paused' })
  const deploy = take()
  const promoted = await world.run('promote', { rollout: 1 })
  expect(promoted.result).toMatchObject({ outcome: 'succeeded' })
  const promote = take()
  process.stdout.write(`canary through a route: deploy ${deploy.length}, promote ${promote.length}\n`)
  expect(deploy.length, deploy.join('\n')).toBeLessThanOrEqual(27)
  expect(promote.length, promote.join('\n')).toBeLessThanOrEqual(25)
  expectNothingLost(given)
})

import { describe, expect, it } from 'vitest'
import type { HttpRequest, Transport } from '../../src/kubernetes/transport.ts'
import { remains } from '../invariants/remains.ts'
import { V1, V2 } from './given.ts'
import { expectNothingLost, routed, type Routed, routedCanary, routeObject, trafficOf } from './routed.ts'
import { APP, NAMESPACE, type Ran } from './world.ts'

const CANARY = `${APP}-canary`

function told({ result, events }: Ran): string {
  const texts = events.flatMap((event) => ('text' in event ? [event.text] : []))
  return [result?.message, result?.failure?.next, ...texts].join('\n')
}

async function expectStable(given: Routed): Promise<void> {
  const { world, gateway } = given
  expect(world.serving()).toEqual({ [V1]: 3 })
  expect(gateway.route['spec']).toEqual(routeObject()['spec'])
  await world.clock.advance(40_000)
  expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
  expectNothingLost(given)
}

/** From the first write of a share on. */
function onceWritten({ world, gateway }: Routed, then: () => void): { at: number } {
  const written = { at: 0 }
  world.emulator.observe(() => {
    if (written.at > 0 || gateway.weights[CANARY] === undefined) return
    written.at = world.clock.now()
    then()
  })
  return written
}

/** What an API server whose definitions are too old makes of a write. */
function pruning(change: (body: string) => string): (inner: Transport) => Transport {
  const isRoute = ({ method, path }: HttpRequest): boolean => method === 'PATCH' && path.includes('/httproutes/')
  return (inner) => (request) =>
    inner(isRoute(request) && request.body !== undefined ? { ...request, body: change(request.body) } : request)
}

describe('a gateway that says no', () => {
  it('to the share: the rollout goes back within seconds, in its words', async () => {
    const given = await routed()
    const { world, gateway } = given
    const written = onceWritten(given, () => {
      gateway.answer = 'does not accept it'
    })
    let back = 0
    world.emulator.observe(() => {
      if (back === 0 && written.at > 0 && gateway.weights[CANARY] === undefined) back = world.clock.now()
    })
    const ran = await world.run('deploy', routedCanary('25%, approve'))
    expect(ran.result, ran.result?.message).toMatchObject({
      outcome: 'aborted',
      exitCode: 1,
      failure: { code: 'route-refused', object: { kind: 'HTTPRoute', name: 'shop' } },
    })
    expect(told(ran)).toMatch(
      /Gateway\/public says Accepted False: NoMatchingListenerHostname no listener takes shop\.test/,
    )
    expect(back - written.at).toBeGreaterThanOrEqual(10_000)
    expect(back - written.at).toBeLessThan(12_000)
    await expectStable(given)
  })

  it('for a moment only: the step goes on', async () => {
    const given = await routed()
    const { world, gateway } = given
    onceWritten(given, () => {
      gateway.answer = 'does not accept it'
      world.clock.timer(6_000, () => {
        gateway.answer = 'takes it'
        world.emulator.patch('services', NAMESPACE, APP, { metadata: { labels: { touched: 'yes' } } })
      })
    })
    const ran = await world.run('deploy', routedCanary('25%, approve'))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
    expect(told(ran)).toMatch(/says Accepted False/)
    expectNothingLost(given)
  })

  it('because it does not find a backend: told by its name', async () => {
    const given = await routed()
    onceWritten(given, () => {
      given.gateway.answer = 'does not resolve it'
    })
    const ran = await given.world.run('deploy', routedCanary('25%, approve'))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'aborted', failure: { code: 'route-refused' } })
    expect(told(ran)).toMatch(/Gateway\/public says ResolvedRefs False: BackendNotFound service echo-version not found/)
    await expectStable(given)
  })

  it('to the route as it was, on the way back: users are back all the same', async () => {
    const given = await routed()
    const { world, gateway } = given
    await world.run('deploy', routedCanary('25%, approve'))
    gateway.answer = 'does not accept it'
    const { result } = await world.run('abort')
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    await expectStable(given)
  })

  it('at a later step: back from the share before', async () => {
    const given = await routed()
    const { world, gateway } = given
    await world.run('deploy', routedCanary('25%, approve, 50%, approve'))
    gateway.answer = 'does not accept it'
    const { result } = await world.run('promote')
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', failure: { code: 'route-refused' } })
    await expectStable(given)
  })
})

describe('a gateway that does not answer', () => {
  it('the step times out and says for whom it waited', async () => {
    const given = await routed()
    const { world, gateway } = given
    onceWritten(given, () => {
      gateway.answer = 'says nothing'
    })
    const ran = await world.run('deploy', routedCanary('25%, approve'))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'aborted', failure: { code: 'timeout' } })
    expect(ran.result?.message).toMatch(/timed out after 60s waiting for Gateway\/public to take the route/)
    await expectStable(given)
  })

  it('with on-failure stop it rests with the share that was written, and both ways out work', async () => {
    for (const command of ['promote', 'abort'] as const) {
      const given = await routed()
      const { world, gateway } = given
      onceWritten(given, () => {
        gateway.answer = 'says nothing'
      })
      const { result } = await world.run('deploy', routedCanary('25%, approve', { onFailure: 'stop' }))
      expect(result, result?.message).toMatchObject({ outcome: 'stopped' })
      expect(gateway.weights).toEqual({ [APP]: 75, [CANARY]: 25 })
      expect(world.deployment().spec.paused).toBe(true)
      gateway.answer = 'takes it'
      world.emulator.patch('services', NAMESPACE, APP, { metadata: { labels: { touched: 'yes' } } })
      await world.clock.advance(60_000)
      for (let turn = 0; turn < 2; turn++) await world.run(command, { full: true })
      expect(world.record?.phase).toBe(command === 'promote' ? 'succeeded' : 'aborted')
      expect(world.serving()).toEqual({ [command === 'promote' ? V2 : V1]: 3 })
      expect(gateway.route['spec']).toEqual(routeObject()['spec'])
      expectNothingLost(given)
    }
  })
})

describe('a gateway that takes its time', () => {
  it.each([['promote'], ['abort']] as const)(
    'is waited for, so that no request meets what is gone: %s',
    async (command) => {
      const given = await routed()
      const { world, gateway } = given
      gateway.statusMs = 15_000
      const ran = await world.run('deploy', routedCanary('25%, approve'))
      expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
      expect((await world.run(command)).result?.exitCode).toBe(0)
      expect(world.serving()).toEqual({ [command === 'promote' ? V2 : V1]: 3 })
      await world.clock.advance(40_000)
      expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
      expectNothingLost(given)
    },
  )
})

describe('a server that does not keep what was written', () => {
  const controller = 'gateway.envoyproxy.io/gatewayclass-controller'
  /** RequestMirror came with the type, its percent only later. */
  const OLD: [string, string, (body: string) => string][] = [
    ['the share of a mirror', 'mirror 20%, approve', (body) => body.replace(',"percent":20}', '}')],
    [
      'the whole filter',
      'mirror 20%, approve',
      (body) => body.replace(/,\{"type":"RequestMirror".*?"percent":20\}\}/, ''),
    ],
  ]

  it.each(OLD)('%s: told at once, and users are on the old version', async (_what, plan, change) => {
    const given = await routed({ controller })
    const { world } = given
    const ran = await world.run('deploy', routedCanary(plan, { between: pruning(change) }))
    expect(ran.result, ran.result?.message).toMatchObject({
      outcome: 'aborted',
      failure: { code: 'route-pruned', object: { kind: 'HTTPRoute', name: 'shop' } },
    })
    expect(told(ran)).toMatch(/did not keep all that was written to HTTPRoute\/shop/)
    expect(told(ran)).toMatch(/CustomResourceDefinitions/)
    await expectStable(given)
  })

  it('the headers of a cohort: nobody who is not meant meets the new version for long', async () => {
    const given = await routed()
    const { world, gateway } = given
    let wrong = 0
    world.emulator.observe(() => {
      const all = gateway.rules.some(
        ({ matches = [], backendRefs }) =>
          backendRefs[0]?.name === CANARY && matches.some(({ headers }) => headers === undefined),
      )
      if (all && wrong === 0) wrong = world.clock.now()
      if (!all && wrong > 0) wrong = Math.min(wrong, world.clock.now() - wrong)
    })
    const traffic = trafficOf({ match: [[{ kind: 'header', name: 'x-canary', values: ['always'] }]] })
    const between = pruning((body) => body.replace(/,"headers":\[\{"type":"Exact".*?\}\]/, ''))
    const { result } = await world.run('deploy', routedCanary('0%, approve', { traffic, between }))
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', failure: { code: 'route-pruned' } })
    expect(wrong).toBeGreaterThan(0)
    expect(wrong).toBeLessThan(1_000)
    await expectStable(given)
  })
})

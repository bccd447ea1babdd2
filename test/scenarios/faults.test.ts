import { describe, expect, it } from 'vitest'
import type { Injection, RequestInfo } from '../emulator/emulator.ts'
import { remains } from '../invariants/remains.ts'
import { BESIDE, blueGreenOf, canaryOf, expectUnharmed, running, V1, V2 } from './given.ts'
import { APP, NAMESPACE, type Ran, type World } from './world.ts'

const PLAN = '50%, wait 15s, approve'

function isWatch({ path }: RequestInfo): boolean {
  return /[?&]watch=(1|true)/.test(path)
}

function isRenewal({ method, path, body }: RequestInfo): boolean {
  return method === 'PATCH' && path.includes('/leases/') && body.includes('/spec/renewTime')
}

/** Deploy to the approval, then promote. */
async function story(world: World): Promise<Ran[]> {
  const deployed = await world.run('deploy', canaryOf(V2, { plan: PLAN }))
  if (world.record?.phase !== 'paused') return [deployed]
  return [deployed, await world.run('promote')]
}

function expectWell(world: World, ran: Ran[]): void {
  expect(world.record?.phase, ran.map(({ result }) => result?.message).join('\n')).toBe('succeeded')
  expect(world.serving()).toEqual({ [V2]: 3 })
  expectUnharmed(world)
  expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
}

const PASSING: Record<string, Injection> = {
  '429 with Retry-After': { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
  '503 with Retry-After': { kind: 'answer', status: 503, headers: { 'retry-after': '1' } },
  'a connection that breaks before the server saw it': { kind: 'drop', when: 'before' },
  'a connection that breaks after the server acted': { kind: 'drop', when: 'after' },
}

/** Requests of one clean story, watches and renewals aside: true for a write that changes something. */
async function cleanRequests(): Promise<boolean[]> {
  const world = await running()
  const writes: boolean[] = []
  world.emulator.onRequest({
    before: (request) => {
      if (isWatch(request) || isRenewal(request)) return
      writes.push(request.method !== 'GET' && !/selfsubject|dryRun=All/.test(request.path))
    },
  })
  expectWell(world, await story(world))
  expect(writes.length).toBeGreaterThan(30)
  return writes
}

describe.each(Object.entries(PASSING))('%s', (_name, injection) => {
  it('at the first try of every request: the rollout ends well', async () => {
    const world = await running()
    const seen = new Set<string>()
    let failed = 0
    world.emulator.onRequest({
      before: (request) => {
        const key = `${request.method} ${request.path} ${request.body}`
        if (seen.has(key) || isWatch(request) || isRenewal(request)) return undefined
        seen.add(key)
        failed++
        return injection
      },
    })
    const ran = await story(world)
    expect(failed).toBeGreaterThan(30)
    expectWell(world, ran)
  })
})

describe('one request alone', () => {
  const LOST: Injection = { kind: 'drop', when: 'after' }
  const BROKEN: Injection = { kind: 'answer', status: 500 }

  async function faulted(number: number, injection: Injection): Promise<{ world: World; ran: Ran[]; what: string }> {
    const world = await running()
    let count = 0
    let what = ''
    world.emulator.onRequest({
      before: (request) => {
        if (isWatch(request) || isRenewal(request) || ++count !== number) return undefined
        what = `${request.method} ${request.path}`
        return injection
      },
    })
    const ran = await story(world)
    return { world, ran, what }
  }

  it('whose answer is lost after the server acted: nothing is done twice, and it ends well', async () => {
    for (const [index, isWrite] of (await cleanRequests()).entries()) {
      // All of them at once are tried above; one alone is another story only where it moves something.
      if (!isWrite || index % 3 > 0) continue
      const { world, ran, what } = await faulted(index + 1, LOST)
      try {
        expectWell(world, ran)
        expect(world.record?.rollout).toBe(1)
      } catch (cause) {
        throw new Error(`request ${index + 1}: ${what}`, { cause })
      }
    }
  })

  it('answered 500: users are served, and the next run brings it to its end', async () => {
    for (const [index, isWrite] of (await cleanRequests()).entries()) {
      if (isWrite ? index % 3 !== 1 : index % 11 > 0) continue
      const { world, ran, what } = await faulted(index + 1, BROKEN)
      try {
        const { outcome, failure } = ran.at(-1)?.result ?? {}
        if (outcome !== 'succeeded') expect(failure?.message).toMatch(/500|injected|API server/)
        expect(world.breaches).toEqual([])
        if (world.record?.phase !== 'succeeded') await world.clock.advance(40_000)
        if (world.record?.phase !== 'succeeded') expectWell(world, await story(world))
      } catch (cause) {
        throw new Error(`request ${index + 1}: ${what}`, { cause })
      }
    }
  })
})

describe('watches', () => {
  it.each([100, 1_000])('that break every %i ms do not matter', async (ms) => {
    const world = await running()
    let dropped = 0
    const again = (): void => {
      dropped += world.emulator.dropWatches()
      world.clock.timer(ms, again)
    }
    again()
    expectWell(world, await story(world))
    expect(dropped).toBeGreaterThan(5)
  })

  it('whose history is forgotten begin anew', async () => {
    const world = await running()
    let dropped = 0
    const again = (): void => {
      world.emulator.compact()
      dropped += world.emulator.dropWatches()
      world.clock.timer(700, again)
    }
    again()
    expectWell(world, await story(world))
    expect(dropped).toBeGreaterThan(5)
  })

  it('that are answered 410 are opened again', async () => {
    const world = await running()
    let gone = 0
    world.emulator.onRequest({
      before: (request) =>
        isWatch(request) && /resourceVersion=\d/.test(request.path) && ++gone % 2 === 1
          ? { kind: 'answer', status: 410 }
          : undefined,
    })
    const again = (): void => {
      world.emulator.dropWatches()
      world.clock.timer(2_000, again)
    }
    again()
    expectWell(world, await story(world))
    expect(gone).toBeGreaterThan(3)
  })
})

describe('a right that is missing for good', () => {
  const CASES: [string, (request: RequestInfo) => boolean, string, string, RegExp][] = [
    [
      'to move pods',
      ({ method, path, body }) =>
        method === 'PATCH' && path.includes(`/deployments/${APP}?`) && body.includes('"/spec/template"'),
      'patch',
      'deployments',
      /patch deployments\.apps/,
    ],
    [
      'to write the record',
      ({ method, path }) => method === 'POST' && path.includes('/configmaps'),
      'create',
      'configmaps',
      /create configmaps/,
    ],
    [
      'to take the lease',
      ({ method, path }) => method === 'POST' && path.includes('/leases'),
      'create',
      'leases',
      /create leases/,
    ],
    ['to watch pods', (request) => isWatch(request) && request.path.includes('/pods'), 'watch', 'pods', /watch pods/],
  ]

  it.each(CASES)('%s is named with verb and resource', async (_what, which, verb, resource, message) => {
    const world = await running()
    const group = resource === 'deployments' ? 'apps' : resource === 'leases' ? 'coordination.k8s.io' : ''
    const text = `${resource} is forbidden: User "deployer" cannot ${verb} resource "${resource}" in API group "${group}" in the namespace "${NAMESPACE}"`
    const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', code: 403, message: text }
    world.emulator.onRequest({
      before: (request) => (which(request) ? { kind: 'answer', status: 403, body } : undefined),
    })
    const { result } = await world.run('deploy', canaryOf(V2))
    expect(['refused', 'failed', 'aborted']).toContain(result?.outcome)
    expect(result?.exitCode).not.toBe(0)
    expect(result?.message).toMatch(message)
    expect(result?.failure?.next).toMatch(/deployer/)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })
})

it('a blue-green rollout ends well though every request fails at first and every watch breaks', async () => {
  const world = await running({ judged: BESIDE })
  const seen = new Set<string>()
  world.emulator.onRequest({
    before: ({ method, path, body }) => {
      const key = `${method} ${path} ${body}`
      if (seen.has(key)) return undefined
      seen.add(key)
      return { kind: 'drop', when: seen.size % 2 === 0 ? 'before' : 'after' }
    },
  })
  const again = (): void => {
    world.emulator.dropWatches()
    world.clock.timer(1_500, again)
  }
  again()
  const ran = [await world.run('deploy', blueGreenOf(V2, { plan: 'switch, approve' })), await world.run('promote')]
  expectWell(world, ran)
})

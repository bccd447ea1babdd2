import { describe, expect, it } from 'vitest'
import type { ReplicaSet } from '../../src/shared/objects.ts'
import type { HttpRequest, Transport } from '../../src/kubernetes/transport.ts'
import {
  bringing,
  blueGreenOf,
  canaryOf,
  expectUnharmed,
  pausedCanary,
  realWrites,
  running,
  setImage,
  until,
  V1,
  V2,
  V3,
} from './given.ts'
import { APP, NAMESPACE, type Ran, type RunOptions } from './world.ts'

/** A line to the server that freezes at a request and can be thawed. */
function freezer(at: (request: HttpRequest) => boolean): {
  between: (inner: Transport) => Transport
  isFrozen: () => boolean
  thaw: () => void
  answers: number[]
} {
  const thawed = Promise.withResolvers<undefined>()
  let frozen = false
  let open = false
  const answers: number[] = []
  const between =
    (inner: Transport): Transport =>
    async (request) => {
      frozen ||= at(request)
      // A frozen process asks nothing, hears nothing, renews nothing.
      if (!frozen) return inner(request)
      await thawed.promise
      // It is on its way: that nobody waits for the answer any more does not stop it.
      const { signal: _, ...sent } = request
      const answer = await inner(sent)
      if (request.method !== 'GET' && !request.path.includes('/leases/')) answers.push(answer.status)
      return answer
    }
  return {
    between,
    isFrozen: () => frozen && !open,
    thaw: () => {
      open = true
      thawed.resolve(undefined)
    },
    answers,
  }
}

/** A write of the mover that lets the controller act. */
function isMove({ method, path, body = '' }: HttpRequest): boolean {
  return method === 'PATCH' && path.includes(`/deployments/${APP}?`) && body.includes('"/spec/')
}

/** There were late writes, and none of them was taken. */
function expectConflicts(answers: number[]): void {
  expect(answers.length).toBeGreaterThan(0)
  expect(answers.filter((status) => status !== 409 && status !== 422)).toEqual([])
}

function texts({ events }: Ran, kind: 'line' | 'waiting'): string {
  return events.flatMap((event) => (event.kind === kind ? [event.text] : [])).join('\n')
}

describe('two deploys at once', () => {
  it('the second waits for the lease, then brings its own release on top', async () => {
    const world = await running()
    const first = world.start('deploy', canaryOf(V2, { plan: '50%, wait 20s' }))
    await until(world, () => world.record?.step === 1)
    const second = await world.run('deploy', canaryOf(V3, { plan: '50%, wait 1s', timeoutMs: 300_000 }))
    expect((await first).result).toMatchObject({ outcome: 'succeeded' })
    expect(texts(second, 'waiting')).toMatch(/the run octo\/shop\/101\/1\/run-1 to end/)
    expect(second.result).toMatchObject({ outcome: 'succeeded' })
    expect(world.record?.rollout).toBe(2)
    expect(world.serving()).toEqual({ [V3]: 3 })
    expectUnharmed(world)
  })

  it('the second of the same release finds it done', async () => {
    const world = await running()
    const options = canaryOf(V2, { plan: '50%, wait 20s' })
    const both = await world.clock.run(Promise.all([world.start('deploy', options), world.start('deploy', options)]))
    expect(new Set(both.map(({ result }) => result?.outcome))).toEqual(new Set(['succeeded', 'unchanged']))
    expect(world.record?.rollout).toBe(1)
    expectUnharmed(world)
  })

  it('the second is refused when its patience ends, and has written nothing', async () => {
    const world = await running()
    const first = world.start('deploy', canaryOf(V2, { plan: '50%, wait 10m' }))
    await until(world, () => world.record?.step === 1)
    const began = world.clock.now()
    const second = await world.run('deploy', canaryOf(V3, { timeoutMs: 20_000 }))
    expect(world.clock.now() - began).toBeLessThan(21_000)
    expect(second.result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'locked' } })
    expect(second.writes).toEqual([])
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })
})

describe('a command against the run that acts', () => {
  it('abort in a long wait is obeyed within two seconds, and both say so', async () => {
    const world = await running()
    const first = world.start('deploy', canaryOf(V2, { plan: '50%, wait 1h' }))
    await until(world, () => world.record?.step === 1)
    const asked = world.clock.now()
    const abort = world.start('abort', { rollout: 1, approvers: ['bob'] })
    await until(world, () => world.record?.phase === 'aborting')
    expect(world.clock.now() - asked).toBeLessThanOrEqual(2_000)
    const [acting, asking] = await world.clock.run(Promise.all([first, abort]))
    expect(asking.result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(realWrites(asking)).toEqual([])
    expect(acting.result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'aborted' } })
    expect(texts(acting, 'line')).toMatch(/octo\/shop\/102\/1\/run-2 asks to abort: obeyed/)
    expect(acting.result?.failure?.message).toBe('aborted by octocat, approved by bob')
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it.each([1, 2])('abort before rollout %i has begun is obeyed as well: none begins', async (number) => {
    const world = await running()
    if (number === 2) await world.run('deploy', canaryOf(V2, { plan: '50%' }))
    world.emulator.setBehaviour('gihyodocker/echo-version:0.1.5', { neverReady: true })
    setImage(world, '0.1.5')
    const first = world.start('deploy', canaryOf(V3))
    await world.clock.advance(10_000)
    const asked = world.clock.now()
    const abort = world.start('abort', { app: APP })
    const [acting, asking] = await world.clock.run(Promise.all([first, abort]))
    expect(world.clock.now() - asked).toBeLessThanOrEqual(2_000)
    expect(asking.result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(asking.result?.message).toMatch(/no rollout was begun, nothing was touched/)
    expect(acting.result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'aborted' } })
    expect(world.record?.rollout).toBe(number === 2 ? 1 : undefined)
    expect(realWrites(acting)).toEqual([])
  })

  it('abort for the number of a rollout that has ended stops no other that is about to begin', async () => {
    const world = await running()
    await world.run('deploy', canaryOf(V2, { plan: '50%' }))
    world.emulator.setBehaviour('gihyodocker/echo-version:0.1.5', { neverReady: true })
    setImage(world, '0.1.5')
    const first = world.start('deploy', canaryOf(V3, { timeoutMs: 60_000 }))
    await world.clock.advance(10_000)
    expect((await world.run('abort', { rollout: 1 })).result).toMatchObject({ outcome: 'unchanged' })
    expect((await world.clock.run(first)).result).toMatchObject({ failure: { code: 'foreign-rollout' } })
  })

  it('abort in the middle of a move is obeyed before the next write', async () => {
    const world = await running()
    const first = world.start('deploy', canaryOf(V2, { plan: '70%, approve' }))
    await until(world, () => world.serving()[V2] === 1)
    const asked = world.clock.now()
    const abort = world.start('abort')
    await until(world, () => world.record?.phase === 'aborting')
    expect(world.clock.now() - asked).toBeLessThanOrEqual(2_000)
    await world.clock.run(Promise.all([first, abort]))
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('promote passes the wait, and the run that acts goes on', async () => {
    const world = await running()
    const first = world.start('deploy', canaryOf(V2, { plan: '30%, wait 1h, 60%, wait 1h' }))
    await until(world, () => world.record?.step === 1)
    const one = await world.run('promote', { rollout: 1 })
    expect(one.result).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
    expect(one.result?.message).toMatch(/step 2 is passed/)
    await until(world, () => world.record?.step === 3)
    const asked = world.clock.now()
    await world.run('promote', { rollout: 1 })
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'succeeded' })
    expect(world.clock.now() - asked).toBeLessThan(60_000)
    expect(world.serving()).toEqual({ [V2]: 3 })
    expectUnharmed(world)
  })

  it('promote in full passes all waits and approvals that are left', async () => {
    const world = await running()
    const first = world.start('deploy', canaryOf(V2, { plan: '30%, wait 1h, 60%, wait 1h, approve' }))
    await until(world, () => world.record?.step === 1)
    const asked = world.clock.now()
    await world.run('promote', { full: true })
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'succeeded' })
    expect(world.clock.now() - asked).toBeLessThan(60_000)
    expectUnharmed(world)
  })

  it('abort for another number is refused without asking anybody', async () => {
    const world = await running()
    const first = world.start('deploy', canaryOf(V2, { plan: '50%, wait 10s' }))
    await until(world, () => world.record?.step === 1)
    const abort = await world.run('abort', { rollout: 7 })
    expect(abort.result).toMatchObject({ outcome: 'refused' })
    expect(abort.writes).toEqual([])
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('a run that is dead or frozen', () => {
  it('its lease is taken after 30 seconds, not sooner', async () => {
    const world = await running()
    await world.run('deploy', canaryOf(V2, { cut: { after: 7, when: 'after' } }))
    const began = world.clock.now()
    const { result } = await world.run('deploy', canaryOf(V2))
    const acquired = world.emulator.get('leases', NAMESPACE, `headgate-${APP}`)?.['spec']
    expect(result).toMatchObject({ outcome: 'paused' })
    const waited = Date.parse(String((acquired as { acquireTime?: string }).acquireTime)) - began
    expect(waited).toBeGreaterThanOrEqual(29_500)
    expect(waited).toBeLessThan(32_000)
    expectUnharmed(world)
  })

  it('abort asks, and takes over when no answer comes', async () => {
    const world = await running()
    await world.run('deploy', canaryOf(V2, { cut: { after: 7, when: 'after' } }))
    const began = world.clock.now()
    const { result } = await world.run('abort')
    expect(result).toMatchObject({ outcome: 'aborted' })
    expect(world.clock.now() - began).toBeLessThan(60_000)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('promote is refused, because nobody knows what its step came to', async () => {
    const world = await running()
    await world.run('deploy', canaryOf(V2, { cut: { after: 7, when: 'after' } }))
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'progressing' } })
  })

  it.each([1, 2, 3])('a late write of its move %i meets a conflict and changes nothing', async (move) => {
    const world = await running()
    let moves = 0
    const line = freezer((request) => isMove(request) && ++moves > move)
    const frozen = world.start('deploy', canaryOf(V2, { plan: '70%, approve', between: line.between }))
    await until(world, line.isFrozen)
    const { result } = await world.run('abort')
    expect(result).toMatchObject({ outcome: 'aborted' })
    const before = world.deployment()
    line.thaw()
    const late = await world.clock.run(frozen)
    expectConflicts(line.answers)
    expect(late.result).toMatchObject({ outcome: 'failed', failure: { code: 'lease-lost' } })
    expect(world.deployment().metadata.generation).toBe(before.metadata.generation)
    expect(world.record?.phase).toBe('aborted')
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('a late write to a Service meets a conflict as well', async () => {
    const world = await running({
      judged: { workloads: [], services: [{ namespace: NAMESPACE, name: APP, minReady: 3 }] },
    })
    let pins = 0
    const line = freezer(
      ({ method, path, body = '' }) =>
        method === 'PATCH' && path.includes(`/services/${APP}?`) && body.includes('"/spec/') && ++pins === 2,
    )
    const options = { ...canaryOf(V2), strategy: 'blue-green', plan: 'switch, approve', between: line.between } as const
    const frozen = world.start('deploy', options)
    await until(world, line.isFrozen)
    await world.run('abort')
    line.thaw()
    await world.clock.run(frozen)
    expectConflicts(line.answers)
    expect(world.service()?.spec.selector).toEqual({ app: APP })
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it.each([
    { pods: 'in-place', adopts: false, least: 10 },
    { pods: 'separate', adopts: true, least: 8 },
    { pods: 'separate', adopts: false, least: 7 },
  ] as const)(
    'frozen before any write of a blue/green rollout, $pods, adopts $adopts: it harms nobody, whatever it wakes up to',
    async ({ pods, adopts, least }) => {
      const [before, next] = adopts ? [V1, V2] : [V2, V3]
      const bring = (version: string): RunOptions => blueGreenOf(version, { plan: 'switch, approve', pods })
      for (let write = 1; ; write++) {
        const world = await running({
          judged: { workloads: [], services: [{ namespace: NAMESPACE, name: APP, minReady: 3 }] },
        })
        if (!adopts) await world.run('deploy', bring(V2))
        if (!adopts) await world.run('promote')
        let writes = 0
        const line = freezer(
          ({ method, path }) => method !== 'GET' && !/leases|selfsubject|dryRun/.test(path) && ++writes === write,
        )
        const frozen = world.start('deploy', { ...bring(next), between: line.between })
        const ended = frozen.then(() => true)
        await until(world, () => line.isFrozen() || world.record?.phase === 'paused')
        if (!line.isFrozen()) {
          expect(await ended).toBe(true)
          expect(write).toBeGreaterThan(least)
          return
        }
        await world.run('abort', { app: APP })
        line.thaw()
        await world.clock.run(frozen)
        await world.clock.advance(30_000)
        expect(world.serving(), `write ${write}`).toEqual({ [before]: 3 })
        expect(world.service()?.spec.selector?.['pod-template-hash'], `write ${write}`).toBeUndefined()
        const sets = world.emulator.list('replicasets', NAMESPACE) as ReplicaSet[]
        const marked = sets.filter(({ spec }) => spec.template.metadata?.annotations !== undefined)
        expect(marked, `write ${write}`).toEqual([])
        expectUnharmed(world)
      }
    },
  )

  it('a late line in the record meets a conflict: the newer run knows better', async () => {
    const world = await running()
    const line = freezer(
      ({ method, path, body }) =>
        method === 'PATCH' && path.includes(`/configmaps/headgate-${APP}`) && (body ?? '').includes('"step\\":1'),
    )
    const frozen = world.start('deploy', canaryOf(V2, { plan: '50%, wait 10s', between: line.between }))
    await until(world, line.isFrozen)
    await world.run('abort')
    line.thaw()
    await world.clock.run(frozen)
    expectConflicts(line.answers)
    expect(world.record?.phase).toBe('aborted')
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })
})

describe('a lost lease', () => {
  it('stops the writing at once', async () => {
    const world = await running()
    const first = world.start('deploy', canaryOf(V2, { plan: '50%, wait 1h' }))
    await until(world, () => world.record?.step === 1)
    const lease = { spec: { holderIdentity: 'somebody else', renewTime: '2026-01-01T00:05:00.000000Z' } }
    world.emulator.patch('leases', NAMESPACE, `headgate-${APP}`, lease)
    const from = world.emulator.log.length
    const { result } = await world.clock.run(first)
    expect(result).toMatchObject({ outcome: 'failed', exitCode: 1, failure: { code: 'taken-over' } })
    const writes = world.emulator.log.slice(from).filter(({ method, path }) => method !== 'GET' && !/leases/.test(path))
    expect(writes).toEqual([])
    expect(world.record?.phase).toBe('progressing')
    expectUnharmed(world)
  })

  it('that cannot be renewed stops it before anybody may take over', async () => {
    const world = await running()
    const cut = world.emulator.onRequest({
      before: ({ method, path }) =>
        method === 'PATCH' && path.includes('/leases/') && world.record?.step === 1
          ? { kind: 'answer', status: 503 }
          : undefined,
    })
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%, wait 1h' }))
    cut()
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'lease-lost' } })
    expect(world.deployment().spec.paused).toBe(true)
    const { result: resumed } = await world.run('deploy', canaryOf(V2, { plan: '50%, wait 1s' }))
    expect(resumed?.exitCode).toBe(0)
    expectUnharmed(world)
  })
})

describe('an API server that is away for longer than the lease lasts', () => {
  it.each([
    ['in a wait that ends meanwhile', '50%, wait 20s, 100%', 15_000],
    ['before the next share is written', '50%, wait 20s, 100%', 19_900],
    ['while pods are awaited', '50%, wait 1s, 100%', 1_500],
  ])('%s: nothing is written once it is back, and the next run goes on', async (_when, plan, after) => {
    const world = await running()
    let away = { from: Number.POSITIVE_INFINITY, until: 0 }
    const cut = world.emulator.onRequest({
      before: () => {
        const now = world.clock.now()
        return now >= away.from && now < away.until ? { kind: 'answer', status: 503 } : undefined
      },
    })
    const run = world.start('deploy', canaryOf(V2, { plan }))
    await until(world, () => world.record?.step === 1)
    away = { from: world.clock.now() + after, until: world.clock.now() + after + 70_000 }
    const { result, events } = await world.clock.run(run)
    cut()
    expect(result).toMatchObject({ outcome: 'failed', failure: { code: 'lease-lost' } })
    const late = world.emulator.log.filter(({ method, at }) => method !== 'GET' && at >= away.until)
    expect(late.map(({ method, path }) => `${method} ${path}`)).toEqual([])
    expect(world.record?.phase).toBe('progressing')
    expect(JSON.stringify(events)).not.toContain('Back to the stable version')
    const again = await world.run('deploy', canaryOf(V2, { plan }))
    expect(again.result?.outcome).toBe('succeeded')
    expectUnharmed(world)
  })
})

it('two people approve at the same moment: one goes on, the other finds it done', async () => {
  const world = await pausedCanary({ plan: '30%, approve, 60%, approve' })
  const both = await world.clock.run(
    Promise.all([world.start('promote', { rollout: 1 }), world.start('promote', { rollout: 1 })]),
  )
  expect(new Set(both.map(({ result }) => result?.outcome))).toEqual(new Set(['paused', 'refused']))
  expect(both.map(({ result }) => result?.message).join('\n')).toMatch(/another run acted while this promote waited/)
  expect(world.record).toMatchObject({ phase: 'paused', step: 3 })
  expectUnharmed(world)
})

it('a deploy that waits for the lease is cancelled without having touched anything', async () => {
  const world = await running()
  const first = world.start('deploy', canaryOf(V2, { plan: '50%, wait 60s' }))
  await until(world, () => world.record?.step === 1)
  const cancel = new AbortController()
  world.clock.timer(5_000, () => cancel.abort())
  const second = await world.run('deploy', bringing(V3, { cancel: cancel.signal }))
  expect(second.result).toMatchObject({ outcome: 'refused', exitCode: 130 })
  expect(second.writes).toEqual([])
  expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'succeeded' })
})

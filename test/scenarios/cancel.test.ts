import { describe, expect, it } from 'vitest'
import type { Expectations } from '../invariants/rules.ts'
import { BESIDE, blueGreenOf, bringing, canaryOf, expectUnharmed, IN_PLACE, running, V1, V2 } from './given.ts'
import { APP, manifestsOf, NAMESPACE, type Ran, type RunOptions, type World } from './world.ts'

/** What the runner leaves a process between the first signal and the last. */
const GRACE_MS = 7_500

interface Moment {
  options: RunOptions
  judged: Expectations
  /** true once the moment has come */
  when: (world: World) => boolean
  locked: boolean
}

const MIGRATION = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'migrate' },
  spec: {
    backoffLimit: 0,
    template: { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: 'migrate:1-long' }] } },
  },
}
const NOT_JUDGED: Expectations = { workloads: [], services: [] }
const ROLLING: Expectations = {
  workloads: [{ namespace: NAMESPACE, names: [APP], minServing: 3, maxPods: 4 }],
  services: [{ namespace: NAMESPACE, name: APP, minReady: 3 }],
}

const MOMENTS: Record<string, Moment> = {
  'while a canary moves': {
    options: canaryOf(V2, { plan: '70%, approve' }),
    judged: IN_PLACE,
    when: (world) => world.serving()[V2] === 1 && world.deployment().spec.paused !== true,
    locked: true,
  },
  'before the first new pod of a canary is ready': {
    options: canaryOf(V2, { plan: '70%, approve' }),
    judged: IN_PLACE,
    when: (world) => world.deployment().spec.minReadySeconds !== undefined && world.serving()[V2] === undefined,
    locked: true,
  },
  'in a wait': {
    options: canaryOf(V2, { plan: '50%, wait 1h' }),
    judged: IN_PLACE,
    when: (world) => world.record?.step === 1,
    locked: true,
  },
  'in blue-green before the switch': {
    options: blueGreenOf(V2, { plan: 'wait 10m, switch, wait 10m' }),
    judged: BESIDE,
    when: (world) => world.serving()[V2] === 3,
    locked: true,
  },
  'in blue-green while the new set starts': {
    options: blueGreenOf(V2, { plan: 'switch, wait 10m' }),
    judged: BESIDE,
    when: (world) => world.serving()[V2] === 1,
    locked: true,
  },
  'in blue-green after the switch': {
    options: blueGreenOf(V2, { plan: 'switch, wait 10m' }),
    judged: BESIDE,
    when: (world) => world.record?.step === 1,
    locked: true,
  },
  'in two colors before the switch': {
    options: blueGreenOf(V2, { pods: 'separate', plan: 'wait 10m, switch, wait 10m' }),
    judged: BESIDE,
    when: (world) => world.serving()[V2] === 3,
    locked: true,
  },
  'in rolling': {
    options: bringing(V2),
    judged: ROLLING,
    when: (world) => world.serving()[V2] === 1,
    locked: true,
  },
  'in recreate, while the job runs': {
    options: {
      strategy: 'recreate',
      plan: 'job migrate',
      objects: manifestsOf({ version: V2, more: [MIGRATION] }),
    },
    judged: NOT_JUDGED,
    when: (world) => world.emulator.list('jobs', NAMESPACE).length === 1,
    locked: false,
  },
}

/** The run is cancelled in the moment; answers what came of it and how long it took. */
async function cancelIn({ options, judged, when }: Moment): Promise<{ world: World; ran: Ran; tookMs: number }> {
  const world = await running({ judged })
  world.emulator.setBehaviour('migrate:1-long', { runMs: 20_000, exitCode: 0 })
  const cancel = new AbortController()
  let at = 0
  world.emulator.observe(() => {
    if (cancel.signal.aborted || !when(world)) return
    at = world.clock.now()
    cancel.abort()
  })
  const ran = await world.run('deploy', { ...options, cancel: cancel.signal })
  expect(at).toBeGreaterThan(0)
  return { world, ran, tookMs: world.clock.now() - at }
}

describe.each(Object.entries(MOMENTS))('cancelled %s', (_name, moment) => {
  it('rests stopped and locked, in time, and goes on from there', async () => {
    const { world, ran, tookMs } = await cancelIn(moment)
    expect(ran.result).toMatchObject({ outcome: 'stopped', phase: 'stopped', exitCode: 130 })
    expect(ran.result?.failure).toMatchObject({ kind: 'cancelled' })
    expect(tookMs).toBeLessThan(GRACE_MS)
    expect(world.deployment().spec.paused ?? false).toBe(moment.locked)
    const resting = world.serving()
    await world.clock.advance(300_000)
    if (moment.locked) expect(Object.values(world.serving()).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(3)
    if (resting[V1] !== undefined) expect(world.serving()[V1]).toBe(resting[V1])
    for (let turn = 0; world.record?.phase !== 'succeeded' && turn < 3; turn++)
      await world.run(world.record?.phase === 'paused' ? 'promote' : 'deploy', moment.options)
    expect(world.record?.phase).toBe('succeeded')
    expect(world.serving()).toEqual({ [V2]: 3 })
    expectUnharmed(world)
  })

  it('goes back by an abort', async () => {
    const { world } = await cancelIn(moment)
    const { result } = await world.run('abort')
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 0 })
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })
})

describe('cancelled with on-cancel: abort', () => {
  it('goes back at once, and says cancelled', async () => {
    const moment = MOMENTS['in a wait']
    if (moment === undefined) throw new Error('no such moment')
    const { world, ran } = await cancelIn({ ...moment, options: { ...moment.options, onCancel: 'abort' } })
    expect(ran.result).toMatchObject({ phase: 'aborted', exitCode: 130, failure: { kind: 'cancelled' } })
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('leaves what the time does not suffice for to the next run, and users are served', async () => {
    const moment = MOMENTS['in a wait']
    if (moment === undefined) throw new Error('no such moment')
    const world = await running()
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V1}`, { readyAfterMs: 20_000 })
    const cancel = new AbortController()
    let at = 0
    world.emulator.observe(() => {
      if (cancel.signal.aborted || !moment.when(world)) return
      at = world.clock.now()
      cancel.abort()
    })
    const { result } = await world.run('deploy', { ...moment.options, onCancel: 'abort', cancel: cancel.signal })
    expect(world.clock.now() - at).toBeLessThan(GRACE_MS)
    expect(result).toMatchObject({ exitCode: 130, phase: 'failed' })
    expect(result?.failure?.next).toContain('what is left of going back is done first')
    await world.run('abort')
    expect(world.record?.phase).toBe('aborted')
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })
})

describe('cancelled before anything was written', () => {
  it('touches nothing', async () => {
    const world = await running()
    const cancel = new AbortController()
    const stop = world.emulator.onRequest({
      before: ({ path }) => {
        if (path.includes('dryRun=All')) cancel.abort()
      },
    })
    const { result } = await world.run('deploy', canaryOf(V2, { cancel: cancel.signal }))
    stop()
    expect(result?.exitCode).toBe(130)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expect(world.deployment().spec.template.spec.containers[0]?.image).toContain(V1)
    expectUnharmed(world)
  })
})

import { describe, expect, it } from 'vitest'
import type { Deployment, KubeObject } from '../../src/shared/objects.ts'
import { remains } from '../invariants/remains.ts'
import type { Expectations } from '../invariants/rules.ts'
import {
  BESIDE,
  blueGreenOf,
  bringing,
  canaryOf,
  countVersions,
  expectUnharmed,
  IN_PLACE,
  running,
  V1,
  V2,
  V3,
} from './given.ts'
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
  'in two colors after the switch': {
    options: blueGreenOf(V2, { pods: 'separate', plan: 'switch, wait 10m' }),
    judged: BESIDE,
    when: (world) => world.record?.step === 1,
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
async function cancelIn({ judged, ...moment }: Moment): Promise<{ world: World; ran: Ran; tookMs: number }> {
  const world = await running({ judged })
  world.emulator.setBehaviour('migrate:1-long', { runMs: 20_000, exitCode: 0 })
  return { world, ...(await cancelledAt(world, moment)) }
}

async function cancelledAt(
  world: World,
  { options, when }: Pick<Moment, 'options' | 'when'>,
): Promise<{ ran: Ran; tookMs: number }> {
  const cancel = new AbortController()
  let at = 0
  world.emulator.observe(() => {
    if (cancel.signal.aborted || !when(world)) return
    at = world.clock.now()
    cancel.abort()
  })
  const ran = await world.run('deploy', { ...options, cancel: cancel.signal })
  expect(at).toBeGreaterThan(0)
  return { ran, tookMs: world.clock.now() - at }
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

/** How long going back may take on an idle cluster, from the first signal to the end but for what GitHub has to hear. */
const SWIFT_MS = 5_000

/** The new version's pods take long to end, as those of a service with long requests do. */
function endingSlowly(options: RunOptions, seconds = 25): RunOptions {
  const preStop = { sleep: { seconds } }
  const objects = manifestsOf({ version: V2 }).map((object): KubeObject => {
    if (object.kind !== 'Deployment') return object
    const { template, ...spec } = (object as Deployment).spec
    const containers = template.spec.containers.map((container) => ({ ...container, lifecycle: { preStop } }))
    const pod = { ...template.spec, containers, terminationGracePeriodSeconds: seconds + 5 }
    return { ...object, spec: { ...spec, template: { ...template, spec: pod } } }
  })
  return { ...options, objects, onCancel: 'abort' }
}

const IN_TIME = [
  'while a canary moves',
  'before the first new pod of a canary is ready',
  'in a wait',
  'in blue-green before the switch',
  'in blue-green while the new set starts',
  'in blue-green after the switch',
  'in two colors before the switch',
  'in two colors after the switch',
  'in rolling',
]

function momentOf(name: string): Moment {
  const moment = MOMENTS[name]
  if (moment === undefined) throw new Error(`no moment ${name}`)
  return moment
}

/** The old version's next pod comes too late for the time that a cancel leaves. */
async function cancelledTooLate(): Promise<{ world: World; ran: Ran; tookMs: number; options: RunOptions }> {
  const moment = momentOf('in a wait')
  const world = await running()
  world.emulator.setBehaviour(`gihyodocker/echo-version:${V1}`, { readyAfterMs: 20_000 })
  const options: RunOptions = { ...moment.options, onCancel: 'abort' }
  return { world, options, ...(await cancelledAt(world, { ...moment, options })) }
}

describe('cancelled with on-cancel: abort', () => {
  it.each(IN_TIME)('%s, goes back at once, however long the new pods take to end', async (name) => {
    const moment = momentOf(name)
    const { world, ran, tookMs } = await cancelIn({ ...moment, options: endingSlowly(moment.options) })
    expect(ran.result).toMatchObject({ outcome: 'aborted', phase: 'aborted', exitCode: 130 })
    expect(ran.result?.failure).toMatchObject({ kind: 'cancelled' })
    expect(tookMs).toBeLessThan(SWIFT_MS)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    await world.clock.advance(60_000)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('leaves what the time does not suffice for to the next run, and says how users are', async () => {
    const { world, ran, tookMs } = await cancelledTooLate()
    expect(tookMs).toBeLessThan(GRACE_MS)
    const { result } = ran
    expect(result).toMatchObject({ exitCode: 130, outcome: 'stopped', phase: 'aborting' })
    expect(result?.failure?.message).toBe('the run was cancelled')
    expect(result?.message).toContain('1 old pod and 2 new pods are ready')
    expect(result?.failure?.next).toContain('finishes the way back')
    expect(world.record).toMatchObject({ phase: 'aborting', failure: { done: result?.failure?.done } })
    const seen = await world.run('status')
    const lines = seen.events.flatMap((event) => (event.kind === 'line' ? [event.text] : []))
    expect(lines).toContain('no run is at work: the one that was ended before it was done')
    expectUnharmed(world)
  })

  it.each<{ by: string; go: (world: World, options: RunOptions) => Promise<Ran>; phase: string; serves: string }>([
    { by: 'an abort', go: (world) => world.run('abort'), phase: 'aborted', serves: V1 },
    { by: 'a re-run', go: (world, options) => world.run('deploy', options), phase: 'succeeded', serves: V2 },
    {
      by: 'another release',
      go: (world) => world.run('deploy', canaryOf(V3, { plan: '50%' })),
      phase: 'succeeded',
      serves: V3,
    },
  ])('has the rest of its way back done by $by', async ({ go, phase, serves }) => {
    const { world, options } = await cancelledTooLate()
    const { result } = await go(world, { ...options, plan: '50%, wait 1s' })
    expect(result).toMatchObject({ phase, exitCode: 0 })
    expect(world.serving()).toEqual({ [serves]: 3 })
    expectUnharmed(world)
  })

  it('does not tell of a way back that is over that it goes on', async () => {
    const { world } = await cancelledTooLate()
    await world.run('abort')
    expect(world.record?.failure).toMatchObject({ kind: 'cancelled', message: 'the run was cancelled' })
    expect(world.record?.failure?.next).toBeUndefined()
    expect(world.record?.failure?.done).toContain('users are on the version before')
  })

  it('in recreate waits for the new pods all the same: two versions must never run at once', async () => {
    const world = await running({ judged: NOT_JUDGED })
    const most = countVersions(world)
    const options = endingSlowly({ strategy: 'recreate', plan: '' })
    const when = (seen: World): boolean => (seen.serving()[V2] ?? 0) > 0
    const { ran } = await cancelledAt(world, { options, when })
    expect(ran.result).toMatchObject({ phase: 'aborting', outcome: 'stopped', exitCode: 130 })
    expect(ran.result?.message).toContain('no pod is ready, so nothing serves')
    await world.run('abort')
    expect(world.serving()).toEqual({ [V1]: 3 })
    expect(most()).toBe(1)
  })
})

describe('an abort that nobody hurries', () => {
  it.each([
    { what: 'awaits the end of the new pods', seconds: 25, least: 25_000, most: 35_000, done: 'are removed' },
    { what: 'leaves pods that take for ever', seconds: 3_600, least: 60_000, most: 65_000, done: 'are still ending' },
  ])('$what', async ({ seconds, least, most, done }) => {
    const world = await running()
    await world.run('deploy', endingSlowly(canaryOf(V2), seconds))
    const before = world.clock.now()
    const { result } = await world.run('abort', { timeoutMs: 600_000 })
    expect(result).toMatchObject({ phase: 'aborted', exitCode: 0 })
    const tookMs = world.clock.now() - before
    expect(tookMs).toBeGreaterThanOrEqual(least)
    expect(tookMs).toBeLessThan(most)
    expect(world.record?.timeline.at(-1)?.text).toContain(done)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
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

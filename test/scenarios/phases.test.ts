import { describe, expect, it } from 'vitest'
import { stateOf, supersededBy } from '../../src/report/status.ts'
import type { Command } from '../../src/rollout/settings.ts'
import type { ConfigMap } from '../../src/shared/objects.ts'
import {
  BESIDE,
  blueGreenOf,
  bringing,
  cancelAfter,
  canaryOf,
  countVersions,
  expectUnharmed,
  pausedCanary,
  realWrites,
  running,
  V1,
  V2,
  V3,
} from './given.ts'
import { APP, manifestsOf, NAMESPACE, type Ran, type RunOptions, type World } from './world.ts'

const RECORD = `headgate-${APP}`

async function succeeded(): Promise<World> {
  const world = await running()
  await world.run('deploy', bringing(V2))
  expect(world.record?.phase).toBe('succeeded')
  return world
}

/** Cancelled in the wait at half of the pods. */
async function stopped(): Promise<World> {
  const world = await running()
  await world.run('deploy', canaryOf(V2, { plan: '50%, wait 5m', cancel: cancelAfter(world, 60_000) }))
  expect(world.record?.phase).toBe('stopped')
  return world
}

/** The run that moved the pods is gone, and its lease has run out. */
async function orphaned(): Promise<World> {
  const world = await running()
  await world.run('deploy', canaryOf(V2, { cut: { after: 7, when: 'after' } }))
  expect(world.record?.phase).toBe('progressing')
  await world.clock.advance(40_000)
  return world
}

/** The run that went back is gone. */
async function aborting(): Promise<World> {
  const world = await pausedCanary()
  await world.run('abort', { cut: { after: 3, when: 'after' } })
  expect(world.record?.phase).toBe('aborting')
  await world.clock.advance(40_000)
  return world
}

/** Going back met a cluster that did not take it. */
async function failed(): Promise<World> {
  const world = await pausedCanary()
  const forbid = world.emulator.onRequest({
    before: ({ method, path }) =>
      method === 'PATCH' && path.includes('/deployments/') ? { kind: 'answer', status: 403 } : undefined,
  })
  const { result } = await world.run('abort')
  forbid()
  expect(result).toMatchObject({ outcome: 'failed', phase: 'failed', exitCode: 1 })
  return world
}

async function aborted(): Promise<World> {
  const world = await pausedCanary()
  await world.run('abort')
  expect(world.record?.phase).toBe('aborted')
  return world
}

async function expectRefused(
  world: World,
  command: Command,
  options: RunOptions,
  message: RegExp,
): Promise<Ran['result']> {
  const before = world.record
  const ran = await world.run(command, options)
  expect(ran.result).toMatchObject({ outcome: 'refused', exitCode: 2 })
  expect(ran.result?.message).toMatch(message)
  expect(ran.result?.failure?.next ?? '').not.toBe('')
  expect(realWrites(ran)).toEqual([])
  expect(world.record).toEqual(before)
  return ran.result
}

describe('deploying the release that is there already', () => {
  it('changes nothing after its success', async () => {
    const world = await succeeded()
    const ran = await world.run('deploy', bringing(V2))
    expect(ran.result).toMatchObject({ outcome: 'unchanged', phase: 'succeeded', exitCode: 0 })
    expect(realWrites(ran)).toEqual([])
  })

  it('changes nothing while it waits for an approval', async () => {
    const world = await pausedCanary()
    const ran = await world.run('deploy', canaryOf(V2))
    expect(ran.result).toMatchObject({ outcome: 'paused', phase: 'paused', exitCode: 3 })
    expect(realWrites(ran)).toEqual([])
    expect(world.serving()).toEqual({ [V1]: 1, [V2]: 2 })
  })

  it('goes on where it was stopped', async () => {
    const world = await stopped()
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%, wait 5m' }))
    expect(result).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
    expect(result?.record?.rollout).toBe(1)
    expect(world.serving()).toEqual({ [V2]: 3 })
    expectUnharmed(world)
  })

  it('goes on where its run died', async () => {
    const world = await orphaned()
    const { result } = await world.run('deploy', canaryOf(V2))
    expect(result).toMatchObject({ outcome: 'paused', exitCode: 3 })
    expect(result?.record?.rollout).toBe(1)
    expectUnharmed(world)
  })

  it('is a new rollout after an abort', async () => {
    const world = await aborted()
    const { result } = await world.run('deploy', canaryOf(V2))
    expect(result).toMatchObject({ outcome: 'paused' })
    expect(result?.record?.rollout).toBe(2)
    expectUnharmed(world)
  })

  it.each([
    ['aborting', aborting],
    ['failed', failed],
  ])('first ends the abort of one that is %s', async (_phase, given) => {
    const world = await given()
    const versions = countVersions(world)
    const { result, events } = await world.run('deploy', canaryOf(V2))
    expect(result).toMatchObject({ outcome: 'paused' })
    expect(result?.record?.rollout).toBe(2)
    expect(JSON.stringify(events)).toContain('the abort of rollout 1 is finished first')
    expect(versions()).toBe(2)
    expectUnharmed(world)
  })
})

describe('deploying another release', () => {
  it.each([
    ['paused', pausedCanary, 'superseded'],
    ['stopped', stopped, 'superseded'],
    ['orphaned', orphaned, 'superseded'],
    ['aborting', aborting, 'aborted'],
    ['failed', failed, 'aborted'],
  ])('brings a %s one back to full stable first: three versions never serve at once', async (_phase, given, state) => {
    const world = await given()
    const versions = countVersions(world)
    let wasWhole = false
    world.emulator.observe(() => {
      wasWhole ||= world.serving()[V1] === 3 && world.serving()[V2] === undefined
    })
    const { result, events } = await world.run('deploy', canaryOf(V3))
    expect(result).toMatchObject({ outcome: 'paused', exitCode: 3 })
    expect(result?.record?.rollout).toBe(2)
    expect(world.serving()).toEqual({ [V1]: 1, [V3]: 2 })
    // What is reported of the first one last
    const old = events.flatMap((event) => (event.kind === 'record' && event.record.rollout === 1 ? [event.record] : []))
    const record = old.at(-1)
    expect(record && stateOf({ record })).toBe(state)
    if (state === 'superseded') expect(record && supersededBy(record)).toMatch(/^superseded by rollout 2 of commit /)
    expect(wasWhole).toBe(true)
    expect(versions()).toBe(2)
    await world.run('promote', { rollout: 2 })
    expect(world.serving()).toEqual({ [V3]: 3 })
    expectUnharmed(world)
  })

  it.each(['canary', 'blue-green'] as const)(
    'is refused before it takes the place of a %s, where it cannot come',
    async (strategy) => {
      const world = await running({ judged: BESIDE })
      const way = { strategy, plan: '50%, approve' } as const
      const bring = strategy === 'canary' ? canaryOf(V2, way) : blueGreenOf(V2)
      await world.run('deploy', bring)
      const before = world.serving()
      const broken = manifestsOf({ version: V3 }).map((object) =>
        object.kind === 'Deployment' ? { ...object, spec: { ...Object(object['spec']), replcias: 3 } } : object,
      )
      const ran = await world.run('deploy', { ...bring, objects: broken })
      const { result } = ran
      expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, phase: 'paused' })
      expect(result?.failure?.done).toBe('nothing was touched: rollout 1 rests as it did')
      // A promote would bring what this one was not about.
      expect(result?.next).toBe('')
      expect(result?.findings.map(({ id }) => id)).toContain('unknown-field')
      expect(realWrites(ran)).toEqual([])
      expect(world.serving()).toEqual(before)
      expect((await world.run('promote')).result?.outcome).toMatch(/succeeded|paused/)
      expectUnharmed(world)
    },
  )

  it('is refused while another is under way, where supersede says refuse', async () => {
    const world = await pausedCanary()
    await expectRefused(world, 'deploy', canaryOf(V3, { supersede: 'refuse' }), /supersede is refuse/)
    expect(world.serving()).toEqual({ [V1]: 1, [V2]: 2 })
  })

  it('is refused from a run that is older than the one whose rollout is there, unless it may supersede any', async () => {
    const world = await succeeded()
    const older = canaryOf(V3, { source: { runId: '7' } })
    await expectRefused(world, 'deploy', older, /run 7 is older than run 101/)
    const { result } = await world.run('deploy', { ...older, supersede: 'any' })
    expect(result).toMatchObject({ outcome: 'paused' })
  })

  it('may be a re-run of the run whose rollout is there', async () => {
    const world = await pausedCanary()
    const { result } = await world.run('deploy', canaryOf(V3, { source: { runId: '101', attempt: 2 } }))
    expect(result).toMatchObject({ outcome: 'paused' })
    expect(world.serving()).toEqual({ [V1]: 1, [V3]: 2 })
  })
})

describe('promote', () => {
  it('is refused where nothing was ever deployed', async () => {
    await expectRefused(await running(), 'promote', {}, /no rollout of app echo-version is recorded/)
  })

  it.each([
    ['succeeded', succeeded, /nothing to promote/],
    ['aborted', aborted, /nothing to promote/],
    ['stopped', stopped, /was stopped/],
    ['orphaned', orphaned, /is under way and its run has ended/],
    ['aborting', aborting, /is aborting/],
    ['failed', failed, /is failed/],
  ])('is refused when it is %s', async (_phase, given, message) => {
    await expectRefused(await given(), 'promote', {}, message)
  })

  it('is refused for another number: approving 1 never passes 2', async () => {
    const world = await pausedCanary()
    await world.run('deploy', canaryOf(V3))
    await expectRefused(world, 'promote', { rollout: 1 }, /meant for rollout 1, but the last one is 2/)
    await expectRefused(world, 'abort', { rollout: 1 }, /meant for rollout 1, but the last one is 2/)
    expect(world.serving()).toEqual({ [V1]: 1, [V3]: 2 })
  })

  it('goes on from a stop when told to go on in full', async () => {
    const world = await stopped()
    const { result } = await world.run('promote', { full: true })
    expect(result).toMatchObject({ outcome: 'succeeded', exitCode: 0 })
    expect(world.serving()).toEqual({ [V2]: 3 })
    expectUnharmed(world)
  })

  it('passes one approval at a time, and in full all that are left', async () => {
    const plan = '30%, approve, 60%, approve, 80%, wait 1h, approve'
    const world = await pausedCanary({ plan })
    const one = await world.run('promote', { rollout: 1 })
    expect(one.result).toMatchObject({ outcome: 'paused' })
    expect(world.record?.step).toBe(3)
    const began = world.clock.now()
    const all = await world.run('promote', { rollout: 1, full: true })
    expect(all.result).toMatchObject({ outcome: 'succeeded' })
    expect(world.clock.now() - began).toBeLessThan(60_000)
    expectUnharmed(world)
  })
})

describe('abort', () => {
  it.each([
    ['nothing was ever deployed', running],
    ['the last one succeeded', succeeded],
    ['the last one is aborted', aborted],
  ])('changes nothing when %s, and is no failure', async (_when, given) => {
    const world = await given()
    const before = world.record
    const ran = await world.run('abort')
    expect(ran.result).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
    expect(ran.writes).toEqual([])
    expect(world.record).toEqual(before)
  })

  it.each([
    ['stopped', stopped],
    ['orphaned', orphaned],
    ['aborting', aborting],
    ['failed', failed],
  ])('brings one back that is %s', async (_phase, given) => {
    const world = await given()
    const { result } = await world.run('abort')
    expect(result).toMatchObject({ outcome: 'aborted', phase: 'aborted', exitCode: 0 })
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })
})

describe('rollback', () => {
  async function twice(): Promise<World> {
    const world = await succeeded()
    await world.run('deploy', bringing(V3))
    expect(world.serving()).toEqual({ [V3]: 3 })
    return world
  }

  it('brings the previous release back, and again the one that was rolled back', async () => {
    const world = await twice()
    const first = await world.run('rollback')
    expect(first.result).toMatchObject({ outcome: 'rolled-back', phase: 'succeeded', exitCode: 0 })
    expect(world.record?.rollout).toBe(3)
    expect(world.serving()).toEqual({ [V2]: 3 })
    const second = await world.run('rollback', { rollout: 3 })
    expect(second.result).toMatchObject({ outcome: 'rolled-back' })
    expect(world.serving()).toEqual({ [V3]: 3 })
    expectUnharmed(world)
  })

  it('brings back the release before the one that serves, after another was aborted', async () => {
    const world = await twice()
    await world.run('deploy', canaryOf('0.4.0'))
    await world.run('abort')
    expect(world.serving()).toEqual({ [V3]: 3 })
    const { result } = await world.run('rollback')
    expect(result, result?.message).toMatchObject({ outcome: 'rolled-back' })
    expect(world.serving()).toEqual({ [V2]: 3 })
  })

  it('goes through all steps where it is told to', async () => {
    const world = await running()
    await world.run('deploy', bringing(V2))
    await world.run('deploy', canaryOf(V3, { plan: '50%, wait 1s' }))
    const before = world.clock.now()
    const { result, events } = await world.run('rollback', { gates: 'all' })
    expect(result).toMatchObject({ outcome: 'rolled-back' })
    expect(events.some((event) => event.kind === 'phase' && event.title.includes('Step 1 of 2: 50%'))).toBe(true)
    expect(world.clock.now()).toBeGreaterThan(before)
    expect(world.serving()).toEqual({ [V2]: 3 })
  })

  it('may be aborted, and the serving release keeps its place', async () => {
    const world = await running()
    await world.run('deploy', bringing(V2))
    await world.run('deploy', canaryOf(V3, { plan: '50%, approve' }))
    await world.run('promote')
    await world.run('rollback', { gates: 'all' })
    expect(world.record).toMatchObject({ phase: 'paused', command: 'rollback' })
    await world.run('abort')
    expect(world.serving()).toEqual({ [V3]: 3 })
    expect(world.record?.serving?.rollout).toBe(2)
    const again = await world.run('rollback')
    expect(again.result).toMatchObject({ outcome: 'rolled-back' })
    expect(world.serving()).toEqual({ [V2]: 3 })
  })

  it.each([
    ['nothing was ever deployed', running, /no rollout of app/],
    ['it was the first rollout', succeeded, /no release before rollout 1 is known/],
    ['one is paused', pausedCanary, /rollout 1 is paused/],
    ['one is stopped', stopped, /rollout 1 is stopped/],
    ['one is orphaned', orphaned, /rollout 1 is progressing/],
    ['one failed', failed, /rollout 1 is failed/],
    ['the first one was aborted', aborted, /no release before/],
  ])('is refused when %s', async (_when, given, message) => {
    await expectRefused(await given(), 'rollback', {}, message)
  })
})

describe('the record', () => {
  const COMMANDS: Command[] = ['deploy', 'promote', 'abort', 'rollback']

  it.each(COMMANDS)('of another repository is left alone by %s', async (command) => {
    const world = await pausedCanary()
    const options = { ...canaryOf(V3), source: { repository: 'octo/other' } }
    await expectRefused(world, command, options, /belongs to octo\/shop/)
  })

  it.each(COMMANDS)('of a newer version is left alone by %s', async (command) => {
    const world = await pausedCanary()
    const map = world.emulator.get('configmaps', NAMESPACE, RECORD) as ConfigMap
    const record = JSON.stringify({ ...JSON.parse(map.data?.['record'] ?? ''), version: 2 })
    world.emulator.patch('configmaps', NAMESPACE, RECORD, { data: { record } })
    const ran = await world.run(command, canaryOf(V3))
    expect(ran.result).toMatchObject({ outcome: 'refused', exitCode: 2 })
    expect(ran.result?.message).toMatch(/written by a newer Headgate/)
    expect(realWrites(ran)).toEqual([])
  })

  it('keeps its owner over many rollouts, and takes one from the first repository that comes', async () => {
    const world = await running()
    await world.run('deploy', bringing(V2, { source: { repository: '', runId: '' } }))
    expect(world.record?.owner).toBe('')
    await world.run('deploy', bringing(V3))
    expect(world.record?.owner).toBe('octo/shop')
  })
})

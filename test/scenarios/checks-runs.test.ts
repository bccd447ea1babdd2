import { describe, expect, it } from 'vitest'
import type { Answer, CommandEnd, FetchUrl, RunCommand } from '../../src/checks/asker.ts'
import { checkOf } from '../../src/input/checks.ts'
import { canaryOf, expectUnharmed, manifestOf, running, until, V1, V2 } from './given.ts'
import type { Result } from '../../src/report/events.ts'
import type { RunOptions, World } from './world.ts'

const COMMAND = { command: { run: 'smoke' }, timeout: '30m' }
const PASSED: CommandEnd = { exitCode: 0, late: false, lines: [] }

/** A process that ends after a time, or with its signal. */
function taking(world: World, ms: number): { runProcess: RunCommand; endedBy: () => string } {
  let endedBy = 'nobody'
  return {
    endedBy: () => endedBy,
    runProcess: async ({ signal }) => {
      await world.clock.sleep(ms, signal)
      endedBy = signal.aborted ? 'its signal' : 'itself'
      return signal.aborted ? { ...PASSED, exitCode: null, killedBy: 'SIGTERM' } : PASSED
    },
  }
}

function checking(check: ReturnType<typeof checkOf>, plan: string, more: RunOptions = {}): RunOptions {
  return canaryOf(V2, { plan, checks: { [check.name]: check }, ...more })
}

function answer(value: string): Answer {
  return { status: 200, headers: {}, body: JSON.stringify({ rate: Number(value) }) }
}

const RATE = { web: { url: 'http://metrics', json: 'rate', max: 0.01 } }

describe('a command that takes long', () => {
  it('ends when another run aborts', async () => {
    const world = await running()
    const { runProcess, endedBy } = taking(world, 1_500_000)
    const first = world.start('deploy', checking(checkOf('smoke', COMMAND), '50%, check smoke', { runProcess }))
    await until(world, () => world.record?.step === 1)
    await world.clock.advance(5_000)
    const asked = world.clock.now()
    const abort = await world.run('abort')
    // It says so once it is so, not once it is begun
    expect(abort.result).toMatchObject({ outcome: 'aborted', exitCode: 0, phase: 'aborted' })
    expect(world.serving()).toEqual({ [V1]: 3 })
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'aborted' })
    expect(endedBy()).toBe('its signal')
    expect(world.clock.now() - asked).toBeLessThan(60_000)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('ends when a check beside it fails', async () => {
    const world = await running()
    const { runProcess, endedBy } = taking(world, 1_500_000)
    let value = '0'
    const fetchUrl: FetchUrl = () => Promise.resolve(answer(value))
    world.clock.timer(120_000, () => (value = '1'))
    const checks = { smoke: checkOf('smoke', COMMAND), rate: checkOf('rate', { ...RATE, throughout: true }) }
    const options = canaryOf(V2, { plan: '50%, check smoke', checks, fetchUrl, runProcess })
    const { result } = await world.run('deploy', options)
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
    expect(result?.failure?.message).toContain('check rate failed')
    expect(endedBy()).toBe('its signal')
  })

  it('that a signal ended has said nothing: a person is asked', async () => {
    const world = await running()
    const runProcess: RunCommand = () => Promise.resolve({ ...PASSED, exitCode: null, killedBy: 'SIGKILL' })
    const { result } = await world.run(
      'deploy',
      checking(checkOf('smoke', COMMAND), '50%, check smoke', { runProcess }),
    )
    expect(result).toMatchObject({ outcome: 'paused' })
    expect(world.record?.reason).toContain('it was ended by SIGKILL')
  })
})

describe('a promote of another run while a check is asked', () => {
  const check = checkOf('rate', { ...RATE, interval: '20s', times: 6, failures: 3 })

  async function promoted(
    value: string,
    more: { full?: boolean; plan?: string },
  ): Promise<{ world: World; result: unknown; asked: number; promote: Result | undefined }> {
    const world = await running()
    let asked = 0
    const fetchUrl: FetchUrl = () => {
      asked++
      return Promise.resolve(answer(value))
    }
    const first = world.start('deploy', checking(check, more.plan ?? '50%, check rate, approve', { fetchUrl }))
    await until(world, () => asked > 1)
    const promote = world.start('promote', { fetchUrl, ...(more.full === true ? { full: true } : {}) })
    const { result } = await world.clock.run(first)
    const { result: said } = await world.clock.run(promote)
    return { world, result, asked, promote: said }
  }

  it('does not pass what fails', async () => {
    const { world, result, promote } = await promoted('1', {})
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
    expect(promote).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'not-passed' } })
    expect(promote?.message).toMatch(/does not: check rate fails: rate of http:\/\/metrics is 1, more than 0.01/)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('goes on from what has not failed so far, and passes that step alone', async () => {
    const { world, result, asked, promote } = await promoted('0', {})
    expect(promote).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
    expect(promote?.message).toContain('step 2 is passed')
    expect(result).toMatchObject({ outcome: 'paused' })
    expect(world.record).toMatchObject({ step: 2, reason: 'waits for an approval' })
    expect(asked).toBeLessThan(6)
  })

  it('cuts short what takes long, at once', async () => {
    const world = await running()
    const { runProcess, endedBy } = taking(world, 1_500_000)
    const options = checking(checkOf('smoke', COMMAND), '50%, check smoke, approve', { runProcess })
    const first = world.start('deploy', options)
    await until(world, () => world.record?.step === 1)
    await world.clock.advance(5_000)
    const asked = world.clock.now()
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'unchanged' })
    expect(world.clock.now() - asked).toBeLessThan(3_000)
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'paused' })
    expect(endedBy()).toBe('its signal')
    expect(world.record?.step).toBe(2)
  })

  it('that nobody answers while pods move is taken back, and passes nothing later', async () => {
    const world = await running()
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V2}`, { readyAfterMs: 120_000 })
    const first = world.start('deploy', canaryOf(V2, { plan: '50%, approve', timeoutMs: 600_000 }))
    await until(world, () => world.record?.phase === 'progressing')
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'no-answer' } })
    expect(result?.message).toMatch(/is at work on rollout 1 and did not answer/)
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'paused' })
    expect(world.record).toMatchObject({ step: 1, reason: 'waits for an approval' })
  })

  it('in full passes it all the same', async () => {
    const { world, result } = await promoted('1', { full: true })
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(world.serving()).toEqual({ [V2]: 3 })
  })

  it('in full ends those that are asked beside the steps', async () => {
    const world = await running()
    let asked = 0
    const fetchUrl: FetchUrl = () => {
      asked++
      return Promise.resolve(answer('0'))
    }
    const values = { ...RATE, interval: '2s', throughout: true }
    const first = world.start('deploy', checking(checkOf('rate', values), '50%, wait 1h, 67%, 100%', { fetchUrl }))
    await until(world, () => asked > 3)
    await world.run('promote', { full: true })
    const before = asked
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'succeeded' })
    expect(asked).toBe(before)
  })
})

describe('a check over steps that never wait', () => {
  it.each([
    ['0', 'succeeded', undefined],
    ['none', 'paused', 'check rate could not tell'],
  ])('is asked for its word at the end: %s', async (value, outcome, reason) => {
    const world = await running()
    const fetchUrl: FetchUrl = () => Promise.resolve(answer(value))
    const check = checkOf('rate', { ...RATE, throughout: true })
    const { result } = await world.run('deploy', checking(check, '50%, 100%', { fetchUrl }))
    expect(result, result?.message).toMatchObject({ outcome })
    if (reason !== undefined) expect(world.record?.reason).toContain(reason)
    expectUnharmed(world)
  })
})

describe('a Job as a check', () => {
  it('that a run left behind is ended before another one begins', async () => {
    const world = await running()
    world.emulator.setBehaviour('gihyodocker/echo-version:slow-job', { runMs: 600_000 })
    const spec = { restartPolicy: 'Never', containers: [{ name: 'task', image: 'gihyodocker/echo-version:slow-job' }] }
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'smoke' }, spec: { template: { spec } } }
    const objects = [manifestOf(V2, 'Service'), manifestOf(V2, 'Deployment'), job]
    let atWork = 0
    let most = 0
    world.emulator.observe(() => {
      atWork = world.emulator
        .list('pods', 'shop')
        .filter(({ metadata }) => metadata.labels?.['job-name']?.startsWith('smoke') === true).length
      most = Math.max(most, atWork)
    })
    const cancel = new AbortController()
    const check = checkOf('smoke', { job: { name: 'smoke' }, timeout: '30m' })
    const options = checking(check, '50%, check smoke', { objects })
    const first = world.start('deploy', { ...options, cancel: cancel.signal })
    await until(world, () => atWork === 1)
    cancel.abort()
    expect((await world.clock.run(first)).result).toMatchObject({ outcome: 'stopped' })
    const { result, events } = await world.run('deploy', options)
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(JSON.stringify(events)).toContain('Job/smoke-1-c1 ended: another one takes its place')
    expect(most).toBe(1)
  })

  it('that takes long to end is waited for: another one beside it never begins, and abort says so', async () => {
    const world = await running()
    const image = 'gihyodocker/echo-version:slow-job'
    world.emulator.setBehaviour(image, { runMs: 6_000_000, ignoreSigterm: true })
    const container = { name: 'task', image }
    const pods = { restartPolicy: 'Never', terminationGracePeriodSeconds: 300, containers: [container] }
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'smoke' }, spec: { template: { spec: pods } } }
    const objects = [manifestOf(V2, 'Service'), manifestOf(V2, 'Deployment'), job]
    const check = checkOf('smoke', { job: { name: 'smoke' }, timeout: '30s', 'on-inconclusive': 'extend' })
    const { result, events } = await world.run(
      'deploy',
      checking(check, '50%, check smoke', { objects, timeoutMs: 600_000 }),
    )
    expect(result).toMatchObject({ outcome: 'paused' })
    const told = JSON.stringify(events)
    expect(told).toContain('Job/smoke-1-c1 ended: it is late')
    expect(told).not.toContain('smoke-1-c2 started')
    expect(world.record?.reason).toContain('timed out waiting for the pods of Job/smoke-1-c1 to end')
    // Gone by itself after its grace; an abort before that waits for it
    const abort = await world.run('abort')
    const left = world.emulator
      .list('pods', 'shop')
      .filter(({ metadata }) => metadata.labels?.['job-name'] !== undefined)
    expect([abort.result?.outcome, left], abort.result?.message).toEqual(['aborted', []])
  })
})

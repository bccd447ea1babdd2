import { describe, expect, it } from 'vitest'
import type { Answer, FetchUrl } from '../../src/checks/asker.ts'
import { checkOf, warmUpOf } from '../../src/input/checks.ts'
import type { CheckValues } from '../../src/input/checks-schema.ts'
import type { ReportEvent } from '../../src/report/events.ts'
import { BESIDE, blueGreenOf, canaryOf, expectUnharmed, manifestOf, running, V1, V2 } from './given.ts'
import { manifestsOf, type RunOptions, type World } from './world.ts'

const QUERY = { prometheus: { url: 'http://prometheus', query: 'x{pod=~"{{canary}}"}', max: 0.01 } }

function vector(...values: (number | string)[]): Answer {
  const result = values.map((value) => ({ metric: {}, value: [0, String(value)] }))
  return {
    status: 200,
    headers: {},
    body: JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }),
  }
}

/** A canary of the second version with one check named `rate`. */
function checked(values: CheckValues, plan: string, fetchUrl?: FetchUrl): RunOptions {
  return canaryOf(V2, {
    plan,
    checks: { rate: checkOf('rate', values) },
    ...(fetchUrl === undefined ? {} : { fetchUrl }),
  })
}

function linesOf(events: ReportEvent[]): string {
  return events.flatMap((event) => (event.kind === 'line' ? [event.text] : [])).join('\n')
}

function after(world: World, ms: number, before: Answer, then: Answer): FetchUrl {
  const begun = world.clock.now()
  return () => Promise.resolve(world.clock.now() - begun < ms ? before : then)
}

describe('a query as a step', () => {
  it('within its limits lets the rollout go on, and is asked of the new pods', async () => {
    const world = await running()
    const asked: string[] = []
    const fetchUrl: FetchUrl = ({ url }) => {
      asked.push(decodeURIComponent(url))
      return Promise.resolve(vector(0.001))
    }
    const { result, events } = await world.run('deploy', checked(QUERY, '50%, check rate', fetchUrl))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    // Before the start it is asked once, to see whether it can be read
    expect(asked[1]).toMatch(/query=x\{pod=~"echo-version-[a-z0-9]+-\[a-z0-9\]\+"\}/)
    expect(linesOf(events)).toContain('check rate: pass, 0.001, at most 0.01')
    expect(events.filter(({ kind }) => kind === 'measured')).toMatchObject([
      { measurement: { check: 'rate', verdict: 'pass', figures: [{ name: 'value', value: 0.001 }] } },
    ])
    expectUnharmed(world)
  })

  it('beyond them undoes it', async () => {
    const world = await running()
    const { result } = await world.run(
      'deploy',
      checked(QUERY, '50%, check rate', () => Promise.resolve(vector(0.5))),
    )
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'check-failed' } })
    expect(result?.failure?.message).toContain("the query's answer is 0.5, more than 0.01")
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  const unknown: [string, FetchUrl][] = [
    ['nothing', () => Promise.resolve(vector())],
    ['NaN', () => Promise.resolve(vector('NaN'))],
    ['several series', () => Promise.resolve(vector(0, 0))],
    ['no answer', () => Promise.reject(new Error('connect ECONNREFUSED'))],
    ['a login page', () => Promise.resolve({ status: 200, headers: {}, body: '<html>' })],
  ]
  it.each(unknown)('that answers %s waits for a person', async (_name, fetchUrl) => {
    const world = await running()
    const { result } = await world.run('deploy', checked(QUERY, '50%, check rate, 100%', fetchUrl))
    expect(result).toMatchObject({ outcome: 'paused', exitCode: 3 })
    expect(world.record?.reason).toContain('check rate could not tell')
    const promoted = await world.run('promote', { fetchUrl })
    expect(promoted.result, promoted.result?.message).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })
})

describe('what cannot tell', () => {
  it.each([
    ['promote', 'succeeded', undefined],
    ['abort', 'aborted', 'check-inconclusive'],
    ['extend', 'paused', undefined],
    ['pause', 'paused', undefined],
  ] as const)('leads to %s', async (policy, outcome, code) => {
    const world = await running()
    let asked = 0
    const fetchUrl: FetchUrl = () => {
      asked++
      return Promise.resolve(vector())
    }
    const values = { ...QUERY, 'on-inconclusive': policy }
    const { result, events } = await world.run('deploy', checked(values, '50%, check rate', fetchUrl))
    expect(result).toMatchObject({ outcome })
    expect(result?.failure?.code).toBe(code)
    expect(asked).toBe(policy === 'extend' ? 7 : 4)
    expect(`${linesOf(events)}${result?.failure?.message ?? ''}`).toContain('check rate')
    expectUnharmed(world)
  })

  it('is asked once more where that is wanted, and then may pass', async () => {
    const world = await running()
    let asked = 0
    const fetchUrl: FetchUrl = () => Promise.resolve(++asked > 5 ? vector(0) : vector())
    const values = { ...QUERY, 'on-inconclusive': 'extend' as const }
    const { result } = await world.run('deploy', checked(values, '50%, check rate', fetchUrl))
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(asked).toBe(6)
  })
})

describe('throughout', () => {
  const throughout = { ...QUERY, throughout: true }

  it('a wait ends as soon as the check fails, and the rollout is undone', async () => {
    const world = await running()
    const begun = world.clock.now()
    const fetchUrl = after(world, 60_000, vector(0), vector(1))
    const { result } = await world.run('deploy', checked(throughout, '50%, wait 1h', fetchUrl))
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
    expect(world.clock.now() - begun).toBeLessThan(120_000)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('one failure is tolerated where the check says so', async () => {
    const world = await running()
    let asked = 0
    const fetchUrl: FetchUrl = () => Promise.resolve(vector(++asked % 3 === 0 ? 1 : 0))
    const options = checked({ ...throughout, failures: 1 }, '50%, wait 5m, 100%, wait 1m', fetchUrl)
    const { result } = await world.run('deploy', options)
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(asked).toBeGreaterThan(30)
  })

  it('is asked between its steps only', async () => {
    const world = await running()
    const weights: number[] = []
    const fetchUrl: FetchUrl = () => {
      weights.push(world.record?.step ?? -1)
      return Promise.resolve(vector(0))
    }
    const values = { ...QUERY, throughout: { from: '50%', until: 'wait 2m' } }
    const plan = '34%, wait 1m, 50%, wait 2m, 100%, wait 3m'
    const { result } = await world.run('deploy', checked(values, plan, fetchUrl))
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(new Set(weights.slice(1))).toEqual(new Set([2, 3]))
  })

  it('without data at the end of a wait a person is asked; promote goes on', async () => {
    const world = await running()
    const fetchUrl: FetchUrl = () => Promise.resolve(vector())
    const { result } = await world.run('deploy', checked(throughout, '50%, wait 1m, 100%', fetchUrl))
    expect(result).toMatchObject({ outcome: 'paused' })
    expect(world.record).toMatchObject({ step: 1, reason: expect.stringContaining('check rate could not tell') })
    const promoted = await world.run('promote', { fetchUrl })
    expect(promoted.result, promoted.result?.message).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })

  it('extends a wait once', async () => {
    const world = await running()
    const begun = world.clock.now()
    const fetchUrl = after(world, 90_000, vector(), vector(0))
    const values = { ...throughout, 'on-inconclusive': 'extend' as const }
    const { result } = await world.run('deploy', checked(values, '50%, wait 1m', fetchUrl))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(world.clock.now() - begun).toBeGreaterThan(120_000)
  })

  it('goes on after an approval, in the run that promotes', async () => {
    const world = await running()
    const deployed = await world.run(
      'deploy',
      checked(throughout, '50%, approve, 100%, wait 10m', () => Promise.resolve(vector(0))),
    )
    expect(deployed.result).toMatchObject({ outcome: 'paused' })
    const { result } = await world.run('promote', { fetchUrl: after(world, 120_000, vector(0), vector(1)) })
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })
})

describe('a failure beside the last step', () => {
  it.each(['50%, check slow', '50%, check slow, approve'])('is not lost: %s', async (plan) => {
    const world = await running()
    let bad = false
    const checks = {
      rate: checkOf('rate', { ...QUERY, interval: '1s', throughout: true }),
      slow: checkOf('slow', { command: { run: 'x' } }),
    }
    const { result } = await world.run('deploy', {
      ...canaryOf(V2, { plan, checks }),
      fetchUrl: () => Promise.resolve(vector(bad ? 1 : 0)),
      runProcess: async () => {
        bad = true
        await world.clock.sleep(10_000)
        return { exitCode: 0, late: false, lines: [] }
      },
    })
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
    expect(world.serving()).toEqual({ [V1]: 3 })
  })
})

describe('other kinds', () => {
  it('a command on the runner is told about the rollout', async () => {
    const world = await running()
    let env: Record<string, string> = {}
    const { result } = await world.run('deploy', {
      ...checked({ command: { run: 'smoke' } }, '50%, check rate'),
      runProcess: (request) => {
        env = request.env
        return Promise.resolve({ exitCode: 1, late: false, lines: ['no login page'] })
      },
    })
    expect(result?.failure?.message).toContain('check rate failed: it ended with 1: no login page')
    expect(env).toMatchObject({
      HEADGATE_APP: 'echo-version',
      HEADGATE_CANARY_VERSION: V2,
      HEADGATE_STABLE_VERSION: V1,
    })
  })

  it('the version that pods name must be the new one', async () => {
    const world = await running()
    const { result, events } = await world.run('deploy', checked({ version: { path: '/version' } }, '50%, check rate'))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(linesOf(events)).toContain(`/version named ${V2}`)
    const other = await world.run('deploy', {
      ...checked({ version: { expect: '9.9.9' } }, '50%, check rate'),
      objects: manifestsOf({ version: '0.3.0' }),
    })
    expect(other.result?.failure?.message).toContain('named no 9.9.9')
  })

  it.each([
    ['0.2.0-job-ok', 'succeeded', undefined],
    ['0.2.0-job-fail', 'aborted', 'check-failed'],
  ] as const)('a job %s', async (image, outcome, code) => {
    const world = await running()
    const spec = { restartPolicy: 'Never', containers: [{ name: 'task', image: `gihyodocker/echo-version:${image}` }] }
    const smoke = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'smoke' },
      spec: { backoffLimit: 0, template: { spec } },
    }
    const objects = [manifestOf(V2, 'Service'), manifestOf(V2, 'Deployment'), smoke]
    const { result, events } = await world.run('deploy', {
      ...checked({ job: { name: 'smoke' } }, '50%, check rate'),
      objects,
    })
    expect(result, result?.message).toMatchObject({ outcome })
    expect(result?.failure?.code).toBe(code)
    expect(JSON.stringify(events)).toContain('Job/smoke-1-c1 started')
    expectUnharmed(world)
  })
})

describe('a job that is late', () => {
  it('is not started once more, and has the time that its check says', async () => {
    const world = await running()
    world.emulator.setBehaviour('gihyodocker/echo-version:slow-job', { runMs: 1_200_000 })
    const spec = { restartPolicy: 'Never', containers: [{ name: 'task', image: 'gihyodocker/echo-version:slow-job' }] }
    const smoke = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'smoke' }, spec: { template: { spec } } }
    const objects = [manifestOf(V2, 'Service'), manifestOf(V2, 'Deployment'), smoke]
    const late = await world.run('deploy', {
      ...checked({ job: { name: 'smoke' }, timeout: '2m' }, '50%, check rate'),
      objects,
    })
    expect(late.result).toMatchObject({ outcome: 'paused' })
    const told = JSON.stringify(late.events)
    expect(told).toContain('Job/smoke-1-c1 ended: it is late')
    expect(told).not.toContain('smoke-1-c2')
    expect(world.emulator.list('jobs', 'shop')).toEqual([])
    await world.run('abort')
    const long = await world.run('deploy', {
      ...checked({ job: { name: 'smoke' }, timeout: '30m' }, '50%, check rate'),
      objects,
    })
    expect(long.result, long.result?.message).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('warm-up', () => {
  it('asks the new pods before users come', async () => {
    const world = await running({ judged: BESIDE })
    const { result, events } = await world.run('deploy', blueGreenOf(V2, { plan: 'warm-up, switch' }))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(linesOf(events)).toMatch(/warm-up: pass, \d+ ms against \d+ ms of the old version, after \d+ requests/)
    expectUnharmed(world)
  })

  it('of a version that stays cold waits for a person', async () => {
    const world = await running({ judged: BESIDE })
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V2}`, { http: () => ({ status: 503, body: 'cold' }) })
    const { result } = await world.run(
      'deploy',
      blueGreenOf(V2, { plan: 'warm-up, switch', warmUp: warmUpOf({ for: '20s' }) }),
    )
    expect(result).toMatchObject({ outcome: 'paused' })
    expect(world.record?.reason).toContain('warm-up could not tell')
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })

  it('needs a router in a canary', async () => {
    const world = await running()
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '0%, warm-up, 50%' }))
    expect(result).toMatchObject({ outcome: 'refused' })
  })
})

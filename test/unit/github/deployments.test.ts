import { describe, expect, it } from 'vitest'
import { DeploymentReporter, type DeploymentReporterOptions } from '../../../src/github/deployments.ts'
import { collector } from '../../../src/report/collector.ts'
import type { RolloutRecord } from '../../../src/rollout/record.ts'
import type { Failure } from '../../../src/shared/errors.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { failure, MemoryDeliveries } from '../../github/memory.ts'
import { at, pullFailure, record, result, source } from '../report/views.ts'

const RUN_URL = 'https://github.example/acme/shop/actions/runs/4711'
const SHA = 'abc0'.padEnd(40, '0')
const PAYLOAD = { app: 'echo-version', rollout: 7, cluster: 'eu-1', namespace: 'shop' }
const CANCELLED: Failure = { kind: 'cancelled', code: 'cancelled', message: 'the run was cancelled' }

function setUp(change: Partial<DeploymentReporterOptions> = {}) {
  const clock = new VirtualClock()
  const github = new MemoryDeliveries(clock)
  const all = collector(clock)
  const debug: string[] = []
  const known: number[] = []
  const reporter = new DeploymentReporter({
    github,
    source: source(),
    cluster: () => all.view().cluster,
    clock,
    completes: false,
    debug: (text) => void debug.push(text),
    known: (id) => void known.push(id),
    ...change,
  })
  all.add(reporter)
  all.emit({ kind: 'target', cluster: 'eu-1', app: 'echo-version', namespace: 'shop', environment: 'production' })
  const tell = (more: Partial<RolloutRecord> = {}): void =>
    all.emit({
      kind: 'record',
      record: record({ environment: 'production', release: { ...record().release, sha: SHA }, ...more }),
    })
  const flush = (withinMs?: number): Promise<boolean> => clock.run(reporter.flush(withinMs))
  const say = async (...phases: Partial<RolloutRecord>[]): Promise<void> => {
    for (const each of phases) {
      tell(each)
      await flush()
    }
  }
  return { clock, github, all, debug, known, reporter, tell, flush, say }
}

describe('the deployment on GitHub', () => {
  it('is one per rollout, of the commit that the release was made of', async () => {
    const { github, say, reporter, known } = setUp()
    await say({}, { step: 1 }, { phase: 'succeeded', environmentUrl: 'https://shop.example' })
    expect(github.calls).toEqual(['list production', 'create production', 'in_progress 1', 'success 1'])
    expect(github.list[0]?.made).toEqual({
      sha: SHA,
      task: 'deploy',
      environment: 'production',
      description: 'echo-version 0.2.0, rollout 7',
      payload: PAYLOAD,
    })
    expect(github.list[0]?.statuses).toEqual([
      { state: 'in_progress', description: '0.2.0 comes in by canary', logUrl: RUN_URL },
      {
        state: 'success',
        description: '0.2.0: the new version serves alone',
        logUrl: RUN_URL,
        environmentUrl: 'https://shop.example',
      },
    ])
    expect(reporter.deployment).toEqual({ rollout: 7, id: 1 })
    expect(known).toEqual([1])
    expect(reporter.trouble).toBeUndefined()
  })

  it('says what kind of environment it is only where somebody has said it', async () => {
    const { github, say } = setUp()
    await say({ transientEnvironment: true, productionEnvironment: false })
    expect(github.list[0]?.made).toMatchObject({ transient: true, production: false })
  })

  it('is of the commit of the run where the release has none, and not there without any', async () => {
    const { github, say } = setUp()
    const { sha: _, ...release } = record().release
    await say({ release })
    expect(github.list[0]?.made?.sha).toBe(source().sha)
    const other = setUp()
    await other.say({ release, source: source({ sha: '' }) })
    expect(other.github.calls).toEqual([])
  })

  it('is not there without an environment', async () => {
    const { github, all, flush } = setUp()
    all.emit({ kind: 'record', record: record() })
    await flush()
    expect(github.calls).toEqual([])
  })

  it('is pending while it is paused, and in progress when it goes on', async () => {
    const { github, say } = setUp()
    await say({}, { phase: 'paused', step: 3, reason: 'waits for approval' }, { step: 4 })
    expect(github.statesOf(1)).toEqual(['in_progress', 'pending', 'in_progress'])
    expect(github.list[0]?.statuses[1]?.description).toBe('paused: waits for approval; step 4/4 approve')
  })

  it.each<[string, Partial<RolloutRecord>, string, string]>([
    ['undone after a failure', { phase: 'aborted', failure: pullFailure }, 'failure', 'undone: the image'],
    ['stopped after a failure', { phase: 'stopped', failure: pullFailure }, 'failure', 'stopped: the image'],
    ['stopped by a cancel', { phase: 'stopped', failure: CANCELLED }, 'failure', 'stopped: the run was cancelled'],
    ['in no safe state', { phase: 'failed', failure: pullFailure }, 'error', 'no safe state: the image'],
    [
      'aborted by a person',
      { phase: 'aborted', timeline: [{ at: at(9), kind: 'aborting', text: 'aborted by bob' }] },
      'inactive',
      'aborted by bob',
    ],
    [
      'aborted by another run',
      { phase: 'aborted', failure: { kind: 'failed', code: 'aborted', message: 'aborted by acme/shop/5/1' } },
      'inactive',
      'aborted by acme/shop/5/1',
    ],
    ['taken back by a cancel', { phase: 'aborted', failure: CANCELLED }, 'inactive', 'the run was cancelled'],
  ])('is not in progress any more once it is %s', async (_name, end, state, words) => {
    const { github, say } = setUp()
    await say({}, { phase: 'aborting' }, end)
    expect(github.statesOf(1)).toEqual(['in_progress', state])
    expect(github.list[0]?.statuses.at(-1)?.description).toContain(words)
  })

  it('cuts long descriptions and never a character in two', async () => {
    const { github, say } = setUp()
    await say({}, { phase: 'stopped', failure: { ...pullFailure, message: `${'x'.repeat(129)}🎈\n🎈 and more` } })
    const text = github.list[0]?.statuses.at(-1)?.description ?? ''
    expect(text.length).toBeLessThanOrEqual(140)
    expect(text.isWellFormed()).toBe(true)
    expect(text.endsWith('…')).toBe(true)
  })

  it('is an error where the run ends without a word in the record', async () => {
    const { github, all, tell, flush } = setUp()
    tell({ phase: 'aborting' })
    all.emit({ kind: 'result', result: result({ outcome: 'failed', phase: 'aborting', failure: pullFailure }) })
    await flush()
    expect(github.statesOf(1)).toEqual(['error'])
    expect(github.list[0]?.statuses[0]?.description).toContain('no safe state: the image')
  })

  it('says how things stand where a cancel left no time for the way back', async () => {
    const { github, all, say, flush } = setUp()
    await say({ phase: 'aborting' })
    const failure = {
      kind: 'cancelled',
      code: 'cancelled',
      message: 'the run was cancelled',
      done: 'half of it',
    } as const
    all.emit({ kind: 'result', result: result({ outcome: 'stopped', phase: 'aborting', failure }) })
    await flush()
    expect(github.list.at(-1)?.statuses.at(-1)).toMatchObject({
      state: 'error',
      description: 'the run was cancelled: half of it',
    })
  })

  it('is left to the run that has taken the rollout over', async () => {
    const { github, all, say, flush } = setUp()
    await say({})
    const lost: Failure = { kind: 'failed', code: 'taken-over', message: 'another run took over' }
    all.emit({ kind: 'result', result: result({ outcome: 'failed', phase: 'progressing', failure: lost }) })
    await flush()
    expect(github.statesOf(1)).toEqual(['in_progress'])
  })

  it('is not touched by a run that moves nothing', async () => {
    const { github, all, tell, flush } = setUp()
    // What housekeeping writes, and what ends in nothing.
    tell({ phase: 'succeeded' })
    for (const outcome of ['refused', 'planned', 'unchanged', 'paused'] as const)
      all.emit({ kind: 'result', result: result({ outcome, record: record({ environment: 'production' }) }) })
    await flush()
    expect(github.calls).toEqual([])
  })

  it('is the one that the record names, without a question, whatever this run’s commit is', async () => {
    const { github, say } = setUp({ source: source({ runId: '4800', sha: 'f'.repeat(40) }) })
    github.add({ sha: SHA, payload: PAYLOAD, state: 'pending' })
    await say({ githubDeployment: 1, step: 4 })
    expect(github.calls).toEqual(['in_progress 1'])
  })

  it('is found by its payload where the record names none', async () => {
    const { github, say } = setUp()
    github.add({ sha: SHA, payload: PAYLOAD, state: 'pending' })
    for (const change of [{ app: 'other' }, { cluster: 'eu-2' }, { namespace: 'b' }, { rollout: 8 }])
      github.add({ sha: SHA, payload: { ...PAYLOAD, ...change } })
    // A record that was deleted counts from one again.
    github.add({ sha: 'f'.repeat(40), payload: PAYLOAD, state: 'inactive' })
    await say({ step: 4 })
    expect(github.calls).toEqual(['list production', 'in_progress 1'])
  })

  it('is made of the rollout’s own commit where another run finds none', async () => {
    const { github, say } = setUp({ source: source({ runId: '4800', sha: 'f'.repeat(40) }) })
    await say({ step: 4 })
    expect(github.list[0]?.made?.sha).toBe(SHA)
  })

  it('is made anew when somebody has deleted it', async () => {
    const { github, say, reporter } = setUp()
    await say({ githubDeployment: 9 })
    expect(github.calls).toEqual(['in_progress 9', 'list production', 'create production', 'in_progress 1'])
    expect(reporter.deployment?.id).toBe(1)
  })

  it('is not made only to be inactive', async () => {
    const { github, say } = setUp()
    await say({ phase: 'aborting' }, { phase: 'aborted' })
    expect(github.calls).toEqual(['list production'])
  })

  it('is not made twice when the answer is lost', async () => {
    const { github, say } = setUp()
    let lost = false
    github.lose = (call) => call.startsWith('create') && !lost && (lost = true)
    await say({}, { phase: 'succeeded' })
    expect(github.list.filter(({ made }) => made !== undefined)).toHaveLength(1)
    expect(github.statesOf(1)).toEqual(['in_progress', 'success'])
  })

  it('of a rollout that is superseded is ended, and the next one gets its own', async () => {
    const { github, say, reporter } = setUp()
    github.add({ payload: { ...PAYLOAD, rollout: 6 }, state: 'pending' })
    const old = { rollout: 6, githubDeployment: 1 }
    await say({ ...old, phase: 'aborting' }, { ...old, phase: 'aborted' }, {})
    expect(github.calls).toEqual(['inactive 1', 'list production', 'create production', 'in_progress 2'])
    expect(reporter.deployment).toEqual({ rollout: 7, id: 2 })
  })
})

describe('the deployments before', () => {
  it('of the same app are ended when this one serves, and no others', async () => {
    const { github, say } = setUp()
    const older = { ...PAYLOAD, rollout: 3 }
    const beyond = github.add({ payload: { ...older, rollout: 1 }, state: 'success' })
    const served = github.add({ payload: older, state: 'success' })
    const vanished = github.add({ payload: { ...older, rollout: 4 }, state: 'in_progress' })
    const failed = github.add({ payload: { ...older, rollout: 5 }, state: 'failure' })
    const other = github.add({ payload: { ...older, app: 'other' }, state: 'success' })
    const elsewhere = github.add({ payload: { ...older, cluster: 'eu-2' }, state: 'success' })
    const foreign = github.add({ payload: { web_url: 'x' }, state: 'success', creator: 'somebody' })
    await say({}, { phase: 'succeeded' })
    const untouched = [beyond, failed, other, elsewhere, foreign].map(({ id }) => github.statesOf(id))
    expect(untouched).toEqual([[], [], [], [], []])
    expect([served, vanished].map(({ id }) => github.statesOf(id))).toEqual([['inactive'], ['inactive']])
    expect(github.calls.filter((call) => call.startsWith('list'))).toHaveLength(1)
  })

  it('are looked for by a run that has not seen them', async () => {
    const { github, say } = setUp()
    github.add({ payload: { ...PAYLOAD, rollout: 5 }, state: 'success' })
    github.add({ sha: SHA, payload: PAYLOAD, state: 'pending' })
    await say({ githubDeployment: 2 }, { phase: 'succeeded', githubDeployment: 2 })
    expect(github.calls).toEqual(['in_progress 2', 'success 2', 'list production', 'inactive 1'])
  })

  it('are ended too where they have greater numbers, of a record that was deleted', async () => {
    const { github, say } = setUp()
    github.add({ payload: { ...PAYLOAD, rollout: 40 }, state: 'success' })
    await say({}, { phase: 'succeeded' })
    expect(github.statesOf(1)).toEqual(['inactive'])
  })

  it('are only those before it', async () => {
    const { github, say } = setUp()
    github.add({ payload: { ...PAYLOAD, rollout: 5 }, state: 'success' })
    github.add({ sha: SHA, payload: PAYLOAD, state: 'pending' })
    github.add({ payload: { ...PAYLOAD, rollout: 8 }, state: 'in_progress' })
    await say({ githubDeployment: 2 }, { phase: 'succeeded', githubDeployment: 2 })
    expect([1, 3].map((id) => github.statesOf(id))).toEqual([['inactive'], []])
  })

  it('stay as they are when this one is undone', async () => {
    const { github, say } = setUp()
    github.add({ payload: { ...PAYLOAD, rollout: 5 }, state: 'success' })
    await say({}, { phase: 'aborted', failure: pullFailure })
    expect(github.statesOf(1)).toEqual([])
  })

  it('are ended later when GitHub fails in between, and success is not told twice', async () => {
    const { github, say, flush } = setUp()
    github.add({ payload: { ...PAYLOAD, rollout: 5 }, state: 'success' })
    github.fail = (call) => (call.startsWith('inactive') ? failure(502) : undefined)
    await say({}, { phase: 'succeeded' })
    github.fail = () => undefined
    expect(await flush()).toBe(true)
    expect(github.statesOf(1)).toEqual(['inactive'])
    expect(github.statesOf(2)).toEqual(['in_progress', 'success'])
  })
})

describe('a job that has an environment', () => {
  const OF_JOB = { state: 'in_progress', logUrl: `${RUN_URL}/job/99` }

  it('has a deployment by GitHub itself, and gets no second one', async () => {
    const { github, say, debug, reporter } = setUp()
    github.add(OF_JOB)
    await say({}, { phase: 'paused' }, { phase: 'succeeded' })
    expect(github.calls).toEqual(['list production'])
    expect(debug).toEqual(['GitHub keeps a deployment in production for this job by itself: Headgate adds none'])
    expect(reporter.trouble).toBeUndefined()
  })

  it.each([
    ['of another job, which has ended', { ...OF_JOB, state: 'success' }],
    ['of another run', { ...OF_JOB, logUrl: `${RUN_URL}5/job/99` }],
    ['by somebody else', { ...OF_JOB, creator: 'somebody' }],
    ['of another app of Headgate in this run', { ...OF_JOB, payload: { ...PAYLOAD, app: 'other' } }],
  ])('is not taken for one %s', async (_name, deployment) => {
    const { github, say } = setUp()
    github.add(deployment)
    await say({})
    expect(github.calls).toContain('create production')
  })

  it('goes on with the rollout’s own one all the same', async () => {
    const { github, say } = setUp({ source: source({ runId: '4800' }) })
    github.add({ sha: SHA, payload: PAYLOAD, state: 'pending' })
    github.add({ state: 'in_progress', logUrl: RUN_URL.replace('4711', '4800') })
    await say({ step: 4 }, { phase: 'succeeded' })
    expect(github.statesOf(1)).toEqual(['in_progress', 'success'])
  })
})

describe('a re-run that finds nothing to do', () => {
  const RERUN = source({ attempt: 2 })
  const found = (change: Partial<RolloutRecord> = {}): RolloutRecord =>
    record({ environment: 'production', githubDeployment: 1, phase: 'succeeded', ...change })

  it.each<[string, Partial<RolloutRecord>, string]>([
    ['its success', {}, 'success'],
    ['its pause', { phase: 'paused', reason: 'waits for approval' }, 'pending'],
    ['its way back', { phase: 'aborted', failure: pullFailure }, 'failure'],
  ])('says what the attempt before it had to keep to itself: %s', async (_name, change, state) => {
    const { github, all, flush } = setUp({ source: RERUN })
    github.add({ sha: SHA, payload: PAYLOAD, state: 'in_progress' })
    all.emit({ kind: 'result', result: result({ outcome: 'unchanged', record: found(change) }) })
    await flush()
    expect(github.statesOf(1)).toEqual([state])
  })

  it.each([
    ['another run', RERUN, source({ runId: '4800' })],
    ['itself', source(), source()],
    ['a later attempt', source(), RERUN],
    ['the command line', source({ runId: '', attempt: 2 }), source({ runId: '' })],
  ])('leaves alone what %s has told', async (_name, own, lastRun) => {
    const { github, all, flush } = setUp({ source: own })
    github.add({ sha: SHA, payload: PAYLOAD, state: 'in_progress' })
    all.emit({ kind: 'result', result: result({ outcome: 'unchanged', record: found({ lastRun }) }) })
    await flush()
    expect(github.calls).toEqual([])
  })

  it('does not speak of what is under way', async () => {
    const { github, all, flush } = setUp({ source: RERUN })
    const record = found({ phase: 'progressing' })
    all.emit({ kind: 'result', result: result({ outcome: 'refused', record }) })
    await flush()
    expect(github.calls).toEqual([])
  })
})

describe('the post step of a run that was killed', () => {
  it.each<[string, Partial<RolloutRecord>, string]>([
    ['in the middle', { phase: 'progressing', step: 1 }, 'error'],
    ['on the way back', { phase: 'aborting', failure: pullFailure }, 'error'],
    ['after it had paused', { phase: 'paused', reason: 'waits for approval' }, 'pending'],
    ['after its success', { phase: 'succeeded' }, 'success'],
    ['after it was undone', { phase: 'aborted', failure: pullFailure }, 'failure'],
  ])('%s tells the last state', async (_name, change, state) => {
    const { github, say } = setUp({ completes: true })
    github.add({ sha: SHA, payload: PAYLOAD, state: 'in_progress' })
    await say({ githubDeployment: 1, ...change })
    expect(github.statesOf(1)).toEqual([state])
  })

  it.each<[string, Partial<RolloutRecord>]>([
    ['the run ended in the middle, at step 2/4 wait 1m: deploy again to go on, or abort', { step: 1 }],
    ['the run ended on the way back to 0.1.0: abort again to finish it', { phase: 'aborting' }],
  ])('says how to go on: %s', async (said, change) => {
    const { github, say } = setUp({ completes: true })
    await say(change)
    expect(github.list[0]?.statuses[0]?.description).toBe(said)
  })

  it.each([
    ['another run', source({ runId: '4800' })],
    ['another attempt', source({ attempt: 2 })],
    ['another repository', source({ repository: 'acme/other' })],
  ])('says nothing where %s has gone on since', async (_name, lastRun) => {
    const { github, say } = setUp({ completes: true })
    await say({ lastRun })
    expect(github.calls).toEqual([])
  })
})

describe('a deployment that cannot be written', () => {
  it('is given up without a token', async () => {
    const { say, reporter } = setUp({ github: undefined })
    await say({}, { phase: 'succeeded' })
    expect(reporter.trouble).toBe('no token')
  })

  it.each([
    [401, 'the token is not valid'],
    [403, 'grant `deployments: write`'],
    [404, 'the repository or the commit was not found'],
    [422, 'GitHub refused it'],
  ])('is given up after %i', async (code, words) => {
    const { github, say, reporter, flush } = setUp()
    github.fail = (call) => (call.startsWith('create') ? failure(code) : undefined)
    await say({}, { phase: 'paused' }, { phase: 'succeeded' })
    expect(reporter.trouble).toContain(words)
    expect(github.calls).toEqual(['list production', 'create production'])
    expect(await flush()).toBe(true)
  })

  it.each([
    [failure(500), 'GitHub answered 500'],
    [failure(429), 'the rate limit is used up'],
    [failure(403, 'You have exceeded a secondary rate limit'), 'the rate limit is used up'],
    [new Error('socket hang up'), 'GitHub did not answer'],
  ])('is tried again after %s', async (error, words) => {
    const { github, say, reporter, flush } = setUp()
    github.fail = () => error
    await say({}, { phase: 'paused' })
    expect(await flush()).toBe(false)
    expect(reporter.trouble).toContain(words)
    github.fail = () => undefined
    expect(await flush()).toBe(true)
    // Only what is newest is worth telling.
    expect(github.statesOf(1)).toEqual(['pending'])
  })

  it('never holds up the end of the run', async () => {
    const { clock, github, tell, flush } = setUp()
    const started = clock.now()
    github.createDeployment = () => new Promise(() => undefined)
    tell()
    expect(await flush(2_000)).toBe(false)
    expect(clock.now() - started).toBe(2_000)
  })
})

import { describe, expect, it } from 'vitest'
import type { CommentApi, IssueComment, PullRequest } from '../../../src/github/api.ts'
import { CommentReporter, type CommentReporterOptions } from '../../../src/github/comment.ts'
import { collector } from '../../../src/report/collector.ts'
import { commentMarker } from '../../../src/report/comment.ts'
import type { RolloutRecord } from '../../../src/rollout/record.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { at, plan, record, result, source, view } from '../report/views.ts'

const MARKER = commentMarker(view())

/** GitHub in memory: what it was told, and what it should fail with. */
class Memory implements CommentApi {
  list: IssueComment[] = []
  calls: string[] = []
  fail: (call: string) => unknown = () => undefined
  pulls: PullRequest[] = []
  minimized = new Set<number>()
  readonly clock: VirtualClock
  constructor(clock: VirtualClock) {
    this.clock = clock
  }

  async #call(name: string): Promise<void> {
    this.calls.push(name)
    await this.clock.sleep(100)
    const error = this.fail(name)
    if (error !== undefined) throw error
  }

  async *comments(_repository: string, pullRequest: number): AsyncIterable<IssueComment> {
    await this.#call('list')
    yield* this.list.filter((each) => each.pullRequest === pullRequest)
  }
  async comment(_repository: string, id: number): Promise<IssueComment> {
    await this.#call(`get ${id}`)
    return this.#find(id)
  }
  async createComment(_repository: string, pullRequest: number, body: string): Promise<IssueComment> {
    await this.#call(`create ${pullRequest}`)
    const made = comment(this.list.length + 1, body, 'us', true, pullRequest)
    this.list.push(made)
    return made
  }
  async updateComment(_repository: string, id: number, body: string): Promise<IssueComment> {
    await this.#call(`update ${id}`)
    const found = this.#find(id)
    found.body = body
    return found
  }
  async own(comments: readonly IssueComment[]): Promise<IssueComment[]> {
    await this.#call(`own ${comments.length}`)
    return comments.filter(({ id, author }) => author.login === 'us' && !this.minimized.has(id))
  }
  async pullRequestsOf(_repository: string, sha: string): Promise<PullRequest[]> {
    await this.#call(`pulls ${sha.slice(0, 4)}`)
    return this.pulls
  }
  #find(id: number): IssueComment {
    const found = this.list.find((each) => each.id === id)
    if (found === undefined) throw Object.assign(new Error('Not Found'), { status: 404 })
    return found
  }
}

function comment(id: number, body: string, login = 'us', bot = true, pullRequest = 5): IssueComment {
  return { id, nodeId: `n${id}`, body, url: `https://github.example/c/${id}`, pullRequest, author: { login, bot } }
}

function status(code: number, message = 'no'): Error {
  return Object.assign(new Error(message), { status: code })
}

function setUp(change: Partial<CommentReporterOptions> = {}) {
  const clock = new VirtualClock()
  const github = new Memory(clock)
  const all = collector(clock)
  const notices: string[] = []
  const reporter = new CommentReporter({
    github,
    source: source({ pullRequest: 5 }),
    view: all.view,
    clock,
    completes: false,
    looks: false,
    notice: (text) => void notices.push(text),
    ...change,
  })
  all.add(reporter)
  all.emit({ kind: 'target', cluster: 'eu-1', app: 'echo-version', namespace: 'shop', environment: 'production' })
  const tell = (change: Partial<RolloutRecord> = {}): void => all.emit({ kind: 'record', record: record(change) })
  const flush = (): Promise<boolean> => clock.run(reporter.flush())
  const writes = (): string[] => github.calls.filter((call) => /create|update/.test(call))
  return { clock, github, all, notices, reporter, tell, flush, writes }
}

describe('the comment on the pull request', () => {
  it('is created once and then rewritten in place', async () => {
    const { github, tell, flush, reporter, notices } = setUp()
    tell()
    await flush()
    tell({ step: 1 })
    await flush()
    expect(github.calls).toEqual(['list', 'own 0', 'create 5', 'update 1'])
    expect(github.list[0]?.body).toContain('step 2 of 4')
    expect(reporter.url).toBe('https://github.example/c/1')
    expect(reporter.known).toEqual({ rollout: 7, commentId: 1, pullRequest: 5 })
    expect(notices).toEqual([])
  })

  it('is written at most once in 10 s, and at the end as things are then', async () => {
    const { clock, github, tell, flush, writes } = setUp()
    for (let second = 0; second < 60; second++) {
      tell({ step: Math.floor(second / 15), updatedAt: new Date(second * 1_000).toISOString() })
      await clock.advance(1_000)
    }
    expect(writes().length).toBeGreaterThanOrEqual(5)
    expect(writes().length).toBeLessThanOrEqual(7)
    tell({ phase: 'succeeded', step: 4 })
    await flush()
    expect(github.list[0]?.body).toContain('0.2.0 is live')
    expect(github.list).toHaveLength(1)
  })

  it('is written at most twelve times for ten steps with waits', async () => {
    const { clock, tell, flush, writes } = setUp()
    for (let step = 0; step < 10; step++) {
      tell({ step: Math.min(step, 4), updatedAt: new Date(step * 60_000).toISOString() })
      await clock.advance(60_000)
    }
    tell({ phase: 'succeeded' })
    await flush()
    expect(writes().length).toBeLessThanOrEqual(12)
  })

  it('is not written again when nothing changed', async () => {
    const { clock, tell, flush, writes } = setUp()
    tell()
    await clock.advance(20_000)
    tell()
    await clock.advance(20_000)
    await flush()
    expect(writes()).toEqual(['create 5'])
  })

  it('is found by marker and author, never a forged or a minimised one', async () => {
    const { github, tell, flush } = setUp()
    github.list = [
      comment(1, `${MARKER}\nours, minimised`),
      comment(2, `${MARKER}\nours`),
      comment(3, `${MARKER}\nforged`, 'mallory', false),
      comment(4, `quoting ${MARKER}`),
      comment(5, commentMarker(view({ cluster: 'eu-2' }))),
    ]
    github.minimized.add(1)
    tell()
    await flush()
    expect(github.calls).toEqual(['list', 'own 3', 'update 2'])
  })

  it('takes a bot for us where GitHub does not tell who asks', async () => {
    const { github, tell, flush } = setUp()
    github.fail = (call) => (call.startsWith('own') ? status(403) : undefined)
    github.list = [comment(1, MARKER, 'mallory', false), comment(2, MARKER, 'us', true)]
    tell()
    await flush()
    expect(github.calls.at(-1)).toBe('update 2')
  })

  it('is found by the id in the record', async () => {
    const { github, tell, flush } = setUp()
    github.list = [comment(1, MARKER), comment(2, MARKER)]
    tell({ commentId: 1, pullRequest: 5 })
    await flush()
    expect(github.calls).toEqual(['get 1', 'own 1', 'update 1'])
  })

  it.each([
    ['deleted', { commentId: 9, pullRequest: 5 }, ['get 9', 'list', 'own 1', 'update 1']],
    ['somebody else’s by now', { commentId: 2, pullRequest: 5 }, ['get 2', 'list', 'own 1', 'update 1']],
    ['of another repository', { commentId: 2, pullRequest: 5, owner: 'other/repo' }, ['list', 'own 1', 'update 1']],
    ['on another pull request', { commentId: 2, pullRequest: 4 }, ['get 2', 'list', 'own 0', 'create 4']],
  ])('is searched for when the one in the record is %s', async (_name, change, calls) => {
    const { github, tell, flush } = setUp()
    github.list = [comment(1, MARKER), comment(2, 'a remark')]
    tell(change)
    await flush()
    expect(github.calls).toEqual(calls)
  })

  it('is made anew when it was deleted meanwhile', async () => {
    const { github, tell, flush } = setUp()
    tell()
    await flush()
    github.list = [comment(7, 'x')]
    tell({ step: 1 })
    await flush()
    expect(github.calls.slice(3)).toEqual(['update 1', 'list', 'own 0', 'create 5'])
  })

  it('looks up the pull request of the commit, an open one first', async () => {
    const { github, tell, flush } = setUp({ source: source() })
    github.pulls = [
      { number: 3, state: 'closed', merged: false, from: 'acme/shop' },
      { number: 4, state: 'open', merged: false, from: 'acme/shop' },
    ]
    tell()
    await flush()
    tell({ step: 1 })
    await flush()
    expect(github.calls).toEqual(['pulls 0123', 'list', 'own 0', 'create 4', 'update 1'])
  })

  it('is silent where there is no pull request', async () => {
    const { github, tell, flush, notices } = setUp({ source: source() })
    tell()
    await flush()
    tell({ step: 1 })
    await flush()
    expect(github.calls).toEqual(['pulls 0123'])
    expect(notices).toEqual([])
  })

  it('tells a refusal, but not over a rollout that rests', async () => {
    const { all, flush, writes } = setUp()
    all.emit({ kind: 'result', result: result({ outcome: 'refused', phase: 'paused' }) })
    await flush()
    expect(writes()).toEqual([])
    all.emit({ kind: 'result', result: result({ outcome: 'refused', phase: 'none' }) })
    await flush()
    expect(writes()).toEqual(['create 5'])
  })

  it('tells a deploy that changed nothing, and a plan', async () => {
    const { all, flush, github } = setUp()
    all.emit({ kind: 'result', result: result({ outcome: 'unchanged', record: record({ phase: 'succeeded' }) }) })
    await flush()
    expect(github.list[0]?.body).toContain('0.2.0 is live')
    all.emit({ kind: 'plan', plan })
    all.emit({ kind: 'result', result: result({ command: 'plan', outcome: 'planned' }) })
    await flush()
    expect(github.list[0]?.body).toContain('echo-version in production: plan')
  })

  it('leaves out what changes nothing that it shows', async () => {
    const { all, flush, writes } = setUp()
    all.emit({ kind: 'phase', title: 'x' })
    all.emit({ kind: 'line', text: 'x' })
    all.emit({ kind: 'failure', failure: { kind: 'failed', code: 'x', message: 'y' } })
    all.emit({ kind: 'result', result: result({ outcome: 'unchanged', phase: 'none' }) })
    all.emit({ kind: 'result', result: result({ command: 'status', outcome: 'unchanged', record: record() }) })
    all.emit({ kind: 'result', result: result({ command: 'abort', outcome: 'unchanged', record: record() }) })
    await flush()
    expect(writes()).toEqual([])
  })
})

describe('a comment that cannot be written', () => {
  it('is given up without a token', async () => {
    const { tell, flush, reporter, writes } = setUp({ github: undefined })
    tell()
    expect(await flush()).toBe(true)
    expect(reporter.trouble).toBe('no token')
    expect(writes()).toEqual([])
  })

  it.each([
    [401, 'the token is not valid'],
    [403, 'grant `pull-requests: write`'],
    [404, 'the pull request was not found'],
    [422, 'GitHub refused it'],
  ])('is given up after %i', async (code, words) => {
    const { github, tell, flush, reporter } = setUp()
    github.fail = (call) => (call.startsWith('create') ? status(code) : undefined)
    for (const step of [0, 1, 2]) {
      tell({ step })
      expect(await flush()).toBe(true)
    }
    expect(reporter.trouble).toContain(words)
    expect(github.calls).toEqual(['list', 'own 0', 'create 5'])
    expect(reporter.url).toBeUndefined()
  })

  it.each([
    [status(500), 'GitHub answered 500'],
    [status(429), 'the rate limit is used up'],
    [status(403, 'API rate limit exceeded'), 'the rate limit is used up'],
    [new Error('socket hang up'), 'GitHub did not answer'],
    ['not even an error', 'GitHub did not answer'],
  ])('is tried again after %s, at the end until its time is over', async (error, words) => {
    const { clock, github, tell, flush, reporter, writes } = setUp()
    github.fail = (call) => (call.startsWith('create') ? error : undefined)
    tell()
    const started = clock.now()
    expect(await flush()).toBe(false)
    expect(clock.now() - started).toBe(20_000)
    expect(writes().length).toBeGreaterThan(3)
    expect(reporter.trouble).toContain(words)
    tell({ step: 1 })
    await clock.advance(15_000)
    github.fail = () => undefined
    expect(await flush()).toBe(true)
    expect(reporter.trouble).toBeUndefined()
    expect(github.list.map(({ body }) => /step \d of 4/.exec(body)?.[0])).toEqual(['step 2 of 4'])
  })

  it('is written at the end where an outage is shorter than that', async () => {
    const { clock, github, tell, flush, reporter } = setUp()
    const until = clock.now() + 8_000
    github.fail = () => (clock.now() < until ? status(502) : undefined)
    tell()
    expect(await flush()).toBe(true)
    expect(reporter.trouble).toBeUndefined()
    expect(github.list).toHaveLength(1)
  })

  it('never holds up the end of the run', async () => {
    const { clock, github, tell, reporter } = setUp()
    const started = clock.now()
    github.createComment = () => new Promise(() => undefined)
    tell()
    expect(await clock.run(reporter.flush(5_000))).toBe(false)
    expect(clock.now() - started).toBe(5_000)
    expect(reporter.trouble).toBe('GitHub did not answer in time')
  })
})

describe('whose rollout it is', () => {
  const SUPERSEDED = { at: at(33), kind: 'superseded', text: 'superseded by rollout 8 of commit fedcba9' } as const

  it('the next one has its own pull request from its first record on', async () => {
    const { tell, reporter, flush } = setUp({ source: source() })
    tell({ pullRequest: 5, timeline: [SUPERSEDED], phase: 'aborted' })
    await flush()
    expect(reporter.known).toEqual({ rollout: 7, commentId: 1, pullRequest: 5 })
    tell({ rollout: 8 })
    expect(reporter.known).toBeUndefined()
  })

  it.each(['before it was begun', 'while it is written'])(
    'the last word on a superseded one is not lost to a write that failed %s',
    async (when) => {
      const { clock, github, tell, flush } = setUp({ source: source() })
      github.pulls = [{ number: 6, state: 'open', merged: false, from: 'acme/shop' }]
      tell({ pullRequest: 5, phase: 'paused' })
      await flush()
      let failures = 2
      github.fail = (call) => (call.startsWith('update') && failures-- > 0 ? status(502) : undefined)
      tell({ pullRequest: 5, timeline: [SUPERSEDED], phase: 'aborted' })
      if (when === 'while it is written') await clock.advance(10_050)
      tell({ rollout: 8 })
      await flush()
      expect(github.list.map(({ pullRequest, body }) => [pullRequest, body.split('\n')[1]])).toEqual([
        [5, '### ⏭️ echo-version in production: 0.2.0 was superseded'],
        [6, expect.stringContaining('is on its way')],
      ])
    },
  )

  it('is not told by a run that only looks at it, nor for a killed one that another has gone on with', async () => {
    for (const completes of [false, true]) {
      const { all, flush, github, reporter } = setUp({ completes, source: source({ runId: '99', pullRequest: 99 }) })
      all.emit({ kind: 'record', record: record({ phase: 'paused' }) })
      all.emit({ kind: 'failure', failure: { kind: 'refused', code: 'x', message: 'y' } })
      all.emit({ kind: 'result', result: result({ command: 'status', outcome: 'unchanged', record: record() }) })
      expect(await flush()).toBe(true)
      expect([github.calls, reporter.known]).toEqual([[], undefined])
    }
  })

  it('is left where it was told of by a deploy from another pull request that finds nothing to do', async () => {
    const { all, flush, github, reporter } = setUp({ source: source({ runId: '99', pullRequest: 6 }) })
    const live = record({ phase: 'succeeded', pullRequest: 5 })
    all.emit({ kind: 'result', result: result({ outcome: 'unchanged', record: live }) })
    await flush()
    expect(github.calls).toEqual(['list', 'own 0', 'create 6'])
    expect(github.list[0]?.body).toContain('0.2.0 is live')
    expect(reporter.url).toBe('https://github.example/c/1')
  })

  it('keeps its comment and its commands when a plan comes on the same pull request', async () => {
    const { all, flush, github, notices } = setUp({ source: source({ runId: '99', pullRequest: 5 }) })
    all.emit({ kind: 'plan', plan })
    const waits = record({ phase: 'paused', pullRequest: 5 })
    all.emit({ kind: 'result', result: result({ command: 'plan', outcome: 'planned', record: waits }) })
    await flush()
    expect(github.calls).toEqual([])
    expect(notices).toEqual(['The comment on pull request 5 goes on showing rollout 7; this is in the job summary.'])
  })

  it.each([
    ['a promote', { command: 'promote', outcome: 'refused', phase: 'none' }],
    ['a run that found no cluster', { command: 'deploy', outcome: 'refused', phase: 'none' }],
    ['a deploy that leaves another one waiting', { command: 'deploy', outcome: 'unchanged', phase: 'paused' }],
  ] as const)('is not disturbed by the refusal of %s', async (who, change) => {
    const { all, flush, writes } = setUp({ source: source({ runId: '99', pullRequest: 5 }) })
    if (who.includes('no cluster'))
      all.emit({ kind: 'target', cluster: '', app: 'echo-version', namespace: 'shop', environment: 'production' })
    const rest = change.outcome === 'unchanged' ? { record: record({ phase: 'paused' }) } : {}
    all.emit({ kind: 'result', result: result({ ...change, ...rest }) })
    await flush()
    expect(writes()).toEqual([])
  })
})

describe('a comment of ours', () => {
  it('is not made a second time where another run has made one since ours was deleted', async () => {
    const { github, tell, flush } = setUp()
    tell()
    await flush()
    github.list = [comment(7, MARKER)]
    tell({ step: 1 })
    await flush()
    expect(github.calls.slice(3)).toEqual(['update 1', 'list', 'own 1', 'update 7'])
  })

  it('is not made a second time because GitHub could not say for a moment whose it is', async () => {
    const { github, tell, flush } = setUp()
    let failures = 1
    github.fail = (call) => (call.startsWith('own') && failures-- > 0 ? status(502) : undefined)
    github.list = [comment(1, MARKER, 'us', false)]
    tell()
    await flush()
    expect(github.list).toHaveLength(1)
    expect(github.list[0]?.body).toContain('is on its way')
  })
})

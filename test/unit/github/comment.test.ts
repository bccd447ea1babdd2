import { describe, expect, it } from 'vitest'
import type { CommentApi, IssueComment } from '../../../src/github/api.ts'
import { CommentReporter, type CommentReporterOptions } from '../../../src/github/comment.ts'
import { collector } from '../../../src/report/collector.ts'
import { commentMarker } from '../../../src/report/comment.ts'
import type { RolloutRecord } from '../../../src/rollout/record.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { plan, record, result, source, view } from '../report/views.ts'

const MARKER = commentMarker(view())

/** GitHub in memory: what it was told, and what it should fail with. */
class Memory implements CommentApi {
  list: IssueComment[] = []
  calls: string[] = []
  fail: (call: string) => unknown = () => undefined
  pulls: { number: number; state: 'open' | 'closed' }[] = []
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

  async *comments(): AsyncIterable<IssueComment> {
    await this.#call('list')
    yield* this.list
  }
  async comment(_repository: string, id: number): Promise<IssueComment> {
    await this.#call(`get ${id}`)
    return this.#find(id)
  }
  async createComment(_repository: string, pullRequest: number, body: string): Promise<IssueComment> {
    await this.#call(`create ${pullRequest}`)
    const made = comment(this.list.length + 1, body)
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
  async pullRequestsOf(_repository: string, sha: string): Promise<{ number: number; state: 'open' | 'closed' }[]> {
    await this.#call(`pulls ${sha.slice(0, 4)}`)
    return this.pulls
  }
  #find(id: number): IssueComment {
    const found = this.list.find((each) => each.id === id)
    if (found === undefined) throw Object.assign(new Error('Not Found'), { status: 404 })
    return found
  }
}

function comment(id: number, body: string, login = 'us', bot = true): IssueComment {
  return { id, nodeId: `n${id}`, body, url: `https://github.example/c/${id}`, author: { login, bot } }
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
    notice: (text) => void notices.push(text),
    ...change,
  })
  all.add(reporter)
  all.emit({ kind: 'target', cluster: 'eu-1', app: 'echo-version', namespace: 'shop', environment: 'production' })
  const tell = (change: Partial<RolloutRecord> = {}): void => all.emit({ kind: 'record', record: record(change) })
  const flush = (): Promise<void> => clock.run(reporter.flush())
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
    expect(github.list[0]?.body).toContain('step 2 of 5')
    expect([reporter.url, reporter.commentId, reporter.pullRequest]).toEqual(['https://github.example/c/1', 1, 5])
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
    ['on another pull request', { commentId: 2, pullRequest: 4 }, ['list', 'own 1', 'update 1']],
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
    expect(github.calls.slice(3)).toEqual(['update 1', 'create 5'])
  })

  it('looks up the pull request of the commit, an open one first', async () => {
    const { github, tell, flush } = setUp({ source: source() })
    github.pulls = [
      { number: 3, state: 'closed' },
      { number: 4, state: 'open' },
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
  it('is told once, without a token', async () => {
    const { tell, flush, notices, writes } = setUp({ github: undefined })
    tell()
    await flush()
    tell({ step: 1 })
    await flush()
    expect(notices).toEqual([
      'The pull request comment was not written: no token. The job summary has the same report.',
    ])
    expect(writes()).toEqual([])
  })

  it.each([
    [401, 'the token is not valid'],
    [403, 'grant `pull-requests: write`'],
    [404, 'the pull request was not found'],
    [422, 'GitHub refused it'],
  ])('is told once and given up after %i', async (code, words) => {
    const { github, tell, flush, notices, reporter } = setUp()
    github.fail = (call) => (call.startsWith('create') ? status(code) : undefined)
    for (const step of [0, 1, 2]) {
      tell({ step })
      await flush()
    }
    expect(notices).toHaveLength(1)
    expect(notices[0]).toContain(words)
    expect(github.calls).toEqual(['list', 'own 0', 'create 5'])
    expect(reporter.url).toBeUndefined()
  })

  it.each([
    [status(500), 'GitHub answered 500'],
    [status(429), 'the rate limit is used up'],
    [status(403, 'API rate limit exceeded'), 'the rate limit is used up'],
    [new Error('socket hang up'), 'GitHub did not answer'],
    ['not even an error', 'GitHub did not answer'],
  ])('is told once and tried again after %s', async (error, words) => {
    const { github, tell, flush, notices } = setUp()
    github.fail = (call) => (call.startsWith('create') ? error : undefined)
    tell()
    await flush()
    tell({ step: 1 })
    await flush()
    expect(notices).toHaveLength(1)
    expect(notices[0]).toContain(words)
    github.fail = () => undefined
    await flush()
    expect(github.list[0]?.body).toContain('step 2 of 5')
  })

  it('never holds up the end of the run', async () => {
    const { clock, github, tell, reporter } = setUp()
    const started = clock.now()
    github.createComment = () => new Promise(() => undefined)
    tell()
    await clock.run(reporter.flush(5_000))
    expect(clock.now() - started).toBe(5_000)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { statusOf } from '../../../src/github/api.ts'
import { CommentReporter } from '../../../src/github/comment.ts'
import { openGitHub } from '../../../src/github/github.ts'
import { findPullRequest, knownPullRequest } from '../../../src/github/pull-request.ts'
import { collector } from '../../../src/report/collector.ts'
import { commentMarker } from '../../../src/report/comment.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { type FakeGitHub, type StartOptions, startGitHub } from '../../github/server.ts'
import { at, record, source, timeline, view } from '../report/views.ts'

const servers: FakeGitHub[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function setUp(options: StartOptions = {}) {
  const server = await startGitHub({ token: 'secret', ...options })
  servers.push(server)
  const log: string[] = []
  const github = openGitHub({ token: 'secret', apiUrl: server.url, log: (text) => void log.push(text) })
  return { server, github, log }
}

const REPOSITORY = 'acme/shop'

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('GitHub', () => {
  it('asks nothing before it is asked', async () => {
    const { server } = await setUp()
    expect(server.requests()).toEqual([])
  })

  it('walks all pages of comments', async () => {
    const { server, github } = await setUp()
    for (let i = 0; i < 250; i++) server.addComment({ pullRequest: 5, body: `remark ${i}` })
    server.addComment({ pullRequest: 6, body: 'elsewhere' })
    const bodies = (await all(github.comments(REPOSITORY, 5))).map(({ body }) => body)
    expect(bodies).toHaveLength(250)
    expect(bodies.at(-1)).toBe('remark 249')
    expect(server.requests().map(({ path }) => path)).toEqual([
      '/repos/acme/shop/issues/5/comments?per_page=100',
      '/repositories/1/issues/5/comments?per_page=100&page=2',
      '/repositories/1/issues/5/comments?per_page=100&page=3',
    ])
  })

  it('writes, reads and rewrites', async () => {
    const { server, github } = await setUp()
    const made = await github.createComment(REPOSITORY, 5, 'one')
    const again = await github.updateComment(REPOSITORY, made.id, 'two')
    expect(await github.comment(REPOSITORY, made.id)).toEqual(again)
    expect(again).toMatchObject({ body: 'two', author: { login: 'github-actions[bot]', bot: true } })
    expect(server.comments(5).map(({ history }) => history)).toEqual([['one', 'two']])
  })

  it('knows its own comments that nobody minimised, in one request', async () => {
    const { server, github } = await setUp()
    const mine = await github.createComment(REPOSITORY, 5, 'mine')
    const hidden = server.addComment({ pullRequest: 5, body: 'hidden', login: 'github-actions[bot]' })
    server.addComment({ pullRequest: 5, body: 'foreign' })
    server.minimize(hidden.id)
    const listed = await all(github.comments(REPOSITORY, 5))
    expect(await github.own(listed)).toEqual([mine])
    expect(await github.own([])).toEqual([])
    expect(server.requests().filter(({ path }) => path === '/graphql')).toHaveLength(1)
  })

  it('finds the pull requests of a commit', async () => {
    const { github } = await setUp({ pullsOfCommit: { abc: [{ number: 3, state: 'closed' }, { number: 4 }] } })
    expect(await github.pullRequestsOf(REPOSITORY, 'abc')).toEqual([
      { number: 3, state: 'closed' },
      { number: 4, state: 'open' },
    ])
    expect(await github.pullRequestsOf(REPOSITORY, 'other')).toEqual([])
  })

  it('waits for a limit that lifts soon', async () => {
    const { server, github, log } = await setUp()
    const made = await github.createComment(REPOSITORY, 5, 'one')
    server.fail({
      status: 429,
      headers: { 'retry-after': '1' },
      message: 'You have exceeded a secondary rate limit',
      times: 1,
    })
    expect(await github.comment(REPOSITORY, made.id)).toEqual(made)
    expect(log.join('\n')).toContain('secondary rate limit of GitHub')
  })

  it('gives up on a limit that lifts late', async () => {
    const { server, github } = await setUp()
    server.fail({
      status: 403,
      headers: { 'retry-after': '3600' },
      message: 'You have exceeded a secondary rate limit',
    })
    const error = await github.comment(REPOSITORY, 1).catch((thrown: unknown) => thrown)
    expect(statusOf(error)).toBe(403)
    expect(server.requests()).toHaveLength(1)
  })

  it('does not create twice when the answer is lost', async () => {
    const { server, github } = await setUp()
    server.fail({ method: 'POST', status: 502, after: true, times: 1 })
    const error = await github.createComment(REPOSITORY, 5, 'one').catch((thrown: unknown) => thrown)
    expect(statusOf(error)).toBe(502)
    expect(server.comments()).toHaveLength(1)
  })

  it('fails without a status when nobody answers', async () => {
    const { server, github } = await setUp()
    server.fail({ method: 'POST', status: 0, drop: true })
    const error = await github.createComment(REPOSITORY, 5, 'one').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect(statusOf(undefined)).toBeUndefined()
  })
})

describe('the comment through octokit', () => {
  const target = {
    kind: 'target',
    cluster: 'eu-1',
    app: 'echo-version',
    namespace: 'shop',
    environment: 'production',
  } as const

  function report(github: ReturnType<typeof openGitHub>, from = source({ pullRequest: 5 })) {
    const notices: string[] = []
    const events = collector(systemClock)
    const reporter = new CommentReporter({
      github,
      source: from,
      view: events.view,
      clock: systemClock,
      notice: (text) => void notices.push(text),
    })
    events.add(reporter)
    events.emit(target)
    return { events, reporter, notices }
  }

  it('finds its own among 300 others and leaves a forged one alone', async () => {
    const { server, github } = await setUp()
    const body = `${commentMarker(view())}\nbefore`
    for (let i = 0; i < 280; i++) server.addComment({ pullRequest: 5, body: `remark ${i}` })
    const mine = server.addComment({ pullRequest: 5, body, login: 'github-actions[bot]', bot: true })
    const forged = server.addComment({ pullRequest: 5, body })
    for (let i = 0; i < 20; i++) server.addComment({ pullRequest: 5, body: `more ${i}` })
    const { events, reporter, notices } = report(github)
    events.emit({ kind: 'record', record: record({ phase: 'paused', step: 3 }) })
    await reporter.flush()
    expect(notices).toEqual([])
    expect(server.comments(5)).toHaveLength(302)
    expect(mine.body).toContain('waits for approval')
    expect(forged.body).toBe(body)
    expect(reporter.commentId).toBe(mine.id)
    expect(server.requests().length).toBeLessThanOrEqual(6)
  })

  it('of a rollout that another one takes the place of is told its end, and the other one has its own', async () => {
    const sha = 'fedcba9'.padEnd(40, '0')
    const { server, github } = await setUp({ pullsOfCommit: { [sha]: [{ number: 6, state: 'closed' }] } })
    const { events, reporter } = report(github, source({ sha }))
    const superseded = { at: at(33), kind: 'superseded', text: 'superseded by rollout 8 of commit fedcba9' }
    const old = { pullRequest: 5, timeline: timeline(2, superseded) }
    events.emit({ kind: 'record', record: record({ ...old, phase: 'aborting' }) })
    events.emit({ kind: 'record', record: record({ ...old, phase: 'aborted' }) })
    events.emit({ kind: 'record', record: record({ rollout: 8, source: source({ sha }) }) })
    await reporter.flush()
    expect(server.comments(5).map(({ body }) => body.split('\n')[1])).toEqual([
      '### ⏭️ echo-version in production: 0.2.0 was superseded',
    ])
    expect(server.comments(5)[0]?.body).toContain('superseded by rollout 8 of commit fedcba9')
    const [next] = server.comments(6)
    expect(next?.body).toContain('rollout 8')
    expect(reporter).toMatchObject({ pullRequest: 6, commentId: next?.id })
  })

  it.each<[string, StartOptions, string]>([
    ['a fork', { readOnly: true }, 'grant `pull-requests: write`'],
    ['a locked pull request', { locked: [5] }, 'grant `pull-requests: write`'],
    ['a pull request that is not there', { pulls: [6] }, 'the pull request was not found'],
    ['a token of somebody else', { token: 'other' }, 'the token is not valid'],
  ])('is one notice for %s', async (_name, options, words) => {
    const { server, github } = await setUp(options)
    const { events, reporter, notices } = report(github)
    events.emit({ kind: 'record', record: record() })
    await reporter.flush()
    events.emit({ kind: 'record', record: record({ step: 1 }) })
    await reporter.flush()
    expect(notices).toHaveLength(1)
    expect(notices[0]).toContain(words)
    expect(server.comments()).toEqual([])
  })
})

describe('which pull request', () => {
  const ofEvent = source({ pullRequest: 2 })
  const ofRecord = record({ pullRequest: 3 })

  it.each([
    ['what a person says', { input: 1, source: ofEvent, record: ofRecord }, 1],
    ['the event’s', { source: ofEvent, record: ofRecord }, 2],
    ['the record’s', { source: source(), record: ofRecord }, 3],
    ['the one of the run that started the rollout', { source: source(), record: record({ source: ofEvent }) }, 2],
    [
      'none of another repository’s record',
      { source: source(), record: { ...ofRecord, owner: 'other/repo' } },
      undefined,
    ],
    ['none that nobody knows', { source: source() }, undefined],
  ])('is %s', (_name, question, number) => {
    expect(knownPullRequest(question)).toBe(number)
  })

  it('is asked for by the commit of the release only when nobody knows', async () => {
    const { server, github } = await setUp({ pullsOfCommit: { abc: [{ number: 8, state: 'closed' }] } })
    const released = record({ release: { ...record().release, sha: 'abc' } })
    expect(await findPullRequest({ source: ofEvent }, github)).toBe(2)
    expect(await findPullRequest({ source: source({ repository: '' }) }, github)).toBeUndefined()
    expect(server.requests()).toEqual([])
    expect(await findPullRequest({ source: source(), record: released }, github)).toBe(8)
    expect(await findPullRequest({ source: source({ sha: 'def' }) }, github)).toBeUndefined()
    // A rollback brings back a commit whose pull request is long closed: its news belong to that of its own run.
    const back = { ...released, command: 'rollback' } as const
    expect(await findPullRequest({ source: source(), record: back }, github)).toBeUndefined()
  })
})

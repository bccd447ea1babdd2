import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { statusOf } from '../../../src/github/api.ts'
import { CommentReporter } from '../../../src/github/comment.ts'
import { openGitHub } from '../../../src/github/github.ts'
import { findPullRequest, ownPullRequest } from '../../../src/github/pull-request.ts'
import { collector } from '../../../src/report/collector.ts'
import { commentMarker } from '../../../src/report/comment.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { VirtualClock } from '../../emulator/clock.ts'
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
      { number: 3, state: 'closed', merged: false, from: REPOSITORY },
      { number: 4, state: 'open', merged: false, from: REPOSITORY },
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
    expect(statusOf(error)).toBeUndefined()
  })

  it.each(['is silent', 'drips'])(
    'gives up a request when the server %s',
    async (how) => {
      const open: ServerResponse[] = []
      const server = createServer((_request, response) => {
        open.push(response)
        if (how === 'drips') response.writeHead(200, { 'content-type': 'application/json' }).write('{')
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      const github = openGitHub({ token: 'secret', apiUrl: `http://127.0.0.1:${port}` })
      const started = Date.now()
      const error = await github.createComment(REPOSITORY, 5, 'one').catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Error)
      expect(statusOf(error)).toBeUndefined()
      expect(Date.now() - started).toBeLessThan(15_000)
      server.closeAllConnections()
      server.close()
    },
    20_000,
  )

  it.each(['<html>ok</html>', '', '[]', '{"id": "7"}'])(
    'takes %s for no comment, nor for a list without any',
    async (body) => {
      const server = createServer((_request, response) => {
        response.writeHead(200, { 'content-type': body.startsWith('<') ? 'text/html' : 'application/json' }).end(body)
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      const github = openGitHub({ token: 'secret', apiUrl: `http://127.0.0.1:${port}` })
      await expect(github.createComment(REPOSITORY, 5, 'one')).rejects.toThrow(
        body === '' ? 'broke off' : 'this is no comment',
      )
      const listed = Array.fromAsync(github.comments(REPOSITORY, 5))
      if (body === '[]') expect(await listed).toEqual([])
      else await expect(listed).rejects.toThrow()
      server.close()
    },
  )
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
      completes: false,
      looks: false,
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
    expect([notices, reporter.trouble]).toEqual([[], undefined])
    expect(server.comments(5)).toHaveLength(302)
    expect(mine.body).toContain('waits for approval')
    expect(forged.body).toBe(body)
    expect(reporter.known?.commentId).toBe(mine.id)
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
    expect(reporter.known).toEqual({ rollout: 8, pullRequest: 6, commentId: next?.id })
  })

  it.each<[string, StartOptions, string]>([
    ['a fork', { readOnly: true }, 'grant `pull-requests: write`'],
    ['a locked pull request', { locked: [5] }, 'grant `pull-requests: write`'],
    ['a pull request that is not there', { pulls: [6] }, 'the pull request was not found'],
    ['a token of somebody else', { token: 'other' }, 'the token is not valid'],
  ])('is given up for %s', async (_name, options, words) => {
    const { server, github } = await setUp(options)
    const { events, reporter } = report(github)
    events.emit({ kind: 'record', record: record() })
    await reporter.flush()
    events.emit({ kind: 'record', record: record({ step: 1 }) })
    await reporter.flush()
    expect(reporter.trouble).toContain(words)
    expect(server.comments()).toEqual([])
  })
})

describe('which pull request', () => {
  const ofEvent = source({ pullRequest: 2 })
  const ofRecord = record({ pullRequest: 3 })
  const nobody = source({ sha: '' })
  const superseded = record({
    pullRequest: 3,
    timeline: [{ at: at(1), kind: 'superseded', text: 'superseded by rollout 8' }],
  })

  it.each([
    ['what a person says', { input: 1, source: ofEvent, record: ofRecord }, 1],
    ['the record’s: a promote from elsewhere moves nothing', { source: ofEvent, record: ofRecord }, 3],
    [
      'its own for the one that is superseded, whatever is said of the next',
      { input: 1, source: ofEvent, record: superseded },
      3,
    ],
    ['the event’s', { source: ofEvent, record: record() }, 2],
    ['the one of the run that started the rollout', { source: nobody, record: record({ source: ofEvent }) }, 2],
    [
      'none of another repository’s record',
      { source: nobody, record: { ...ofRecord, release: { ...ofRecord.release }, owner: 'other/repo' } },
      undefined,
    ],
    ['none that nobody knows', { source: nobody }, undefined],
  ])('is %s', async (_name, question, number) => {
    const { github } = await setUp()
    expect(await findPullRequest(question, github)).toBe(number)
  })

  it.each([
    ['the merged one', [{ number: 3 }, { number: 4, state: 'closed', merged: true }], 4],
    ['one that was merged from a fork', [{ number: 4, state: 'closed', merged: true, from: 'stranger/shop' }], 4],
    [
      'never a stranger’s that only has the commit',
      [
        { number: 3, from: 'stranger/shop' },
        { number: 5, state: 'closed' },
      ],
      5,
    ],
    ['none where there is only a stranger’s', [{ number: 3, from: 'stranger/shop' }], undefined],
  ] as const)('of a commit is %s', async (_name, pulls, number) => {
    const { github } = await setUp({ pullsOfCommit: { abc: [...pulls] } })
    expect(await findPullRequest({ source: source({ sha: 'abc' }) }, github)).toBe(number)
  })

  it('is known before the rollout begins, within two seconds or not at all', async () => {
    const { github } = await setUp({ pullsOfCommit: { abc: [{ number: 8, state: 'closed', merged: true }] } })
    const clock = new VirtualClock()
    const pushed = source({ sha: 'abc' })
    expect(await ownPullRequest(github, pushed, undefined, systemClock)).toBe(8)
    expect(await ownPullRequest(github, pushed, 4, systemClock)).toBe(4)
    expect(await ownPullRequest(undefined, ofEvent, undefined, clock)).toBe(2)
    expect(await ownPullRequest(undefined, pushed, undefined, clock)).toBeUndefined()
    const silent = { ...github, pullRequestsOf: () => new Promise<never>(() => undefined) }
    const started = clock.now()
    expect(await clock.run(ownPullRequest(silent, pushed, undefined, clock))).toBeUndefined()
    expect(clock.now() - started).toBe(2_000)
    const failing = { ...github, pullRequestsOf: () => Promise.reject(new Error('no')) }
    expect(await clock.run(ownPullRequest(failing, pushed, undefined, clock))).toBeUndefined()
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

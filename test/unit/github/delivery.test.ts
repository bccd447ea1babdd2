import { afterEach, describe, expect, it } from 'vitest'
import { statusOf } from '../../../src/github/api.ts'
import { approversOf } from '../../../src/github/approvers.ts'
import { openGitHub } from '../../../src/github/github.ts'
import { githubReporters } from '../../../src/github/reporters.ts'
import { readSettings } from '../../../src/input/settings.ts'
import { collector } from '../../../src/report/collector.ts'
import type { RolloutRecord } from '../../../src/rollout/record.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { type FakeGitHub, type StartOptions, startGitHub } from '../../github/server.ts'
import { record, result, source } from '../report/views.ts'

const REPOSITORY = 'acme/shop'
const NEW = {
  sha: 'abc',
  task: 'deploy',
  environment: 'production',
  description: 'shop 2',
  payload: { app: 'shop', rollout: 2 },
} as const

const servers: FakeGitHub[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function setUp(options: StartOptions = {}) {
  const server = await startGitHub({ token: 'secret', ...options })
  servers.push(server)
  return { server, github: openGitHub({ token: 'secret', apiUrl: server.url }) }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('deployments through octokit', () => {
  it('are made without a merge and without waiting for checks, and listed with their last status', async () => {
    const { server, github } = await setUp()
    const id = await github.createDeployment(REPOSITORY, { ...NEW, transient: true, production: false })
    await github.addDeploymentStatus(REPOSITORY, id, { state: 'in_progress', description: 'x', logUrl: 'https://r/1' })
    expect(server.deployments()[0]?.input).toEqual({
      ref: 'abc',
      task: 'deploy',
      environment: 'production',
      description: 'shop 2',
      payload: { app: 'shop', rollout: 2 },
      auto_merge: false,
      required_contexts: [],
      transient_environment: true,
      production_environment: false,
    })
    expect(await all(github.deployments(REPOSITORY, 'production'))).toEqual([
      { id, sha: 'abc', creator: 'github-actions', payload: NEW.payload, state: 'in_progress', logUrl: 'https://r/1' },
    ])
  })

  it('leave GitHub’s defaults alone where nobody says what kind of environment it is', async () => {
    const { server, github } = await setUp()
    await github.createDeployment(REPOSITORY, NEW)
    expect(server.deployments()[0]?.input).not.toHaveProperty('transient_environment')
    expect(server.deployments()[0]?.input).not.toHaveProperty('production_environment')
  })

  it('do not end other apps of the environment by a success', async () => {
    const { server, github } = await setUp()
    const other = server.addDeployment({ environment: 'test', statuses: [{ state: 'success' }] })
    const id = await github.createDeployment(REPOSITORY, { ...NEW, environment: 'test' })
    await github.addDeploymentStatus(REPOSITORY, id, { state: 'success', description: '', environmentUrl: 'https://a' })
    expect(other.statuses).toEqual([{ state: 'success' }])
    expect(server.deployments()[1]?.statuses).toEqual([
      { state: 'success', description: '', auto_inactive: false, environment_url: 'https://a' },
    ])
  })

  it('are read page by page, newest first, as far as they are wanted', async () => {
    const { server, github } = await setUp()
    for (let i = 0; i < 150; i++) server.addDeployment({ payload: JSON.stringify(JSON.stringify({ i })) })
    server.addDeployment({ environment: 'test' })
    const [first] = await all(github.deployments(REPOSITORY, 'test'))
    expect(first).toMatchObject({ payload: '', creator: 'github-actions' })
    const listed = await all(github.deployments(REPOSITORY, 'production'))
    expect(listed.map(({ payload }) => payload)).toEqual(Array.from({ length: 150 }, (_, i) => ({ i: 149 - i })))
    expect(server.requests()).toHaveLength(3)
  })

  it('are refused by a status, by GraphQL as by REST', async () => {
    const { github } = await setUp({ denied: ['deployments', 'statuses'], missingCommits: ['gone'] })
    const status = { state: 'success', context: 'c', description: '' } as const
    expect(statusOf(await errorOf(all(github.deployments(REPOSITORY, 'production'))))).toBe(403)
    expect(statusOf(await errorOf(github.createDeployment(REPOSITORY, NEW)))).toBe(403)
    expect(statusOf(await errorOf(github.addCommitStatus(REPOSITORY, 'abc', status)))).toBe(403)
    expect(statusOf(await errorOf(github.addDeploymentStatus(REPOSITORY, 1, { ...status })))).toBe(404)
    const other = await setUp({ missingCommits: ['gone'] })
    expect(statusOf(await errorOf(other.github.createDeployment(REPOSITORY, { ...NEW, sha: 'gone' })))).toBe(422)
  })

  it('are not made twice when the answer is lost', async () => {
    const { server, github } = await setUp()
    server.fail({ method: 'POST', path: /deployments$/, status: 502, after: true, times: 1 })
    expect(statusOf(await errorOf(github.createDeployment(REPOSITORY, NEW)))).toBe(502)
    expect(server.deployments()).toHaveLength(1)
  })

  it('are written after a limit that lifts soon, and given up on one that lifts late', async () => {
    const { server, github } = await setUp()
    const { id } = server.addDeployment({})
    const limit = (seconds: string) => ({
      status: 403,
      headers: { 'retry-after': seconds },
      message: 'You have exceeded a secondary rate limit',
      times: 1,
    })
    const status = { state: 'success', description: '' } as const
    server.fail(limit('1'))
    await github.addDeploymentStatus(REPOSITORY, id, status)
    expect(server.deployments()[0]?.statuses).toHaveLength(1)
    server.fail(limit('3600'))
    expect(statusOf(await errorOf(github.addDeploymentStatus(REPOSITORY, id, status)))).toBe(403)
  })
})

describe('who approved', () => {
  const run = source({ runId: '77' })
  const approvals = {
    '77': [
      { state: 'approved', login: 'bob', environments: ['production'] },
      { state: 'rejected', login: 'mallory', environments: ['production'] },
      { state: 'approved', login: 'carol', environments: ['operations'] },
      { state: 'approved', login: 'bob', environments: ['production'] },
    ],
  } satisfies StartOptions['approvals']

  it('is who approved the job of the environment, each once', async () => {
    const { server, github } = await setUp({ approvals })
    expect(await approversOf(github, run, 'production', systemClock)).toEqual(['bob'])
    expect(await approversOf(github, run, 'elsewhere', systemClock)).toEqual(['bob', 'carol'])
    expect(await approversOf(github, run, undefined, systemClock)).toEqual(['bob', 'carol'])
    expect(server.requests()).toHaveLength(3)
  })

  it('is nobody where nobody had to, where it may not be asked, and without a run', async () => {
    const { server, github } = await setUp({ approvals, denied: ['actions'] })
    expect(await approversOf(github, run, 'production', systemClock)).toEqual([])
    expect(server.requests()).toHaveLength(1)
    expect(await approversOf(undefined, run, 'production', systemClock)).toEqual([])
    expect(await approversOf(github, source({ runId: '' }), 'production', systemClock)).toEqual([])
    expect(server.requests()).toHaveLength(1)
    const other = await setUp({ approvals })
    expect(await approversOf(other.github, source({ runId: '78' }), 'production', systemClock)).toEqual([])
  })

  it('never holds a promote up for long', async () => {
    const clock = new VirtualClock()
    const started = clock.now()
    const silent = { approvals: () => new Promise<never>(() => undefined) }
    expect(await clock.run(approversOf(silent, run, 'production', clock))).toEqual([])
    expect(clock.now() - started).toBe(2_000)
  })
})

describe('all that GitHub is told', () => {
  /** On a pull request in production, with every report there is. */
  async function rollout(options: StartOptions, ...phases: Partial<RolloutRecord>[]) {
    const { server } = await setUp(options)
    const { settings } = readSettings({ command: 'deploy', app: 'echo-version', manifests: 'k8s', strategy: 'canary' })
    const said: string[] = []
    const events = collector(systemClock)
    const github = githubReporters({
      settings,
      source: source({ pullRequest: 5 }),
      apiUrl: server.url,
      githubToken: 'secret',
      view: events.view,
      clock: systemClock,
      completes: false,
      known: () => undefined,
      say: (text, level) => void (level === 'info' && said.push(text)),
    })
    for (const reporter of github.reporters) events.add(reporter)
    events.emit({ kind: 'target', cluster: 'eu-1', app: 'echo-version', namespace: 'shop' })
    for (const phase of phases)
      events.emit({ kind: 'record', record: record({ environment: 'production', commitStatus: true, ...phase }) })
    events.emit({ kind: 'result', result: result() })
    const told = await github.flush(20_000)
    return { server, said, told, known: github.known() }
  }

  it('goes to an enterprise server alike, GraphQL beside the REST API', async () => {
    const { server, said, known, told } = await rollout({ basePath: '/api/v3' }, {}, { phase: 'succeeded' })
    expect(server.url.endsWith('/api/v3')).toBe(true)
    expect(said).toEqual([])
    expect(told).toBe(true)
    expect(server.requests().map(({ path }) => path)).toContain('/graphql')
    expect(server.requests().filter(({ path, status }) => path.startsWith('/outside') || status >= 300)).toEqual([])
    expect(server.deployments().map(({ statuses }) => statuses.map(({ state }) => state))).toEqual([['success']])
    expect(server.statuses().map(({ state }) => state)).toEqual(['success'])
    expect(known).toMatchObject({
      comment: { rollout: 7, pullRequest: 5, commentId: expect.any(Number) as number },
      deployment: { rollout: 7 },
    })
  }, 30_000)

  it('is one notice for a token that may only read', async () => {
    const { server, said, told } = await rollout({ readOnly: true }, {}, { phase: 'succeeded' })
    expect(said).toEqual([
      expect.stringMatching(
        /^Not written to GitHub: pull request comment \(.*pull-requests: write.*\); GitHub deployment \(.*deployments: write`\); commit status \(.*statuses: write`\)\. The job summary has the same report\.$/,
      ),
    ])
    expect(told).toBe(true)
    expect(server.requests().filter(({ method, path }) => method === 'POST' && path !== '/graphql')).toHaveLength(3)
  }, 30_000)

  it('is one notice with one reason where the reason is one', async () => {
    const { said, told } = await rollout({ token: 'another' }, {}, { phase: 'succeeded' })
    expect(said).toEqual([
      'Not written to GitHub: pull request comment, GitHub deployment and commit status (the token is not valid (any more)). The job summary has the same report.',
    ])
    expect(told).toBe(true)
  }, 30_000)
})

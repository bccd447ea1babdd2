import { describe, expect, it } from 'vitest'
import type { CommentApi, IssueComment } from '../../src/github/api.ts'
import { CommentReporter } from '../../src/github/comment.ts'
import { CommitStatusReporter } from '../../src/github/commit-status.ts'
import { DeploymentReporter } from '../../src/github/deployments.ts'
import { collector } from '../../src/report/collector.ts'
import type { Command, RunSource } from '../../src/rollout/settings.ts'
import { MemoryDeliveries } from '../github/memory.ts'
import { bringing, cancelAfter, canaryOf, running, V2, V3 } from './given.ts'
import { type Ran, type RunOptions, SOURCE, type World } from './world.ts'

const SHOWN = { environment: 'production', commitStatus: true } as const

/** One comment, and how often it was asked for or written. */
class OneComment implements CommentApi {
  calls = 0
  #comment: IssueComment | undefined

  async *comments(): AsyncIterable<IssueComment> {
    this.calls++
    if (this.#comment !== undefined) yield this.#comment
  }
  async comment(): Promise<IssueComment> {
    this.calls++
    return this.#comment ?? this.createComment('', 1, '')
  }
  async createComment(_repository: string, _pullRequest: number, body: string): Promise<IssueComment> {
    this.calls++
    this.#comment = {
      id: 1,
      nodeId: 'n',
      body,
      url: 'https://github.test/c/1',
      pullRequest: 5,
      author: { login: 'us', bot: true },
    }
    return this.#comment
  }
  async updateComment(_repository: string, _id: number, body: string): Promise<IssueComment> {
    return this.createComment('', 1, body)
  }
  async own(comments: readonly IssueComment[]): Promise<IssueComment[]> {
    this.calls++
    return [...comments]
  }
  async pullRequestsOf(): Promise<[]> {
    this.calls++
    return []
  }
  get body(): string {
    return this.#comment?.body ?? ''
  }
}

/** A cluster, and GitHub as runs of Headgate tell it of that. */
class Told {
  readonly world: World
  readonly github: MemoryDeliveries
  readonly comment = new OneComment()
  #run = 100

  constructor(world: World) {
    this.world = world
    this.github = new MemoryDeliveries(world.clock)
  }

  /** One run with all reporters; `sha` is its own commit. */
  run(command: Command, options: RunOptions = {}, sha = `${this.#run}`.padEnd(40, '0')): Promise<Ran> {
    this.#run++
    return this.attempt(1, command, options, sha)
  }

  /** The last run again, as its second or later attempt. */
  async attempt(attempt: number, command: Command, options: RunOptions, sha: string): Promise<Ran> {
    const { world } = this
    const source: RunSource = { ...SOURCE, runId: String(this.#run), attempt, sha, pullRequest: 5 }
    const common = { source, clock: world.clock, completes: false }
    const events = collector(world.clock)
    const deployment = new DeploymentReporter({
      ...common,
      github: this.github,
      cluster: () => 'emulator',
      debug: () => undefined,
      known: () => undefined,
    })
    const comment = new CommentReporter({
      ...common,
      github: this.comment,
      view: events.view,
      looks: false,
      notice: () => undefined,
    })
    const status = new CommitStatusReporter({ ...common, github: this.github, commentUrl: () => comment.url })
    for (const each of [comment, deployment, status]) events.add(each)
    const ran = await world.run(command, {
      ...options,
      source,
      onEvent: (event) => events.emit(event),
      onGitHub: () => ({
        ...(comment.known === undefined ? {} : { comment: comment.known }),
        ...(deployment.deployment === undefined ? {} : { deployment: deployment.deployment }),
      }),
    })
    await world.clock.run(Promise.all([comment.flush(), deployment.flush(), status.flush()]))
    return ran
  }

  /** Last states of all deployments, oldest first. */
  get states(): (string | undefined)[] {
    return this.github.list.map(({ state }) => state)
  }

  /** First letters of their commits. */
  get shas(): string[] {
    return this.github.list.map(({ made }) => made?.sha.slice(0, 1) ?? '')
  }
}

async function told(): Promise<Told> {
  return new Told(await running())
}

const canary = (version: string, more: RunOptions = {}): RunOptions => canaryOf(version, { ...SHOWN, ...more })

const HALF_A_MINUTE = 30_000

describe('what GitHub shows', () => {
  it('follows a rollout over several runs, until the next one takes its place', async () => {
    const given = await told()
    await given.run('deploy', canary(V2), 'a'.repeat(40))
    expect(given.states).toEqual(['pending'])
    expect(given.world.record?.githubDeployment).toBe(1)
    await given.run('promote', { rollout: 1 }, 'b'.repeat(40))
    expect(given.states).toEqual(['success'])
    await given.run('deploy', bringing(V3, SHOWN), 'c'.repeat(40))
    expect(given.states).toEqual(['inactive', 'success'])
    expect(given.shas).toEqual(['a', 'c'])
    const commits = given.github.commits.map(({ sha, state }) => `${sha.slice(0, 1)} ${state}`)
    expect(commits).toEqual(['a pending', 'a pending', 'a pending', 'a success', 'c pending', 'c success'])
  })

  it('is the commit that a rollback brings back', async () => {
    const given = await told()
    await given.run('deploy', bringing(V2, SHOWN), 'a'.repeat(40))
    await given.run('deploy', bringing(V3, SHOWN), 'b'.repeat(40))
    await given.run('rollback', {}, 'c'.repeat(40))
    expect(given.states).toEqual(['inactive', 'inactive', 'success'])
    expect(given.shas).toEqual(['a', 'b', 'a'])
    expect(given.github.list[2]?.made).toMatchObject({ task: 'rollback', environment: 'production' })
    const last = given.github.commits.slice(-2).map(({ sha, state }) => [sha.slice(0, 1), state])
    expect(last).toEqual([
      ['a', 'success'],
      ['b', 'failure'],
    ])
  })

  it('is a rollout that was superseded as inactive', async () => {
    const given = await told()
    await given.run('deploy', canary(V2))
    await given.run('deploy', canary(V3))
    expect(given.states).toEqual(['inactive', 'pending'])
    expect(given.github.list[0]?.statuses.at(-1)?.description).toMatch(/^superseded by rollout 2 of commit [0-9a-f]{7}/)
    // Each record names its own, if GitHub was quick enough for the last line of the record.
    expect(given.world.record?.rollout).toBe(2)
    expect(given.world.record?.githubDeployment).not.toBe(1)
  })

  it('is who aborted it', async () => {
    const given = await told()
    await given.run('deploy', canary(V2))
    await given.run('abort', { approvers: ['bob'] })
    expect(given.states).toEqual(['inactive'])
    expect(given.github.list[0]?.statuses.at(-1)?.description).toBe('aborted by octocat, approved by bob')
  })

  it('is a failure once a broken release is undone', async () => {
    const given = await told()
    given.world.emulator.setBehaviour(`gihyodocker/echo-version:${V2}`, {
      neverReady: true,
      crashAfterMs: 300,
      exitCode: 3,
    })
    await given.run('deploy', canary(V2))
    expect(given.states).toEqual(['failure'])
  })

  it('is a failure where it was stopped, in progress again when it is retried', async () => {
    const given = await told()
    const plan = '50%, wait 5m'
    await given.run('deploy', canary(V2, { plan, cancel: cancelAfter(given.world, HALF_A_MINUTE) }))
    expect(given.states).toEqual(['failure'])
    await given.run('deploy', canary(V2, { plan }))
    expect(given.github.statesOf(1)).toEqual(['in_progress', 'failure', 'in_progress', 'success'])
  })

  it('is inactive where a cancel took it back', async () => {
    const given = await told()
    const cancel = cancelAfter(given.world, HALF_A_MINUTE)
    await given.run('deploy', canary(V2, { plan: '50%, wait 5m', onCancel: 'abort', cancel }))
    expect(given.world.record?.phase).toBe('aborted')
    expect(given.states).toEqual(['inactive'])
  })

  it('is an error where going back met a cluster that did not take it', async () => {
    const given = await told()
    await given.run('deploy', canary(V2))
    const allow = given.world.emulator.onRequest({
      before: ({ method, path }) =>
        method === 'PATCH' && path.includes('/deployments/') ? { kind: 'answer', status: 403 } : undefined,
    })
    await given.run('abort')
    expect(given.states).toEqual(['error'])
    allow()
    await given.run('abort')
    expect(given.states).toEqual(['failure'])
  })

  it('is mended by a re-run where GitHub was away at the end', async () => {
    const given = await told()
    await given.run('deploy', bringing(V2, SHOWN), 'a'.repeat(40))
    given.github.fail = (call) => (call.includes('success') ? new Error('away') : undefined)
    await given.run('deploy', bringing(V3, SHOWN), 'b'.repeat(40))
    expect(given.states).toEqual(['success', 'in_progress'])
    given.github.fail = () => undefined
    const again = await given.attempt(2, 'deploy', bringing(V3, SHOWN), 'b'.repeat(40))
    expect(again.result?.outcome).toBe('unchanged')
    expect(given.states).toEqual(['inactive', 'success'])
    expect(given.github.commits.at(-1)).toMatchObject({ sha: 'b'.repeat(40), state: 'success' })
  })

  it('is untouched by refusals, looks, plans and deploys of what is live', async () => {
    const given = await told()
    await given.run('deploy', bringing(V2, SHOWN))
    const { length } = given.github.calls
    await given.run('deploy', bringing(V2, SHOWN))
    await given.run('promote')
    await given.run('abort')
    await given.run('plan', canary(V3))
    expect(given.github.calls).toHaveLength(length)
  })

  it('takes at most 30 requests for a rollout of ten steps', async () => {
    const given = await told()
    await given.run('deploy', bringing(V2, SHOWN))
    const before = given.github.calls.length + given.comment.calls
    const plan = '33%, wait 1m, 34%, wait 1m, 66%, wait 1m, 67%, wait 1m, 99%, wait 1m'
    const { result } = await given.run('deploy', canary(V3, { plan }))
    expect(result?.outcome).toBe('succeeded')
    expect(result?.record?.steps).toHaveLength(10)
    expect(given.github.calls.length + given.comment.calls - before).toBeLessThanOrEqual(30)
  })
})

describe('who is behind a rollout', () => {
  it('is told in timeline and comment, and nobody is mentioned', async () => {
    const given = await told()
    await given.run('deploy', canary(V2, { approvers: ['nobody-asked'] }))
    expect(given.world.record?.timeline.map(({ text }) => text).join()).not.toContain('nobody-asked')
    await given.run('promote', { approvers: ['bob', 'carol_x[bot]'] })
    const entry = given.world.record?.timeline.find(({ kind }) => kind === 'approved')
    expect(entry?.text).toBe('promoted by octocat, approved by bob and carol_x[bot]')
    expect(given.comment.body).toContain('promoted by octocat, approved by bob and carol\\_x\\[bot\\]')
    expect(given.comment.body).not.toMatch(/@(bob|octocat|carol)/)
  })

  it('is the actor alone where nobody had to approve', async () => {
    const given = await told()
    await given.run('deploy', canary(V2))
    await given.run('promote')
    expect(given.comment.body).toContain('**Done:** promoted by octocat\n')
  })

  it('is told of a rollback', async () => {
    const given = await told()
    await given.run('deploy', bringing(V2, SHOWN))
    await given.run('deploy', bringing(V3, SHOWN))
    await given.run('rollback', { approvers: ['bob'] })
    expect(given.comment.body).toMatch(/rollback of release [0-9a-f]{10} by octocat, approved by bob/)
  })
})

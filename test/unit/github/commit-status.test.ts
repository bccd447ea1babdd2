import { describe, expect, it } from 'vitest'
import { CommitStatusReporter, type CommitStatusReporterOptions } from '../../../src/github/commit-status.ts'
import { collector } from '../../../src/report/collector.ts'
import type { RolloutRecord } from '../../../src/rollout/record.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { failure, MemoryDeliveries } from '../../github/memory.ts'
import { pullFailure, record, source } from '../report/views.ts'

const SHA = 'abc0'.padEnd(40, '0')

function setUp(change: Partial<CommitStatusReporterOptions> = {}) {
  const clock = new VirtualClock()
  const github = new MemoryDeliveries(clock)
  const all = collector(clock)
  const reporter = new CommitStatusReporter({
    github,
    source: source({ sha: 'f'.repeat(40) }),
    commentUrl: () => undefined,
    clock,
    completes: false,
    ...change,
  })
  all.add(reporter)
  const say = async (...phases: Partial<RolloutRecord>[]): Promise<void> => {
    for (const each of phases) {
      const release = { ...record().release, sha: SHA }
      all.emit({ kind: 'record', record: record({ commitStatus: true, release, ...each }) })
      await clock.run(reporter.flush())
    }
    await clock.run(reporter.flush())
  }
  const states = (): string[] => github.commits.map(({ state }) => state)
  return { github, all, reporter, say, states }
}

describe('the commit status', () => {
  it('is written only where it is asked for', async () => {
    const { github, all, say } = setUp()
    all.emit({ kind: 'record', record: record({ environment: 'production' }) })
    await say()
    expect(github.calls).toEqual([])
  })

  it('tells pending and success on the commit of the rollout, one context per environment and app', async () => {
    const { github, say } = setUp()
    await say({ environment: 'production' }, { environment: 'production', phase: 'succeeded' })
    expect(github.commits).toEqual([
      {
        sha: SHA,
        state: 'pending',
        context: 'headgate/production/echo-version',
        description: '0.2.0 comes in by canary',
        targetUrl: 'https://github.example/acme/shop/actions/runs/4711',
      },
      expect.objectContaining({ sha: SHA, state: 'success', description: '0.2.0: the new version serves alone' }),
    ])
  })

  it('has no environment in its context where there is none', async () => {
    const { github, say } = setUp()
    await say({})
    expect(github.commits[0]?.context).toBe('headgate/echo-version')
  })

  it('leads to the comment once it is there', async () => {
    const { github, say } = setUp({ commentUrl: () => 'https://github.example/c/1' })
    await say({})
    expect(github.commits[0]?.targetUrl).toBe('https://github.example/c/1')
  })

  it.each<[string, Partial<RolloutRecord>, string]>([
    ['paused', { phase: 'paused', reason: 'waits for approval' }, 'pending'],
    ['undone', { phase: 'aborted', failure: pullFailure }, 'failure'],
    ['stopped', { phase: 'stopped', failure: pullFailure }, 'failure'],
    ['aborted by a person', { phase: 'aborted' }, 'failure'],
    ['in no safe state', { phase: 'failed', failure: pullFailure }, 'error'],
  ])('lets nothing pass that is %s', async (_name, end, state) => {
    const { say, states } = setUp()
    await say({}, end)
    expect(states()).toEqual(['pending', state])
  })

  it('of a commit that was rolled back is a success no more', async () => {
    const { github, say } = setUp()
    const previous = { digest: 'b'.repeat(64), rollout: 6, images: [], sha: 'b'.repeat(40) }
    await say({ command: 'rollback', previous }, { command: 'rollback', phase: 'succeeded', previous })
    expect(github.commits.map(({ sha, state, description }) => [sha.slice(0, 1), state, description])).toEqual([
      [SHA.slice(0, 1), 'pending', expect.any(String)],
      [SHA.slice(0, 1), 'success', expect.any(String)],
      ['b', 'failure', 'rolled back by rollout 7'],
    ])
  })

  it('is told by the post step of a run that was killed', async () => {
    const { say, states } = setUp({ completes: true, source: source() })
    await say({})
    expect(states()).toEqual(['error'])
  })

  it('is given up without the right', async () => {
    const { github, say, reporter } = setUp()
    github.fail = () => failure(403)
    await say({}, { phase: 'succeeded' })
    expect(reporter.trouble).toBe('the token may not write there; grant `statuses: write`')
    expect(github.calls).toEqual(['commit pending'])
  })
})

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Run } from '../cluster/e2e/runner.ts'
import { Place, PULL_REQUEST } from './place.ts'

const TOKEN = { 'github-token': 'gh-token' }
/** What the end of a run may cost when GitHub is away: twenty seconds, and one answer that is waited for. */
const LONGEST_MS = 40_000

/** Fails where the process does not end by itself. */
async function ended(run: Run) {
  const timer = setTimeout(() => run.kill('SIGKILL'), LONGEST_MS)
  const done = await run.done
  clearTimeout(timer)
  expect(done.signal, done.log).toBeNull()
  return done
}

describe.concurrent('the bundled action where GitHub takes a request and never answers', () => {
  it.each([
    ['lists no comments', 'GET', /comments/],
    ['makes no comment', 'POST', /comments/],
    ['answers nothing at all', undefined, undefined],
  ])(
    '%s: run and post step end, and the rollout has succeeded',
    async (_name, method, path) => {
      const place = new Place()
      await place.open()
      await place.given('hang')
      const fault = { ...(method === undefined ? {} : { method }), ...(path === undefined ? {} : { path }) }
      place.github.fail({ ...fault, status: 0, hang: true })
      const inputs = { environment: 'production', 'commit-status': 'true' }
      const done = await ended(place.deploy('hang', '0.2.0', inputs))
      expect(done.exitCode, done.log).toBe(0)
      expect(done.log.match(/Not written to GitHub: /g)).toHaveLength(1)
      expect(done.log).toMatch(/pull request comment.*GitHub did not answer/)
      const all = { command: 'deploy', namespace: 'hang', ...TOKEN, ...inputs }
      expect((await ended(place.workspace.post(all, done, place.options))).exitCode).toBe(0)
      // The post step says what the run could not, once GitHub is back.
      place.github.heal()
      expect((await ended(place.workspace.post(all, done, place.options))).exitCode).toBe(0)
      expect(place.comment).toContain('0.2.0 is live')
      await place.close()
    },
    150_000,
  )
})

describe('the bundled action on a runner in trouble', () => {
  const place = new Place()
  beforeAll(() => place.open())
  afterAll(() => place.close())

  it.each([
    ['no file for the summary', { GITHUB_STEP_SUMMARY: '' }, 'job summary'],
    ['a summary that is not there', { GITHUB_STEP_SUMMARY: '/nowhere/summary' }, 'job summary'],
    ['a summary on a full disk', { GITHUB_STEP_SUMMARY: '/dev/full' }, 'job summary'],
    ['outputs that are not there', { GITHUB_OUTPUT: '/nowhere/output' }, 'output outcome'],
    ['a state that is not there', { GITHUB_STATE: '/nowhere/state' }, 'state'],
  ])('%s: the rollout has succeeded all the same, and one line says so', async (_name, env, what) => {
    const namespace = `trouble-${Object.keys(env)[0]?.toLowerCase().replaceAll('_', '-')}-${String(Object.values(env)[0]).length}`
    await place.given(namespace)
    const deploy = place.deploy(namespace, '0.2.0', { comment: 'auto' }, env)
    const done = await ended(deploy)
    expect(done.exitCode, done.log).toBe(0)
    expect(done.log).toContain('SUCCEEDED')
    expect(done.log).toContain(`The ${what} was not written:`)
    expect(done.log).not.toContain('::error')
  })

  it('killed, and the cluster gone: no comment says that nothing was touched', async () => {
    await place.given('half')
    const run = place.deploy('half', '0.2.0', { strategy: 'canary', steps: '50%, wait 1h' })
    await run.says(/Step 2 of 2/)
    run.kill('SIGKILL')
    const dead = await run.done
    const before = place.github.comments().length
    const inputs = { command: 'deploy', namespace: 'half', kubeconfig: 'nowhere', ...TOKEN }
    await ended(place.workspace.post(inputs, dead, place.options))
    expect(place.github.comments()).toHaveLength(before)
    // With the cluster there it says what is true.
    await ended(place.workspace.post({ ...inputs, kubeconfig: '' }, dead, place.options))
    expect(place.comment).toContain('its run ended early, step 2 of 2')
    expect(place.comment).toMatch(/Without Headgate: back to 0\.1\.0 with kubectl[^]*kubectl -n half get configmap/)
  })

  it('the record knows the pull request from the start, however slow the comment is', async () => {
    await place.given('known')
    place.github.fail({ path: /comments/, status: 502 })
    const push = { strategy: 'canary', steps: '50%, approve' }
    const { exitCode, log } = await ended(place.deploy('known', '0.2.0', push))
    place.github.heal()
    expect(exitCode, log).toBe(0)
    const looked = await place.workspace.action({ command: 'status', namespace: 'known' }, place.options).done
    expect(JSON.parse(readFileSync(looked.outputs['report'] ?? '', 'utf8'))).toMatchObject({
      rollout: { pullRequest: PULL_REQUEST },
    })
  }, 60_000)

  it('a look from another pull request leaves that one alone', async () => {
    await place.given('look')
    const canary = { strategy: 'canary', steps: '50%, approve' }
    const { exitCode, log } = await place.deploy('look', '0.2.0', canary).done
    expect(exitCode, log).toBe(0)
    const before = place.github.requests().length
    const options = { ...place.options, event: { issue: { number: PULL_REQUEST, pull_request: {} } } }
    await ended(place.workspace.action({ command: 'status', namespace: 'look', ...TOKEN }, options))
    expect(place.github.requests()).toHaveLength(before)
  })
})

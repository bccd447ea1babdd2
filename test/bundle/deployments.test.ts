import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Place } from './place.ts'

const PROMOTING = 700_002
/** The runner sends SIGTERM after this and kills soon after. */
const KILLED_AFTER_MS = 7_500
const SHA = 'a'.repeat(40)
const SHOWN = {
  environment: 'production',
  'environment-url': 'https://shop.example',
  'commit-status': 'true',
  comment: 'never',
}

describe('the bundled action in an environment', () => {
  const place = new Place()
  beforeAll(() =>
    place.open({
      approvals: { [PROMOTING]: [{ state: 'approved', login: 'bob', environments: ['production'] }] },
    }),
  )
  afterAll(() => place.close())

  const deploymentOf = (namespace: string) =>
    place.github.deployments().findLast(({ payload }) => (payload as { namespace: string }).namespace === namespace)
  /** States of the newest deployment of an app, oldest first. */
  const states = (namespace: string): unknown[] => deploymentOf(namespace)?.statuses.map(({ state }) => state) ?? []

  it('keeps one deployment over two runs, names the reviewer, and ends the one before', async () => {
    await place.given('shown')
    const before = place.github.addDeployment({
      payload: { app: 'echo-version', rollout: 1, cluster: 'emulator', namespace: 'shown' },
      statuses: [{ state: 'success' }],
    })
    const canary = { ...SHOWN, strategy: 'canary', steps: '50%, approve' }
    const deployed = await place.deploy('shown', '0.2.0', canary).done
    expect(deployed.exitCode, deployed.log).toBe(0)
    expect(states('shown')).toEqual(['in_progress', 'pending'])

    const inputs = {
      command: 'promote',
      namespace: 'shown',
      rollout: '2',
      'github-token': 'gh-token',
      comment: 'never',
    }
    const env = { ...place.options.env, GITHUB_SHA: SHA }
    const promoted = await place.workspace.action(inputs, { ...place.options, env, runId: PROMOTING }).done
    expect(promoted.exitCode, promoted.log).toBe(0)
    expect(promoted.log).not.toContain('was not written')
    expect(promoted.summary).toContain('promoted by tester, approved by bob')
    const made = deploymentOf('shown')
    expect(made).toMatchObject({ task: 'deploy', production: true, payload: { app: 'echo-version', rollout: 2 } })
    expect(made?.sha).not.toBe(SHA)
    expect(states('shown')).toEqual(['in_progress', 'pending', 'in_progress', 'success'])
    expect(made?.statuses.at(-1)).toMatchObject({
      environment_url: 'https://shop.example',
      log_url: `https://github.com/shop/echo-version/actions/runs/${PROMOTING}/attempts/1`,
    })
    expect(before.statuses.map(({ state }) => state)).toEqual(['success', 'inactive'])
    const commits = place.github.statuses()
    expect(new Set(commits.map(({ context }) => context))).toEqual(new Set(['headgate/production/echo-version']))
    expect(commits.at(-1)).toMatchObject({ sha: made?.sha, state: 'success' })
  })

  it('killed in the middle: the post step ends what GitHub shows as in progress', async () => {
    await place.given('killed')
    const run = place.deploy('killed', '0.2.0', { ...SHOWN, strategy: 'canary', steps: '50%, wait 1h' })
    await run.says(/Step 2 of 2/)
    await seen(() => states('killed').includes('in_progress'))
    run.kill('SIGKILL')
    const ended = await run.done
    const inputs = { command: 'deploy', namespace: 'killed', 'github-token': 'gh-token', ...SHOWN }
    const post = await place.workspace.post(inputs, ended, place.options).done
    expect(post.exitCode, post.log).toBe(0)
    expect(post.summary).toContain('0.2.0 is half-way in, its run ended early, step 2 of 2')
    expect(states('killed')).toEqual(['in_progress', 'error'])
    expect(place.github.statuses().at(-1)).toMatchObject({ state: 'error' })
  })

  it('killed, and the cluster gone as well: it is an error all the same', async () => {
    await place.given('gone')
    const run = place.deploy('gone', '0.2.0', { ...SHOWN, strategy: 'canary', steps: '50%, wait 1h' })
    await run.says(/Step 2 of 2/)
    await seen(() => states('gone').includes('in_progress'))
    run.kill('SIGKILL')
    const ended = await run.done
    const inputs = { command: 'deploy', namespace: 'gone', 'github-token': 'gh-token', kubeconfig: 'nowhere', ...SHOWN }
    const post = await place.workspace.post(inputs, ended, place.options).done
    expect(post.exitCode, post.log).toBe(0)
    expect(post.summary).toContain('the run ended early, and the cluster does not say how far it came')
    expect(post.summary).not.toContain('nothing was touched')
    expect(states('gone')).toEqual(['in_progress', 'error'])
  })

  it('cancelled while GitHub fails: what could not be said is said by the post step', async () => {
    await place.given('slow')
    const run = place.deploy('slow', '0.2.0', { ...SHOWN, strategy: 'canary', steps: '50%, wait 1h' })
    await run.says(/Step 2 of 2/)
    await seen(() => states('slow').includes('in_progress'))
    place.github.fail({ method: 'POST', path: /statuses/, status: 502 })
    const at = Date.now()
    run.kill('SIGINT')
    const ended = await run.done
    expect(Date.now() - at).toBeLessThan(KILLED_AFTER_MS)
    place.github.heal()
    expect(ended.exitCode, ended.log).toBe(130)
    expect(states('slow')).toEqual(['in_progress'])
    const inputs = { command: 'deploy', namespace: 'slow', 'github-token': 'gh-token', ...SHOWN }
    const post = await place.workspace.post(inputs, ended, place.options).done
    expect(post.exitCode, post.log).toBe(0)
    expect(states('slow')).toEqual(['in_progress', 'failure'])
    expect(post.summary).toBe('')
  })

  it('goes on without a deployment where the token has no right, with one notice', async () => {
    await place.given('fork')
    const { exitCode, log } = await place.deploy('fork', '0.2.0', {
      environment: 'production',
      comment: 'never',
      'github-token': 'wrong',
    }).done
    expect(exitCode, log).toBe(0)
    expect(log.match(/Not written to GitHub: GitHub deployment \(the token is not valid/g)).toHaveLength(1)
  })
})

async function seen(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 100) throw new Error('GitHub never heard of it')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

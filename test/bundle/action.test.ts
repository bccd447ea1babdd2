import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { manifests, Place, PULL_REQUEST } from './place.ts'

/** The runner sends SIGTERM after this and kills soon after. */
const KILLED_AFTER_MS = 7_500

describe('the bundled action', () => {
  const place = new Place()
  beforeAll(() => place.open())
  afterAll(() => place.close())

  it('pauses a canary, tells it everywhere, and is promoted by another run', async () => {
    await place.given('canary')
    const deployed = await place.deploy('canary', '0.2.0', { strategy: 'canary', steps: '50%, approve' }).done
    expect(deployed.exitCode, deployed.log).toBe(0)
    expect(deployed.outputs).toMatchObject({
      outcome: 'paused',
      phase: 'paused',
      rollout: '2',
      weight: '50',
      step: '2/2 approve',
    })
    expect(JSON.parse(deployed.outputs['images'] ?? '')).toEqual(['gihyodocker/echo-version:0.2.0'])
    expect(deployed.summary).toContain('echo-version')
    expect(place.comment).toContain('<!-- headgate:echo-version:')
    expect(place.comment).toContain('waits for approval')

    const inputs = { command: 'promote', namespace: 'canary', rollout: '2', 'github-token': 'gh-token' }
    const promoted = await place.workspace.action(inputs, place.options).done
    expect(promoted.exitCode, promoted.log).toBe(0)
    expect(promoted.outputs).toMatchObject({ outcome: 'succeeded', phase: 'succeeded', next: '' })
    expect(place.github.comments(PULL_REQUEST)).toHaveLength(1)
    expect(place.comment).not.toContain('waits for approval')
  })

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s in a wait: locked and gone in time, the post step says nothing twice',
    async (signal) => {
      const namespace = `cancel-${signal.toLowerCase()}`
      await place.given(namespace)
      const run = place.deploy(namespace, '0.2.0', { strategy: 'canary', steps: '50%, wait 1h' })
      await run.says(/Step 2 of 2/)
      const at = Date.now()
      run.kill(signal)
      const ended = await run.done
      expect(Date.now() - at).toBeLessThan(KILLED_AFTER_MS)
      expect(ended.exitCode, ended.log).toBe(130)
      expect(ended.outputs).toMatchObject({ outcome: 'stopped', phase: 'stopped' })
      const held = place.emulator.get('deployments', namespace, 'echo-version')
      expect(held).toMatchObject({ spec: { paused: true } })
      const post = await place.workspace.post({ command: 'deploy' }, ended, place.options).done
      expect(post).toMatchObject({ exitCode: 0, log: '', summary: '' })
    },
  )

  it('killed in the middle: the post step tells where things stand', async () => {
    await place.given('killed')
    const run = place.deploy('killed', '0.2.0', { strategy: 'canary', steps: '50%, wait 1h' })
    await run.says(/Step 2 of 2/)
    run.kill('SIGKILL')
    const ended = await run.done
    expect(ended.exitCode).toBeNull()
    const inputs = { command: 'deploy', namespace: 'killed', 'github-token': 'gh-token' }
    const post = await place.workspace.post(inputs, ended, place.options).done
    expect(post.exitCode, post.log).toBe(0)
    expect(post.log).toContain('rollout 2')
    expect(post.summary).toContain('echo-version')
  })

  it('undoes a crashing release and fails with its last words', async () => {
    await place.given('broken')
    const image = 'gihyodocker/echo-version:0.3.0'
    place.emulator.setBehaviour(image, {
      crashAfterMs: 200,
      exitCode: 3,
      neverReady: true,
      lastWords: ['panic: no such table'],
    })
    const { exitCode, outputs, log } = await place.deploy('broken', '0.3.0', { strategy: 'canary', steps: '50%' }).done
    expect(exitCode, log).toBe(1)
    expect(outputs).toMatchObject({ outcome: 'aborted', phase: 'aborted' })
    expect(log).toContain('exit code 3')
    expect(log).toContain('panic: no such table')
    expect(log).toMatch(/^::error /m)
  })

  it('refuses a typo before it asks anybody anything', async () => {
    const before = [place.emulator.log.length, place.github.requests().length]
    const { exitCode, outputs, log } = await place.deploy('canary', '0.2.0', { strategy: 'canery' }).done
    expect(exitCode, log).toBe(2)
    expect(outputs).toMatchObject({ outcome: 'refused' })
    expect(log).toContain('did you mean canary?')
    expect([place.emulator.log.length, place.github.requests().length]).toEqual(before)
  })

  it('goes on without a comment where the token has no right, with one notice', async () => {
    await place.given('fork')
    const options = { ...place.options, env: { GITHUB_API_URL: place.github.url } }
    place.workspace.write('fork/app.yaml', manifests('0.2.0'))
    const inputs = { command: 'deploy', namespace: 'fork', manifests: 'fork', 'github-token': 'wrong' }
    const { exitCode, log } = await place.workspace.action(inputs, options).done
    expect(exitCode, log).toBe(0)
    expect(log.match(/comment/gi)?.length).toBe(1)
  })
})

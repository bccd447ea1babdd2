/** A run that ends before its work: killed without a word, or cancelled by the runner's signals. */
import { describe, expect, test } from 'vitest'
import type { Inputs } from './runner.ts'
import { APP, mix, onStage, type Stage } from './stage.ts'

const CANARY = { strategy: 'canary', steps: '50%, approve' }
const BLUE_GREEN = { strategy: 'blue-green', steps: 'approve, switch' }
const LONG = process.env['HEADGATE_E2E_LONG'] === '1'
/** A runner kills what has not ended 7.5 s after its first signal. */
const RUNNER_PATIENCE_MS = 7_500
const ENOUGH = 500
/** A lease's whole life, and a little more. */
const LEASE_MS = 35_000

/** A request that changed something in the cluster, as the debug log tells it. */
const WRITE = /::debug::(POST|PATCH|PUT|DELETE) (?!\S*(dryRun=All|selfsubject))\S+ 2\d\d/

interface Cut {
  inputs: Inputs
  /** the command that is cut off */
  command: 'deploy' | 'promote'
  /** after so many writes of its own */
  writes: number
  next: 'deploy' | 'abort'
}

function cuts(inputs: Inputs, command: Cut['command'], writes: readonly number[]): Cut[] {
  return writes.map((count, index) => ({ inputs, command, writes: count, next: index % 2 === 0 ? 'deploy' : 'abort' }))
}

const SAMPLE: Cut[] = [
  ...cuts(CANARY, 'deploy', [4, 6]),
  ...cuts(CANARY, 'promote', [4]),
  ...cuts(BLUE_GREEN, 'deploy', [6, 5]),
  ...cuts(BLUE_GREEN, 'promote', [7, 5]),
]

const MANY: Cut[] = [
  ...cuts(CANARY, 'deploy', [1, 2, 3, 4, 5, 6, 7, 8, 9]),
  ...cuts(CANARY, 'promote', [2, 4, 5, 6]),
  ...cuts(BLUE_GREEN, 'deploy', [1, 3, 4, 5, 6, 7, 8]),
  ...cuts(BLUE_GREEN, 'promote', [2, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
]

async function goOn(stage: Stage, inputs: Inputs): Promise<void> {
  const again = await stage.action(inputs)
  expect(again.exitCode, again.log).toBe(0)
  // What was approved before the cut is asked for again only if the record did not know it yet.
  if (again.outputs['outcome'] === 'paused') {
    const promoted = await stage.action({ command: 'promote' })
    expect(promoted.exitCode, promoted.log).toBe(0)
  }
  await stage.serves('0.2.0', 10_000)
}

async function goBack(stage: Stage): Promise<void> {
  const aborted = await stage.action({ command: 'abort' })
  expect(aborted.exitCode, aborted.log).toBe(0)
  // The cut may have come before anything was begun, or after the end.
  expect(['aborted', 'unchanged']).toContain(aborted.outputs['outcome'])
  const { phase, rollout } = await stage.record()
  await stage.serves(phase === 'succeeded' && rollout === 2 ? '0.2.0' : '0.1.0', 10_000)
}

describe.concurrent('a killed run', () => {
  for (const { inputs, command, writes, next } of LONG ? MANY : SAMPLE) {
    const title = `${inputs['strategy']} ${command}, killed after ${writes} writes, then ${next}`
    test(title, () =>
      onStage(title, {}, async (stage) => {
        // Given an app that Headgate has brought, and its users
        await stage.runsByHeadgate('0.1.0')
        await stage.usersCome()
        stage.guard(6)
        stage.checkout('0.2.0')
        if (command === 'promote') expect(await stage.action(inputs)).toMatchObject({ outputs: { outcome: 'paused' } })

        // When its run dies
        const run = stage.start(command === 'deploy' ? inputs : { command })
        await run.says(WRITE, writes)
        run.kill('SIGKILL')
        expect((await run.done).signal).toBe('SIGKILL')

        // Then users are served, and a new run goes on or back once the lease of the dead one has expired
        await stage.usersAsk(100)
        await (next === 'deploy' ? goOn(stage, inputs) : goBack(stage))
        await stage.nobodyNoticed(ENOUGH)
        // Where there was nothing to abort, nobody has taken the lease of the dead run.
        await stage.tidy(LEASE_MS)
      }),
    )
  }

  test('leaves a report to its post step', () =>
    onStage('killed, then post', {}, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      stage.checkout('0.2.0')
      const run = stage.start(CANARY)
      await run.says(/hold 3 old/)
      run.kill('SIGKILL')
      const killed = await run.done
      expect(killed.summary).toBe('')
      const post = await stage.post({ ...CANARY, manifests: 'k8s' }, killed)
      expect(post.exitCode).toBe(0)
      expect(post.summary).toContain('command=abort -f rollout=2')
      expect(post.log).toMatch(/rollout 2, canary, progressing/)
    }))
})

describe.concurrent('a cancelled run', () => {
  const slow = { 'ready-after-ms': '4000' }

  for (const [signal, inputs, next] of [
    ['SIGINT', CANARY, 'deploy'],
    ['SIGTERM', BLUE_GREEN, 'abort'],
    ['SIGINT', BLUE_GREEN, 'deploy'],
    ['SIGTERM', CANARY, 'abort'],
  ] as const)
    test(`(${inputs.strategy}, ${signal}) rests locked, then ${next}`, () =>
      onStage(`${inputs.strategy}, ${signal}, then ${next}`, { behaviour: slow }, async (stage) => {
        await stage.runsByHeadgate('0.1.0')
        await stage.usersCome()
        stage.guard(6)
        stage.checkout('0.2.0')

        // When the runner cancels it in the middle of a step
        const run = stage.start(inputs)
        await run.says(/waiting for new pods to be ready/)
        const begun = Date.now()
        run.kill(signal)
        const cancelled = await run.done
        const took = Date.now() - begun

        // Then it has ended in time, and the rollout rests locked
        stage.tell(`${signal} obeyed in ${took} ms`)
        expect(took).toBeLessThan(RUNNER_PATIENCE_MS)
        expect(cancelled).toMatchObject({ exitCode: 130, outputs: { outcome: 'stopped', phase: 'stopped' } })
        expect((await stage.world.deployment(APP)).spec.paused).toBe(true)
        expect(cancelled.summary).toContain('stopped')
        const resting = mix(stage.observer.snapshot())['0.1.0'] ?? 0
        expect(resting).toBe(3)

        // And the post step has nothing to add to a report that was completed
        expect(await stage.post(inputs, cancelled)).toMatchObject({ exitCode: 0, summary: '' })
        await stage.usersAsk(100)

        // And a new run goes on, or back
        await (next === 'deploy' ? goOn(stage, inputs) : goBack(stage))
        await stage.nobodyNoticed(ENOUGH)
        await stage.tidy()
      }))
})

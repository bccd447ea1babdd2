/** The same engine from a shell, and the way back when Headgate cannot be run at all: one kubectl command. */
import { dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { APP, onStage, type Stage } from './stage.ts'
import { runProgram } from './world.ts'

const FLAGS = ['--manifests', 'k8s', '--strategy', 'canary', '--steps', '50%, approve']

describe.concurrent('from a shell', () => {
  test('exit codes tell what came of a command', () =>
    onStage('command line', {}, async (stage) => {
      await stage.runs('0.1.0')
      await stage.usersCome()
      stage.guard(4)
      const exits = async (...args: string[]): Promise<number | null> => (await stage.cli(args)).exitCode

      expect(await exits('status', '--app', APP)).toBe(0)
      expect(await exits('promote', '--app', APP)).toBe(2)
      expect(await exits('abort', '--app', APP)).toBe(0)
      stage.checkout('0.2.0')
      expect(await exits('plan', ...FLAGS)).toBe(0)
      expect(await exits('deploy', ...FLAGS)).toBe(3)
      expect(await exits('deploy', ...FLAGS)).toBe(3)
      expect(await exits('deploy', ...FLAGS, '--stratgey', 'canary')).toBe(2)
      expect(await exits('promote', '--app', APP, '--rollout', '7')).toBe(2)
      expect(await exits('promote', '--app', APP, '--rollout', '1')).toBe(0)
      await stage.serves('0.2.0', 2_000)
      expect(await exits('deploy', ...FLAGS)).toBe(0)
      stage.checkout('0.3.0-crash')
      expect(await exits('deploy', ...FLAGS)).toBe(1)
      await stage.serves('0.2.0', 8_000)
      await stage.nobodyNoticed(500)
      await stage.tidy()
    }))
})

/** What status prints for the hour when Headgate itself cannot be run. */
async function backByHand(stage: Stage): Promise<void> {
  const { log } = await stage.cli(['status', '--app', APP])
  const command = /back by hand: (.+)/.exec(log)?.[1] ?? ''
  expect(command).toContain('kubectl')
  const kubectl = dirname(process.env['HEADGATE_E2E_KUBECTL'] ?? '')
  const env = {
    PATH: `${kubectl}:${process.env['PATH']}`,
    HOME: stage.workspace.folder,
    KUBECONFIG: stage.world.kubeconfig,
  }
  const { code, stderr, stdout } = await runProgram('sh', ['-c', command], { env })
  expect(code, `${stdout}${stderr}`).toBe(0)
}

describe.concurrent('without Headgate', () => {
  for (const [how, inputs] of [
    ['a canary', { strategy: 'canary', steps: '50%, approve' }],
    ['blue/green before its switch', { strategy: 'blue-green', steps: 'approve, switch' }],
    ['blue/green after its switch', { strategy: 'blue-green', steps: 'switch, approve' }],
    ['two colors after the switch', { strategy: 'blue-green', pods: 'separate', steps: 'switch, approve' }],
  ] as const)
    test(`${how} goes back by one command, and users notice nothing`, () =>
      onStage(`${how}, back by hand`, {}, async (stage) => {
        await stage.runsByHeadgate('0.1.0')
        await stage.usersCome()
        stage.guard(6, { names: [APP, `${APP}-blue`, `${APP}-green`] })
        stage.checkout('0.2.0')
        expect(await stage.action(inputs)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })

        await backByHand(stage)
        await stage.serves('0.1.0')

        // Headgate, once it can be run again, tidies up
        expect(await stage.action({ command: 'abort' })).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted' } })
        await stage.serves('0.1.0', 8_000)
        // The record says that it rests while a person moves it.
        await stage.nobodyNoticed(500, ['unlocked', 'loose-pin'])
        await stage.tidy()
      }))
})

/** The Role that `headgate rbac` prints is enough for every command of its strategy, and nothing in it is for nothing. */
import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { onStage, type Stage } from './stage.ts'
import { ownCluster } from './world.ts'

const USER = 'deployer'

/** Binds the user to the Role that the command line prints for these flags. */
async function bind(stage: Stage, flags: readonly string[]): Promise<string> {
  const manifests = ['--manifests', 'k8s']
  const { exitCode, log } = await stage.cli(['rbac', ...manifests, ...flags])
  expect(exitCode, log).toBe(0)
  const role = stage.workspace.path('role.yaml')
  writeFileSync(role, log)
  await stage.world.kubectl('apply', '-f', role)
  await stage.world.kubectl('create', 'rolebinding', 'headgate', '--role=headgate-echo-version', `--user=${USER}`)
  return stage.world.cluster.kubeconfig(USER)
}

const SEVERAL = [
  { title: 'canary', inputs: { strategy: 'canary', steps: '50%, approve' } },
  { title: 'blue/green', inputs: { strategy: 'blue-green', steps: 'switch, approve' } },
  { title: 'two colors', inputs: { strategy: 'blue-green', pods: 'separate', steps: 'approve, switch' } },
]

describe.runIf(ownCluster).concurrent('with no right but those that rbac prints', () => {
  for (const { title, inputs } of SEVERAL)
    test(`a ${title} deploy is promoted, aborted, looked at and rolled back`, () =>
      onStage(`least rights, ${title}`, {}, async (stage) => {
        await stage.runs('0.1.0')
        stage.checkout('0.2.0')
        const flags = Object.entries(inputs).flatMap(([name, value]) => [`--${name}`, value])
        const kubeconfig = await bind(stage, flags)

        const deploy = (): Promise<unknown> => stage.action(inputs, { kubeconfig })
        expect(await deploy()).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
        const act = (command: string): Promise<unknown> => stage.action({ command }, { kubeconfig })
        expect(await act('status')).toMatchObject({ exitCode: 0, outputs: { phase: 'paused' } })
        expect(await act('abort')).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted' } })
        await stage.serves('0.1.0', 8_000)
        expect(await deploy()).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
        expect(await act('promote')).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded' } })
        await stage.serves('0.2.0', 8_000)
        stage.checkout('0.3.0')
        expect(await deploy()).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
        expect(await act('promote')).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded' } })
        expect(await act('rollback')).toMatchObject({ exitCode: 0, outputs: { outcome: 'rolled-back' } })
        await stage.serves('0.2.0', 8_000)
        await stage.tidy()
      }))

  test('a bad release is diagnosed and undone', () =>
    onStage('least rights, crash', {}, async (stage) => {
      await stage.runs('0.1.0')
      stage.checkout('0.2.0-crash')
      const inputs = { strategy: 'canary', steps: '50%, approve' }
      const kubeconfig = await bind(stage, ['--strategy', 'canary', '--steps', '50%, approve'])
      const result = await stage.action(inputs, { kubeconfig })
      expect(result).toMatchObject({ exitCode: 1, outputs: { outcome: 'aborted' } })
      expect(result.log).toContain('panic: cannot live')
      await stage.serves('0.1.0', 8_000)
      await stage.tidy()
    }))

  test('a deploy without them is refused, names them, and touches nothing', () =>
    onStage('no rights', {}, async (stage) => {
      await stage.runs('0.1.0')
      const before = await stage.world.deployment('echo-version')
      stage.checkout('0.2.0')
      const kubeconfig = stage.world.cluster.kubeconfig(USER)
      const refused = await stage.action({ strategy: 'canary' }, { kubeconfig })
      expect(refused).toMatchObject({ exitCode: 2, outputs: { outcome: 'refused' } })
      expect(refused.log).toMatch(/forbidden|may not|rights?/i)
      const after = await stage.world.deployment('echo-version')
      expect(after.metadata.generation).toBe(before.metadata.generation)
      const maps = await stage.world.list('configmaps')
      expect(maps.map(({ metadata }) => metadata.name)).toEqual(['kube-root-ca.crt'])
    }))
})

/** Back to the release before, after a success: a new rollout, in one go, gated by readiness. */
import { describe, expect, test } from 'vitest'
import { APP, onStage, selectorOf } from './stage.ts'

describe.concurrent('a rollback', () => {
  for (const inputs of [
    { strategy: 'canary', steps: '50%' },
    { strategy: 'blue-green', steps: 'switch' },
    { strategy: 'blue-green', steps: 'switch', pods: 'separate' },
  ]) {
    const how = Object.values(inputs).join(' ')
    test(`brings the release before back, and users notice nothing (${how})`, () =>
      onStage(`rollback (${how})`, { behaviour: { 'ready-after-ms': '2000' } }, async (stage) => {
        // Given two releases, the second of which serves
        await stage.runsByHeadgate('0.1.0')
        stage.checkout('0.2.0')
        expect(await stage.action(inputs)).toMatchObject({ exitCode: 0 })
        stage.checkout('0.3.0')
        expect(await stage.action(inputs)).toMatchObject({ exitCode: 0, outputs: { rollout: '3' } })
        await stage.serves('0.3.0')
        await stage.usersCome()
        stage.guard(6, { names: [APP, `${APP}-blue`, `${APP}-green`] })

        // When the one before it is wanted back, without a checkout
        const back = await stage.action({ command: 'rollback', rollout: '3' })

        // Then it serves alone
        expect(back).toMatchObject({ exitCode: 0, outputs: { outcome: 'rolled-back', rollout: '4' } })
        await stage.serves('0.2.0', 2_000)
        const { fresh } = await stage.nobodyNoticed()
        expect(Object.keys(fresh.versions).sort()).toEqual(['0.2.0', '0.3.0'])
        await stage.tidy()
        const { color } = selectorOf(await stage.world.service(APP))
        expect(color).toBe('pods' in inputs ? 'blue' : undefined)

        // And the same release again is nothing new
        stage.checkout('0.2.0')
        expect(await stage.action(inputs)).toMatchObject({ exitCode: 0, outputs: { outcome: 'unchanged' } })
      }))
  }
})

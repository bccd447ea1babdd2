/** Two runs at once: one acts, the other asks, waits or is refused. */
import { describe, expect, test } from 'vitest'
import { mix, onStage } from './stage.ts'

const CANARY = { strategy: 'canary', steps: '50%, approve' }
const OBEYED_WITHIN_MS = 2_000

describe.concurrent('two runs at once', () => {
  test('an abort is obeyed by the run that acts, within 2 s', () =>
    onStage('abort against an acting run', { behaviour: { 'ready-after-ms': '8000' } }, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      const before = await stage.trace()
      await stage.usersCome()
      stage.guard(4)
      stage.checkout('0.2.0')
      const acting = stage.start(CANARY)
      await acting.says(/waiting for new pods to be ready/)

      const abort = stage.start({ command: 'abort' })
      const obeyed = acting.says(/asks to abort: obeyed/)
      const asked = await abort.says(/::debug::PATCH \S+\/leases\/\S+ 200/)
      const took = (await obeyed) - asked

      stage.tell(`obeyed ${took} ms after it was asked`)
      expect(took).toBeLessThan(OBEYED_WITHIN_MS)
      expect(await abort.done).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted' } })
      expect(await acting.done).toMatchObject({ exitCode: 1, outputs: { outcome: 'aborted', phase: 'aborted' } })
      await stage.serves('0.1.0', 5_000)
      await stage.nobodyNoticed(500)
      await stage.tidy()
      expect(await stage.trace()).toEqual(before)
    }))

  test('a second deploy waits for the first, or is refused at its timeout', () =>
    onStage('deploy against an acting run', { behaviour: { 'ready-after-ms': '3000' } }, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      stage.checkout('0.2.0')
      const acting = stage.start(CANARY)
      await acting.says(/waiting for new pods to be ready/)
      const [impatient, patient] = [stage.start({ ...CANARY, timeout: '1s' }), stage.start(CANARY)]
      const refused = await impatient.done
      expect(refused).toMatchObject({ exitCode: 2, outputs: { outcome: 'refused' } })
      expect(refused.log).toContain('shop/echo-version')
      expect(await acting.done).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused', rollout: '2' } })
      const waited = await patient.done
      expect(waited.log).toMatch(/waiting for the run shop\/echo-version/)
      expect(waited).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused', rollout: '2' } })
      expect(mix(stage.observer.snapshot())).toEqual({ '0.1.0': 1, '0.2.0': 2 })
    }))

  test('an approval of another rollout is refused, and touches nothing', () =>
    onStage('another rollout is approved', {}, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      stage.checkout('0.2.0')
      expect(await stage.action(CANARY)).toMatchObject({ outputs: { outcome: 'paused', rollout: '2' } })
      const resting = await stage.world.deployment('echo-version')
      for (const command of ['promote', 'abort'])
        for (const rollout of ['1', '3']) {
          const refused = await stage.action({ command, rollout })
          expect(refused).toMatchObject({ exitCode: 2, outputs: { outcome: 'refused', phase: 'paused', rollout: '2' } })
          expect(refused.log).toMatch(new RegExp(`${command} was meant for rollout ${rollout}, but the last one is 2`))
        }
      const after = await stage.world.deployment('echo-version')
      expect(after.metadata.generation).toBe(resting.metadata.generation)
      expect(await stage.action({ command: 'promote', rollout: '2' })).toMatchObject({ exitCode: 0 })
      await stage.serves('0.2.0', 5_000)
    }))

  test('a newer release takes the place of one that waits, from the full old version', () =>
    onStage('superseded', {}, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      await stage.usersCome()
      stage.guard(4)
      stage.checkout('0.2.0')
      expect(await stage.action(CANARY)).toMatchObject({ outputs: { outcome: 'paused', rollout: '2' } })
      stage.checkout('0.3.0')
      expect(await stage.action(CANARY)).toMatchObject({ outputs: { outcome: 'paused', rollout: '3' } })
      expect(mix(stage.observer.snapshot())).toEqual({ '0.1.0': 1, '0.3.0': 2 })
      expect(await stage.action({ command: 'promote', rollout: '3' })).toMatchObject({ exitCode: 0 })
      await stage.serves('0.3.0', 2_000)
      await stage.nobodyNoticed(500)
      await stage.tidy()
    }))
})

/** Blue/green with one Deployment: the new set beside the old one, one switch, an instant way back. Under load. */
import { describe, expect, test } from 'vitest'
import { APP, mix, onStage } from './stage.ts'

const CHECK_FIRST = { strategy: 'blue-green', steps: 'approve, switch' }
const SWITCH_FIRST = { strategy: 'blue-green', steps: 'switch, approve' }

describe.concurrent('blue/green in place', () => {
  for (const replicas of [3, 10]) {
    test(`of ${replicas} replicas shows the new set in the preview first, and is promoted`, () =>
      onStage(`blue/green in place, ${replicas} replicas, promoted`, { replicas }, async (stage) => {
        // Given a version that kubectl brought, and its users
        await stage.runs('0.1.0')
        await stage.usersCome()
        stage.guard(2 * replicas)

        // When the next version is deployed
        stage.checkout('0.2.0')
        const deployed = await stage.action(CHECK_FIRST)

        // Then both sets stand side by side: users have the old one, the preview the new one
        expect(deployed).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused', rollout: '1', weight: '0' } })
        expect(mix(stage.observer.snapshot())).toEqual({ '0.1.0': replicas, '0.2.0': replicas })
        expect(await stage.answerOf(`${APP}-preview`)).toContain('0.2.0')
        await stage.usersAsk(200)
        expect(stage.versionsSeen).toEqual(['0.1.0'])

        // When that is approved
        const promoted = await stage.action({ command: 'promote', rollout: '1' })

        // Then the new version serves alone, nobody noticed, and nothing else remains
        expect(promoted).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded', weight: '100' } })
        await stage.serves('0.2.0', 1_000)
        const { fresh } = await stage.nobodyNoticed()
        expect(Object.keys(fresh.versions).sort()).toEqual(['0.1.0', '0.2.0'])
        await stage.tidy()
        expect((await stage.trace()).managers.map(({ manager }) => manager)).toEqual(['headgate'])
      }))

    test(`of ${replicas} replicas goes back after the switch, and leaves the Deployment as it was`, () =>
      onStage(`blue/green in place, ${replicas} replicas, aborted after the switch`, { replicas }, async (stage) => {
        await stage.runsByHeadgate('0.1.0')
        const before = await stage.trace()
        await stage.usersCome()
        stage.guard(2 * replicas)
        stage.checkout('0.2.0')
        expect(await stage.action(SWITCH_FIRST)).toMatchObject({
          exitCode: 0,
          outputs: { weight: '100', step: '2/2 approve' },
        })
        expect(mix(stage.observer.snapshot())).toEqual({ '0.1.0': replicas, '0.2.0': replicas })
        await stage.usersAsk(200)
        expect(stage.versionsSeen).toEqual(['0.1.0', '0.2.0'])

        const aborted = await stage.action({ command: 'abort', rollout: '2' })

        expect(aborted).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted', phase: 'aborted' } })
        await stage.serves('0.1.0', 1_000)
        await stage.nobodyNoticed()
        await stage.tidy()
        expect(await stage.trace()).toEqual(before)
      }))
  }

  test('goes back before the switch, and can be left at any time', () =>
    onStage('blue/green in place, then kubectl', {}, async (stage) => {
      await stage.runs('0.1.0')
      const before = await stage.trace()
      await stage.usersCome()
      stage.guard(6)

      // When a rollout was aborted before its switch, then no user has seen the new version
      stage.checkout('0.2.0')
      expect(await stage.action(CHECK_FIRST)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
      expect(await stage.action({ command: 'abort' })).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted' } })
      expect(stage.versionsSeen).toEqual(['0.1.0'])
      await stage.tidy()
      const { managers: _before, ...kept } = before
      expect(await stage.trace()).toMatchObject(kept)

      // When another one succeeded, then undo and apply work as before
      expect(await stage.action(SWITCH_FIRST)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
      expect(await stage.action({ command: 'promote' })).toMatchObject({ exitCode: 0 })
      await stage.tidy()
      await stage.isPlainAgain('0.1.0', '0.2.0')
      await stage.nobodyNoticed()
    }))
})

/** A canary by pod ratio, in place: deploy, pause, promote; deploy, abort. Under load, with an observer. */
import { describe, expect, test } from 'vitest'
import { mix, onStage } from './stage.ts'

const CANARY = { strategy: 'canary', steps: '50%, approve' }

describe.concurrent('a canary', () => {
  for (const [replicas, half] of [
    [3, { '0.1.0': 1, '0.2.0': 2 }],
    [10, { '0.1.0': 5, '0.2.0': 5 }],
  ] as const) {
    test(`of ${replicas} replicas pauses at half and is promoted`, () =>
      onStage(`canary, ${replicas} replicas, promoted`, { replicas }, async (stage) => {
        // Given a version that kubectl brought, and its users
        await stage.runs('0.1.0')
        await stage.usersCome()
        stage.guard(replicas + 1)

        // When the next version is deployed
        stage.checkout('0.2.0')
        const deployed = await stage.action(CANARY)

        // Then the rollout rests at half, and waits for a person
        expect(deployed).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused', phase: 'paused', rollout: '1' } })
        expect(mix(stage.observer.snapshot())).toEqual(half)
        await stage.usersAsk(200)
        expect(mix(stage.observer.snapshot())).toEqual(half)

        // When that person agrees
        const promoted = await stage.action({ command: 'promote', rollout: '1' })

        // Then the new version serves alone, nobody noticed, and nothing else remains
        expect(promoted).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded', phase: 'succeeded' } })
        await stage.serves('0.2.0', 1_000)
        const { fresh } = await stage.nobodyNoticed()
        expect(Object.keys(fresh.versions).sort()).toEqual(['0.1.0', '0.2.0'])
        await stage.tidy()
        expect((await stage.trace()).managers.map(({ manager }) => manager)).toEqual(['headgate'])
      }))

    test(`of ${replicas} replicas is aborted, and leaves the Deployment as it was`, () =>
      onStage(`canary, ${replicas} replicas, aborted`, { replicas }, async (stage) => {
        await stage.runsByHeadgate('0.1.0')
        const before = await stage.trace()
        await stage.usersCome()
        stage.guard(replicas + 1)
        stage.checkout('0.2.0')
        expect(await stage.action(CANARY)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
        expect(mix(stage.observer.snapshot())).toEqual(half)
        await stage.usersAsk(200)

        const aborted = await stage.action({ command: 'abort', rollout: '2' })

        expect(aborted).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted', phase: 'aborted' } })
        await stage.serves('0.1.0', 1_000)
        await stage.nobodyNoticed()
        await stage.tidy()
        expect(await stage.trace()).toEqual(before)
      }))
  }

  test('can be left at any time: kubectl does with the Deployment what it always did', () =>
    onStage('canary, then kubectl', {}, async (stage) => {
      await stage.runs('0.1.0')
      const before = await stage.trace()
      await stage.usersCome()
      stage.guard(4)

      // When a rollout was aborted, then the Deployment is as kubectl left it, but for who owns the fields
      stage.checkout('0.2.0')
      expect(await stage.action(CANARY)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
      expect(await stage.action({ command: 'abort' })).toMatchObject({ exitCode: 0 })
      const { managers: _before, ...kept } = before
      expect(await stage.trace()).toMatchObject(kept)

      // When another one succeeded, then undo and apply work as before
      expect(await stage.action(CANARY)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused', rollout: '2' } })
      expect(await stage.action({ command: 'promote' })).toMatchObject({ exitCode: 0 })
      await stage.tidy()
      await stage.isPlainAgain('0.1.0', '0.2.0')
      await stage.nobodyNoticed()
    }))
})

/** The promise of a rolling update, under controllers whose caches lag by different times. */
import { expect, test } from 'vitest'
import type { JsonMap } from '../../../src/shared/objects.ts'
import { mapAt, mapsAt, numberAt } from '../../emulator/values.ts'
import { deployment, setup } from './objects.ts'

test.each(Array.from({ length: 12 }, (_, seed) => [seed] as const))('seed %i', async (seed) => {
  const { clock, emulator } = setup({ seed, informerDelay: [0, 60], workDelay: [0, 20] })
  const strategy = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: 1 } } }
  emulator.create(deployment('1.0.0', 6, strategy))
  await clock.advance(30_000)
  let [least, most] = [6, 6]
  emulator.observe(() => {
    const pods = emulator.list('pods', 'default').filter((pod) => pod.metadata.deletionTimestamp === undefined)
    const ready = pods.filter((pod) =>
      mapsAt(pod, 'status', 'conditions').some((item) => item['type'] === 'Ready' && item['status'] === 'True'),
    )
    least = Math.min(least, ready.length)
    // Pods may be more for a moment, because two controllers act; what is asked for never is.
    const sizes = emulator.list('rs', 'default').map((set) => numberAt(set, 'spec', 'replicas') ?? 0)
    most = Math.max(
      most,
      sizes.reduce((sum, size) => sum + size, 0),
    )
  })
  emulator.patch('deployment', 'default', 'web', { spec: deployment('2.0.0', 6, strategy)['spec'] ?? {} })
  await clock.advance(120_000)
  expect(numberAt(emulator.get('deployment', 'default', 'web'), 'status', 'updatedReplicas')).toBe(6)
  expect(emulator.list('pods', 'default')).toHaveLength(6)
  expect(least).toBeGreaterThanOrEqual(5)
  expect(most).toBeLessThanOrEqual(8)
  expect(emulator.defects).toEqual([])
})

/** Finishing a locked blue/green pair with the original maxSurge: who is faster decides, as in a real cluster. */
test.each([
  ['idle', [1, 1], [0, 3]],
  ['loaded', [40, 40], [2, 2]],
] as const)('%s controllers', async (_, informerDelay, wanted) => {
  const { clock, emulator } = setup({ informerDelay })
  const change = (spec: JsonMap): void => {
    emulator.patch('deployment', 'default', 'web', { spec })
  }
  const surge = (maxSurge: string, maxUnavailable: string | number): JsonMap => ({
    strategy: { rollingUpdate: { maxSurge, maxUnavailable } },
  })
  emulator.create(deployment('1.0.0', 3))
  await clock.advance(20_000)
  const held = { minReadySeconds: 2147483646, progressDeadlineSeconds: 2147483647 }
  change({ ...mapAt(deployment('2.0.0', 3), 'spec'), ...held, ...surge('100%', 0) })
  await clock.advance(20_000)
  change({ paused: true })
  await clock.advance(20_000)
  change({ minReadySeconds: 0, progressDeadlineSeconds: 600, ...surge('25%', '25%') })
  await clock.advance(20_000)
  const sizes = emulator.list('rs', 'default').map((set) => numberAt(set, 'spec', 'replicas') ?? 0)
  expect(sizes.sort((a, b) => a - b)).toEqual(wanted)
})

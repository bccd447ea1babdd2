import { describe, expect, it } from 'vitest'
import { Wake } from '../../../src/rollout/wake.ts'
import type { Clock } from '../../../src/shared/clock.ts'

/** A clock that stands still until a signal is given, or, with `runs`, goes straight to the moment asked for. */
function clock(runs = false): Clock & { slept: number[] } {
  const slept: number[] = []
  return {
    slept,
    now: () => 1_000,
    sleep: (ms, signal) => {
      slept.push(ms)
      if (runs || signal?.aborted === true) return Promise.resolve()
      return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
    },
  }
}

describe('wake', () => {
  it('sleeps until the moment, and not below nothing', async () => {
    const time = clock(true)
    await new Wake().until(1_500, time, [])
    await new Wake().until(500, time, [])
    expect(time.slept).toEqual([500, 0])
  })

  it('is woken by a notice', async () => {
    const wake = new Wake()
    const waiting = wake.until(9_000, clock(), [])
    wake.notify()
    await expect(waiting).resolves.toBeUndefined()
  })

  it('does not sleep over a notice that came before, and takes it for one only', async () => {
    const wake = new Wake()
    const time = clock(true)
    wake.notify()
    wake.notify()
    await wake.until(9_000, time, [])
    expect(time.slept).toEqual([])
    await wake.until(9_000, time, [])
    expect(time.slept).toEqual([8_000])
  })

  it('forgets the notice that has woken it', async () => {
    const wake = new Wake()
    const time = clock()
    const first = wake.until(9_000, time, [])
    wake.notify()
    await first
    const second = wake.until(9_000, time, [])
    wake.notify()
    await second
    expect(time.slept).toEqual([8_000, 8_000])
  })

  it('is woken by a signal, and never falls asleep once it is given', async () => {
    const wake = new Wake()
    const time = clock()
    const [cancel, lost] = [new AbortController(), new AbortController()]
    const waiting = wake.until(9_000, time, [cancel.signal, lost.signal])
    lost.abort()
    await waiting
    await wake.until(9_000, time, [cancel.signal, lost.signal])
    expect(time.slept).toHaveLength(1)
  })
})

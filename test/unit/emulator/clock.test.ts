import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../emulator/clock.ts'

describe('virtual clock', () => {
  test('fires timers in the order of their time, and of their making within one', async () => {
    const clock = new VirtualClock(0)
    const seen: string[] = []
    for (const [ms, name] of [
      [20, 'c'],
      [10, 'a'],
      [10, 'b'],
      [30, 'd'],
    ] as const)
      clock.timer(ms, () => seen.push(`${name}@${clock.now()}`))
    await clock.run(clock.sleep(25))
    expect(seen).toEqual(['a@10', 'b@10', 'c@20'])
    expect(clock.now()).toBe(25)
  })

  test('a timer taken back does nothing', async () => {
    const clock = new VirtualClock(0)
    let fired = false
    clock.timer(5, () => {
      fired = true
    })()
    await clock.advance(10)
    expect(fired).toBe(false)
    expect(clock.now()).toBe(10)
  })

  test('a sleep ends early, without an error, when its signal is aborted', async () => {
    const clock = new VirtualClock(0)
    const abort = new AbortController()
    clock.timer(7, () => abort.abort())
    await clock.run(clock.sleep(60_000, abort.signal))
    expect(clock.now()).toBe(7)
    await clock.run(clock.sleep(60_000, abort.signal))
    expect(clock.now()).toBe(7)
  })

  test('hands on what the promise gives', async () => {
    const clock = new VirtualClock(0)
    await expect(clock.run(clock.sleep(1).then(() => 'value'))).resolves.toBe('value')
    await expect(clock.run(clock.sleep(1).then(() => Promise.reject(new Error('own'))))).rejects.toThrow('own')
  })

  test('says so when nothing can ever settle the promise', async () => {
    const clock = new VirtualClock(0)
    await expect(clock.run(new Promise(() => {}))).rejects.toThrow('deadlock')
  })

  test('stops a promise that lets time pass for ever', async () => {
    const clock = new VirtualClock(0)
    const again = (): void => void clock.timer(1_000, again)
    again()
    await expect(clock.run(new Promise(() => {}), 10_000)).rejects.toThrow('virtual time ran out')
  })
})

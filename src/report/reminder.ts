import type { Clock } from '../shared/clock.ts'

/** Lines that differ only in their numbers (3 of 10, 4 of 10 …) come no closer than this. */
const COUNTING_MS = 5_000

/** How long nothing may change before the log says what is waited for. */
const SILENCE_MS = 30_000

export interface Reminder {
  /** what is waited for from now on; true when it is worth a line: something else, not only another number */
  wait(text: string): boolean
  /** something was printed: the silence begins anew */
  touch(): void
  stop(): void
}

/** Says every 30 s of silence what is waited for. */
export function reminder(clock: Clock, say: (text: string) => void): Reminder {
  let waiting: string | undefined
  let timer: AbortController | undefined
  let shape = ''
  let saidAt = Number.NEGATIVE_INFINITY
  const stop = (): void => {
    timer?.abort()
    timer = undefined
    waiting = undefined
  }
  const start = (): void => {
    timer?.abort()
    const mine = new AbortController()
    timer = mine
    void (async () => {
      while (!mine.signal.aborted) {
        await clock.sleep(SILENCE_MS, mine.signal)
        if (!mine.signal.aborted && waiting !== undefined) say(waiting)
      }
    })()
  }
  return {
    wait: (text) => {
      if (text === waiting) return false
      waiting = text
      const next = text.replaceAll(/\d+/g, '#')
      if (next === shape && clock.now() - saidAt < COUNTING_MS) return false
      shape = next
      saidAt = clock.now()
      start()
      return true
    },
    touch: () => {
      if (waiting !== undefined) start()
    },
    stop,
  }
}

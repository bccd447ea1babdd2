import type { Clock } from '../shared/clock.ts'

/** How long nothing may change before the log says what is waited for. */
const SILENCE_MS = 30_000

export interface Reminder {
  /** what is waited for from now on; true when it is something else than before */
  wait(text: string): boolean
  /** something was printed: the silence begins anew */
  touch(): void
  stop(): void
}

/** Says every 30 s of silence what is waited for. */
export function reminder(clock: Clock, say: (text: string) => void): Reminder {
  let waiting: string | undefined
  let timer: AbortController | undefined
  const stop = (): void => {
    timer?.abort()
    timer = undefined
    waiting = undefined
  }
  const start = (text: string): void => {
    timer?.abort()
    const mine = new AbortController()
    timer = mine
    void (async () => {
      while (!mine.signal.aborted) {
        await clock.sleep(SILENCE_MS, mine.signal)
        if (!mine.signal.aborted) say(text)
      }
    })()
  }
  return {
    wait: (text) => {
      const fresh = text !== waiting
      waiting = text
      if (fresh) start(text)
      return fresh
    },
    touch: () => {
      if (waiting !== undefined) start(waiting)
    },
    stop,
  }
}

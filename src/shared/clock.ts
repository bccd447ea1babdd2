/**
 * The only door to time. A test passes a virtual clock, so that a rollout of half an hour takes milliseconds.
 */
export interface Clock {
  /** milliseconds since 1970-01-01 UTC */
  now(): number
  /**
   * Resolves after `ms` milliseconds, or at once when `signal` is or becomes aborted (it never rejects: the caller
   * looks at the signal, because waking early is not an error).
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const done = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      // Longest delay that setTimeout takes; a longer one would fire at once.
      const timer = setTimeout(done, Math.min(Math.max(0, ms), 2 ** 31 - 1))
      signal?.addEventListener('abort', done, { once: true })
    }),
}

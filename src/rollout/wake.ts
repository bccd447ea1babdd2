import type { Clock } from '../shared/clock.ts'

/** Wakes a loop when something changed, when a moment has come or when a signal is aborted; never by polling. */
export class Wake {
  #pending = false
  #wake: (() => void) | undefined
  readonly #listeners = new Set<() => void>()

  readonly notify = (): void => {
    this.#pending = true
    this.#wake?.()
    for (const listener of this.#listeners) listener()
  }

  /** Calls at every notice, also while nobody waits. Answers how to end that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves at the next notice (at once when one came since the last call), at `at` (ms since 1970), or on abort. */
  async until(at: number, clock: Clock, signals: AbortSignal[]): Promise<void> {
    if (this.#pending || signals.some((signal) => signal.aborted)) {
      this.#pending = false
      return
    }
    const timer = new AbortController()
    const stop = (): void => timer.abort()
    this.#wake = stop
    for (const signal of signals) signal.addEventListener('abort', stop, { once: true })
    await clock.sleep(Math.max(0, at - clock.now()), timer.signal)
    for (const signal of signals) signal.removeEventListener('abort', stop)
    this.#wake = undefined
    this.#pending = false
  }
}

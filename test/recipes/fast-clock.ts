import { join } from 'node:path'
import type { EmulatorClock } from '../emulator/clock.ts'

/** How much faster time runs. More, and a lease of 30 s is lost on a machine that stalls. */
const FACTOR = 12

/** Time of the cluster, the same that {@link environment} gives to the action's own process. */
export class FastClock implements EmulatorClock {
  readonly #realStart = Date.now()
  #start = this.#realStart

  now(): number {
    return Math.round(this.#start + (Date.now() - this.#realStart) * FACTOR)
  }

  timer(ms: number, fn: () => void): () => void {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms / FACTOR), 2 ** 31 - 1))
    return () => clearTimeout(timer)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const cancel = this.timer(ms, () => resolve())
      signal?.addEventListener('abort', () => (cancel(), resolve()), { once: true })
    })
  }

  /** Later by so many milliseconds, for whoever starts from now on. Only while nothing runs. */
  jump(ms: number): void {
    this.#start += ms
  }

  /** Makes a process of Node live in this time. */
  environment(): Record<string, string> {
    return {
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'fast-clock.mjs')}`,
      HEADGATE_TEST_CLOCK: `${FACTOR} ${this.#realStart} ${this.#start}`,
    }
  }
}

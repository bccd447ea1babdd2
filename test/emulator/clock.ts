import type { Clock } from '../../src/shared/clock.ts'

/** A clock that the simulated controllers can also hang their work on. */
export interface EmulatorClock extends Clock {
  /** Calls `fn` after `ms` milliseconds; the answer takes it back. */
  timer(ms: number, fn: () => void): () => void
}

interface Timer {
  at: number
  order: number
  fn: () => void
}

/** 2026-01-01T00:00:00Z: a fixed start keeps every run of a test alike. */
const START = Date.UTC(2026, 0, 1)

/** Turns of the event loop after which nothing that needs no time is left to do. */
const QUIET_TURNS = 3

/** Real time that sockets and the thread pool get before a promise without timers counts as stuck. */
const DEADLOCK_MS = 2_000

/**
 * Time that passes only when everybody waits for it. {@link run} drives it: it lets all work that needs no time finish,
 * then jumps to the next timer. A rollout of half an hour takes milliseconds, and two runs are alike.
 */
export class VirtualClock implements EmulatorClock {
  #now: number
  #order = 0
  readonly #heap: Timer[] = []

  constructor(start: number = START) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  timer(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fn }
    push(this.#heap, timer)
    return () => {
      timer.fn = () => {}
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal)
  }

  /** Lets time pass until `promise` is settled. Rejects when it never can be, or after `limitMs` of virtual time. */
  async run<T>(promise: Promise<T>, limitMs: number = 48 * 3_600_000): Promise<T> {
    let settled = false
    void settle(promise).finally(() => {
      settled = true
    })
    const end = this.#now + limitMs
    for (;;) {
      await quiet(() => settled)
      if (settled) return promise
      if (this.#heap.length === 0 && !(await this.#outsideWork(() => settled))) throw new Error(DEADLOCK)
      if (this.#now >= end) throw new Error(`virtual time ran out: the promise is still pending after ${limitMs} ms`)
      this.#step()
    }
  }

  /** Lets `ms` milliseconds pass, with all that happens in them. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await quiet(() => false)
      const next = this.#heap[0]
      if (next === undefined || next.at > end) break
      this.#step()
    }
    this.#now = end
  }

  #step(): void {
    const next = pop(this.#heap)
    if (next === undefined) return
    this.#now = Math.max(this.#now, next.at)
    next.fn()
  }

  /** Something outside the virtual world (a socket, zlib) may still move things: true when it did. */
  async #outsideWork(settled: () => boolean): Promise<boolean> {
    const end = Date.now() + DEADLOCK_MS
    while (Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (settled() || this.#heap.length > 0) return true
    }
    return false
  }
}

const DEADLOCK = 'deadlock: the promise is pending, no timer is left and nothing moves'

/** Time as it is. */
export class RealClock implements EmulatorClock {
  now(): number {
    return Date.now()
  }

  timer(ms: number, fn: () => void): () => void {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), 2 ** 31 - 1))
    return () => clearTimeout(timer)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal)
  }
}

function sleepOn(clock: EmulatorClock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = (): void => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.timer(ms, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** Resolves when the promise is settled, whichever way. */
async function settle(promise: Promise<unknown>): Promise<void> {
  await Promise.allSettled([promise])
}

async function quiet(stop: () => boolean): Promise<void> {
  for (let turn = 0; turn < QUIET_TURNS && !stop(); turn++) await new Promise((resolve) => setImmediate(resolve))
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function push(heap: Timer[], timer: Timer): void {
  heap.push(timer)
  let i = heap.length - 1
  while (i > 0) {
    const up = (i - 1) >> 1
    const [child, parent] = [heap[i], heap[up]]
    if (child === undefined || parent === undefined || !before(child, parent)) return
    heap[i] = parent
    heap[up] = child
    i = up
  }
}

function pop(heap: Timer[]): Timer | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  heap[0] = last
  let i = 0
  for (;;) {
    let least = i
    for (const child of [2 * i + 1, 2 * i + 2]) {
      const [a, b] = [heap[child], heap[least]]
      if (a !== undefined && b !== undefined && before(a, b)) least = child
    }
    const [item, smaller] = [heap[i], heap[least]]
    if (least === i || item === undefined || smaller === undefined) return top
    heap[i] = smaller
    heap[least] = item
    i = least
  }
}

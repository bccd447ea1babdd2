import type { Clock } from '../shared/clock.ts'

/** A slow GitHub may cost a command this long, in ms, for an answer that it can do without. */
const PATIENCE_MS = 2_000

/** The answer, or undefined where it fails or does not come in time. Never rejects. */
export async function inTime<T>(answer: Promise<T>, clock: Clock): Promise<T | undefined> {
  const timer = new AbortController()
  const late = clock.sleep(PATIENCE_MS, timer.signal).then(() => undefined)
  const first = await Promise.race([answer.catch(() => undefined), late])
  timer.abort()
  return first
}

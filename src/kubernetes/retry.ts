import type { Clock } from '../shared/clock.ts'
import { ApiError, neverSent } from './errors.ts'

/** Milliseconds between tries. About half a minute in all: what a restart of an API server behind a balancer takes. */
const PAUSES = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000]

/** A server that this run has never reached is more likely a wrong address than a restart. */
const FIRST_PAUSES = PAUSES.slice(0, 3)

/** No answer may ask for a longer pause than this; a longer one would eat the time limit of a step unseen. */
const LONGEST_MS = 30_000

export interface RetryPolicy {
  clock: Clock
  /** sending it twice equals sending it once */
  idempotent: boolean
  /** some request of this client has been answered before */
  reached: () => boolean
  signal?: AbortSignal
}

/**
 * Sends a request until it is answered for good. Tried again are: 429 and 503 that name a pause (the server has done
 * nothing), connections that were refused, and, where twice equals once, 502, 503, 504 and connections that broke.
 * An error of server-side apply with status 500 is final.
 */
export async function withRetries<T>(policy: RetryPolicy, send: () => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried++) {
    try {
      return await send()
    } catch (error) {
      const pause = pauseAfter(error, tried, policy)
      if (pause === undefined || policy.signal?.aborted) throw error
      await policy.clock.sleep(pause, policy.signal)
      if (policy.signal?.aborted) throw error
    }
  }
}

function pauseAfter(error: unknown, tried: number, policy: RetryPolicy): number | undefined {
  const pause = (policy.reached() ? PAUSES : FIRST_PAUSES)[tried]
  if (!(error instanceof ApiError) || pause === undefined || !again(error, policy.idempotent)) return undefined
  return Math.min(Math.max(pause, error.retryAfterMs ?? 0), LONGEST_MS)
}

/** etcd says so when its leader moved: a short pause, and the same request succeeds. */
const ETCD = /^(etcdserver: (leader changed|request timed out)|rpc error: code = Unavailable)/

function again(error: ApiError, idempotent: boolean): boolean {
  if (error.kind === 'too-many') return true
  if (error.status === 503 && error.retryAfterMs !== undefined) return true
  if (neverSent(error)) return true
  if (!idempotent) return false
  return (
    error.status === 0 || [502, 503, 504].includes(error.status) || (error.status === 500 && ETCD.test(error.message))
  )
}

import type { Lease } from '../shared/objects.ts'
import type { Client } from './client.ts'
import { ApiError } from './errors.ts'
import { DURATION_MS, leaseRef } from './lease-state.ts'

/** The run that holds the lease of an app, for people: only the taker of a lease may rely on it, and by its own clock. */
export interface Acting {
  /** repository, run and attempt */
  holder: string
  /** RFC 3339 */
  since: string
  /** milliseconds since its last sign of life, as far as both clocks agree */
  silentMs: number
  /** milliseconds for which its lease is still believed; 0: it has died */
  leftMs: number
}

/** Undefined when nobody holds the lease, or when it may not be read. */
export async function actingRun(
  client: Client,
  at: { namespace: string; app: string },
  now: number,
): Promise<Acting | undefined> {
  const lease = await client.get<Lease>(leaseRef(at)).catch((error: unknown) => {
    if (error instanceof ApiError && error.kind === 'forbidden') return undefined
    throw error
  })
  const { holderIdentity: holder = '', acquireTime, renewTime, leaseDurationSeconds } = lease?.spec ?? {}
  if (holder === '' || renewTime === undefined) return undefined
  const silentMs = Math.max(0, now - Date.parse(renewTime))
  const lifeMs = leaseDurationSeconds === undefined ? DURATION_MS : leaseDurationSeconds * 1_000
  const since = new Date(acquireTime ?? renewTime).toISOString().replace(/\.\d+Z$/, 'Z')
  return { holder, since, silentMs, leftMs: Math.max(0, lifeMs - silentMs) }
}

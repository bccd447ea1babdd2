import type { Clock } from '../shared/clock.ts'
import type { Lease, ObjectRef } from '../shared/objects.ts'

/** How long a lease is worth without a renewal, in milliseconds. */
export const DURATION_MS = 30_000
export const FIELD_MANAGER = 'headgate'
export const REQUEST = 'headgate.dev/request'
export const ANSWER = 'headgate.dev/answer'

/** What a second run asks of the one that acts. `by` and `at` together tell two requests apart. */
export interface LeaseRequest {
  command: 'abort' | 'promote'
  rollout?: number
  full?: boolean
  /** who asks: repository, run and attempt, or a person's name */
  by: string
  /** the same for people: `alice, approved by bob`; runs of an older version do not tell */
  who?: string
  /** RFC 3339 */
  at: string
}

export interface LeaseAnswer {
  /** `by` and `at` of the request */
  to: string
  at: string
  message: string
  /** it is not done, and why is in the message */
  refused?: true
}

export function leaseRef({ namespace, app }: { namespace: string; app: string }): ObjectRef {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name: `headgate-${app}` }
}

/** Kubernetes' MicroTime: RFC 3339 with six digits. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}

/** The Lease as its new holder writes it: requests to the holder before are void. */
export function leaseObject(
  at: { namespace: string; app: string },
  holder: string,
  now: number,
  before: Lease | undefined,
): Lease {
  const { apiVersion, kind, namespace, name } = leaseRef(at)
  const { [REQUEST]: _, [ANSWER]: __, ...annotations } = before?.metadata.annotations ?? {}
  return {
    apiVersion,
    kind,
    metadata: {
      ...before?.metadata,
      name,
      namespace: namespace ?? at.namespace,
      labels: { ...before?.metadata.labels, 'headgate.dev/app': at.app },
      annotations,
    },
    spec: {
      ...before?.spec,
      holderIdentity: holder,
      leaseDurationSeconds: DURATION_MS / 1_000,
      acquireTime: microTime(now),
      renewTime: microTime(now),
      leaseTransitions: before === undefined ? 0 : (before.spec?.leaseTransitions ?? 0) + 1,
    },
  }
}

/** A request that cannot be read is none: it was not written by Headgate. */
export function requestOf(lease: Lease | undefined): LeaseRequest | undefined {
  const text = lease?.metadata.annotations?.[REQUEST]
  if (text === undefined) return undefined
  try {
    const { command, by, who, at, rollout, full } = JSON.parse(text) as Partial<LeaseRequest>
    if ((command !== 'abort' && command !== 'promote') || typeof by !== 'string' || typeof at !== 'string')
      return undefined
    return {
      command,
      by,
      at,
      ...(typeof who === 'string' ? { who } : {}),
      ...(typeof rollout === 'number' ? { rollout } : {}),
      ...(full === true ? { full } : {}),
    }
  } catch {
    return undefined
  }
}

/** What changes with every sign of life of a holder. */
export function markOf(lease: Lease | undefined): string {
  return `${lease?.spec?.holderIdentity ?? ''} ${lease?.spec?.renewTime ?? ''}`
}

/** Says when another's lease has expired, by the own clock: clocks of two machines are never compared. */
export class Expiry {
  readonly #clock: Clock
  readonly #expired: string | undefined
  #mark = ''
  #since = 0

  /** `expired`: a {@link markOf} that has been watched to its end before */
  constructor(clock: Clock, expired?: string) {
    this.#clock = clock
    this.#expired = expired
  }

  /** Milliseconds until the lease may be taken; 0 when it is free, ours, or has expired. */
  leftMs(lease: Lease | undefined, self: string | undefined): number {
    const { holderIdentity = '', leaseDurationSeconds = DURATION_MS / 1_000 } = lease?.spec ?? {}
    const mark = markOf(lease)
    if (holderIdentity === '' || holderIdentity === self || mark === this.#expired) return 0
    if (mark !== this.#mark) [this.#mark, this.#since] = [mark, this.#clock.now()]
    return Math.max(0, this.#since + leaseDurationSeconds * 1_000 - this.#clock.now())
  }
}

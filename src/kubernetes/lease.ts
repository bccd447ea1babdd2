import { type JsonPatchOperation, pointer } from '../shared/json-patch.ts'
import type { Clock } from '../shared/clock.ts'
import { type HeadgateError, refuse } from '../shared/errors.ts'
import type { Lease } from '../shared/objects.ts'
import type { Client } from './client.ts'
import { ApiError } from './errors.ts'
import { type AcquireOptions, LeaseHolder } from './lease-holder.ts'
import {
  ANSWER,
  Expiry,
  FIELD_MANAGER,
  type LeaseAnswer,
  type LeaseRequest,
  leaseObject,
  leaseRef,
  markOf,
  microTime,
  REQUEST,
  requestOf,
} from './lease-state.ts'
import { LiveList } from './watch.ts'

export { type AcquireOptions, LeaseHolder } from './lease-holder.ts'
export type { LeaseAnswer, LeaseRequest } from './lease-state.ts'

/**
 * Takes the lease of an app, waiting for another run up to `waitMs`. Throws a refusal `locked` when that one is still at
 * work, what `signal` was aborted with, or ApiError.
 */
export async function acquire(client: Client, options: AcquireOptions): Promise<LeaseHolder> {
  const stop = new AbortController()
  const changes = new Changes()
  const end = AbortSignal.any([stop.signal, options.signal])
  // After it is taken the watch goes on although `signal` says cancel: the way to a safe state needs the lease.
  const list = openList(client, options, stop.signal, () => changes.notify())
  try {
    await list.ready
    const renewedAt = await take(client, options, list, changes, end)
    const holder = new LeaseHolder(client, options, list, stop, renewedAt)
    changes.listener = () => holder.changed()
    holder.changed()
    return holder
  } catch (error) {
    stop.abort()
    throw error
  }
}

/** Wakes who waits, and tells the holder once there is one. */
class Changes {
  listener: () => void = () => {}
  #waiting: (() => void)[] = []

  notify(): void {
    for (const wake of this.#waiting.splice(0)) wake()
    this.listener()
  }

  async next(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const done = new AbortController()
    this.#waiting.push(() => done.abort())
    await clock.sleep(ms, AbortSignal.any([done.signal, signal]))
  }
}

function openList(
  client: Client,
  at: { namespace: string; app: string },
  signal: AbortSignal,
  onChange: () => void,
): LiveList<Lease> {
  const { apiVersion, kind, name } = leaseRef(at)
  return LiveList.open<Lease>(client, { apiVersion, kind }, at.namespace, { name }, { signal, onChange })
}

/** Resolves with the moment (own clock) from which the lease counts. */
async function take(
  client: Client,
  options: AcquireOptions,
  list: LiveList<Lease>,
  changes: Changes,
  signal: AbortSignal,
): Promise<number> {
  const { clock, holder, waitMs } = options
  const until = clock.now() + waitMs
  const expiry = new Expiry(clock, options.expired)
  let told = false
  let tried: number | undefined
  for (;;) {
    options.signal.throwIfAborted()
    const lease = list.get(leaseRef(options).name)
    // A write whose answer was lost has taken it all the same.
    const { holderIdentity, acquireTime } = lease?.spec ?? {}
    if (tried !== undefined && holderIdentity === holder && acquireTime === microTime(tried)) return tried
    const left = expiry.leftMs(lease, holder)
    if (left <= 0) {
      const began = clock.now()
      tried = began
      const written = await tryWrite(client, options, lease, began)
      if (written !== undefined) {
        list.put(written)
        return began
      }
    } else if (clock.now() >= until) throw locked(options, lease)
    if (left > 0 && !told) options.onWait?.(lease?.spec?.holderIdentity ?? '')
    told ||= left > 0
    // After a lost race the watch brings what the other one wrote.
    await changes.next(clock, left > 0 ? Math.min(left, until - clock.now()) : 1_000, signal)
  }
}

async function tryWrite(
  client: Client,
  options: AcquireOptions,
  lease: Lease | undefined,
  now: number,
): Promise<Lease | undefined> {
  const next = leaseObject(options, options.holder, now, lease)
  try {
    if (lease === undefined) return await client.create(next, { fieldManager: FIELD_MANAGER })
    // A patch, so that one right less is needed; requests to the holder before are void.
    const { resourceVersion, labels = {} } = next.metadata
    const metadata = {
      ...(resourceVersion ? { resourceVersion } : {}),
      labels,
      annotations: { [REQUEST]: null, [ANSWER]: null },
    }
    const body = { metadata, spec: { ...next.spec } }
    return await client.patch<Lease>(leaseRef(options), { type: 'merge', body }, { fieldManager: FIELD_MANAGER })
  } catch (error) {
    if (error instanceof ApiError && ['stale', 'exists'].includes(error.kind)) return undefined
    throw error
  }
}

function locked(options: AcquireOptions, lease: Lease | undefined): HeadgateError {
  const by = lease?.spec?.holderIdentity ?? 'another run'
  const since = lease?.spec?.acquireTime
  return refuse('locked', `${by} is at work on ${options.app}${since === undefined ? '' : ` since ${since}`}`, {
    object: leaseRef(options),
    next: 'wait for that run, or use abort or promote, which ask it instead of waiting',
  })
}

export interface AskOptions {
  namespace: string
  app: string
  request: LeaseRequest
  /** how long to wait for an answer, in milliseconds; a lease that expires earlier ends it */
  timeoutMs: number
  clock: Clock
  signal: AbortSignal
  /** called once the request is there, with the run that is asked */
  onWait?: (holder: string) => void
}

export type AskOutcome =
  | { outcome: 'answered'; answer: LeaseAnswer }
  /** nobody acts (any more): take the lease */
  | { outcome: 'free' }
  /** the acting run has died: take the lease, and pass `expired` to {@link acquire} so as not to wait once more */
  | { outcome: 'expired'; expired: string }
  /** the acting run lives but did not answer */
  | { outcome: 'timeout'; holder: string }

/** Asks the acting run to abort or promote, and waits for its answer. Writes nothing when nobody acts. */
export async function ask(client: Client, options: AskOptions): Promise<AskOutcome> {
  const { clock, request, signal, timeoutMs } = options
  const stop = new AbortController()
  const changes = new Changes()
  const list = openList(client, options, AbortSignal.any([stop.signal, signal]), () => changes.notify())
  const until = clock.now() + timeoutMs
  let told = false
  const expiry = new Expiry(clock)
  try {
    await list.ready
    for (;;) {
      signal.throwIfAborted()
      const lease = list.get(leaseRef(options).name)
      const answer = answerOf(lease, request)
      if (answer !== undefined) return { outcome: 'answered', answer }
      const holder = lease?.spec?.holderIdentity ?? ''
      if (lease === undefined || holder === '') return { outcome: 'free' }
      const left = expiry.leftMs(lease, undefined)
      if (left <= 0) return { outcome: 'expired', expired: markOf(lease) }
      if (clock.now() >= until) {
        await withdraw(client, lease, request)
        return { outcome: 'timeout', holder }
      }
      const sent = requestOf(lease)
      if (sent?.by !== request.by || sent.at !== request.at) await send(client, lease, request, list)
      else {
        if (!told) options.onWait?.(holder)
        told = true
        await changes.next(clock, Math.min(left, until - clock.now()), signal)
      }
    }
  } finally {
    stop.abort()
  }
}

async function send(client: Client, lease: Lease, request: LeaseRequest, list: LiveList<Lease>): Promise<void> {
  const { namespace = '', name = '', resourceVersion } = lease.metadata
  const ref = { apiVersion: lease.apiVersion, kind: lease.kind, namespace, name }
  const body = { metadata: { resourceVersion, annotations: { [REQUEST]: JSON.stringify(request), [ANSWER]: null } } }
  try {
    list.put(await client.patch<Lease>(ref, { type: 'merge', body }, { fieldManager: FIELD_MANAGER }))
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== 'stale') throw error
    // Renewed in between: read it now rather than wait for the watch.
    const fresh = await client.get<Lease>(ref)
    if (fresh === undefined) list.drop(name)
    else list.put(fresh)
  }
}

/** Nobody waits for the answer any more: the request must not be obeyed later, when something else is asked. */
async function withdraw(client: Client, lease: Lease, { by, at }: LeaseRequest): Promise<void> {
  const sent = lease.metadata.annotations?.[REQUEST]
  const ours = requestOf(lease)
  if (sent === undefined || ours?.by !== by || ours.at !== at) return
  const { namespace = '', name = '' } = lease.metadata
  const path = pointer('metadata', 'annotations', REQUEST)
  const operations: JsonPatchOperation[] = [
    { op: 'test', path, value: sent },
    { op: 'remove', path },
  ]
  const ref = { apiVersion: lease.apiVersion, kind: lease.kind, namespace, name }
  // It was answered or replaced in between: either way it is gone.
  await client.patch<Lease>(ref, { type: 'json', operations }, { fieldManager: FIELD_MANAGER }).catch(() => {})
}

function answerOf(lease: Lease | undefined, request: LeaseRequest): LeaseAnswer | undefined {
  const text = lease?.metadata.annotations?.[ANSWER]
  if (text === undefined) return undefined
  const answer = JSON.parse(text) as LeaseAnswer
  return answer.to === request.by && answer.at === request.at ? answer : undefined
}

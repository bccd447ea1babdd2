import { type Failure, HeadgateError, TAKEN_OVER } from '../shared/errors.ts'
import { type JsonPatchOperation, pointer } from '../shared/json-patch.ts'
import type { Clock } from '../shared/clock.ts'
import type { Lease, ObjectRef } from '../shared/objects.ts'
import type { Client } from './client.ts'
import type { Patch } from './requests.ts'
import { ApiError, explain } from './errors.ts'
import {
  ANSWER,
  FIELD_MANAGER,
  type LeaseAnswer,
  type LeaseRequest,
  leaseRef,
  microTime,
  REQUEST,
  requestOf,
} from './lease-state.ts'
import type { LiveList } from './watch.ts'

const RENEW_MS = 10_000
/** A renewal that failed is tried again this soon: the longer pauses of other requests would outlast the lease. */
const AGAIN_MS = 2_000
/** A holder stops writing this long after its last renewal: sooner than anybody may take over. */
const DEADLINE_MS = 25_000

export interface AcquireOptions {
  namespace: string
  app: string
  /** who acts: repository, run and attempt. The same holder may take its own lease again at once */
  holder: string
  /** how long to wait for another run, in milliseconds; 0 to give up at once */
  waitMs: number
  clock: Clock
  signal: AbortSignal
  /** what `ask` has seen expire: that holder is not waited for again */
  expired?: string
  /** called once when another run has to be waited for */
  onWait?: (holder: string) => void
}

/**
 * The right to write for one app, held as a Lease that is renewed in the background. Time is measured by the own clock
 * only: another's lease has expired when its renewTime has not changed for as long as it promises.
 */
export class LeaseHolder {
  readonly #client: Client
  readonly #options: AcquireOptions
  readonly #ref: ObjectRef
  readonly #list: LiveList<Lease>
  readonly #stop: AbortController
  readonly #lost = new AbortController()
  readonly #callbacks: ((request: LeaseRequest) => void)[] = []
  #seen: string | undefined
  #renewedAt: number
  /** why the last renewal failed */
  #trouble: unknown

  /** For {@link acquire}, which has just written the Lease. */
  constructor(
    client: Client,
    options: AcquireOptions,
    list: LiveList<Lease>,
    stop: AbortController,
    renewedAt: number,
  ) {
    this.#client = client
    this.#options = options
    this.#ref = leaseRef(options)
    this.#list = list
    this.#stop = stop
    this.#renewedAt = renewedAt
    void this.#renewing()
    void this.#watchdog()
  }

  /** Aborted, with a HeadgateError as reason, when this run may not write any more. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  get holder(): string {
    return this.#options.holder
  }

  /** What other runs ask of this one and has not been answered; at most one, the newest. */
  get requests(): LeaseRequest[] {
    const request = requestOf(this.#list.get(this.#ref.name))
    return request === undefined ? [] : [request]
  }

  /** `callback` is called for the request that is there and for each that comes. */
  onRequest(callback: (request: LeaseRequest) => void): void {
    this.#callbacks.push(callback)
    for (const request of this.requests) callback(request)
  }

  /** Tells the run that asked what became of its request, and takes the request off. */
  async answer(request: LeaseRequest, message: string, refused = false): Promise<void> {
    const text: LeaseAnswer = { to: request.by, at: request.at, message, ...(refused ? { refused } : {}) }
    const annotations = ['metadata', 'annotations']
    const done = await this.#write([
      { op: 'add', path: pointer(...annotations, ANSWER), value: JSON.stringify(text) },
      { op: 'remove', path: pointer(...annotations, REQUEST) },
    ])
    if (done !== undefined) this.#list.put(done)
  }

  /** Gives the lease back; never throws, because an unreleased lease expires by itself. */
  async release(): Promise<void> {
    if (this.#stop.signal.aborted) return
    this.#stop.abort()
    if (this.#lost.signal.aborted) return
    try {
      await this.#write([{ op: 'remove', path: '/spec/holderIdentity' }])
    } catch {
      // Nothing to do about it: it is no longer renewed.
    }
  }

  /** For {@link acquire}: called on each change of the Lease. */
  changed(): void {
    const lease = this.#list.get(this.#ref.name)
    const holder = lease?.spec?.holderIdentity
    if (lease !== undefined && holder !== this.holder && !this.#stop.signal.aborted)
      this.#taken(`${holder ?? 'nobody'} holds it now`)
    const request = requestOf(lease)
    const id = request === undefined ? undefined : `${request.by} ${request.at}`
    if (request !== undefined && id !== this.#seen) for (const callback of this.#callbacks) callback(request)
    this.#seen = id
  }

  /** undefined when the Lease is no longer ours. Needs no resourceVersion: the holder is tested on the server. */
  async #write(operations: JsonPatchOperation[], once = false): Promise<Lease | undefined> {
    const test: JsonPatchOperation = { op: 'test', path: '/spec/holderIdentity', value: this.holder }
    try {
      const patch: Patch = { type: 'json', operations: [test, ...operations] }
      return await this.#client.patch<Lease>(this.#ref, patch, { fieldManager: FIELD_MANAGER, once })
    } catch (error) {
      if (error instanceof ApiError && ['stale', 'invalid', 'not-found'].includes(error.kind)) return undefined
      throw error
    }
  }

  async #renewing(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stop
    for (let pause = RENEW_MS; ; ) {
      await clock.sleep(pause, signal)
      if (signal.aborted || this.lost.aborted) return
      const began = clock.now()
      try {
        const renewed = await this.#write([{ op: 'add', path: '/spec/renewTime', value: microTime(began) }], true)
        if (renewed === undefined) {
          if (!signal.aborted) this.#taken('another run has taken it')
          return
        }
        this.#renewedAt = began
        this.#trouble = undefined
        pause = RENEW_MS
        this.#list.put(renewed)
      } catch (error) {
        pause = AGAIN_MS
        // The watchdog decides how long that may go on.
        this.#trouble = error
      }
    }
  }

  async #watchdog(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stop
    for (;;) {
      await clock.sleep(this.#renewedAt + DEADLINE_MS - clock.now(), signal)
      if (signal.aborted || this.lost.aborted) return
      if (clock.now() - this.#renewedAt >= DEADLINE_MS) return this.#expired()
    }
  }

  #taken(by: string): void {
    const message = `the lease ${this.#ref.name} is lost: ${by}`
    const next = 'look at the run that holds it; use one concurrency group per app and environment'
    this.#lose({ code: TAKEN_OVER, message, object: this.#ref, next })
  }

  /** A machine that slept, an API server that did not answer, or a login that has ended, which is told as that. */
  #expired(): void {
    const cause = this.#trouble instanceof ApiError ? explain(this.#trouble) : undefined
    if (cause?.code === 'unauthorized') return this.#lose(cause)
    const why = cause === undefined ? '' : `: ${cause.message}`
    const message = `the lease ${this.#ref.name} is lost: it could not be renewed for ${DEADLINE_MS / 1_000} s${why}`
    this.#lose({ code: 'lease-lost', message, object: this.#ref })
  }

  #lose(failure: Omit<Failure, 'kind'>): void {
    if (this.#lost.signal.aborted) return
    const done = 'nothing more is written by this run'
    this.#lost.abort(new HeadgateError({ ...failure, kind: 'failed', done }))
  }
}

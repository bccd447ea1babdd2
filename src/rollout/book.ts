import type { Client } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/errors.ts'
import { MOVER } from '../strategies/hold.ts'
import type { Reporter } from '../report/events.ts'
import { CLI } from '../report/way.ts'
import type { Clock } from '../shared/clock.ts'
import { refuse } from '../shared/errors.ts'
import { type ConfigMap, type KubeObject, keyOf, type ObjectRef, refOf } from '../shared/objects.ts'
import { UNDO_KEY, undoCommand, undoScript } from './by-hand.ts'
import {
  decodePayload,
  decodeRecord,
  encodePayload,
  encodeRecord,
  type Payload,
  payloadName,
  recordName,
} from './codec.ts'
import type { OnGitHub } from './deps.ts'
import { isOver, type RolloutRecord, type TimelineEntry } from './record.ts'

const MAX_TIMELINE = 60

export function recordRef(app: string, namespace: string): ObjectRef {
  return { apiVersion: 'v1', kind: 'ConfigMap', name: recordName(app), namespace }
}

/** The record as it stands in the cluster. Undefined when the app has none. */
export async function readRecord(
  client: Client,
  app: string,
  namespace: string,
): Promise<{ map: ConfigMap; record: RolloutRecord } | undefined> {
  const map = await client.get<ConfigMap>(recordRef(app, namespace))
  return map === undefined ? undefined : { map, record: decodeRecord(map) }
}

/** The payload of a rollout. Throws `refused` when it is gone. */
export async function readPayload(client: Client, record: RolloutRecord, rollout: number): Promise<Payload> {
  const { app, namespace, payloads } = record
  const kind = payloads.find((each) => each.rollout === rollout)?.kind ?? 'ConfigMap'
  const name = payloadName(app, rollout)
  const object = await client.get<KubeObject>({ apiVersion: 'v1', kind, name, namespace })
  if (object !== undefined) return decodePayload(object)
  throw refuse(
    'payload-missing',
    `the release of rollout ${rollout} (${kind} ${name} in namespace ${namespace}) is gone`,
    {
      next: 'deploy the release you want from its commit',
    },
  )
}

export interface BookTools {
  client: Client
  clock: Clock
  reporter: Reporter
  onGitHub: () => OnGitHub
}

/**
 * Record and payload of the rollout under way: what is written down before it is done and after. Every write carries the
 * resourceVersion of the last, so that two runs can never both believe that they wrote the next line.
 */
export class Book {
  record: RolloutRecord
  payload: Payload
  #map: ConfigMap | undefined
  readonly #client: Client
  readonly #clock: Clock
  readonly #reporter: Reporter
  readonly #onGitHub: BookTools['onGitHub']
  readonly #objects = new Map<string, KubeObject>()

  constructor(tools: BookTools, record: RolloutRecord, payload: Payload, map?: ConfigMap) {
    this.#client = tools.client
    this.#clock = tools.clock
    this.#reporter = tools.reporter
    this.#onGitHub = tools.onGitHub
    this.record = record
    this.payload = payload
    this.#map = map
    for (const object of payload.objects) this.#objects.set(keyOf(refOf(object)), object)
  }

  /** The record's ConfigMap as last written. */
  get map(): ConfigMap | undefined {
    return this.#map
  }

  /** Object of the release by key. */
  object(key: string): KubeObject | undefined {
    return this.#objects.get(key)
  }

  /** Writes the payload, which never changes, before the first record that names it. */
  async open(): Promise<void> {
    const object = encodePayload(this.payload, this.record.app, this.record.namespace)
    try {
      await this.#client.create(object, { fieldManager: MOVER })
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== 'exists') throw error
      // A run that died before its first record left one of the same number, which nothing names.
      await this.#client.delete(refOf(object))
      await this.#client.create(object, { fieldManager: MOVER })
    }
  }

  /** Changes the record and writes it. `timeline` adds one line of history. */
  async save(change: Partial<RolloutRecord>, ...timeline: Omit<TimelineEntry, 'at'>[]): Promise<void> {
    const at = new Date(this.#clock.now()).toISOString()
    const entries = timeline.map((entry) => ({ at, ...entry }))
    const { rollout } = this.record
    const { comment, deployment } = this.#onGitHub()
    const { commentId, pullRequest } = comment?.rollout === rollout ? comment : {}
    const next: RolloutRecord = {
      ...this.record,
      ...(commentId === undefined ? {} : { commentId }),
      ...(pullRequest === undefined ? {} : { pullRequest }),
      ...(deployment?.rollout === rollout ? { githubDeployment: deployment.id } : {}),
      ...change,
      updatedAt: at,
      timeline: [...this.record.timeline, ...entries].slice(-MAX_TIMELINE),
    }
    const over = isOver(next)
    const map = encodeRecord(next)
    const data = { ...map.data, [UNDO_KEY]: over ? null : undoScript(next, this.payload) }
    this.#map = await this.#write(map, data)
    this.record = next
    this.tell()
  }

  async #write(map: ConfigMap, data: Record<string, string | null>): Promise<ConfigMap> {
    try {
      return this.#map === undefined ? await this.#create(map, data) : await this.#patch(this.#map, data)
    } catch (error) {
      if (!(error instanceof ApiError) || !['stale', 'exists'].includes(error.kind)) throw error
      return this.#again(error, data)
    }
  }

  /**
   * A write that came too late is one of three things: our own first try whose answer was lost, which stands; an edit by
   * a person in between, which is written over; or another run, and then this one must stop.
   */
  async #again(error: ApiError, data: Record<string, string | null>): Promise<ConfigMap> {
    const found = await readRecord(this.#client, this.record.app, this.record.namespace)
    if (found === undefined) throw error
    if (found.map.data?.['record'] === data['record']) return found.map
    const same = found.record.rollout === this.record.rollout && found.record.updatedAt === this.record.updatedAt
    if (!same) throw error
    return this.#patch(found.map, data)
  }

  async #create(map: ConfigMap, { [UNDO_KEY]: undo, ...data }: Record<string, string | null>): Promise<ConfigMap> {
    const whole = { ...data, ...(undo === null ? {} : { [UNDO_KEY]: undo }) } as Record<string, string>
    return this.#client.create({ ...map, data: whole }, { fieldManager: MOVER })
  }

  #patch({ metadata }: ConfigMap, data: Record<string, string | null>): Promise<ConfigMap> {
    const { resourceVersion } = metadata
    const body = { metadata: resourceVersion === undefined ? {} : { resourceVersion }, data }
    const ref = recordRef(this.record.app, this.record.namespace)
    return this.#client.patch<ConfigMap>(ref, { type: 'merge', body }, { fieldManager: MOVER })
  }

  tell(): void {
    const { record } = this
    const over = isOver(record)
    this.#reporter.emit({ kind: 'record', record, ...(over ? {} : { byHand: undoCommand(record) }) })
  }

  /** What `kubectl describe` shows on everything that this rollout moves. */
  sentence(): string {
    const { app, namespace, rollout } = this.record
    return `Headgate moves this object (rollout ${rollout} of app ${app}). Until it ends, apply nothing to it. Where it stands: ${CLI} status --app ${app} --namespace ${namespace}. Back to the old version: ${CLI} abort --app ${app} --namespace ${namespace}, or without it: ${undoCommand(this.record)}`
  }
}

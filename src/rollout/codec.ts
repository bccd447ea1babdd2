import { gunzipSync, gzipSync } from 'node:zlib'
import { refuse } from '../shared/errors.ts'
import { parseJson, stringifyJson } from '../shared/json.ts'
import type { Route } from '../routers/router.ts'
import { type ConfigMap, type KubeObject, nameOf, refOf } from '../shared/objects.ts'
import { APP_LABEL } from '../strategies/services.ts'
import type { Versions } from '../strategies/view.ts'
import { type PayloadRef, RECORD_VERSION, type RolloutRecord } from './record.ts'

/** Largest payload in bytes that is accepted; etcd refuses objects above about 1 MiB. */
export const MAX_PAYLOAD_BYTES = 900_000

/** What a rollout needs to go on, end or return without checkout and build. Immutable; one per rollout. */
export interface Payload {
  version: 1
  rollout: number
  digest: string
  /** the release's objects, after image substitution, with namespaces */
  objects: KubeObject[]
  /** both versions of each workload that goes through steps, by `namespace/name` */
  versions: Record<string, Versions>
  /** what an abort puts back: live objects before this rollout, by key (shared configuration, ownership) */
  before: Record<string, KubeObject>
  /** routes as they were before this rollout, by key, each with what else its router looks at */
  routes?: Record<string, Route>
  /** id of the release, see ReleaseRef */
  id?: string
  /** manifests of Services and Jobs that belong to steps are among `objects`; these are their names */
  jobs: string[]
}

export function recordName(app: string): string {
  return `headgate-${app}`
}

export function payloadName(app: string, rollout: number): string {
  return `headgate-${app}-r${rollout}`
}

/** The record's ConfigMap. */
export function encodeRecord(record: RolloutRecord): ConfigMap {
  const { app, namespace } = record
  const metadata = { name: recordName(app), namespace, labels: { [APP_LABEL]: app } }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { record: stringifyJson(record) } }
}

/** Reads a record. One of a newer version is refused, because going on with half of its meaning could lose pods. */
export function decodeRecord(map: ConfigMap): RolloutRecord {
  const where = `ConfigMap/${map.metadata.name ?? ''} in namespace ${map.metadata.namespace ?? ''}`
  let value: unknown
  try {
    value = parseJson(map.data?.['record'] ?? '')
  } catch (cause) {
    throw refuse('record-broken', `${where} holds no readable record (${String(cause)})`, {
      next: `restore its data.record, or delete it if no rollout is under way`,
    })
  }
  if (typeof value !== 'object' || value === null || !('version' in value))
    throw refuse('record-broken', `${where} holds no record`, { next: 'delete it if no rollout is under way' })
  if (typeof value.version !== 'number' || value.version > RECORD_VERSION)
    throw refuse(
      'record-newer',
      `${where} was written by a newer Headgate (record version ${String(value.version)}; this one knows ${RECORD_VERSION})`,
      {
        next: 'use the version of Headgate that wrote it, or a newer one',
      },
    )
  return value as RolloutRecord
}

/** Where a payload is kept: in a Secret when it holds one. */
export function payloadKind({ objects, before }: Payload): PayloadRef['kind'] {
  return [...objects, ...Object.values(before)].some((object) => object.kind === 'Secret') ? 'Secret' : 'ConfigMap'
}

/** The payload's object: a Secret when the release contains Secrets, so that their values are guarded alike. */
export function encodePayload(payload: Payload, app: string, namespace: string): KubeObject {
  const bytes = gzipSync(stringifyJson(payload), { level: 9 })
  const secret = payloadKind(payload) === 'Secret'
  const metadata = { name: payloadName(app, payload.rollout), namespace, labels: { [APP_LABEL]: app } }
  const data = { payload: bytes.toString('base64') }
  if (bytes.length > MAX_PAYLOAD_BYTES)
    throw refuse(
      'record-size',
      `the release takes ${bytes.length} bytes compressed; at most ${MAX_PAYLOAD_BYTES} can be kept in the cluster`,
      {
        next: 'move large data out of ConfigMaps, or split the app',
      },
    )
  return secret
    ? { apiVersion: 'v1', kind: 'Secret', type: 'headgate.dev/payload', metadata, immutable: true, data }
    : { apiVersion: 'v1', kind: 'ConfigMap', metadata, immutable: true, binaryData: data }
}

/** Reads a payload. Throws `refused` when it cannot be unpacked. */
export function decodePayload(object: KubeObject): Payload {
  const data = (object.kind === 'Secret' ? object['data'] : object['binaryData']) as Record<string, string> | undefined
  try {
    return parseJson(gunzipSync(Buffer.from(data?.['payload'] ?? '', 'base64')).toString('utf8')) as Payload
  } catch (cause) {
    throw refuse('payload-broken', `${nameOf(refOf(object))} holds no readable release (${String(cause)})`, {
      next: 'deploy the release you want from its commit',
    })
  }
}

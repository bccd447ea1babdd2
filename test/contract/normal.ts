/** Answers without what differs from run to run: names that were made up, times, versions, addresses. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { canonical, isMap } from '../emulator/values.ts'
import type { Answer, Cluster } from './cluster.ts'

const CONTROLLERS = new Set(['kube-controller-manager', 'kubelet', 'kube-scheduler'])

export interface Normal {
  status: number
  body: Json
  warning?: string
}

/** An answer in the form that is compared. */
export function normal(cluster: Cluster, answer: Answer): Normal {
  const { warning } = answer.headers
  return { status: answer.status, body: plain(cluster, answer.body), ...(warning === undefined ? {} : { warning }) }
}

export function plain(cluster: Cluster, value: Json): Json {
  if (typeof value === 'string') return text(cluster, value)
  if (Array.isArray(value))
    return value
      .filter((item) => !isController(item))
      .sort(byManager)
      .map((item) => plain(cluster, item))
  if (!isMap(value)) return value
  const result: JsonMap = {}
  for (const key of Object.keys(value).sort()) {
    const item = value[key]
    if (item === undefined || isNoise(key, item)) continue
    result[text(cluster, key)] =
      VARYING[key] !== undefined && typeof item !== 'object' ? VARYING[key] : plain(cluster, item)
  }
  return result
}

const VARYING: Record<string, string> = {
  uid: 'UID',
  resourceVersion: 'VERSION',
  creationTimestamp: 'TIME',
  deletionTimestamp: 'TIME',
  time: 'TIME',
  clusterIP: 'ADDRESS',
  continue: 'CONTINUE',
}

/** The state that controllers write while the test looks on. */
function isNoise(key: string, item: Json): boolean {
  if (!isMap(item)) return key === REVISION
  if (key === 'annotations') return Object.keys(item).every((name) => name === REVISION)
  return key === 'status' && !('allowed' in item) && !('userInfo' in item) && !('loadBalancer' in item)
}

const REVISION = 'deployment.kubernetes.io/revision'

/** Entries of managedFields stand by time, and within a second by name: two runs may differ. */
function byManager(a: Json, b: Json): number {
  const key = (item: Json): string =>
    isMap(item) && item['fieldsType'] === 'FieldsV1' ? canonical({ ...item, fieldsV1: null, time: null }) : ''
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0
}

function isController(item: Json): boolean {
  return (
    isMap(item) &&
    typeof item['manager'] === 'string' &&
    CONTROLLERS.has(item['manager']) &&
    item['fieldsType'] === 'FieldsV1' &&
    item['subresource'] === 'status'
  )
}

function text(cluster: Cluster, value: string): string {
  return (
    value
      .replaceAll(cluster.namespace, 'NAMESPACE')
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace(/10\.96\.\d+\.\d+/g, 'ADDRESS')
      .replace(/\((\d+)\)/g, '(N)')
      .replace(/current: \d+/g, 'current: N')
      // the whole patched object in a message
      .replace(/Invalid value: "\{.*\}"/g, 'Invalid value: "OBJECT"')
      .replace(/^x-[a-z0-9]{5}$/, 'x-RANDOM')
  )
}

/** Compares with what the real cluster answered, or records that. */
export function expectRecorded(cluster: Cluster, name: string, answers: Record<string, Json | Normal>): void {
  const file = new URL(`./recorded/${name}.json`, import.meta.url)
  const seen: unknown = JSON.parse(JSON.stringify(answers))
  if (cluster.real && process.env['HEADGATE_RECORD'] === '1') {
    writeFileSync(file, `${JSON.stringify(seen, undefined, 1)}\n`)
    return
  }
  const dump = process.env['HEADGATE_DUMP']
  if (dump !== undefined) writeFileSync(`${dump}/${name}.json`, `${JSON.stringify(seen, undefined, 1)}\n`)
  const recorded: unknown = JSON.parse(readFileSync(file, 'utf8'))
  expect(seen).toEqual(recorded)
}

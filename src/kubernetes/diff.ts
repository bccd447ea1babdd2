import { isMap } from '../shared/json.ts'
import type { Json, JsonMap, KubeObject } from '../shared/objects.ts'

/** One difference between what lives and what will. Values of Secrets are never part of it. */
export interface FieldChange {
  /** as the API server writes paths: `.spec.template.spec.containers[name="app"].image` */
  path: string
  kind: 'added' | 'removed' | 'changed'
  before?: Json
  after?: Json
  /** the values are withheld because they are secret */
  secret?: true
}

/** Written by the server, or about the object rather than of it. */
const SERVER_METADATA = ['managedFields', 'resourceVersion', 'generation', 'uid', 'creationTimestamp', 'selfLink']

/** kubectl's copy of the manifest: a second picture of the same change, and for Secrets one with their values. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/** The Deployment controller numbers its revisions in annotations of the Deployment. */
const CONTROLLER = 'deployment.kubernetes.io/'

/** Keys by which lists of Kubernetes objects are maps (`x-kubernetes-list-map-keys`), the usual ones first. */
const LIST_KEYS = ['name', 'mountPath', 'containerPort', 'port', 'ip', 'type', 'key', 'topologyKey']

function content(object: KubeObject): JsonMap {
  const { metadata, status: _, ...rest } = object
  const kept = Object.entries(metadata).filter(([key]) => !SERVER_METADATA.includes(key))
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    ([key]) => key !== LAST_APPLIED && !key.startsWith(CONTROLLER),
  )
  const meta: JsonMap = Object.fromEntries(kept)
  delete meta['annotations']
  if (annotations.length > 0) meta['annotations'] = Object.fromEntries(annotations)
  return { ...rest, metadata: meta }
}

/** True when both mean the same: bookkeeping, status, and kubectl's annotation aside. */
export function sameContent(a: KubeObject, b: KubeObject): boolean {
  return same(content(a), content(b))
}

export function same(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, at) => same(item, b[at]))
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].every((key) => same(a[key], b[key]))
}

/**
 * What will change, field by field: `live` against the server's answer to a dry run. `live` is undefined for an object
 * that will be created.
 */
export function diff(live: KubeObject | undefined, dry: KubeObject): FieldChange[] {
  const changes: FieldChange[] = []
  compare('', live === undefined ? {} : content(live), content(dry), changes)
  return dry.kind === 'Secret' ? changes.map(withheld) : changes
}

function withheld(change: FieldChange): FieldChange {
  if (!/^\.(data|stringData)\b/.test(change.path)) return change
  return { path: change.path, kind: change.kind, secret: true }
}

function compare(path: string, before: Json | undefined, after: Json | undefined, changes: FieldChange[]): void {
  if (same(before, after)) return
  if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      compare(`${path}${segment(key)}`, before[key], after[key], changes)
    return
  }
  const key = Array.isArray(before) && Array.isArray(after) ? listKey([...before, ...after]) : undefined
  if (key !== undefined && unique(before, key) && unique(after, key))
    return compareList(path, key, before, after, changes)
  // A map that appears or goes is told field by field where it is data of a Secret or small; the whole value otherwise.
  if (before === undefined && isMap(after) && TOLD_BY_FIELD.test(path)) return compare(path, {}, after, changes)
  if (after === undefined && isMap(before) && TOLD_BY_FIELD.test(path)) return compare(path, before, {}, changes)
  changes.push(change(path, before, after))
}

const TOLD_BY_FIELD = /^(|\.data|\.stringData|\.binaryData|\.metadata|\.spec)$/

function change(path: string, before: Json | undefined, after: Json | undefined): FieldChange {
  if (before === undefined) return { path, kind: 'added', after: after ?? null }
  return after === undefined ? { path, kind: 'removed', before } : { path, kind: 'changed', before, after }
}

function segment(key: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

function listKey(items: Json[]): string | undefined {
  return LIST_KEYS.find((key) => items.every((item) => isMap(item) && ['string', 'number'].includes(typeof item[key])))
}

function unique(list: Json | undefined, key: string): list is JsonMap[] {
  return Array.isArray(list) && new Set(list.map((item) => (isMap(item) ? item[key] : undefined))).size === list.length
}

function compareList(path: string, key: string, before: JsonMap[], after: JsonMap[], changes: FieldChange[]): void {
  const old = new Map(before.map((item) => [item[key], item]))
  const now = new Map(after.map((item) => [item[key], item]))
  const found = changes.length
  for (const id of new Set([...old.keys(), ...now.keys()])) {
    const text = JSON.stringify(id)
    compare(`${path}[${key}=${text}]`, old.get(id), now.get(id), changes)
  }
  // The same items in another order: init containers run in theirs.
  if (changes.length === found) changes.push(change(path, before, after))
}

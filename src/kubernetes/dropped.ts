import type { Json, JsonMap, KubeObject } from '../shared/objects.ts'
import { isMap } from '../shared/json.ts'
import { type FieldSet, hasField } from './field-set.ts'

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * A dry run before ownership is handed over still shows the fields that only kubectl had applied. They are taken out here,
 * so that a plan shows what will happen. Client-side apply owns defaulted fields too, which come back by themselves; what
 * was really in its manifest is told by the last-applied annotation.
 */
export function withoutDropped(dry: KubeObject, live: KubeObject, managers: string[]): KubeObject {
  const entries = dry.metadata.managedFields ?? []
  const others = entries
    .filter((each) => !managers.includes(each.manager ?? ''))
    .map((each) => (each.fieldsV1 ?? {}) as FieldSet)
  const before = entries.filter((each) => managers.includes(each.manager ?? ''))
  if (before.length === 0) return dry
  const applied = before.filter((each) => each.operation === 'Apply').map((each) => (each.fieldsV1 ?? {}) as FieldSet)
  const updated = before.filter((each) => each.operation === 'Update').map((each) => (each.fieldsV1 ?? {}) as FieldSet)
  const manifest = parse(live.metadata.annotations?.[LAST_APPLIED])
  const kept = prune(dry, [], { others, applied, updated }, manifest)
  return kept as KubeObject
}

interface Owners {
  others: FieldSet[]
  applied: FieldSet[]
  updated: FieldSet[]
}

function parse(text: string | undefined): Json | undefined {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function owned(sets: FieldSet[], path: string[]): boolean {
  return sets.some((set) => hasField(set, path))
}

/** True where a set reaches below the path. */
function touched(sets: FieldSet[], path: string[]): boolean {
  return sets.some((set) => {
    let at: FieldSet | undefined = set
    for (const key of path) at = at?.[key]
    return at !== undefined
  })
}

function prune(value: Json | undefined, path: string[], owners: Owners, manifest: Json | undefined): Json | undefined {
  const only = !touched(owners.others, path)
  const fromManifest = manifest !== undefined && owned(owners.updated, path)
  if (path.length > 0 && only && (owned(owners.applied, path) || fromManifest)) return undefined
  if (Array.isArray(value)) return pruneList(value, path, owners, manifest)
  if (typeof value !== 'object' || value === null) return value
  const result: JsonMap = {}
  const source = isMap(manifest) ? manifest : {}
  for (const [key, item] of Object.entries(value)) {
    const kept = prune(item, [...path, `f:${key}`], owners, source[key])
    if (kept !== undefined) result[key] = kept
  }
  return result
}

function pruneList(list: Json[], path: string[], owners: Owners, manifest: Json | undefined): Json[] {
  const keys = [...new Set([...owners.applied, ...owners.updated].flatMap((set) => Object.keys(at(set, path) ?? {})))]
  const source = Array.isArray(manifest) ? manifest : []
  const kept = list.map((item) => {
    const key = keys.find((each) => matches(each, item))
    return key === undefined
      ? item
      : prune(
          item,
          [...path, key],
          owners,
          source.find((each) => matches(key, each, item)),
        )
  })
  return kept.filter((item) => item !== undefined)
}

function at(set: FieldSet, path: string[]): FieldSet | undefined {
  let node: FieldSet | undefined = set
  for (const key of path) node = node?.[key]
  return node
}

/** Whether a list item is the one that `k:{…}` or `v:…` names; a key field that a manifest leaves to its default counts. */
function matches(key: string, item: Json, filled?: Json): boolean {
  if (key.startsWith('v:')) return JSON.stringify(item) === key.slice(2)
  if (!key.startsWith('k:') || !isMap(item)) return false
  return Object.entries(JSON.parse(key.slice(2)) as JsonMap).every(
    ([name, value]) => item[name] === value || (item[name] === undefined && isMap(filled) && filled[name] === value),
  )
}

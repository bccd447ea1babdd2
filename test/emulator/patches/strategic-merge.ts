import type { Json, JsonMap } from '../../../src/shared/objects.ts'
import { badRequest, internal } from '../errors.ts'
import { UNTYPED } from '../fields/field-set.ts'
import type { Field, Type } from '../schema/schema.ts'
import { clone, equal, goMap, isMap } from '../values.ts'

const ORDER = '$setElementOrder/'
const DELETE_FROM = '$deleteFromPrimitiveList/'

/** Kubernetes' own patch: maps are merged, lists by their merge key, with directives beside the values. */
export function strategicMerge(type: Type, target: JsonMap, patch: JsonMap): JsonMap {
  if (patch['$patch'] === 'replace') return without(patch, '$patch')
  if (patch['$patch'] === 'delete') return {}
  const retain = patch['$retainKeys']
  const result: JsonMap = Array.isArray(retain) ? onlyKeys(target, retain) : { ...target }
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || key === '$retainKeys' || key === '$patch') continue
    if (key.startsWith(DELETE_FROM)) {
      const name = key.slice(DELETE_FROM.length)
      result[name] = minus(result[name], value)
    } else if (!key.startsWith('$')) {
      const merged = mergeField(fieldOf(type, key), valueType(type, key), result[key], value)
      if (merged === undefined) delete result[key]
      else result[key] = merged
    }
  }
  for (const key of listsOf(patch)) {
    const order = patch[`${ORDER}${key}`] ?? patch[key]
    const field = fieldOf(type, key)
    const current = result[key]
    if (!Array.isArray(order) || !Array.isArray(current) || field?.mergeKey === undefined) continue
    result[key] = ordered(field.mergeKey, current, order, target[key])
  }
  return result
}

/** Lists that the patch has a word on: by items, or by their order alone. */
function listsOf(patch: JsonMap): Set<string> {
  return new Set(Object.keys(patch).map((key) => (key.startsWith(ORDER) ? key.slice(ORDER.length) : key)))
}

function onlyKeys(target: JsonMap, keys: Json[]): JsonMap {
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.includes(key)))
}

function without(map: JsonMap, key: string): JsonMap {
  const { [key]: _, ...rest } = map
  return rest
}

function fieldOf(type: Type, key: string): Field | undefined {
  return type.kind === 'struct' ? type.fields.get(key) : undefined
}

function valueType(type: Type, key: string): Type {
  if (type.kind === 'struct') return type.fields.get(key)?.type ?? UNTYPED
  return type.kind === 'map' ? type.value : UNTYPED
}

function mergeField(field: Field | undefined, type: Type, current: Json | undefined, value: Json): Json | undefined {
  if (value === null) return undefined
  if (isMap(value)) {
    if (value['$patch'] === 'delete') return undefined
    return strategicMerge(type, isMap(current) ? current : {}, value)
  }
  if (!Array.isArray(value) || type.kind !== 'list') return clone(value)
  if (field?.mergeKey === undefined) return value.map((item) => clone(item))
  const base = Array.isArray(current) ? current : []
  return field.mergeKey === '' ? mergeScalars(base, value) : mergeItems(type.item, field.mergeKey, base, value)
}

function mergeScalars(base: Json[], items: Json[]): Json[] {
  return [...base, ...items.filter((item) => !base.some((other) => equal(item, other)))]
}

function mergeItems(type: Type, key: string, base: Json[], items: Json[]): Json[] {
  if (items.some((item) => isMap(item) && item['$patch'] === 'replace'))
    return items.filter((item) => !(isMap(item) && item['$patch'] === 'replace'))
  const result = [...base]
  for (const item of items) {
    if (!isMap(item)) throw badRequest('cannot merge a list of maps with a scalar')
    const value = item[key]
    if (value === undefined) throw internal(`map: ${goMap(item)} does not contain declared merge key: ${key}`)
    const found = result.findIndex((other) => isMap(other) && equal(other[key], value))
    if (item['$patch'] === 'delete') {
      if (found >= 0) result.splice(found, 1)
    } else if (found < 0) result.push(strategicMerge(type, {}, item))
    else {
      const current = result[found]
      result[found] = strategicMerge(type, isMap(current) ? current : {}, item)
    }
  }
  return result
}

function minus(current: Json | undefined, items: Json): Json {
  if (!Array.isArray(current) || !Array.isArray(items)) return current ?? []
  return current.filter((item) => !items.some((other) => equal(item, other)))
}

/**
 * Items that the patch names stand in its order. Those that only the server has are woven in where the live list has
 * them before the next named item.
 */
function ordered(key: string, items: Json[], order: Json[], live: Json | undefined): Json[] {
  const keyOf = (item: Json): Json | undefined => (key === '' || !isMap(item) ? item : item[key])
  const place = (list: Json[], item: Json): number => list.findIndex((other) => equal(keyOf(other), keyOf(item)))
  const before = Array.isArray(live) ? live : []
  const named = items.filter((item) => place(order, item) >= 0).sort((a, b) => place(order, a) - place(order, b))
  const others = items.filter((item) => place(order, item) < 0)
  const result: Json[] = []
  while (named.length > 0 || others.length > 0) {
    const [next, other] = [named[0], others[0]]
    const takeOther =
      other !== undefined &&
      (next === undefined ||
        (place(before, other) >= 0 && place(before, next) >= 0 && place(before, other) < place(before, next)))
    const taken = takeOther ? others.shift() : named.shift()
    if (taken !== undefined) result.push(taken)
  }
  return result
}

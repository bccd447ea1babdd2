import type { Json, JsonMap } from '../../../src/shared/objects.ts'
import { badRequest } from '../errors.ts'
import { UNTYPED } from '../fields/field-set.ts'
import type { Field, Type } from '../schema/schema.ts'
import { clone, equal, isMap } from '../values.ts'

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
  for (const [key, value] of Object.entries(patch))
    if (key.startsWith(ORDER) && Array.isArray(value)) {
      const name = key.slice(ORDER.length)
      result[name] = ordered(fieldOf(type, name), result[name], value)
    }
  return result
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
    if (value === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
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

/** Items that the order names stand in that order; the others keep their place after what they stood behind. */
function ordered(field: Field | undefined, current: Json | undefined, order: Json[]): Json[] {
  const items = Array.isArray(current) ? current : []
  const key = field?.mergeKey ?? ''
  const keyOf = (item: Json): Json | undefined => (key === '' ? item : isMap(item) ? item[key] : undefined)
  const rank = (item: Json): number => order.findIndex((other) => equal(keyOf(other), keyOf(item)))
  const named = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b))
  const result: Json[] = []
  for (const item of items) {
    const next = rank(item) >= 0 ? named.shift() : item
    if (next !== undefined) result.push(next)
  }
  return result
}

/** Walks over values with their type: the sets of fields they hold, how two differ, and how one is laid over another. */
import type { Json, JsonMap } from '../../../src/shared/objects.ts'
import type { Type } from '../schema/schema.ts'
import { canonical, equal, isMap } from '../values.ts'
import { childType, FieldSet, UNTYPED } from './field-set.ts'

type ListType = Extract<Type, { kind: 'list' }>

/** A value that does not fit its type; the message is the server's. */
export class TypedError extends Error {}

/** How a value is owned: as one (`leaf`), per field, or per list item. */
export type Shape = { kind: 'leaf' } | { kind: 'fields' } | { kind: 'items'; type: ListType }

const LEAF: Shape = { kind: 'leaf' }
const FIELDS: Shape = { kind: 'fields' }

export function shapeOf(type: Type, value: Json | undefined): Shape {
  switch (type.kind) {
    case 'scalar':
      return LEAF
    case 'struct':
    case 'map':
      return type.atomic ? LEAF : FIELDS
    case 'list':
      return type.relation === 'atomic' ? LEAF : { kind: 'items', type }
    case 'untyped':
      // without a schema maps are taken apart, lists are not
      return !type.atomic && isMap(value) ? FIELDS : LEAF
  }
}

/** The path element of a list item. */
export function elementOf(type: ListType, item: Json): string {
  if (type.relation === 'set') return `v:${canonical(item)}`
  const keys: JsonMap = {}
  for (const key of type.keys) {
    const value = isMap(item) ? item[key] : undefined
    const fallback = type.item.kind === 'struct' ? type.item.fields.get(key)?.keyDefault : undefined
    if (value !== undefined && value !== null) keys[key] = value
    else if (fallback !== undefined) keys[key] = fallback
    else
      throw new TypedError(
        `associative list with keys has an element that omits key field "${key}" (and doesn't have default value)`,
      )
  }
  return `k:${canonical(keys)}`
}

function isStructField(type: Type, name: string): boolean {
  return type.kind === 'struct' && type.fields.has(name)
}

/** The set of fields that an applied configuration names. */
export function fieldsOf(type: Type, value: Json | undefined): FieldSet {
  const set = new FieldSet()
  collect(type, value, set)
  return set
}

function collect(type: Type, value: Json | undefined, set: FieldSet): void {
  const shape = shapeOf(type, value)
  if (shape.kind === 'leaf') set.self = true
  else if (shape.kind === 'fields') {
    for (const [name, item] of Object.entries(isMap(value) ? value : {})) {
      if (item === undefined) continue
      const child = set.node([`f:${name}`])
      collect(childType(type, `f:${name}`), item, child)
      const emptyMap = isMap(item) && Object.keys(item).length === 0
      if (item === null || emptyMap || !isStructField(type, name)) child.self = true
    }
  } else {
    for (const item of Array.isArray(value) ? value : []) {
      const child = set.node([elementOf(shape.type, item)])
      collect(shape.type.item, item, child)
      child.self = true
    }
  }
}

export interface Difference {
  removed: FieldSet
  modified: FieldSet
  added: FieldSet
}

/** @param ignored fields that are not looked at */
export function differenceOf(type: Type, before: Json, after: Json, ignored: FieldSet = NOTHING): Difference {
  const difference = { removed: new FieldSet(), modified: new FieldSet(), added: new FieldSet() }
  compare(type, before, after, [], difference, ignored)
  return difference
}

const NOTHING = new FieldSet()

function size(value: Json | undefined): number {
  if (Array.isArray(value)) return value.length
  return isMap(value) ? Object.keys(value).length : 0
}

function compare(
  type: Type,
  before: Json | undefined,
  after: Json | undefined,
  path: string[],
  into: Difference,
  ignored: FieldSet = NOTHING,
): void {
  if (before === after && before !== undefined && type.kind === 'scalar') return
  const shape = shapeOf(type, after ?? before)
  const leaf = shape.kind === 'leaf' || (size(before) === 0 && size(after) === 0)
  if (leaf) {
    if (before === undefined) into.added.insert(path)
    else if (after === undefined) into.removed.insert(path)
    else if (!equal(before, after)) into.modified.insert(path)
    return
  }
  if (shape.kind === 'fields') compareFields(type, before, after, path, into, ignored)
  else compareItems(shape.type, before, after, path, into)
  if (before === undefined) into.added.insert(path)
  else if (after === undefined) into.removed.insert(path)
}

function compareFields(
  type: Type,
  before: Json | undefined,
  after: Json | undefined,
  path: string[],
  into: Difference,
  ignored: FieldSet,
): void {
  const [a, b] = [isMap(before) ? before : {}, isMap(after) ? after : {}]
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (a[name] === undefined && b[name] === undefined) continue
    const element = `f:${name}`
    const skip = ignored.get(element)
    if (skip?.self) continue
    path.push(element)
    compare(childType(type, element), a[name], b[name], path, into, skip)
    path.pop()
  }
}

function byElement(type: ListType, value: Json | undefined): Map<string, Json> {
  const items = new Map<string, Json>()
  for (const item of Array.isArray(value) ? value : []) {
    const element = elementOf(type, item)
    if (!items.has(element)) items.set(element, item)
  }
  return items
}

function compareItems(
  type: ListType,
  before: Json | undefined,
  after: Json | undefined,
  path: string[],
  into: Difference,
): void {
  const [a, b] = [byElement(type, before), byElement(type, after)]
  for (const element of new Set([...a.keys(), ...b.keys()])) {
    path.push(element)
    compare(type.item, a.get(element), b.get(element), path, into)
    path.pop()
  }
}

/** `over` laid over `base`: fields and list items of both, `over` wins where both have a leaf. */
export function merged(type: Type, base: Json | undefined, over: Json | undefined): Json | undefined {
  if (over === undefined) return base
  const shape = shapeOf(type, over)
  if (base === undefined || shape.kind === 'leaf' || (size(base) === 0 && size(over) === 0)) return over
  if (shape.kind === 'fields') {
    const result: JsonMap = isMap(base) ? { ...base } : {}
    for (const [name, item] of Object.entries(isMap(over) ? over : {}))
      if (item !== undefined) result[name] = merged(childType(type, `f:${name}`), result[name], item)
    return result
  }
  return mergedItems(shape.type, base, over)
}

/** Items keep the order of `over`; items that only `base` has stay where they stood among the shared ones. */
function mergedItems(type: ListType, base: Json | undefined, over: Json): Json[] {
  const left = byElement(type, base)
  const right = byElement(type, over)
  if (Array.isArray(over) && right.size < over.length) throw duplicate(type, over)
  const leftKeys = [...left.keys()]
  const rightKeys = [...right.keys()]
  const shared = rightKeys.filter((key) => left.has(key))
  const taken = new Set<string>()
  const result: Json[] = []
  const take = (key: string): void => {
    taken.add(key)
    const item = merged(type.item, left.get(key), right.get(key))
    if (item !== undefined) result.push(item)
    if (shared[0] === key) shared.shift()
  }
  let [l, r] = [0, 0]
  while (l < leftKeys.length || r < rightKeys.length) {
    const [leftKey, rightKey] = [leftKeys[l], rightKeys[r]]
    if (leftKey !== undefined && leftKey === rightKey) {
      take(leftKey)
      l++
      r++
    } else if (leftKey !== undefined && !right.has(leftKey)) {
      take(leftKey)
      l++
    } else if (leftKey !== undefined && (taken.has(leftKey) || (rightKey !== undefined && shared[0] !== leftKey))) {
      l++
    } else if (rightKey !== undefined) {
      if (!taken.has(rightKey)) take(rightKey)
      r++
    } else l++
  }
  return result
}

function duplicate(type: ListType, items: Json[]): TypedError {
  const seen = new Set<string>()
  const twice = items.map((item) => elementOf(type, item)).find((key) => seen.has(key) || !seen.add(key))
  return new TypedError(`duplicate entries for key ${(twice ?? '').replace(/^k:\{(.*)\}$/, '[$1]')}`)
}

/** `value` without the members of `set` (struct fields, map entries, list items). */
export function removed(type: Type, value: Json, set: FieldSet): Json | undefined {
  const shape = shapeOf(type, value)
  if (shape.kind === 'leaf') return type.kind === 'scalar' ? value : undefined
  if (shape.kind === 'fields') {
    if (!isMap(value)) return undefined
    const result: JsonMap = {}
    for (const [name, item] of Object.entries(value)) {
      const child = set.get(`f:${name}`)
      if (item === undefined || child?.self) continue
      const kept = child === undefined || child.empty ? item : removed(childType(type, `f:${name}`), item, child)
      result[name] = kept ?? null
    }
    return Object.keys(result).length > 0 ? result : undefined
  }
  if (!Array.isArray(value)) return undefined
  const result: Json[] = []
  for (const item of value) {
    const child = set.get(elementOf(shape.type, item))
    if (child?.self) continue
    result.push(child === undefined || child.empty ? item : (removed(shape.type.item, item, child) ?? null))
  }
  return result.length > 0 ? result : undefined
}

/** Refuses fields that the type does not have and values of another shape, as server-side apply does. */
export function checkTyped(type: Type, value: Json | undefined, path = ''): string[] {
  if (value === null || value === undefined) return []
  switch (type.kind) {
    case 'struct':
    case 'map':
      return checkMap(type, value, path)
    case 'list':
      if (!Array.isArray(value)) return [`${path}: expected list, got ${goType(value)}`]
      return value.flatMap((item, i) => [
        ...(type.relation === 'map' ? checkKeys(type, item, path, i) : []),
        ...checkTyped(type.item, item, `${path}${itemPath(type, item, i)}`),
      ])
    case 'scalar':
      return checkScalar(type.scalar, value, path)
    case 'untyped':
      return []
  }
}

function itemPath(type: ListType, item: Json, index: number): string {
  if (type.relation !== 'map') return `[${index}]`
  const keys = type.keys.map((key) => `${key}=${canonical(isMap(item) ? item[key] : null)}`)
  return `[${keys.join(',')}]`
}

function checkKeys(type: ListType, item: Json, path: string, index: number): string[] {
  try {
    elementOf(type, item)
    return []
  } catch (error) {
    if (error instanceof TypedError) return [`${path}: element ${index}: ${error.message}`]
    throw error
  }
}

function checkMap(type: Extract<Type, { kind: 'struct' | 'map' }>, value: Json, path: string): string[] {
  if (!isMap(value)) return [`${path}: expected map, got ${goType(value)}`]
  return Object.entries(value).flatMap(([name, item]) => {
    if (type.kind === 'struct' && !type.fields.has(name) && !type.open)
      return [`${path}.${name}: field not declared in schema`]
    return checkTyped(
      type.kind === 'map' ? type.value : (type.fields.get(name)?.type ?? UNTYPED),
      item,
      `${path}.${name}`,
    )
  })
}

function checkScalar(scalar: string, value: Json, path: string): string[] {
  const wants =
    scalar === 'bool'
      ? 'boolean'
      : scalar === 'int32' || scalar === 'int64' || scalar === 'number'
        ? 'numeric'
        : 'string'
  const fits =
    wants === 'boolean'
      ? typeof value === 'boolean'
      : wants === 'numeric'
        ? typeof value === 'number' || typeof value === 'bigint'
        : typeof value === 'string' || scalar === 'quantity' || scalar === 'int-or-string'
  return fits
    ? []
    : [`${path}: expected ${wants === 'numeric' ? 'numeric (int or float)' : wants}, got ${goType(value)}`]
}

/** Go prints the boxed value. */
function goType(value: Json): string {
  return `&{${typeof value === 'object' ? JSON.stringify(value) : String(value)}}`
}

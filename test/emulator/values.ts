/** Small tools on JSON values. Objects in the store are never changed in place: clone first. */
import type { Json, JsonMap, KubeObject } from '../../src/shared/objects.ts'

export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function clone<T extends Json | undefined>(value: T): T
export function clone(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return value.map((item) => clone(item))
  if (!isMap(value)) return value
  const copy: JsonMap = {}
  for (const key in value) {
    const item = value[key]
    if (item !== undefined) copy[key] = clone(item)
  }
  return copy
}

export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]))
  if (typeof a === 'bigint' || typeof b === 'bigint') return plainText(a) === plainText(b)
  if (!isMap(a) || !isMap(b)) return false
  for (const key in a) if (a[key] !== undefined && !equal(a[key], b[key])) return false
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false
  return true
}

/** JSON with sorted keys: equal values give equal text. */
export function canonical(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'bigint') return String(value)
  if (!isMap(value)) return JSON.stringify(value ?? null)
  const keys = Object.keys(value).filter((key) => value[key] !== undefined)
  return `{${keys
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)
    .join(',')}}`
}

export function at(value: Json | undefined, ...path: (string | number)[]): Json | undefined {
  let here = value
  for (const step of path) {
    if (Array.isArray(here)) here = here[Number(step)]
    else if (isMap(here)) here = here[step]
    else return undefined
  }
  return here
}

export function mapAt(value: Json | undefined, ...path: (string | number)[]): JsonMap {
  const found = at(value, ...path)
  return isMap(found) ? found : {}
}

export function listAt(value: Json | undefined, ...path: (string | number)[]): Json[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

export function mapsAt(value: Json | undefined, ...path: (string | number)[]): JsonMap[] {
  return listAt(value, ...path).filter(isMap)
}

export function textAt(value: Json | undefined, ...path: (string | number)[]): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : undefined
}

export function numberAt(value: Json | undefined, ...path: (string | number)[]): number | undefined {
  const found = at(value, ...path)
  return typeof found === 'number' ? found : undefined
}

/** The map at `path`, made where it is missing. */
export function ensureMap(value: JsonMap, ...path: string[]): JsonMap {
  let here = value
  for (const step of path) {
    const next = here[step]
    if (isMap(next)) here = next
    else {
      const made: JsonMap = {}
      here[step] = made
      here = made
    }
  }
  return here
}

export function texts(value: Json | undefined): Record<string, string> {
  const found: Record<string, string> = {}
  if (isMap(value)) for (const [key, item] of Object.entries(value)) if (typeof item === 'string') found[key] = item
  return found
}

/**
 * Reads a stored object with the type that its kind has. What lies in the store has passed the schema, so this is the
 * boundary where JSON becomes typed.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function typed<T extends KubeObject>(object: KubeObject): T {
  return object as T
}

/** A JSON map as an object: the store's way in. */
export function asObject(value: JsonMap): KubeObject {
  return value as KubeObject
}

/** Whole seconds, as metadata and conditions carry time. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

export function parseTime(text: Json | undefined): number {
  return typeof text === 'string' ? Date.parse(text) : 0
}

/** A map as Go prints it. */
export function goMap(map: JsonMap): string {
  const parts = Object.keys(map)
    .sort()
    .map((key) => {
      const value = map[key]
      return `${key}:${isMap(value) ? goMap(value) : typeof value === 'string' ? value : JSON.stringify(value)}`
    })
  return `map[${parts.join(' ')}]`
}

/** A scalar as text; nothing for what is none. */
export function plainText(value: Json | undefined): string {
  return typeof value === 'string'
    ? value
    : typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
      ? String(value)
      : ''
}

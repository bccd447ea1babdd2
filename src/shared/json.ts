import type { Json, JsonMap } from './objects.ts'

// Neither is typed by TypeScript 7.0: the reviver's third parameter and JSON.rawJSON (both in Node 22 and later).
declare global {
  interface JSON {
    rawJSON(text: string): object
    parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  }
}

const LONG_NUMBER = /\d{16}/
const INTEGER = /^-?\d+$/

/**
 * Reads JSON without losing integers above 2^53: they become BigInt. The reviver makes parsing six times slower, so it
 * is used only where the text holds 16 digits in a row.
 */
export function parseJson(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text)
  return JSON.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value) && INTEGER.test(source)
      ? BigInt(source)
      : value,
  )
}

/** Writes JSON; BigInt becomes a plain number, digit for digit. */
export function stringifyJson(value: Json | object, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? JSON.rawJSON(String(item)) : item),
    indent,
  )
}

/** Same content, whatever the order of keys; an absent key equals one that is undefined. */
export function jsonEquals(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = Object.entries(a).filter(([, value]) => value !== undefined)
  const right = new Map(Object.entries(b).filter(([, value]) => value !== undefined))
  return left.length === right.size && left.every(([key, value]) => right.has(key) && jsonEquals(value, right.get(key)))
}

export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

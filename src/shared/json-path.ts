import type { Json } from './objects.ts'

/**
 * `spec.http[0].weight` as keys and numbers. A `$` and a dot before it, as other tools write paths, mean nothing more; a
 * key with dots stands in brackets and quotes: `data['a.b']`.
 */
export function keysOf(path: string): (string | number)[] {
  const bare = path.replace(/^\$/, '')
  return [...bare.matchAll(/\[(\d+)\]|\[(?:'([^']*)'|"([^"]*)")\]|([^.[\]]+)/g)].map(
    ([, index, single, double, key]) => (index === undefined ? (single ?? double ?? key ?? '') : Number(index)),
  )
}

/** What {@link keysOf} can read. */
export const JSON_PATH =
  /^(\$|\$?\.?[^.[\]\s$]+|\$?(\[\d+\]|\['[^']*'\]|\["[^"]*"\]))(\.[^.[\]\s]+|\[\d+\]|\['[^']*'\]|\["[^"]*"\])*$/

/** The value there; undefined where nothing stands. */
export function valueAtPath(value: unknown, path: string): Json | undefined {
  return keysOf(path).reduce<unknown>((at, key) => {
    if (typeof at !== 'object' || at === null) return undefined
    if (Array.isArray(at)) return typeof key === 'number' ? at[key] : undefined
    return typeof key === 'string' && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined
  }, value) as Json | undefined
}

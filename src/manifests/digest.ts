import { createHash } from 'node:crypto'
import { type Json, type KubeObject, keyOf, refOf } from '../shared/objects.ts'

function write(value: Json | undefined): string {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `[${value.map((item) => write(item)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const fields = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${write(value[key])}`)
  return `{${fields.join(',')}}`
}

/** JSON with sorted keys, no white space and exact integers: equal values give equal texts. */
export function canonicalJson(value: Json): string {
  return write(value)
}

/**
 * sha256 in hex of a release's objects, independent of the order of keys and of objects. The first 10 digits are the
 * release's name.
 */
export function releaseDigest(objects: readonly KubeObject[]): string {
  const texts = objects.map((object) => `${keyOf(refOf(object))} ${canonicalJson(object)}`)
  return createHash('sha256').update(texts.sort().join('\n')).digest('hex')
}

/** What a release is called: the first 10 hex digits of its digest. */
export function releaseName(digest: string): string {
  return digest.slice(0, 10)
}

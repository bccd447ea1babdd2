import { boolYaml11Tag, CORE_SCHEMA, defineMappingTag, defineScalarTag, mapTag, mergeTag, NOT_RESOLVED } from 'js-yaml'

/**
 * YAML values as kubectl means them, which is neither YAML 1.1 nor 1.2. Source: resolve.go of the Go library that kubectl
 * reads with; every rule was compared with kubectl 1.32.
 */

const GO_INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9]\d*))$/
const GO_FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/
const SPECIAL: Record<string, number> = Object.fromEntries(
  ['inf', 'Inf', 'INF'].flatMap((word) => [
    [`.${word}`, Number.POSITIVE_INFINITY],
    [`+.${word}`, Number.POSITIVE_INFINITY],
    [`-.${word}`, Number.NEGATIVE_INFINITY],
  ]),
)
const NAN = new Set(['.nan', '.NaN', '.NAN'])
const DIGITS = '0123456789'.split('')

/** An underscore is left out anywhere in a number, except in one that begins with a point. */
function plain(source: string): string {
  return source.startsWith('.') ? source : source.replaceAll('_', '')
}

/** Go's ParseInt with base 0, then ParseUint: what fits int64 is exact, what fits only uint64 becomes a float. */
function resolveInt(source: string): number | bigint | typeof NOT_RESOLVED {
  const match = GO_INTEGER.exec(plain(source))
  if (match === null) return NOT_RESOLVED
  const [, sign, hex, binary, octal, decimal] = match
  const digits = hex !== undefined ? `0x${hex}` : binary !== undefined ? `0b${binary}` : decimal
  const size = BigInt(digits ?? `0o${octal}`)
  const value = sign === '-' ? -size : size
  if (BigInt.asIntN(64, value) === value) return Number.isSafeInteger(Number(value)) ? Number(value) : value
  return sign === '' && BigInt.asUintN(64, value) === value ? Number(value) : NOT_RESOLVED
}

function resolveFloat(source: string): number | typeof NOT_RESOLVED {
  if (Object.hasOwn(SPECIAL, source)) return SPECIAL[source] ?? NOT_RESOLVED
  if (NAN.has(source)) return Number.NaN
  const text = plain(source)
  const value = GO_FLOAT.test(text) ? Number(text) : Number.NaN
  return Number.isFinite(value) ? value : NOT_RESOLVED
}

/** Base64 becomes the text that it holds; bytes that are no UTF-8 have no place in JSON. */
function resolveBinary(source: string): string | typeof NOT_RESOLVED {
  const compact = source.replace(/\s/g, '')
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return NOT_RESOLVED
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(compact, 'base64'))
  } catch {
    return NOT_RESOLVED
  }
}

const never = (): boolean => false
const NULL_KEY = 'a key must not be null'

const intTag = defineScalarTag('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: [...DIGITS, '+', '-'],
  resolve: resolveInt,
  identify: never,
})
const floatTag = defineScalarTag('tag:yaml.org,2002:float', {
  implicit: true,
  implicitFirstChars: [...DIGITS, '+', '-', '.'],
  resolve: resolveFloat,
  identify: never,
})
const binaryTag = defineScalarTag('tag:yaml.org,2002:binary', { resolve: resolveBinary, identify: never })
const timestampTag = defineScalarTag('tag:yaml.org,2002:timestamp', { resolve: (text) => text, identify: never })
const keyedMapTag = defineMappingTag<Record<string, unknown>>('tag:yaml.org,2002:map', {
  create: mapTag.create,
  addPair: (carrier, key, value) => (key === null ? NULL_KEY : mapTag.addPair(carrier, key, value)),
  has: mapTag.has,
  keys: mapTag.keys,
  get: mapTag.get,
  identify: never,
})

export const KUBECTL_SCHEMA = CORE_SCHEMA.withTags(
  boolYaml11Tag,
  intTag,
  floatTag,
  mergeTag,
  binaryTag,
  timestampTag,
  keyedMapTag,
)

import type { Condition } from './router.ts'

/**
 * Regular expressions for routers, built from safe parts only: no look-around and no back-reference (RE2 knows neither,
 * and Traefik drops a rule whose pattern does not compile without a word), whole-match and search dialects alike, and only
 * characters that the annotation check of ingress-nginx lets through (so `\x3b` for a semicolon, `\x2c` for a comma).
 */

/** Buckets of a sticky split. */
export const BUCKETS = 256

/** Buckets that a share in percent takes: rounded half up, at least one above 0 %. */
export function bucketsFor(percent: number): number {
  if (percent <= 0) return 0
  return Math.max(1, Math.min(BUCKETS, Math.floor((BUCKETS * percent + 50) / 100)))
}

/** The bucket of an id: its last two hex digits. Undefined when it does not end with two. */
export function bucketOf(id: string): number | undefined {
  const tail = /[0-9a-f]{2}$/.exec(id)?.[0]
  return tail === undefined ? undefined : Number.parseInt(tail, 16)
}

const HEX = '0123456789abcdef'

function digits(from: number, to: number): string {
  return from === to ? (HEX[from] ?? '') : from === 0 && to === 15 ? '[0-9a-f]' : `[${HEX.slice(from, to + 1)}]`
}

/** Two hex digits whose value lies from `from` to `to`, both included. */
function range(from: number, to: number): string[] {
  const [high, low, highTo, lowTo] = [from >> 4, from & 15, to >> 4, to & 15]
  if (high === highTo) return [`${digits(high, high)}${digits(low, lowTo)}`]
  const first = low === 0 ? [] : [`${digits(high, high)}${digits(low, 15)}`]
  const last = lowTo === 15 ? [] : [`${digits(highTo, highTo)}${digits(0, lowTo)}`]
  const [begin, end] = [low === 0 ? high : high + 1, lowTo === 15 ? highTo : highTo - 1]
  return [...first, ...(begin <= end ? [`${digits(begin, end)}[0-9a-f]`] : []), ...last]
}

/**
 * Two hex digits that lie in the window of `count` buckets from `offset` on, wrapping at 256. A window of the same offset and
 * a higher count holds all buckets of the lower one.
 * @param count 1 to 256
 */
export function windowPattern(count: number, offset: number): string {
  if (count >= BUCKETS) return '[0-9a-f]{2}'
  const end = offset + count - 1
  const parts = end < BUCKETS ? range(offset, end) : [...range(offset, BUCKETS - 1), ...range(0, end - BUCKETS)]
  return parts.length === 1 ? (parts[0] ?? '') : `(?:${parts.join('|')})`
}

/** An id in hex digits and hyphens, such as a UUID, whose tail lies in the window. */
export function idPattern(count: number, offset: number): string {
  return `[0-9a-f-]*${windowPattern(count, offset)}`
}

/** One cookie among those of a `Cookie` header. `value` is a pattern. */
export function cookiePattern(name: string, value: string): string {
  return `^(?:.*\\x3b\\s*)?${escaped(name)}=${value}(?:\\x3b.*)?$`
}

/** A whole header value. */
export function wholePattern(value: string): string {
  return `^${value}$`
}

/** Any of the given texts, each literally. */
export function anyOf(values: readonly string[]): string {
  const all = values.map(escaped)
  return all.length === 1 ? (all[0] ?? '') : `(?:${all.join('|')})`
}

/** `Accept-Language` whose first choice is one of these, in any case; `de` also takes `de-CH`. */
export function languagePattern(values: readonly string[]): string {
  const all = values.map((value) =>
    value.replaceAll(/[A-Za-z]/g, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`),
  )
  return `^(?:${all.join('|')})(?:[-\\x2c\\x3b].*)?$`
}

/** Literally: what means something by itself gets a backslash, what the annotation check refuses its code. */
function escaped(text: string): string {
  return text
    .replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
    .replaceAll(/[ !"#%',;<>@`]/g, (character) => `\\x${character.charCodeAt(0).toString(16)}`)
}

/** What a request header must look like, for routers that match headers alone. `exact` where no pattern is needed. */
export interface HeaderRule {
  name: string
  exact?: string
  pattern?: string
}

/** A condition as a rule on one header; undefined for those that are not about headers. */
export function headerRule(condition: Condition): HeaderRule | undefined {
  switch (condition.kind) {
    case 'header': {
      const [first = '', ...others] = condition.values
      return others.length === 0
        ? { name: condition.name, exact: first }
        : { name: condition.name, pattern: wholePattern(anyOf(condition.values)) }
    }
    case 'cookie':
      return { name: 'Cookie', pattern: cookiePattern(condition.name, anyOf(condition.values)) }
    case 'language':
      return { name: 'Accept-Language', pattern: languagePattern(condition.values) }
    default:
      return undefined
  }
}

/** The rule of a sticky split at a share; undefined where no bucket or every user is meant. */
export function bucketRule(
  sticky: { source: 'cookie' | 'header'; name: string; offset: number },
  percent: number,
): HeaderRule | undefined {
  const count = bucketsFor(percent)
  if (count === 0 || percent >= 100) return undefined
  const id = idPattern(count, sticky.offset)
  return sticky.source === 'cookie'
    ? { name: 'Cookie', pattern: cookiePattern(sticky.name, id) }
    : { name: sticky.name, pattern: wholePattern(id) }
}

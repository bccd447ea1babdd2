import { constructFromEvents, type Event, EVENT_ID, parseEvents, YAMLException } from 'js-yaml'
import { type HeadgateError, type Place, refuse } from '../shared/errors.ts'
import type { Json } from '../shared/objects.ts'
import { keysOf, type LineColumn, lineIndex, find, type Spot, spotsOf } from './locate.ts'
import { KUBECTL_SCHEMA } from './scalars.ts'

/** Largest text that is read, in UTF-16 units: more than any set of objects that a cluster takes at once. */
export const MAX_TEXT = 5 * 1024 * 1024
/** Most aliases in one document, and most units of text and structure that they may grow it to. */
const MAX_ALIASES = 1_000
const MAX_EXPANDED = 8 * MAX_TEXT
/** Text and structure nested deeper than this is no manifest; the server's own limit is lower. */
const MAX_DEPTH = 500
const NODE_COST = 16

export type Path = readonly (string | number)[]

export interface YamlDocument {
  value: Json
  /** line of the first thing in the document, from 1 */
  line: number
  /** of a field's key, or a list's item; of the nearest thing above when there is none */
  placeOf(path: Path): Place
  /** where the text of a scalar begins; all lines of a block begin at its column */
  textPlaceOf(path: Path): Place
}

type Kind = 'manifest' | 'config'

/**
 * All documents of a text that hold something, read as kubectl reads them. What kubectl takes silently and nobody can
 * mean is refused with its place: a key written twice, a key that a later `<<` would overrule, tags that are not YAML's own.
 * Codes: `<kind>-size`, `-binary`, `-yaml`, `-aliases`.
 */
export function readYaml(text: string, file: string, kind: Kind): YamlDocument[] {
  if (text.length > MAX_TEXT) {
    const size = `${Math.ceil(text.length / 1024 / 1024)} MB`
    throw refuse(`${kind}-size`, `the file has ${size}, more than the ${MAX_TEXT / 1024 / 1024} MB that are read`, {
      place: { file },
      next: 'Split the file, or leave out what is no manifest.',
    })
  }
  if (text.includes('\0')) throw binaryFile(file, kind)
  return jsonStream(text).flatMap((part) => readPart(part, file, kind))
}

export function binaryFile(file: string, kind: Kind): HeadgateError {
  return refuse(`${kind}-binary`, 'the file is not text', {
    place: { file },
    next: 'Name YAML or JSON files in UTF-8 only.',
  })
}

/** JSON objects one after the other are documents of their own; lines above a part are kept as empty ones. */
function jsonStream(text: string): string[] {
  if (!text.trimStart().startsWith('{')) return [text]
  const parts: string[] = []
  let [depth, start, quoted] = [0, 0, false]
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (quoted) {
      if (char === '\\') at++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) {
      const rest = text.slice(at + 1).trimStart()
      if (rest !== '' && !rest.startsWith('{')) return [text]
      const lines = text.slice(0, start).replaceAll(/[^\n]+/g, '')
      parts.push(lines + text.slice(start, at + 1))
      start = at + 1
    }
  }
  return depth === 0 && !quoted ? parts : [text]
}

function readPart(text: string, file: string, kind: Kind): YamlDocument[] {
  const lineOf = lineIndex(text)
  const fail = (code: string, message: string, offset: number, next?: string): HeadgateError =>
    refuse(`${kind}-${code}`, message, { place: { file, ...lineOf(offset) }, ...(next === undefined ? {} : { next }) })
  const events = attempt(text, file, kind, () => parseEvents(text, { maxDepth: MAX_DEPTH }))
  refuseDirectives(text, events, fail)
  const options = { source: text, schema: KUBECTL_SCHEMA, maxAliases: MAX_ALIASES, maxTotalMergeKeys: 100_000 }
  const values = attempt(text, file, kind, () => constructFromEvents(events, options))
  let spots: (Spot | undefined)[] | undefined
  const spotOf = (index: number): Spot => {
    spots ??= spotsOf(text, events)
    return spots[index] ?? { start: 0 }
  }
  const aliases = events.some(({ type }) => type === EVENT_ID.ALIAS)
  const lines = firstLines(events, lineOf)
  return values.flatMap((raw, index) => {
    const placeOf = (path: Path): Place => ({ file, ...lineOf(find(spotOf(index), path).start) })
    const textPlaceOf = (path: Path): Place => {
      const { start, inset = 0 } = find(spotOf(index), path).value
      const { line, column } = lineOf(start)
      return { file, line, column: column + inset }
    }
    const value = settle(raw, {
      aliases,
      fail: (code, message, path) => refuse(`${kind}-${code}`, message, { place: placeOf(path) }),
    })
    if (text.includes('<<')) refuseOverrides(spotOf(index), fail)
    return value === null ? [] : [{ value, line: lines[index] ?? 1, placeOf, textPlaceOf }]
  })
}

type Fail = (code: string, message: string, offset: number, next?: string) => HeadgateError

function attempt<T>(text: string, file: string, kind: Kind, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    const line = error.mark === undefined ? undefined : error.mark.line + 1
    const place = { file, ...(error.mark && line ? { line, column: error.mark.column + 1 } : {}) }
    if (error.reason.includes('maxAliases'))
      throw refuse(`${kind}-aliases`, `more than ${MAX_ALIASES} aliases in one document`, { place })
    const template = text.split('\n', line).at(-1)?.includes('{{') === true
    const next = template ? 'This looks like a template: render it first, e.g. with helm template.' : undefined
    throw refuse(`${kind}-yaml`, `not YAML: ${error.reason}`, { place, ...(next === undefined ? {} : { next }) })
  }
}

function refuseDirectives(text: string, events: readonly Event[], fail: Fail): void {
  const has = events.some((event) => event.type === EVENT_ID.DOCUMENT && event.directives.length > 0)
  if (has) throw fail('yaml', 'not YAML as kubectl reads it: a % directive', Math.max(0, text.search(/^%/m)))
}

/** kubectl lets a `<<` overrule the keys above it, against the specification; whoever writes it means something else. */
function refuseOverrides(spot: Spot, fail: Fail): void {
  for (const { start, value, before } of spot.merges ?? []) {
    const twice = [...keysOf(value)].find((key) => before.has(key))
    if (twice === undefined) continue
    throw fail('yaml', `"<<" brings the key "${twice}", which stands above it already`, start, `Write "<<" first.`)
  }
  for (const { value } of spot.fields?.values() ?? []) refuseOverrides(value, fail)
  for (const item of spot.items ?? []) refuseOverrides(item, fail)
}

function firstLines(events: readonly Event[], lineOf: (offset: number) => LineColumn): number[] {
  const lines: number[] = []
  events.forEach((event, index) => {
    if (event.type !== EVENT_ID.DOCUMENT) return
    const first = events[index + 1]
    const offset = first !== undefined && 'start' in first ? first.start : 0
    lines.push(lineOf(Math.max(0, offset)).line)
  })
  return lines
}

interface Settling {
  /** the document has aliases: values may be shared and must be told apart */
  aliases: boolean
  fail: (code: string, message: string, path: Path) => HeadgateError
}

/**
 * The value as JSON: numbers that JSON cannot hold are refused, and what aliases share is copied, so that a change in one
 * place is no change in another. An alias bomb and a value that holds itself are refused before they grow.
 */
function settle(raw: unknown, { aliases, fail }: Settling): Json {
  let size = 0
  const path: (string | number)[] = []
  const walk = (value: unknown): Json => {
    size += NODE_COST + (typeof value === 'string' ? value.length : 0)
    if (aliases && (size > MAX_EXPANDED || path.length > MAX_DEPTH))
      throw fail('aliases', 'aliases make this document grow without bounds', path.slice(0, 1))
    if (typeof value === 'number' && !Number.isFinite(value))
      throw fail('yaml', 'infinity and NaN have no place in JSON', path)
    if (typeof value !== 'object' || value === null) return value as Json
    const below = (key: string | number, item: unknown): Json => {
      path.push(key)
      const result = walk(item)
      path.pop()
      return result
    }
    if (Array.isArray(value)) return value.map((item, index) => below(index, item))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, below(key, item)]))
  }
  return walk(raw ?? null)
}

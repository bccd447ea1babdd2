import { constructFromEvents, type Event, EVENT_ID, YAMLException } from 'js-yaml'
import { type HeadgateError, type Place, refuse } from '../shared/errors.ts'
import type { Json } from '../shared/objects.ts'
import { MOVED_BY, parseFlow } from './flow.ts'
import { keysOf, type LineColumn, lineIndex, find, type Spot, spotsOf } from './locate.ts'
import { KUBECTL_SCHEMA } from './scalars.ts'

/** Largest text that is read, in UTF-16 units: more than any set of objects that a cluster takes at once. */
export const MAX_TEXT = 5 * 1024 * 1024
/** Most aliases in one document, and most units of text and structure that they may grow a file to. */
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

/** A piece of a file that is parsed by itself. */
interface Part {
  text: string
  /** lines of the file above it */
  above: number
}

/** What is told about all of a file. */
interface Source {
  file: string
  kind: Kind
  /** units of text and structure that the values have grown to so far */
  grown: number
}

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
  const source = { file, kind, grown: 0 }
  return (jsonStream(text) ?? yamlStream(text)).flatMap((part) => readPart(part, source))
}

export function binaryFile(file: string, kind: Kind): HeadgateError {
  return refuse(`${kind}-binary`, 'the file is not text', {
    place: { file },
    next: 'Name YAML or JSON files in UTF-8 only.',
  })
}

/** A file split where kubectl splits it, before it looks at anything else: at lines that begin with `---`. */
function yamlStream(text: string): Part[] {
  const starts = [0, ...Array.from(text.matchAll(/^---(?=\s|$)/gm), ({ index }) => index)]
  return cut(text, starts)
}

function cut(text: string, starts: readonly number[]): Part[] {
  let above = 0
  return starts.map((start, index) => {
    const part = { text: text.slice(start, starts[index + 1]), above }
    above += part.text.split('\n').length - 1
    return part
  })
}

/** JSON objects one after the other are documents of their own; undefined when the text is none of that. */
function jsonStream(text: string): Part[] | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  const starts = [0]
  let [depth, quoted] = [0, false]
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (quoted) {
      if (char === '\\') at++
      else if (char === '"') quoted = false
    } else if (char === '"') quoted = true
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) {
      const rest = text.slice(at + 1, at + 1_000).trimStart()
      if (rest !== '' && !rest.startsWith('{')) return undefined
      if (rest !== '') starts.push(at + 1)
    }
  }
  return depth === 0 && !quoted ? cut(text, starts) : undefined
}

function readPart(part: Part, source: Source): YamlDocument[] {
  const { file, kind } = source
  const moved = new Set<number>()
  const { text, events } = attempt(part, source, () => parseFlow(part.text, MAX_DEPTH, moved), moved)
  const indexed = lineIndex(text)
  const lineOf = (offset: number): LineColumn => inFile(indexed(offset), part, moved)
  const options = { source: text, schema: KUBECTL_SCHEMA, maxAliases: MAX_ALIASES, maxTotalMergeKeys: 100_000 }
  const values = attempt(part, source, () => constructFromEvents(events, options), moved)
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
    const fail: Fail = (code, message, path) => refuse(`${kind}-${code}`, message, { place: placeOf(path) })
    const value = settle(raw, { aliases, fail, source })
    if (text.includes('<<')) refuseOverrides(spotOf(index), kind, (offset) => ({ file, ...lineOf(offset) }))
    return value === null ? [] : [{ value, line: lines[index] ?? 1, placeOf, textPlaceOf }]
  })
}

/** Line and column in the file of those in a part. */
function inFile({ line, column }: LineColumn, { above }: Part, moved: ReadonlySet<number>): LineColumn {
  return { line: line + above, column: moved.has(line - 1) ? Math.max(1, column - MOVED_BY) : column }
}

function attempt<T>(part: Part, { file, kind }: Source, read: () => T, moved: ReadonlySet<number>): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof YAMLException) || error.mark === undefined) throw error
    const { line, column } = error.mark
    const place = { file, ...inFile({ line: line + 1, column: column + 1 }, part, moved) }
    if (error.reason.includes('maxAliases'))
      throw refuse(`${kind}-aliases`, `more than ${MAX_ALIASES} aliases in one document`, { place })
    const template =
      part.text
        .split('\n', line + 1)
        .at(-1)
        ?.includes('{{') === true
    const next = template ? 'This looks like a template: render it first, e.g. with helm template.' : undefined
    throw refuse(`${kind}-yaml`, `not YAML: ${error.reason}`, { place, ...(next === undefined ? {} : { next }) })
  }
}

/** kubectl lets a `<<` overrule the keys above it, against the specification; whoever writes it means something else. */
function refuseOverrides(spot: Spot, kind: Kind, placeOf: (offset: number) => Place): void {
  for (const { start, value, before } of spot.merges ?? []) {
    const twice = [...keysOf(value)].find((key) => before.has(key))
    if (twice === undefined) continue
    throw refuse(`${kind}-yaml`, `"<<" brings the key "${twice}", which stands above it already`, {
      place: placeOf(start),
      next: 'Write "<<" first.',
    })
  }
  for (const { value } of spot.fields?.values() ?? []) refuseOverrides(value, kind, placeOf)
  for (const item of spot.items ?? []) refuseOverrides(item, kind, placeOf)
}

function firstLines(events: readonly Event[], lineOf: (offset: number) => LineColumn): number[] {
  const lines: number[] = []
  events.forEach((event, index) => {
    if (event.type !== EVENT_ID.DOCUMENT) return
    const first = events[index + 1]
    const offset = first !== undefined && 'start' in first ? first.start : 0
    lines.push(lineOf(offset).line)
  })
  return lines
}

type Fail = (code: string, message: string, path: Path) => HeadgateError

interface Settling {
  /** the document has aliases: values may be shared and must be told apart */
  aliases: boolean
  fail: Fail
  source: Source
}

/**
 * The value as JSON: numbers that JSON cannot hold are refused, and what aliases share is copied, so that a change in one
 * place is no change in another. An alias bomb and a value that holds itself are refused before they grow.
 */
function settle(raw: unknown, { aliases, fail, source }: Settling): Json {
  const path: (string | number)[] = []
  const walk = (value: unknown): Json => {
    source.grown += NODE_COST + (typeof value === 'string' ? value.length : 0)
    if (aliases && (source.grown > MAX_EXPANDED || path.length > MAX_DEPTH))
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

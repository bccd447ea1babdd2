import { EVENT_ID, type Event, getScalarValue, SCALAR_STYLE, type ScalarEvent } from 'js-yaml'
import { KUBECTL_SCHEMA } from './scalars.ts'

/** A node of the text: where it begins and what lies below it. Offsets count UTF-16 units from 0. */
export interface Spot {
  start: number
  /** fields of a mapping by key; the offset is the key's */
  fields?: Map<string, { start: number; value: Spot }>
  /** mappings merged in by `<<`, each with the offset of its `<<` and the keys that stood before it */
  merges?: { start: number; value: Spot; before: Set<string> }[]
  items?: Spot[]
  /** of an anchored scalar, which may be used as a key */
  text?: string
  /** of a scalar: how far its text begins behind `start` (a quote, the indentation of a block) */
  inset?: number
}

export interface LineColumn {
  line: number
  column: number
}

/** Line and column (from 1) of an offset; the lines are counted once. */
export function lineIndex(text: string): (offset: number) => LineColumn {
  let starts: number[] | undefined
  return (offset) => {
    starts ??= [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)]
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}

function startOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) {
    const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED
    return quoted ? event.valueStart - 1 : event.valueStart
  }
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1
  return 'start' in event ? event.start : -1
}

/** A collection that is still open while the events are read. */
interface Frame {
  spot: Spot
  key?: { text: string; start: number; merge: boolean }
}

function attach({ spot, key }: Frame, value: Spot): void {
  if (spot.items !== undefined) spot.items.push(value)
  if (spot.fields === undefined || key === undefined) return
  if (!key.merge) spot.fields.set(key.text, { start: key.start, value })
  else {
    const before = keysOf(spot)
    spot.merges = [...(spot.merges ?? []), { start: key.start, value, before }]
  }
}

/** The sources of a mapping's merges, flattened; each mapping once, however often aliases lead to it. */
function mergedSpots(spot: Spot, seen = new Set<object>()): Spot[] {
  return (spot.merges ?? []).flatMap(({ value }) =>
    [value, ...(value.items ?? [])].flatMap((source) => {
      if (source.fields === undefined || seen.has(source.fields)) return []
      seen.add(source.fields)
      return [source, ...mergedSpots(source, seen)]
    }),
  )
}

/** All keys that a mapping, or a list of mappings, brings when it is merged. */
export function keysOf(spot: Spot): Set<string> {
  const sources = mergedSpots({ start: spot.start, merges: [{ start: spot.start, value: spot, before: new Set() }] })
  return new Set(sources.flatMap(({ fields }) => [...(fields?.keys() ?? [])]))
}

/** Turns the events of a text into spots. */
class Reader {
  readonly roots: (Spot | undefined)[] = []
  private readonly text: string
  private readonly frames: (Frame | undefined)[] = []
  private anchors = new Map<string, Spot>()

  constructor(text: string) {
    this.text = text
  }

  read(event: Event): void {
    switch (event.type) {
      case EVENT_ID.DOCUMENT:
        this.anchors = new Map()
        this.roots.push(undefined)
        this.frames.push(undefined)
        return
      case EVENT_ID.POP:
        this.frames.pop()
        return
      case EVENT_ID.ALIAS: {
        const spot = { ...this.anchors.get(this.text.slice(event.anchorStart, event.anchorEnd)) }
        this.place({ ...spot, start: startOf(event) }, spot.text)
        return
      }
      case EVENT_ID.SCALAR:
        this.scalar(event)
        return
      case EVENT_ID.MAPPING:
      case EVENT_ID.SEQUENCE: {
        const below = event.type === EVENT_ID.MAPPING ? { fields: new Map() } : { items: [] }
        const spot: Spot = { start: startOf(event), ...below }
        this.anchor(event, spot)
        this.add(spot)
        this.frames.push({ spot })
        return
      }
    }
  }

  private scalar(event: ScalarEvent): void {
    const plain = event.style === SCALAR_STYLE.PLAIN && event.tagStart < 0
    const source = getScalarValue(this.text, event)
    // The key `on:` is called "true", as in the value.
    const text = plain ? String(KUBECTL_SCHEMA.resolveImplicitScalarTag(source).value) : source
    const start = startOf(event)
    const inset = event.indent > 0 ? event.indent : event.valueStart - start
    const spot: Spot = { start, inset, ...(event.anchorStart < 0 ? {} : { text }) }
    this.anchor(event, spot)
    this.place(spot, text, plain && text === '<<')
  }

  /** A scalar or alias: the next key of a mapping that waits for one, else a value. */
  private place(spot: Spot, text = '', merge = false): void {
    const frame = this.frames.at(-1)
    if (frame?.spot.fields === undefined || frame.key !== undefined) this.add(spot)
    else frame.key = { text, start: spot.start < 0 ? frame.spot.start : spot.start, merge }
  }

  private anchor(event: { anchorStart: number; anchorEnd: number }, spot: Spot): void {
    if (event.anchorStart >= 0) this.anchors.set(this.text.slice(event.anchorStart, event.anchorEnd), spot)
  }

  private add(spot: Spot): void {
    const frame = this.frames.at(-1)
    if (frame === undefined) {
      this.roots[this.roots.length - 1] = spot
      return
    }
    // An empty value has no place of its own.
    if (spot.start < 0) spot.start = frame.key?.start ?? frame.spot.start
    attach(frame, spot)
    delete frame.key
  }
}

/** The spots of each document's value, in order; undefined for a document without one. */
export function spotsOf(text: string, events: readonly Event[]): (Spot | undefined)[] {
  const reader = new Reader(text)
  for (const event of events) reader.read(event)
  return reader.roots
}

/** Offset of a field's key or of a list's item, and what lies there; the nearest one above when the path leads nowhere. */
export function find(root: Spot, path: readonly (string | number)[]): { start: number; value: Spot } {
  let found = { start: root.start, value: root }
  for (const key of path) {
    const next = typeof key === 'number' ? itemOf(found.value, key) : fieldOf(found.value, key)
    if (next === undefined) break
    found = next
  }
  return found
}

function itemOf(spot: Spot, index: number): { start: number; value: Spot } | undefined {
  const value = spot.items?.[index]
  return value === undefined ? undefined : { start: value.start, value }
}

function fieldOf(spot: Spot, key: string): { start: number; value: Spot } | undefined {
  const all = [spot, ...mergedSpots(spot)]
  return all.map(({ fields }) => fields?.get(key)).find((found) => found !== undefined)
}

/** Reads what a program tells at `/metrics`: the text format of Prometheus, and OpenMetrics as far as samples go. */

/** A map, as any name is allowed, `__proto__` too. */
export type Labels = ReadonlyMap<string, string>

export interface PageSample {
  name: string
  labels: Labels
  value: number
}

export interface PageLimits {
  lines: number
  /** of the whole page */
  characters: number
}

export type Page =
  /** `problems`: lines that cannot be read, `line 7: ...`, the first few; `unread`: how many there were */
  { kind: 'page'; samples: PageSample[]; problems: string[]; unread: number } | { kind: 'no-page'; text: string }

const MOST_PROBLEMS = 5
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const QUOTED_NAME = /\{[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?=[,}])/y
const LABEL = /[ \t]*(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^"\\]|\\.)*)")[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*/y
const END_OF_LABELS = /[ \t]*\}/y
const NUMBER = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)$/i

/**
 * The samples of a page. One that is larger than the limits is refused whole: half a page would look as if counters came and
 * went.
 * @param wanted names to keep; the rest of such a line is not read
 */
export function parsePage(text: string, limits: PageLimits, wanted: (name: string) => boolean = () => true): Page {
  const lines = text.length > limits.characters ? undefined : text.split('\n', limits.lines + 2)
  if (lines?.at(-1) === '') lines.pop()
  if (lines === undefined || lines.length > limits.lines) {
    const most = `${limits.characters} characters or ${limits.lines} lines`
    return { kind: 'no-page', text: `the page is larger than ${most}` }
  }
  if (/^\s*<(?:!doctype|html|\?xml|head|body)\b/i.test(text.slice(0, 200))) {
    return { kind: 'no-page', text: 'it is no metrics page: what answers is HTML' }
  }
  return read(lines, wanted)
}

function read(lines: readonly string[], wanted: (name: string) => boolean): Page {
  const samples: PageSample[] = []
  const problems: string[] = []
  let unread = 0
  let named = 0
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim()
    if (line === '# EOF') break
    if (line === '' || line.startsWith('#')) continue
    const found = sampleOf(line, wanted)
    if (typeof found === 'string') {
      unread++
      if (problems.length < MOST_PROBLEMS) problems.push(`line ${index + 1}: ${found}`)
    } else {
      named++
      if (found !== undefined) samples.push(found)
    }
  }
  return unread > 0 && named === 0
    ? { kind: 'no-page', text: `it is no metrics page: ${problems[0]}` }
    : { kind: 'page', samples, problems, unread }
}

/** The sample of a line; undefined when it is not wanted; what is wrong with it. */
function sampleOf(line: string, wanted: (name: string) => boolean): PageSample | undefined | string {
  const head = nameOf(line)
  if (head === undefined) return `${quoted(line)} does not begin with the name of a metric`
  if (!wanted(head.name)) return undefined
  const labels = labelsOf(line, head.end, head.open)
  if (typeof labels === 'string') return labels
  const value = valueOf(line.slice(labels.end))
  return typeof value === 'string' ? value : { name: head.name, labels: labels.labels, value }
}

interface Head {
  name: string
  /** where the rest begins */
  end: number
  /** the name stood within the braces, as one does that needs quotes */
  open: boolean
}

function nameOf(line: string): Head | undefined {
  const plain = at(NAME, line, 0)
  if (plain !== undefined) return { name: plain[0], end: plain[0].length, open: false }
  const inner = at(QUOTED_NAME, line, 0)
  return inner === undefined ? undefined : { name: unescaped(inner[1] ?? ''), end: inner[0].length, open: true }
}

function labelsOf(line: string, from: number, open: boolean): { labels: Labels; end: number } | string {
  const labels = new Map<string, string>()
  let end = from
  if (!open) {
    while (line[end] === ' ' || line[end] === '\t') end++
    if (line[end] !== '{')
      return end > from ? { labels, end } : `nothing stands between name and value in ${quoted(line)}`
    end++
  } else if (line[end] === ',') end++
  for (;;) {
    const close = at(END_OF_LABELS, line, end)
    if (close !== undefined) return { labels, end: end + close[0].length }
    const pair = at(LABEL, line, end)
    if (pair === undefined) return `no label can be read at ${quoted(line.slice(end))}`
    const name = pair[1] ?? unescaped(pair[2] ?? '')
    if (labels.has(name)) return `the label ${name} stands there twice`
    labels.set(name, unescaped(pair[3] ?? ''))
    end += pair[0].length
    if (line[end] === ',') end++
    else if (line[end] !== '}') return `a comma or } is missing at ${quoted(line.slice(end))}`
  }
}

/** What follows the labels: a value, perhaps a time, perhaps an exemplar. */
function valueOf(rest: string): number | string {
  const mark = rest.search(/(?:^|[ \t])#/)
  const exemplar = mark < 0 ? '' : rest.slice(mark).trim()
  const [value = '', time, ...more] = (mark < 0 ? rest : rest.slice(0, mark)).trim().split(/[ \t]+/)
  if (!NUMBER.test(value)) return value === '' ? 'the value is missing' : `${quoted(value)} is no number`
  if (time !== undefined && !NUMBER.test(time)) return `${quoted(time)} is no time`
  if (more.length > 0) return `${quoted(more.join(' '))} is too much`
  if (exemplar !== '' && !/^#[ \t]*\{/.test(exemplar)) return `${quoted(exemplar)} is no exemplar`
  return numberOf(value)
}

/** A number as these formats write it: decimal, `+Inf`, `NaN`. What is none is NaN. */
export function numberOf(text: string): number {
  if (!NUMBER.test(text)) return Number.NaN
  const infinite = /^([+-]?)inf/i.exec(text)
  if (infinite === null) return Number(text)
  return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** One text for a set of labels, the same in any order. */
export function labelsText(labels: Labels): string {
  const pairs = [...labels].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${pairs.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function unescaped(value: string): string {
  return value.includes('\\')
    ? value.replaceAll(/\\([\\"n])/g, (_, what: string) => (what === 'n' ? '\n' : what))
    : value
}

function at(pattern: RegExp, text: string, index: number): RegExpExecArray | undefined {
  pattern.lastIndex = index
  return pattern.exec(text) ?? undefined
}

function quoted(text: string): string {
  return `\`${text.length > 40 ? `${text.slice(0, 40)}…` : text}\``
}

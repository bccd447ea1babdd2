import type { Labels } from './metrics-page.ts'
import { compilePattern, type Pattern } from './pattern.ts'

/**
 * Instant vector selectors of PromQL, `name{label="value", other!~"pattern"}`: one notation for what is read from pods, where
 * it is matched here, and from Prometheus, to which it is sent.
 */

export type Operator = '=' | '!=' | '=~' | '!~'

export interface Matcher {
  label: string
  operator: Operator
  value: string
}

export interface Selector {
  name: string
  matchers: Matcher[]
}

export type Parsed =
  | { kind: 'selector'; selector: Selector }
  /** `column` counts from 1 */
  | { kind: 'wrong'; column: number; text: string }

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y
const OPERATOR = /=~|!~|!=|=/y
const SPACE = /\s*/y
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y
const MOST = 2_000

/** A mistake on the way, at the index of a character. */
class Mistake extends Error {
  readonly index: number
  constructor(index: number, message: string) {
    super(message)
    this.index = index
  }
}

export function parseSelector(text: string): Parsed {
  try {
    if (text.length > MOST) throw new Mistake(MOST, `the selector is longer than ${MOST} characters`)
    return { kind: 'selector', selector: read(text) }
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    return { kind: 'wrong', column: error.index + 1, text: error.message }
  }
}

function read(text: string): Selector {
  const begin = skip(text, 0)
  const name = take(NAME, text, begin)
  if (name === undefined) throw new Mistake(begin, 'the name of a metric is missing, such as http_requests_total')
  let end = skip(text, begin + name.length)
  const matchers: Matcher[] = []
  if (text[end] === '{') {
    end = skip(text, end + 1)
    while (text[end] !== '}') {
      const [matcher, after] = readMatcher(text, end)
      matchers.push(matcher)
      end = skip(text, after)
      if (text[end] === ',') end = skip(text, end + 1)
      else if (text[end] !== '}') throw new Mistake(end, `a comma or } must follow the label ${matcher.label}`)
    }
    end = skip(text, end + 1)
  }
  if (end < text.length) throw new Mistake(end, afterwards(text.slice(end)))
  return { name, matchers }
}

function readMatcher(text: string, from: number): [Matcher, end: number] {
  const label = take(LABEL, text, from)
  if (label === undefined) {
    throw new Mistake(from, from >= text.length ? 'the } is missing' : 'the name of a label must stand here')
  }
  if (label === '__name__') throw new Mistake(from, 'the name of the metric stands before the {, not in __name__')
  const operatorAt = skip(text, from + label.length)
  const operator = take(OPERATOR, text, operatorAt) as Operator | undefined
  if (operator === undefined) throw new Mistake(operatorAt, `=, !=, =~ or !~ must follow the label ${label}`)
  const valueAt = skip(text, operatorAt + operator.length)
  const literal = take(STRING, text, valueAt)
  if (literal === undefined) throw new Mistake(valueAt, `the value of the label ${label} must stand in quotes`)
  const value = unquoted(literal, valueAt)
  if (operator === '=~' || operator === '!~') {
    const pattern = compilePattern(value)
    if (pattern.kind === 'wrong') throw new Mistake(valueAt, `the pattern of the label ${label}: ${pattern.text}`)
  }
  return [{ label, operator, value }, valueAt + literal.length]
}

function afterwards(rest: string): string {
  if (rest.startsWith('[')) return 'no range may follow: the counter itself is read, and its growth computed here'
  if (rest.startsWith('(')) return 'this is a function; only a metric with its labels can be used'
  if (/^(offset|@)/.test(rest)) return 'no offset and no @ may follow: the value of now is read'
  return `only a metric with its labels can be used; \`${rest.slice(0, 20)}\` is too much`
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
}

/** The text that a literal stands for. PromQL has the escapes of Go, and none between backticks. */
function unquoted(literal: string, index: number): string {
  const inner = literal.slice(1, -1)
  if (literal.startsWith('`')) return inner
  return inner.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-7]{3})|([\s\S]))/g,
    (all, hex?: string, unicode?: string, octal?: string, letter?: string) => {
      const code = hex ?? unicode
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16))
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
      const plain = ESCAPES[letter ?? '']
      if (plain !== undefined) return plain
      throw new Mistake(
        index,
        `${all} means nothing in quotes; a backslash in a pattern is written twice, or between backticks`,
      )
    },
  )
}

/** The selector with one condition more. */
export function withMatcher(selector: Selector, label: string, operator: Operator, value: string): Selector {
  return { ...selector, matchers: [...selector.matchers, { label, operator, value }] }
}

/** As Prometheus reads it. */
export function selectorText({ name, matchers }: Selector): string {
  if (matchers.length === 0) return name
  return `${name}{${matchers.map(({ label, operator, value }) => `${label}${operator}${quoted(value)}`).join(',')}}`
}

function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

/**
 * Says of a sample whether it is meant. A label that is not there has the empty value, and patterns must match all of it, as
 * in Prometheus.
 */
export function matcherOf(selector: Selector): (name: string, labels: Labels) => boolean {
  const tests = selector.matchers.map((matcher): ((labels: Labels) => boolean) => {
    const test = testOf(matcher)
    return (labels) => test(labels.get(matcher.label) ?? '')
  })
  return (name, labels) => name === selector.name && tests.every((test) => test(labels))
}

function testOf({ operator, value }: Matcher): (text: string) => boolean {
  switch (operator) {
    case '=':
      return (text) => text === value
    case '!=':
      return (text) => text !== value
    case '=~':
      return patternOf(value)
    case '!~': {
      const matches = patternOf(value)
      return (text) => !matches(text)
    }
  }
}

/** Patterns were refused when the selector was read; one that came otherwise matches nothing. */
function patternOf(value: string): Pattern {
  const compiled = compilePattern(value)
  return compiled.kind === 'pattern' ? compiled.matches : () => false
}

function take(pattern: RegExp, text: string, index: number): string | undefined {
  pattern.lastIndex = index
  return pattern.exec(text)?.[0]
}

function skip(text: string, index: number): number {
  return index + (take(SPACE, text, index) ?? '').length
}

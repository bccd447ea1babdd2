import { parseDuration } from '../shared/duration.ts'
import type { Place } from '../shared/errors.ts'
import { ALLOWED_STEPS, type Step, type Strategy } from '../strategies/step.ts'
import { hint, oneOf, type Problem, refuseProblems } from './problems.ts'

/** How each kind of step is written. */
const FORMS: Record<Step['kind'], string> = {
  weight: 'N%',
  mirror: 'mirror N%',
  wait: 'wait D',
  check: 'check NAME',
  job: 'job NAME',
  'warm-up': 'warm-up',
  approve: 'approve',
  switch: 'switch',
}
const WORDS = ['mirror', 'wait', 'check', 'job', 'warm-up', 'approve', 'switch'] as const
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

/** One step as written, and where it begins. */
interface Piece {
  text: string
  place: Place | undefined
  /** for people, where there is no file */
  where: string
}

interface Read {
  piece: Piece
  step: Step
}

/** What the config says, as far as steps ask for it. */
export interface Known {
  /** names of its checks; left out, names are not looked at */
  checks?: readonly string[]
  /** it rules routers out; that none is found is told later, by the survey */
  unrouted?: boolean
}

/**
 * Reads steps as written in input or config: separated by newline or comma, names inside a step by spaces. Refuses (`steps`)
 * all wrong ones in one message, each with line and column.
 * @param source where the text begins, or where each entry of a list begins
 */
export function parseSteps(
  text: string | readonly string[],
  strategy: Strategy,
  source?: Place | readonly Place[],
  known?: Known,
): Step[] {
  const { steps, problems } = readSteps(text, strategy, source, known)
  if (problems.length > 0) throw refuseProblems('steps', problems)
  return steps
}

/** Like {@link parseSteps}, and leaves it to the caller what to do about problems. */
export function readSteps(
  text: string | readonly string[],
  strategy: Strategy,
  source?: Place | readonly Place[],
  { checks, unrouted = false }: Known = {},
): { steps: Step[]; problems: Problem[] } {
  const problems: Problem[] = []
  const add = ({ place, where, text }: Piece, message: string): void => {
    problems.push({ message: `${where}step "${text}": ${message}`, ...(place === undefined ? {} : { place }) })
  }
  const reads = piecesOf(text, source).flatMap((piece): Read[] => {
    const step = stepOf(piece.text, strategy)
    if (typeof step !== 'string') return [{ piece, step }]
    add(piece, step)
    return []
  })
  for (const { piece, step } of reads) {
    if (unrouted && needsRouter(step)) add(piece, 'it needs a router, and traffic: router is none')
    if (step.kind !== 'check' || checks === undefined) continue
    for (const name of step.names.filter((name) => !checks.includes(name)))
      add(piece, `no check "${name}" in the config; ${checks.length === 0 ? 'it has no checks' : hint(name, checks)}`)
  }
  if (problems.length === 0) checkOrder(reads, strategy, add, (message) => problems.push({ message }))
  return { steps: reads.map(({ step }) => step), problems }
}

function piecesOf(text: string | readonly string[], source: Place | readonly Place[] | undefined): Piece[] {
  const items = typeof text === 'string' ? [text] : text
  const places = source === undefined ? [] : Array.isArray(source) ? (source as readonly Place[]) : [source as Place]
  return items.flatMap((item, index) => {
    let line = 0
    return item.split('\n').flatMap((row) => {
      line++
      let column = 1
      return row.split(',').flatMap((part): Piece[] => {
        const begin = column + part.length - part.trimStart().length
        column += part.length + 1
        if (part.trim() === '') return []
        const at = { item: typeof text === 'string' ? undefined : index + 1, line, column: begin }
        return [{ text: part.trim().replace(/\s+/g, ' '), ...locate(places[index], at) }]
      })
    })
  })
}

function locate(
  source: Place | undefined,
  { item, line, column }: { item: number | undefined; line: number; column: number },
): { place: Place | undefined; where: string } {
  if (source === undefined) {
    const entry = item === undefined ? '' : `entry ${item}, `
    return { place: undefined, where: `steps, ${entry}line ${line}, column ${column}: ` }
  }
  const place = {
    file: source.file,
    line: (source.line ?? 1) + line - 1,
    // All lines of a YAML block begin at the column of the first.
    column: (source.column ?? 1) + column - 1,
  }
  return { place, where: '' }
}

/** The step, or what is wrong with it. */
function stepOf(text: string, strategy: Strategy): Step | string {
  const [word = '', ...rest] = text.split(' ')
  const known = /^[-\d.]+%?$/.test(word) ? 'weight' : WORDS.find((candidate) => candidate === word)
  const allowed = ALLOWED_STEPS[strategy]
  if (known === undefined)
    return `no such step; ${allowed.length === 0 ? none(strategy) : hint(word, wordsOf(allowed))}`
  if (!allowed.includes(known)) return `${strategy} has no such step; ${allowedText(strategy)}`
  switch (known) {
    case 'weight':
      return weightOf(word, rest)
    case 'mirror':
      return mirrorOf(rest)
    case 'wait':
      return waitOf(rest)
    case 'check':
    case 'job':
      return namedOf(known, rest)
    case 'warm-up':
    case 'approve':
    case 'switch':
      return rest.length === 0 ? { kind: known } : `"${known}" stands alone`
  }
}

function wordsOf(allowed: readonly Step['kind'][]): string[] {
  return allowed.map((kind) => (kind === 'weight' ? 'N%' : kind))
}

function none(strategy: Strategy): string {
  return `the strategy ${strategy} has no steps`
}

function allowedText(strategy: Strategy): string {
  const forms = ALLOWED_STEPS[strategy].map((kind) => FORMS[kind])
  return forms.length === 0 ? none(strategy) : `allowed: ${oneOf(forms)}`
}

/** A share of pods is at least one pod, and copies are made by routers. */
function needsRouter(step: Step): boolean {
  return step.kind === 'mirror' || (step.kind === 'weight' && step.percent === 0)
}

function weightOf(word: string, rest: readonly string[]): Step | string {
  if (rest.length > 0) return 'a weight stands alone'
  if (!word.endsWith('%')) return `a weight is written in percent; did you mean ${word}%?`
  const percent = Number(word.slice(0, -1))
  if (!Number.isInteger(percent) || percent < 0 || percent > 100 || !/^\d+%$/.test(word))
    return 'a weight is a whole number from 1% to 100%, or 0% first with a router'
  return { kind: 'weight', percent }
}

function mirrorOf(rest: readonly string[]): Step | string {
  const [text = ''] = rest
  const percent = Number(text.slice(0, -1))
  if (rest.length === 1 && /^\d{1,3}%$/.test(text) && percent <= 100) return { kind: 'mirror', percent }
  const near = /^\d{1,3}$/.test(text) && Number(text) <= 100 ? `; did you mean mirror ${text}%?` : ''
  return `a mirror needs a whole number from 0% to 100%, such as mirror 10%${near}`
}

function waitOf(rest: readonly string[]): Step | string {
  const text = rest.join('')
  const ms = rest.length === 1 ? parseDuration(text) : undefined
  if (ms !== undefined && ms > 0) return { kind: 'wait', ms }
  const near = parseDuration(text) !== undefined ? text : /^\d+$/.test(text) ? `${text}s` : undefined
  const asked = 'a wait needs a duration above 0, such as 30s, 2m or 1h'
  return near === undefined || ms === 0 ? asked : `${asked}; did you mean wait ${near}?`
}

function namedOf(kind: 'check' | 'job', names: string[]): Step | string {
  if (names.length === 0) return `it needs a name: ${FORMS[kind]}`
  const wrong = names.find((name) => !NAME.test(name))
  if (wrong !== undefined) return `"${wrong}" is not a name (lower-case letters, digits, "-" and ".")`
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined ? { kind, names } : `"${twice}" is named twice`
}

type Add = (piece: Piece, message: string) => void

/** What no step shows by itself: weights rise, jobs run once, a canary has a weight, blue-green switches once. */
function checkOrder(reads: readonly Read[], strategy: Strategy, add: Add, missing: (message: string) => void): void {
  let reached: number | undefined
  let stands = false
  let switched = false
  const jobs = new Set<string>()
  for (const { piece, step } of reads) {
    if (step.kind === 'weight') {
      if (reached !== undefined && step.percent <= reached) add(piece, `weights rise, and ${reached}% stands before it`)
      reached = Math.max(reached ?? 0, step.percent)
      stands = true
    } else if (step.kind === 'mirror') {
      stands = true
    } else if (step.kind === 'switch') {
      if (switched) add(piece, 'blue-green switches once')
      switched = true
    } else if (step.kind === 'job') {
      for (const name of step.names) {
        if (jobs.has(name)) add(piece, `the job "${name}" runs in a step before it already`)
        jobs.add(name)
      }
    } else if (step.kind === 'warm-up') {
      if (switched || (reached ?? 0) > 0) add(piece, 'users are on the new version already: it stands before them')
      else if (strategy === 'canary' && !stands)
        add(piece, 'it needs pods of the new version: 0% or a mirror before it')
    } else if (step.kind === 'check' && strategy === 'canary' && !stands)
      add(
        piece,
        'no pod of the new version runs before the first weight; with a router, 0% or a mirror may stand before it',
      )
  }
  if (strategy === 'canary' && !stands) missing('steps: a canary needs a weight, such as 25%')
  if (strategy === 'blue-green' && !switched) missing('steps: blue-green needs the step "switch", once')
}

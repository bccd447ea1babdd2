import type { Finding } from '../preflight/finding.ts'
import type { Clock } from '../shared/clock.ts'
import { formatDuration } from '../shared/duration.ts'
import type { Failure, Place } from '../shared/errors.ts'
import { nameOf } from '../shared/objects.ts'
import { type Annotations, annotations, commandData, inert } from './annotations.ts'
import type { ReportEvent, Reporter, Result } from './events.ts'
import { planLines } from './plan.ts'
import { reminder } from './reminder.ts'
import { byWeight, mendText } from './sections.ts'
import { cleanLines, count, list, oneLine } from './text.ts'
import { updateLines } from './update-texts.ts'

export interface ConsoleOptions {
  /** takes whole lines, each ending in a newline */
  write: (text: string) => void
  clock: Clock
  /** fold phases into groups and raise annotations, as the GitHub runner understands them */
  github: boolean
  color: boolean
}

export interface ConsoleReporter extends Reporter {
  /** closes the open group and ends the reminders; nothing is printed after that */
  close(): void
}

type Color = 'red' | 'green' | 'yellow' | 'dim' | 'bold'
const CODES: Record<Color, number> = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 }

/** The phase under way and what has been said in it, for the verdict below the fold. */
interface OpenPhase {
  number: number
  title: string
  startedAt: number
  changes: number
  findings: Finding[]
  failed: boolean
}

/**
 * The log: numbered phases, one line per change with the time since the start, a reminder after 30 s of silence. On
 * GitHub a phase is a folded group whose verdict stands below it, and findings and failures are annotations as well.
 */
export function consoleReporter(options: ConsoleOptions): ConsoleReporter {
  return new Console(options)
}

class Console implements ConsoleReporter {
  private readonly options: ConsoleOptions
  private readonly startedAt: number
  private readonly annotations: Annotations
  private readonly remind: ReturnType<typeof reminder>
  private phase: OpenPhase | undefined
  private phases = 0
  private shownFailure: Failure | undefined
  private closed = false

  constructor(options: ConsoleOptions) {
    this.options = options
    this.startedAt = options.clock.now()
    this.annotations = annotations(options.write)
    this.remind = reminder(options.clock, (text) => this.timed(`still waiting for ${text}`, 'dim'))
  }

  emit(event: ReportEvent): void {
    if (this.closed) return
    switch (event.kind) {
      case 'phase':
        return this.openPhase(event.title)
      case 'line':
        return this.fact(event.text, event.level ?? 'info')
      case 'change':
        if (this.phase !== undefined) this.phase.changes++
        this.remind.touch()
        return this.timed(event.text)
      case 'waiting':
        if (this.remind.wait(oneLine(event.text))) this.timed(`waiting for ${oneLine(event.text)}`, 'dim')
        return
      case 'finding':
        return this.finding(event.finding)
      case 'plan':
        return this.lines(planLines(event.plan))
      case 'measured':
        // What is new in it comes as a line.
        return
      case 'updates':
        // Below the fold, where it is read without a click.
        this.endPhase()
        return this.lines(updateLines(event.updates))
      case 'failure':
        return this.failure(event.failure)
      case 'result':
        return this.result(event.result)
      case 'target':
      case 'record':
      case 'mix':
        return
    }
  }

  close(): void {
    if (this.closed) return
    this.endPhase()
    this.remind.stop()
    this.closed = true
  }

  private openPhase(title: string): void {
    this.endPhase()
    this.remind.stop()
    const number = ++this.phases
    this.phase = { number, title, startedAt: this.options.clock.now(), changes: 0, findings: [], failed: false }
    const heading = `${number}  ${oneLine(title)}`
    if (this.options.github) this.options.write(`::group::${commandData(heading)}\n`)
    else this.options.write(`\n${this.paint(heading, 'bold')}\n`)
  }

  /** Ends the fold; the verdict stands below it, where it is read without a click. */
  private endPhase(): void {
    const { phase } = this
    if (phase === undefined) return
    this.phase = undefined
    const took = formatDuration(this.options.clock.now() - phase.startedAt)
    const notes = [...(phase.changes === 0 ? [] : [count(phase.changes, 'change')]), ...tally(phase.findings), took]
    if (this.options.github) {
      this.options.write('::endgroup::\n')
      const verdict = `${phase.failed ? '✗' : '✓'} ${phase.number}  ${oneLine(phase.title)}: ${notes.join(', ')}`
      this.options.write(`${this.paint(inert(verdict), phase.failed ? 'red' : 'green')}\n`)
      for (const finding of byWeight(phase.findings)) this.annotate(finding)
    }
  }

  private annotate(finding: Finding): void {
    const { id, object, reason, place } = finding
    if (finding.severity === 'info' || finding.accepted === true) return
    const subject = object === undefined || reason.includes(nameOf(object)) ? '' : `${nameOf(object)}: `
    this.annotations.raise(finding.severity, id, `${subject}${reason} → ${mendText(finding)}`, place)
  }

  private fact(text: string, level: 'info' | 'warning' | 'error' | 'debug'): void {
    const lines = cleanLines(text)
    if (level === 'debug') {
      if (this.options.github) for (const line of lines) this.options.write(`::debug::${commandData(line)}\n`)
      return
    }
    // What only a debugger sees breaks no silence: every request is such a line.
    this.remind.touch()
    this.lines(lines, level === 'error' ? 'red' : level === 'warning' ? 'yellow' : undefined)
  }

  private finding(finding: Finding): void {
    this.phase?.findings.push(finding)
    const { severity, object, place, reason } = finding
    const word = finding.accepted === true ? `${severity}, accepted` : severity
    const color = severity === 'error' && finding.accepted !== true ? 'red' : severity === 'info' ? 'dim' : 'yellow'
    const subject = object === undefined ? '' : `  ${nameOf(object)}`
    this.lines([`${word}: ${finding.id}${subject}${at(place)}`], color)
    this.lines([`  ${oneLine(reason)}`, `  → ${oneLine(mendText(finding))}`])
    if (this.options.github && this.phase === undefined) this.annotate(finding)
  }

  /** What (object), cause, evidence, what was done, what next. Printed below the fold. */
  private failure(failure: Failure): void {
    const shown = this.shownFailure
    // Told when it happened; what was done about it stands in the last line.
    if (shown?.code === failure.code && shown.message === failure.message) return
    this.shownFailure = failure
    if (this.phase !== undefined) this.phase.failed = true
    this.endPhase()
    this.remind.stop()
    const subject = failure.object === undefined ? '' : `  ${nameOf(failure.object)}`
    this.lines([`✗ ${TITLES[failure.kind]}${subject}${at(failure.place)}`], 'red')
    this.labelled('cause', failure.message)
    for (const { title, lines } of failure.evidence ?? []) {
      this.lines([`  ${oneLine(title)}`])
      this.lines(
        lines.flatMap((line) => cleanLines(line)).map((line) => `    | ${line}`),
        'dim',
      )
    }
    if (failure.done !== undefined) this.labelled('done', failure.done)
    if (failure.next !== undefined) this.labelled('next', failure.next)
    if (!this.options.github) return
    const text = [failure.message, failure.done, failure.next].filter((part) => part !== undefined).join('\n')
    this.annotations.raise('error', `${failure.code}${subject}`, text, failure.place)
  }

  private labelled(label: string, text: string): void {
    const [first = '', ...more] = cleanLines(text)
    this.lines([`  ${label.padEnd(6)} ${first}`, ...more.map((line) => `         ${line}`)])
  }

  /** The sentence that says how it ended is the last line. */
  private result(result: Result): void {
    if (result.failure !== undefined) this.failure(result.failure)
    this.endPhase()
    this.remind.stop()
    if (result.next !== '') this.lines([`to go on: ${oneLine(result.next)}`])
    if (result.back !== '') this.lines([`to go back: ${oneLine(result.back)}`])
    const color = result.exitCode === 0 ? 'green' : result.exitCode === 3 ? 'yellow' : 'red'
    const took = formatDuration(this.options.clock.now() - this.startedAt)
    this.lines([`${result.outcome.toUpperCase()}: ${oneLine(result.message)} (${took})`], color)
  }

  private timed(text: string, color?: Color): void {
    const elapsed = formatDuration(this.options.clock.now() - this.startedAt).padStart(7)
    const [first = '', ...more] = cleanLines(text)
    this.lines([`${elapsed}  ${first}`, ...more.map((line) => `${' '.repeat(9)}${line}`)], color)
  }

  private lines(lines: readonly string[], color?: Color): void {
    const indent = this.phase === undefined ? '' : '  '
    const clean = lines.map((line) => cleanLines(line, Infinity).join(' '))
    const safe = clean.map((line) => (this.options.github ? inert(line) : line))
    for (const line of safe) this.options.write(`${this.paint(`${indent}${line}`, color)}\n`)
  }

  private paint(text: string, color: Color | undefined): string {
    return this.options.color && color !== undefined ? `\u001b[${CODES[color]}m${text}\u001b[0m` : text
  }
}

const TITLES: Record<Failure['kind'], string> = {
  failed: 'FAILED',
  timeout: 'TIMED OUT',
  refused: 'REFUSED',
  cancelled: 'CANCELLED',
}

function at(place: Place | undefined): string {
  if (place === undefined) return ''
  const position = [place.line, place.column].filter((number) => number !== undefined).map((number) => `:${number}`)
  return `  (${place.file}${position.join('')})`
}

function tally(findings: readonly Finding[]): string[] {
  const open = findings.filter((finding) => finding.accepted !== true)
  const of = (severity: Finding['severity']): number => open.filter((finding) => finding.severity === severity).length
  const parts = [
    ...(of('error') === 0 ? [] : [count(of('error'), 'error')]),
    ...(of('warning') === 0 ? [] : [count(of('warning'), 'warning')]),
  ]
  return parts.length === 0 ? [] : [list(parts)]
}

import type { CheckVerdict, Figure } from '../checks/verdict.ts'
import { formatDuration } from '../shared/duration.ts'
import { chart } from './chart.ts'
import { count, folded, html, md } from './text.ts'

/** One answer of a check. */
export interface Measurement {
  /** name of the check */
  check: string
  /** ms since 1970 */
  at: number
  verdict: CheckVerdict['kind']
  text: string
  figures: Figure[]
}

/** Checks that get a plot of their own; the JSON report has the figures of all. */
const PLOTTED = 8
/** Points of a plot. */
const POINTS = 40
/** Rows of a table of figures. */
const ROWS = 100
/** One for each line of a plot; blue and green mean versions elsewhere. */
const COLOURS = ['purple', 'orange', 'yellow', 'brown'] as const

const ICONS: Record<Measurement['verdict'], string> = { pass: '✅', fail: '❌', inconclusive: '❔' }

/** The part of the job summary: what each check said, and its figures over time; empty where none was asked. */
export function checkSection(measurements: readonly Measurement[]): string {
  if (measurements.length === 0) return ''
  const checks = byCheck(measurements)
  const rows = checks.map(([name, all]) => {
    const of = (verdict: Measurement['verdict']): number => all.filter((each) => each.verdict === verdict).length
    const last = all.at(-1)
    const icon = last === undefined ? '' : ICONS[last.verdict]
    return `| ${icon} | ${md(name, 80)} | ${of('pass')} | ${of('fail')} | ${of('inconclusive')} | ${md(last?.text ?? '', 400)} |`
  })
  const table = ['| | Check | Pass | Fail | Cannot tell | Last |', '|---|---|--:|--:|--:|---|', ...rows].join('\n')
  const plots = checks.flatMap(([name, all]) => plot(name, all)).slice(0, PLOTTED)
  return ['#### Checks', table, ...plots].join('\n\n')
}

function byCheck(measurements: readonly Measurement[]): [string, Measurement[]][] {
  return [...Map.groupBy(measurements, ({ check }) => check)]
}

/** The figures of one check as a chart, and as a table below it; nothing with fewer than two points. */
function plot(name: string, all: readonly Measurement[]): string[] {
  const told = all.filter(({ figures }) => figures.length > 0)
  const [first, last] = [told[0], told.at(-1)]
  if (first === undefined || last === undefined || told.length < 2 || last.at === first.at) return []
  const lines = [...new Set(told.flatMap(({ figures }) => figures.map((figure) => figure.name)))].slice(
    0,
    COLOURS.length,
  )
  const rows = told
    .slice(-ROWS)
    .map(
      (each) =>
        `| ${formatDuration(each.at - first.at)} | ${lines.map((line) => valueOf(each, line) ?? '').join(' | ')} |`,
    )
  const head = `| Time | ${lines.map((line) => md(line, 80)).join(' | ')} |`
  const table = [head, `|--:|${lines.map(() => '--:|').join('')}`, ...rows].join('\n')
  return [
    `${figureChart(name, told, lines)}\n\n${folded(`${count(told.length, 'measurement')} of ${html(name, 60)}`, table)}`,
  ]
}

function valueOf({ figures }: Measurement, line: string): number | undefined {
  return figures.find(({ name }) => name === line)?.value
}

/** At evenly spread instants the figures as they were measured last: nothing is interpolated. */
function figureChart(name: string, told: readonly Measurement[], names: readonly string[]): string {
  const from = told[0]?.at ?? 0
  const span = (told.at(-1)?.at ?? from) - from
  const lines = COLOURS.flatMap((colour, index) => {
    const line = names[index]
    if (line === undefined) return []
    const known = told.flatMap((each) => {
      const value = valueOf(each, line)
      return value === undefined ? [] : [{ at: each.at, value }]
    })
    const values = Array.from({ length: POINTS }, (_, point) => {
      const at = from + (span * point) / (POINTS - 1)
      return (known.findLast((each) => each.at <= at) ?? known[0])?.value ?? 0
    })
    return [{ name: line, colour, values }]
  })
  const all = lines.flatMap(({ values }) => values)
  return chart({ title: name, span, axis: { low: Math.min(0, ...all), high: Math.max(0, ...all) }, lines })
}

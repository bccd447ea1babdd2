import { formatDuration } from '../shared/duration.ts'
import { chart, type Line } from './chart.ts'
import { folded, list, md, oneLine } from './text.ts'
import { type Downtime, type Stretch, UNKNOWN, type Updates } from './updates.ts'

/** Windows and versions named in a sentence; tables and the JSON report have more. */
const NAMED = 5

/** Of the versions in the order in which they were met; further ones have no line. */
const COLOURS = ['blue', 'green', 'purple'] as const

/** What the log says at the end: requests, times, downtime. */
export function updateLines(updates: Updates): string[] {
  const { target, requests, failed, versions } = updates
  const shares = versions.slice(0, NAMED).map(({ version, requests: own }) => `${oneLine(version, 40)} ${number(own)}`)
  const plural = requests === 1 ? 'request' : 'requests'
  return [
    `Update checker: ${number(requests)} ${plural} to ${oneLine(target, 200)}, ${number(failed)} failed; ${shares.join(', ')}`,
    ...timeLine(updates),
    `  ${downtimeText(updates)}`,
  ]
}

function timeLine({ from, versions, slowest }: Updates): string[] {
  const [worst] = slowest
  if (worst === undefined) return []
  const halves = versions.flatMap(({ version, latencyMs }) =>
    latencyMs === undefined ? [] : [`${oneLine(version, 40)} ${latencyMs.p50} ms, 99 % within ${latencyMs.p99} ms`],
  )
  const at = formatDuration(worst.at - from)
  return [`  half of the answers of ${halves.slice(0, NAMED).join('; of ')}; slowest ${worst.ms} ms at ${at}`]
}

/** What was measured and no more: none seen, or each window with its start and length. */
export function downtimeText({ from, downtime, downtimeMs, windows, intervalMs }: Updates): string {
  if (windows === 0) return `no downtime seen, asked every ${formatDuration(intervalMs)}`
  const named = downtime.slice(0, NAMED).map((window) => windowText(window, from))
  const more = windows > named.length ? [`${windows - named.length} more, ${formatDuration(downtimeMs)} in all`] : []
  return `downtime: ${list([...named, ...more])}`
}

function windowText({ from, ms, over }: Downtime, start: number): string {
  const at = formatDuration(from - start)
  return over ? `${formatDuration(ms)} at ${at}` : `from ${at} on, not over after ${formatDuration(ms)}`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}

/** The part of the job summary: a sentence, the plot and the figures as Markdown. */
export function updateSection(updates: Updates): string {
  const drawn = updatesChart(updates)
  const plural = updates.requests === 1 ? 'request' : 'requests'
  const sentence = `${number(updates.requests)} ${plural} to ${md(updates.target, 200)}, ${number(updates.failed)} failed; ${downtimeText(updates)}.`
  return [
    '#### What users met',
    sentence,
    ...(drawn === '' ? [] : [drawn]),
    versionTable(updates),
    ...(updates.windows === 0 ? [] : [windowTable(updates)]),
    slowestText(updates),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function versionTable({ versions }: Updates): string {
  const rows = versions.map(({ version, requests, errors, latencyMs }) => {
    const times = latencyMs === undefined ? ['', '', ''] : [latencyMs.p50, latencyMs.p90, latencyMs.p99]
    return `| ${[md(version, 80), number(requests), number(errors), ...times.map((ms) => (ms === '' ? '' : `${ms} ms`))].join(' | ')} |`
  })
  return ['| Version | Requests | Errors | p50 | p90 | p99 |', '|---|--:|--:|--:|--:|--:|', ...rows].join('\n')
}

function windowTable({ from, downtime, windows }: Updates): string {
  const rows = downtime.map(
    (each) =>
      `| ${formatDuration(each.from - from)} | ${formatDuration(each.ms)}${each.over ? '' : ', not over'} | ${md(each.text, 200)} |`,
  )
  const title = windows > downtime.length ? `The ${downtime.length} longest downtimes of ${windows}` : 'Downtime'
  return folded(title, ['| At | Length | First failure |', '|--:|--:|---|', ...rows].join('\n'), windows <= NAMED)
}

function slowestText({ from, slowest }: Updates): string {
  if (slowest.length === 0) return ''
  const each = slowest.map(({ at, ms, version }) => `${ms} ms at ${formatDuration(at - from)} (${md(version, 40)})`)
  return `Slowest: ${each.join(', ')}.`
}

/** Share of the polls that each version answered over time as a chart; empty with fewer than two instants. */
export function updatesChart(updates: Updates): string {
  const { timeline, versions, failed } = updates
  const [first, last] = [timeline[0], timeline.at(-1)]
  if (first === undefined || last === undefined || first === last) return ''
  const names = versions
    .map(({ version }) => version)
    .filter((name) => timeline.some(({ answers }) => answers.has(name)))
  const stretches = filled(updates)
  const share = (count: (stretch: Stretch) => number): number[] =>
    stretches.map((stretch) => {
      const all = stretch.failed + [...stretch.answers.values()].reduce((sum, each) => sum + each, 0)
      return Math.round((100 * count(stretch)) / Math.max(1, all))
    })
  const answered = COLOURS.flatMap((colour, index): Line[] => {
    const name = names[index]
    if (name === undefined) return []
    const values = share(({ answers }) => answers.get(name) ?? 0)
    return [{ name: name === UNKNOWN ? 'unknown version' : name, colour, values }]
  })
  const lost: Line[] = failed > 0 ? [{ name: 'failed', colour: 'red', values: share((stretch) => stretch.failed) }] : []
  return chart({
    title: 'Answers by version',
    span: last.at - first.at,
    axis: { name: 'percent', low: 0, high: 100 },
    lines: [...answered, ...lost],
  })
}

/** One point per stretch; where no poll was sent in one, that before holds. */
function filled({ timeline, stretchMs }: Updates): Stretch[] {
  const [first, last] = [timeline[0], timeline.at(-1)]
  if (first === undefined || last === undefined) return []
  const byTime = new Map(timeline.map((stretch) => [stretch.at, stretch]))
  const points: Stretch[] = []
  for (let at = first.at; at <= last.at; at += stretchMs) points.push(byTime.get(at) ?? points.at(-1) ?? first)
  return points
}

import { formatDuration } from '../shared/duration.ts'
import { chart } from './chart.ts'
import type { VersionMix } from './events.ts'
import { oneLine } from './text.ts'

export interface PlotOptions {
  /** characters of the time axis, 20 to 200; default 72 */
  width?: number
  /** lines of the pod axis at most, 2 to 40; default 12 */
  height?: number
  color?: boolean
}

/**
 * The mix as it was at `points` instants spread evenly from the first to the last sample. Between two samples the
 * earlier one holds; counts are facts, so nothing is interpolated.
 */
export function sampleMix(mixes: readonly VersionMix[], points: number): VersionMix[] {
  const [first, last] = [mixes[0], mixes.at(-1)]
  if (first === undefined || last === undefined || points < 1) return []
  if (points === 1 || last.at === first.at) return [last]
  let index = 0
  return Array.from({ length: points }, (_, point) => {
    const at = first.at + ((last.at - first.at) * point) / (points - 1)
    while ((mixes[index + 1]?.at ?? Infinity) <= at) index++
    return { ...(mixes[index] ?? last), at: Math.round(at) }
  })
}

/** Samples that differ from the one before, and the last one. */
export function changesOfMix(mixes: readonly VersionMix[]): VersionMix[] {
  return mixes.filter((mix, index) => {
    const before = mixes[index - 1]
    return before === undefined || index === mixes.length - 1 || !sameMix(before, mix)
  })
}

export function sameMix(a: VersionMix, b: VersionMix): boolean {
  return (
    a.stable.pods === b.stable.pods &&
    a.canary.pods === b.canary.pods &&
    a.stable.version === b.stable.version &&
    a.canary.version === b.canary.version
  )
}

/** A plot of the serving pods over time for a terminal; empty when there is nothing to show. */
export function plotMix(mixes: readonly VersionMix[], options: PlotOptions = {}): string {
  const [first, last] = [mixes[0], mixes.at(-1)]
  if (first === undefined || last === undefined) return ''
  const width = Math.min(200, Math.max(20, options.width ?? 72))
  const columns = sampleMix(mixes, last.at === first.at ? 1 : width)
  const most = Math.max(1, ...columns.map((mix) => mix.stable.pods + mix.canary.pods))
  const height = Math.min(most, Math.max(2, options.height ?? 12))
  const paint = painter(options.color === true)
  const rows = Array.from({ length: height }, (_, index) => {
    const level = height - index
    const cells = columns.map((mix) => cell(mix, (level * most) / height, most / height))
    const label = `${Math.round((level * most) / height)}`.padStart(4)
    return `${label} │${paint(cells)}`
  })
  const axis = `     └${'─'.repeat(columns.length)}`
  const end = formatDuration(last.at - first.at)
  const times = `      0s${end.padStart(Math.max(end.length + 1, columns.length - 2))}`
  const legend = `      ${paint(['n'])} ${oneLine(last.canary.version, 60)} (new)   ${paint(['o'])} ${oneLine(last.stable.version, 60)} (before)   serving pods over time`
  return [...rows, axis, times, legend].join('\n')
}

type Cell = 'n' | 'o' | ' '

/** What fills the cell whose upper edge is `top` pods high: the new version lies at the bottom, the old one on it. */
function cell(mix: VersionMix, top: number, size: number): Cell {
  const middle = top - size / 2
  if (middle <= mix.canary.pods) return 'n'
  return middle <= mix.canary.pods + mix.stable.pods ? 'o' : ' '
}

function painter(color: boolean): (cells: Cell[]) => string {
  const glyphs: Record<Cell, string> = { n: '█', o: '░', ' ': ' ' }
  const codes: Record<Cell, string> = { n: '\u001b[32m', o: '\u001b[34m', ' ': '' }
  return (cells) => {
    if (!color) return cells.map((kind) => glyphs[kind]).join('')
    const runs = cells.map((kind, index) => (cells[index - 1] === kind ? '' : `\u001b[0m${codes[kind]}`) + glyphs[kind])
    return `${runs.join('')}\u001b[0m`
  }
}

/** The mix as two lines of a chart for GitHub; empty with fewer than two instants. */
export function mixChart(mixes: readonly VersionMix[], points = 40): string {
  const samples = sampleMix(mixes, points)
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || samples.length < 2) return ''
  const high = Math.max(1, ...samples.map((mix) => Math.max(mix.stable.pods, mix.canary.pods)))
  return chart({
    title: 'Serving pods',
    span: last.at - first.at,
    axis: { name: 'pods', low: 0, high },
    lines: [
      { name: `${last.stable.version} (before)`, colour: 'blue', values: samples.map((mix) => mix.stable.pods) },
      { name: `${last.canary.version} (new)`, colour: 'green', values: samples.map((mix) => mix.canary.pods) },
    ],
  })
}

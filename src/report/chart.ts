import { cut, fence, md, oneLine } from './text.ts'

/** Mermaid draws its first line almost white and has no legend, so colours are named here, and told above the chart. */
const COLOURS = {
  blue: { square: '🟦', hex: '#2f81f7' },
  green: { square: '🟩', hex: '#2da44e' },
  red: { square: '🟥', hex: '#e5534b' },
  purple: { square: '🟪', hex: '#a371f7' },
  orange: { square: '🟧', hex: '#e8730c' },
  yellow: { square: '🟨', hex: '#c69026' },
  brown: { square: '🟫', hex: '#8a5a3c' },
} as const

export type Colour = keyof typeof COLOURS

export interface Line {
  /** foreign text is allowed */
  name: string
  colour: Colour
  /** at evenly spread instants; as many in each line, two at least */
  values: readonly number[]
}

export interface Chart {
  /** foreign text is allowed */
  title: string
  /** ms from the first value to the last */
  span: number
  /** what the values count, with the ends of the axis; an axis without height gets one */
  axis: { name?: string; low: number; high: number }
  lines: readonly Line[]
}

/** Lines over time as a Mermaid chart, which GitHub draws, below a line that says which colour is what. */
export function chart({ title, span, axis, lines }: Chart): string {
  const legend = lines.map(({ name, colour }) => `${COLOURS[colour].square} ${md(name, 80)}`).join(' · ')
  const palette = lines.map(({ colour }) => COLOURS[colour].hex).join(', ')
  const ends = `${numeral(axis.low)} --> ${numeral(axis.high > axis.low ? axis.high : axis.low + 1)}`
  const code = [
    `%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "${palette}"}}}}%%`,
    'xychart-beta',
    `  title "${plain(title)}"`,
    `  x-axis "seconds" 0 --> ${Math.max(1, Math.round(span / 1_000))}`,
    `  y-axis ${axis.name === undefined ? '' : `"${plain(axis.name)}" `}${ends}`,
    ...lines.map(({ values }) => `  line [${values.map(numeral).join(', ')}]`),
  ]
  return `${legend}\n\n${fence(code, 'mermaid', Infinity)}`
}

/** Mermaid reads no exponents. */
const NUMERAL = new Intl.NumberFormat('en-US', {
  useGrouping: false,
  maximumSignificantDigits: 6,
  maximumFractionDigits: 12,
  roundingPriority: 'lessPrecision',
})

function numeral(value: number): string {
  return NUMERAL.format(value)
}

/** What the title of a chart can hold; two percent signs would begin a comment, and an empty one is none. */
function plain(text: string): string {
  const line = cut(oneLine(text, 200), 60).replaceAll(/[^\w.+ ,-]/g, '_')
  return line === '' ? '_' : line
}

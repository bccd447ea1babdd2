/** What the demo prints. Colors only on a terminal that wants them. */

export type Color = 'red' | 'green' | 'yellow' | 'blue' | 'dim' | 'bold'

const CODES: Record<Color, number> = { red: 31, green: 32, yellow: 33, blue: 34, dim: 2, bold: 1 }
const GUTTER = '  │ '
const FOLDS = /^(::group::|::endgroup::|::debug::|::add-mask::|::stop-commands::)/

export class Screen {
  readonly color: boolean
  readonly #write: (text: string) => void

  constructor(write: (text: string) => void, color: boolean) {
    this.#write = write
    this.color = color
  }

  paint(text: string, color: Color): string {
    return this.color ? `\u001b[${CODES[color]}m${text}\u001b[0m` : text
  }

  line(text = ''): void {
    this.#write(`${text}\n`)
  }

  title(text: string): void {
    this.line()
    this.line(this.paint(`━━ ${text} ${'━'.repeat(Math.max(0, 96 - text.length))}`, 'bold'))
  }

  label(text: string): void {
    this.line()
    this.line(`  ${this.paint(text, 'blue')}`)
  }

  block(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.line(`${this.paint(GUTTER, 'dim')}${line}`)
  }

  /** One line of a job's log as GitHub's page shows it: with its folds open, without what only machines read. */
  logLine(line: string): void {
    const group = /^::group::(.*)$/.exec(line)?.[1]
    if (group !== undefined) return this.block(this.paint(`▾ ${plain(group)}`, 'bold'))
    if (FOLDS.test(line)) return
    const note = /^::(error|warning|notice)(?: [^:]*)?::(.*)$/.exec(line)
    if (note === null) return this.block(this.color ? line : uncolored(line))
    // What the log has said above, GitHub repeats at the top of the run's page.
    const [, kind = '', text = ''] = note
    const first = plain(text).split('\n')[0] ?? ''
    this.block(this.paint(`[annotation: ${kind}] ${first}`, 'dim'))
  }
}

/** The text of a workflow command, as it was before it was escaped. */
function plain(text: string): string {
  return text.replaceAll('%0A', '\n').replaceAll('%0D', '').replaceAll('%25', '%')
}

function uncolored(line: string): string {
  return line.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*m`, 'g'), '')
}

/** The lines a container wrote, of the running program and of the one before it. */

export interface LogLine {
  /** milliseconds since 1970 */
  at: number
  text: string
}

const MOST_LINES = 1_000

export interface LogQuery {
  previous: boolean
  timestamps: boolean
  tailLines?: number
  /** milliseconds since 1970 */
  since?: number
  limitBytes?: number
}

export class ContainerLog {
  #current: LogLine[] = []
  #previous: LogLine[] | undefined
  readonly #listeners = new Set<(line: LogLine) => void>()

  write(text: string): void {
    const line = { at: Date.now(), text }
    this.#current.push(line)
    if (this.#current.length > MOST_LINES) this.#current.shift()
    for (const listener of this.#listeners) listener(line)
  }

  /** The program ended and another begins. */
  rotate(): void {
    this.#previous = this.#current
    this.#current = []
  }

  /** The text asked for, or undefined when there was no program before. */
  read(query: LogQuery): string | undefined {
    const lines = query.previous ? this.#previous : this.#current
    if (lines === undefined) return undefined
    const { since, tailLines } = query
    const recent = since === undefined ? lines : lines.filter(({ at }) => at >= since)
    const tail = tailLines === undefined ? recent : recent.slice(Math.max(0, recent.length - tailLines))
    const text = tail.map((line) => formatLine(line, query.timestamps)).join('')
    return query.limitBytes === undefined ? text : text.slice(0, query.limitBytes)
  }

  listen(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export function formatLine({ at, text }: LogLine, timestamps: boolean): string {
  // Kubernetes writes nanoseconds; clients cut at the first space.
  return timestamps ? `${new Date(at).toISOString().replace('Z', '000000Z')} ${text}\n` : `${text}\n`
}

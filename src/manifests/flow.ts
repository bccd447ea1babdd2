import { type Event, parseEvents, YAMLException } from 'js-yaml'

/** A text as it could be parsed: see {@link parseFlow}. */
export interface Parsed {
  /** the text with lines moved to the right; offsets of the events are offsets of it */
  text: string
  events: Event[]
}

/** Spaces put in front of a moved line: deeper than anybody indents. */
export const MOVED_BY = 256
/** Each repair is a parse of its own, so there is an end to them. */
const MAX_REPAIRS = 500

/**
 * Parses a text, lines inside brackets and quotes as lenient as kubectl does. js-yaml insists (as the specification does)
 * that they are indented deeper than the key, and many people close a bracket below the key it belongs to. White space at
 * the beginning of such a line means nothing, so it is moved to the right where the parser stops over it.
 * @param moved receives the numbers of the moved lines, from 0; also when the text cannot be parsed at all
 */
export function parseFlow(source: string, maxDepth: number, moved: Set<number>): Parsed {
  let text = source
  for (let repairs = 0; ; repairs++) {
    try {
      return { text, events: parseEvents(text, { maxDepth }) }
    } catch (error) {
      const repaired = repairs < MAX_REPAIRS ? repair(text, error) : undefined
      if (repaired === undefined) throw error
      text = repaired.text
      if (repaired.line !== undefined) moved.add(repaired.line)
    }
  }
}

/** The text without the fault that the parser stopped over, when it is one of indentation inside brackets or quotes. */
function repair(text: string, error: unknown): { text: string; line?: number } | undefined {
  if (!(error instanceof YAMLException) || error.reason !== 'deficient indentation' || error.mark === undefined)
    return undefined
  const { position, line } = error.mark
  const lineStart = text.lastIndexOf('\n', position - 1) + 1
  const before = text.slice(lineStart, position)
  if (before.trim() === '') {
    // Moved already, and still not deep enough: nothing more can be done.
    if (before.startsWith(' '.repeat(MOVED_BY))) return undefined
    return { text: text.slice(0, lineStart) + ' '.repeat(MOVED_BY) + text.slice(lineStart), line }
  }
  // The bracket was opened on this very line, and a tab that separates is what the parser minds: the last, or the first.
  const run = before.slice(before.trimEnd().length)
  const tab = run.includes('\t') ? before.lastIndexOf('\t') : before.indexOf('\t')
  if (tab < 0 || (!run.includes('\t') && /['"]/.test(before.slice(0, tab)))) return undefined
  return { text: `${text.slice(0, lineStart + tab)} ${text.slice(lineStart + tab + 1)}` }
}

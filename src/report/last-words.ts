import { type Failure, LAST_LINES, NO_LINES } from '../shared/errors.ts'

const COMPLAINT =
  /\b(error|exception|panic|fatal|fail(ed|ure)?|cannot|could not|denied|refused|not found)\b|Error\b|Exception\b/i
/** Lines of a stack tell where, not what. */
const FRAME = /^\s*(at |File "|goroutine |\.\.\. \d+ more)/

/**
 * The one line of a container's log that says best why it ended: the last complaint, else the last line. Empty where
 * the evidence has no log.
 */
export function lastWords(failure: Pick<Failure, 'evidence'>): string {
  const log = (failure.evidence ?? []).find(({ title }) => title.startsWith(LAST_LINES))
  const lines = (log?.lines ?? []).filter((line) => line.trim() !== '' && line !== NO_LINES && !FRAME.test(line))
  return (lines.findLast((line) => COMPLAINT.test(line)) ?? lines.at(-1) ?? '').trim()
}

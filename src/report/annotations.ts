import type { Place } from '../shared/errors.ts'
import { cleanLines, cut, oneLine } from './text.ts'

type Kind = 'error' | 'warning' | 'notice'

/** The runner keeps 10 annotations of a kind per step; the last place says how many did not fit. */
const PER_KIND = 10
/** The runner cuts an annotation's message here. */
const MESSAGE_LIMIT = 4_096

export interface Annotations {
  raise(kind: Kind, title: string, message: string, place?: Place): void
}

/** Raises annotations on GitHub's pages, within the runner's limits. What does not fit is printed as a plain line. */
export function annotations(write: (text: string) => void): Annotations {
  const raised: Record<Kind, number> = { error: 0, warning: 0, notice: 0 }
  return {
    raise: (kind, title, message, place) => {
      const lines = cleanLines(message)
      const number = ++raised[kind]
      if (number > PER_KIND) {
        for (const line of lines) write(`${inert(`${kind}: ${oneLine(title, 200)}: ${line}`)}\n`)
        return
      }
      const properties = [
        ...(place === undefined ? [] : [`file=${commandProperty(place.file)}`]),
        ...(place?.line === undefined ? [] : [`line=${place.line}`]),
        ...(place?.column === undefined ? [] : [`col=${place.column}`]),
        `title=${commandProperty(oneLine(title, 200))}`,
      ]
      write(`::${kind} ${properties.join(',')}::${commandData(cut(lines.join('\n'), MESSAGE_LIMIT - 40))}\n`)
    },
  }
}

/**
 * A line that the runner takes for nothing but text. It reads `::name::` at the start of a line, after blanks, and
 * `##[name]` anywhere in it. Source: the runner's ActionCommand parser.
 */
export function inert(line: string): string {
  return line.replace(/^(\s*):(?=:)/, '$1:\u200b').replaceAll('##[', '##\u200b[')
}

/** The message of a workflow command. Source: the toolkit's command escaping. */
export function commandData(text: string): string {
  return inert(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** A property of a workflow command. */
function commandProperty(text: string): string {
  return commandData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}

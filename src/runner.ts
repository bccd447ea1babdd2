import * as core from '@actions/core'

/** Tells the runner something. What it does not take, such as a file on a full disk, costs a line and never the result. */
export function tell(what: string, write: () => void): void
export function tell(what: string, write: () => Promise<unknown>): Promise<void>
export function tell(what: string, write: () => unknown): void | Promise<void> {
  const complain = (error: unknown): void =>
    core.warning(`The ${what} was not written: ${error instanceof Error ? error.message : String(error)}`)
  try {
    const written = write()
    if (written instanceof Promise) return written.then(() => undefined, complain)
  } catch (error) {
    complain(error)
  }
}

/** Ends the process once its output is written; a request that nobody waits for any more must not hold the job. */
export function leave(): void {
  process.stdout.write('', () => process.exit())
}

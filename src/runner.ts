import * as core from '@actions/core'

/** Tells the runner something. What it does not take, such as a file on a full disk, costs a line and never the result. */
export async function tell(what: string, write: () => unknown): Promise<void> {
  try {
    await write()
  } catch (error) {
    core.warning(`The ${what} was not written: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Ends the process once its output is written; a request that nobody waits for any more must not hold the job. */
export function leave(): void {
  process.stdout.write('', () => process.exit())
}

import type { RunSource } from '../rollout/settings.ts'
import type { RawInputs } from './inputs.ts'

/** The only view of the process environment that the rest of the program gets. */
export interface RunContext {
  raw: RawInputs
  source: RunSource
  /** directory that manifests are read from */
  workspace: string
  /** directory for report and plan */
  tempDir: string
  /** `GITHUB_API_URL` */
  apiUrl: string
  debug: boolean
  env: (name: string) => string | undefined
}

export type Environment = Record<string, string | undefined>

/** Inputs and run of a GitHub Action, from INPUT_*, GITHUB_* and the event file. */
export async function readAction(env: Environment): Promise<RunContext> {
  throw new Error(`not yet ${Object.keys(env).length}`)
}

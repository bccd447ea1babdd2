import type { Result } from './events.ts'

export interface OutputPaths {
  /** path of the JSON report */
  report?: string
  /** path of the Markdown plan */
  plan?: string
  commentUrl?: string
}

/** Outputs of the action, by name; every output is present, an unknown one is empty. */
export function outputsOf(result: Result, paths: OutputPaths = {}): Record<string, string> {
  return { outcome: result.outcome, report: paths.report ?? '' }
}

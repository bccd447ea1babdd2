import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'

/** Findings from what the server said to the dry run. */
export function dryRunRules(_input: PreflightInput): Finding[] {
  return []
}

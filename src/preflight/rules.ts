import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'

/** All findings for a release, errors first. */
export function runRules(_input: PreflightInput): Finding[] {
  return []
}

/**
 * Marks the errors that were accepted by name. Refuses (throws a `refused` failure) a name that no rule has, with the
 * nearest one.
 */
export function applyAcceptance(findings: readonly Finding[], _accept: readonly string[]): Finding[] {
  return [...findings]
}

/** The findings that refuse a rollout: errors nobody accepted. */
export function blocking(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => finding.severity === 'error' && finding.accepted !== true)
}

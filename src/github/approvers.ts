import type { RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import type { RunApi } from './api.ts'

/** A slow GitHub may cost a promote this long, in ms, and an abort as well. */
const PATIENCE_MS = 2_000

/**
 * Login names of those who approved this run's job, each once: for the environment where one of the approvals names it,
 * else for any. Empty where nobody had to, or where it cannot be told (no right, no answer). Never rejects.
 */
export async function approversOf(
  github: RunApi | undefined,
  { repository, runId }: RunSource,
  environment: string | undefined,
  clock: Clock,
): Promise<string[]> {
  if (github === undefined || repository === '' || runId === '') return []
  const timer = new AbortController()
  const late = clock.sleep(PATIENCE_MS, timer.signal).then(() => [])
  const approvals = await Promise.race([github.approvals(repository, runId).catch(() => []), late])
  timer.abort()
  const here = approvals.filter(({ environments }) => environment !== undefined && environments.includes(environment))
  return [...new Set((here.length === 0 ? approvals : here).map(({ login }) => login))]
}

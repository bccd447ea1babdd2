import type { RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import type { RunApi } from './api.ts'
import { inTime } from './in-time.ts'

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
  const approvals = (await inTime(github.approvals(repository, runId), clock)) ?? []
  const here = approvals.filter(({ environments }) => environment !== undefined && environments.includes(environment))
  return [...new Set((here.length === 0 ? approvals : here).map(({ login }) => login))]
}

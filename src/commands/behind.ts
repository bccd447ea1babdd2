import type { Deps } from '../rollout/deps.ts'
import { list } from '../report/text.ts'

/** Who is behind this run, for people: `alice, approved by bob`. Never rejects, and waits for GitHub a moment at most. */
export async function behind(deps: Pick<Deps, 'source' | 'approvers'>, environment?: string): Promise<string> {
  const { actor } = deps.source
  const approvers = await deps.approvers(environment)
  const who = actor === '' ? 'a person' : actor
  return approvers.length === 0 ? who : `${who}, approved by ${list(approvers)}`
}

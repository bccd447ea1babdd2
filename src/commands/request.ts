import { ask } from '../kubernetes/lease.ts'
import type { Result } from '../report/events.ts'
import type { Deps } from '../rollout/deps.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import { holderOf } from '../rollout/session.ts'
import { resultOf } from './result.ts'

/** An acting run obeys within 2 s; after a lease's whole life without an answer it has died. */
const PATIENCE_MS = 35_000

/**
 * Asks the run that acts now, if one does, to abort or go on. No result when nobody acts, or when the one that did has
 * died: then this run takes the lease itself.
 */
export async function askActingRun(
  deps: Deps,
  app: string,
  namespace: string,
  record: RolloutRecord,
): Promise<Result | { expired?: string }> {
  const { client, clock, settings, cancel, reporter } = deps
  const command = settings.command === 'abort' ? 'abort' : 'promote'
  // Nobody acts on a rollout that rests; the lease then needs no look.
  if (record.phase === 'paused' || record.phase === 'stopped') return {}
  const at = new Date(clock.now()).toISOString()
  const request = { command, rollout: record.rollout, full: settings.full, by: holderOf(deps), at } as const
  const asked = await ask(client, { namespace, app, request, timeoutMs: PATIENCE_MS, clock, signal: cancel })
  if (asked.outcome === 'expired') return { expired: asked.expired }
  if (asked.outcome !== 'answered') return {}
  reporter.emit({
    kind: 'line',
    text: `the run that acts on rollout ${record.rollout} has been asked to ${command}: ${asked.answer.message}`,
  })
  const message = `the run that acts on rollout ${record.rollout} obeys: ${asked.answer.message}`
  return resultOf(deps, { outcome: command === 'abort' ? 'aborted' : 'unchanged', message, record })
}

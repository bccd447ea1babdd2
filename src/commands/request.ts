import { ask } from '../kubernetes/lease.ts'
import type { Result } from '../report/events.ts'
import type { Deps } from '../rollout/deps.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import { holderOf, type Session } from '../rollout/session.ts'
import { refuse } from '../shared/errors.ts'
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
  // Nobody acts on a rollout that rests; the lease then needs no look.
  if (record.phase === 'paused' || record.phase === 'stopped') return {}
  const { answer, ...died } = await askHolder(deps, app, namespace, record.rollout)
  if (answer === undefined) return died
  const { command } = deps.settings
  deps.reporter.emit({
    kind: 'line',
    text: `the run that acts on rollout ${record.rollout} has been asked to ${command}: ${answer}`,
  })
  const message = `the run that acts on rollout ${record.rollout} obeys: ${answer}`
  return resultOf(deps, { outcome: command === 'abort' ? 'aborted' : 'unchanged', message, record })
}

/** An abort may find a run at work that has written no record yet: it is asked all the same, and touches nothing. */
export async function askBeginningRun(deps: Deps, app: string, namespace: string): Promise<Result | undefined> {
  const { answer } = await askHolder(deps, app, namespace)
  if (answer === undefined) return undefined
  const message = `the run that was about to begin a rollout of ${app} obeys: ${answer}`
  return resultOf(deps, { outcome: 'aborted', message, app, namespace })
}

async function askHolder(
  deps: Deps,
  app: string,
  namespace: string,
  rollout?: number,
): Promise<{ answer?: string; expired?: string }> {
  const { client, clock, settings, cancel, reporter } = deps
  const command = settings.command === 'abort' ? 'abort' : 'promote'
  const at = new Date(clock.now()).toISOString()
  const which = rollout === undefined ? {} : { rollout }
  const request = { command, ...which, full: settings.full, by: holderOf(deps), at } as const
  const onWait = (holder: string): void =>
    reporter.emit({ kind: 'waiting', text: `the run ${holder} to answer; after 30 s of silence it counts as dead` })
  const asked = await ask(client, { namespace, app, request, timeoutMs: PATIENCE_MS, clock, signal: cancel, onWait })
  if (asked.outcome === 'answered') return { answer: asked.answer.message }
  return asked.outcome === 'expired' ? { expired: asked.expired } : {}
}

/** Throws a refusal when another run has asked to abort: there is no rollout yet, and then none begins. */
export async function stillWanted({ lease }: Session): Promise<void> {
  const request = lease.requests.find(({ command }) => command === 'abort')
  if (request === undefined) return
  await lease.answer(request, 'no rollout was begun, nothing was touched').catch(() => {})
  throw refuse('aborted', `${request.by} asked to abort before the rollout began`, {
    next: 'deploy again when it is wanted',
  })
}

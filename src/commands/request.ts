import { behind } from './behind.ts'
import { ask } from '../kubernetes/lease.ts'
import type { LeaseAnswer } from '../kubernetes/lease-state.ts'
import type { Result } from '../report/events.ts'
import { readRecord } from '../rollout/book.ts'
import type { Deps } from '../rollout/deps.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import { holderOf, type Session } from '../rollout/session.ts'
import { refuse } from '../shared/errors.ts'
import { resultOf } from './result.ts'

/** An acting run obeys within 2 s; after a lease's whole life without an answer it has died. */
const PATIENCE_MS = 35_000
/** ms between two looks at how far another run is. */
const LOOK_MS = 1_000

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
  const { answer, silent, ...died } = await askHolder(deps, app, namespace, record.rollout)
  const who = `the run that acts on rollout ${record.rollout}`
  if (silent !== undefined)
    return refusedResult(
      deps,
      record,
      `${silent} is at work on rollout ${record.rollout} and did not answer`,
      'no-answer',
    )
  if (answer === undefined) return died
  const { command } = deps.settings
  deps.reporter.emit({ kind: 'line', text: `${who} has been asked to ${command}: ${answer.message}` })
  if (answer.refused === true) return refusedResult(deps, record, `${who} does not: ${answer.message}`, 'not-passed')
  if (command === 'abort') return (await goneBack(deps, record)) ?? died
  return resultOf(deps, { outcome: 'unchanged', message: `${who} goes on: ${answer.message}`, record })
}

function refusedResult(deps: Deps, record: RolloutRecord, message: string, code: 'no-answer' | 'not-passed'): Result {
  const next =
    code === 'not-passed'
      ? 'promote in full passes it all the same, abort goes back'
      : 'it moves pods: ask again once it waits, or abort; status tells where it stands'
  const { failure } = refuse(code, message, { next })
  return resultOf(deps, { outcome: 'refused', message, record, failure })
}

/** Waits until the run that obeys has gone back; no result when it has not within the timeout: then it may have died. */
async function goneBack(deps: Deps, { app, namespace, rollout }: RolloutRecord): Promise<Result | undefined> {
  const { client, clock, cancel, settings, reporter } = deps
  const end = clock.now() + settings.timeoutMs
  while (clock.now() < end) {
    cancel.throwIfAborted()
    const record = (await readRecord(client, app, namespace))?.record
    const over = record === undefined || record.rollout !== rollout
    if (over || record.phase === 'aborted')
      return resultOf(deps, {
        outcome: 'aborted',
        message: `rollout ${rollout} of ${app} aborted; users are on the stable version, as before the rollout`,
        record,
        app,
        namespace,
      })
    if (record.phase === 'failed')
      return resultOf(deps, {
        outcome: 'failed',
        message: `rollout ${rollout} of ${app} failed: ${record.failure?.message ?? 'the way back did not end'}`,
        record,
        failure: record.failure,
      })
    reporter.emit({ kind: 'waiting', text: `rollout ${rollout} to be back on the stable version` })
    await clock.sleep(LOOK_MS, cancel)
  }
  return undefined
}

/** An abort may find a run at work that has written no record yet: it is asked all the same, and touches nothing. */
export async function askBeginningRun(deps: Deps, app: string, namespace: string): Promise<Result | undefined> {
  const { answer } = await askHolder(deps, app, namespace)
  if (answer === undefined) return undefined
  const message = `the run that was about to begin a rollout of ${app} obeys: ${answer.message}`
  return resultOf(deps, { outcome: 'aborted', message, app, namespace })
}

async function askHolder(
  deps: Deps,
  app: string,
  namespace: string,
  rollout?: number,
): Promise<{ answer?: LeaseAnswer; expired?: string; silent?: string }> {
  const { client, clock, settings, cancel, reporter } = deps
  const command = settings.command === 'abort' ? 'abort' : 'promote'
  const at = new Date(clock.now()).toISOString()
  const which = rollout === undefined ? {} : { rollout }
  const who = await behind(deps, settings.environment)
  const request = { command, ...which, full: settings.full, by: holderOf(deps), who, at } as const
  const onWait = (holder: string): void =>
    reporter.emit({ kind: 'waiting', text: `the run ${holder} to answer; after 30 s of silence it counts as dead` })
  const asked = await ask(client, { namespace, app, request, timeoutMs: PATIENCE_MS, clock, signal: cancel, onWait })
  switch (asked.outcome) {
    case 'answered':
      return { answer: asked.answer }
    case 'expired':
      return { expired: asked.expired }
    case 'timeout':
      return { silent: asked.holder }
    case 'free':
      return {}
  }
}

/** Throws a refusal when another run has asked to abort: there is no rollout yet, and then none begins. */
export async function stillWanted({ lease }: Session): Promise<void> {
  const request = lease.requests.find(({ command }) => command === 'abort')
  if (request === undefined) return
  await lease.answer(request, 'no rollout was begun, nothing was touched').catch(() => {})
  throw refuse('aborted', `${request.who ?? request.by} asked to abort before the rollout began`, {
    next: 'deploy again when it is wanted',
  })
}

import { checked } from '../checks/update-checker.ts'
import type { Result } from '../report/events.ts'
import { aroundOf } from '../rollout/around.ts'
import { Book, readPayload, readRecord } from '../rollout/book.ts'
import { carry, type Ended, goBack } from '../rollout/carry.ts'
import type { Deps } from '../rollout/deps.ts'
import type { Engine } from '../rollout/engine.ts'
import { type Decision, decide } from '../rollout/machine.ts'
import { type RolloutRecord, successText } from '../rollout/record.ts'
import { releaseOf } from '../rollout/release.ts'
import { engineFor, openSession, type Session } from '../rollout/session.ts'
import { type Failure, refuse } from '../shared/errors.ts'
import { type ConfigMap, nameOf, refOf } from '../shared/objects.ts'
import { isUndone, templateDrift } from '../strategies/hold.ts'
import type { Move } from '../strategies/move.ts'
import { pinOf } from '../strategies/services.ts'
import { weightAt } from '../strategies/strategy.ts'
import { replicasOf, sideOf, type WorkloadView } from '../strategies/view.ts'
import { behind } from './behind.ts'
import { unsetVariables } from './early.ts'
import { askActingRun, askBeginningRun } from './request.ts'
import { resultOf } from './result.ts'

/** Promote and abort begin alike: ask a living run, else take the lease, decide, and go on from record and payload. */
export async function act(deps: Deps, app: string, namespace: string, seen: RolloutRecord): Promise<Result> {
  const first = question(deps, seen)
  const early = decide(first)
  // Only a run that has died leaves a promote nothing to do; one that acts can be asked.
  const askable = early.kind === 'refused' && early.failure.code === 'progressing'
  if (early.kind === 'refused' && !askable)
    return resultOf(deps, { outcome: 'refused', message: early.failure.message, record: seen, failure: early.failure })
  if (early.kind === 'unchanged') {
    // The rollout that is meant has ended; without a number, one that is about to begin is meant as well.
    const asked = deps.settings.rollout === undefined ? await askBeginningRun(deps, app, namespace) : undefined
    return asked ?? resultOf(deps, { outcome: 'unchanged', message: early.message, record: seen })
  }
  const asks = early.kind === 'promote' && !early.full
  const unset = asks ? unsetVariables(deps, { ...seen, steps: seen.plan.slice(seen.step) }) : undefined
  if (unset !== undefined)
    return resultOf(deps, { outcome: 'refused', message: unset.message, record: seen, failure: unset })
  const asked = await askActingRun(deps, app, namespace, seen)
  if ('outcome' in asked) return asked
  if (early.kind === 'refused') {
    // It may have ended, or gone on, while it was asked: what was seen before is no answer.
    const { record = seen } = (await readRecord(deps.client, app, namespace)) ?? {}
    const now = decide(question(deps, record))
    const failure = now.kind === 'refused' ? now.failure : (movedOn(deps, seen, record) ?? early.failure)
    return resultOf(deps, { outcome: 'refused', message: failure.message, record, failure })
  }
  const session = await openSession(deps, app, namespace, deps.settings.timeoutMs, asked.expired)
  try {
    // What was read before the lease was held may be old.
    const found = await readRecord(deps.client, app, namespace)
    if (found === undefined)
      return resultOf(deps, { outcome: 'unchanged', message: 'nothing is under way', app, namespace })
    const moved = movedOn(deps, seen, found.record)
    if (moved !== undefined)
      return resultOf(deps, { outcome: 'refused', message: moved.message, record: found.record, failure: moved })
    return await decided(session, found.record, found.map)
  } finally {
    await session.close()
  }
}

/** Two people who approve at once approve what both have seen, not the next approval as well. */
function movedOn({ settings }: Deps, seen: RolloutRecord, now: RolloutRecord): Failure | undefined {
  if (settings.command !== 'promote' || settings.full || seen.phase !== 'paused') return undefined
  if (seen.rollout === now.rollout && seen.step === now.step) return undefined
  const where = `${now.phase} at step ${Math.min(now.step + 1, now.steps.length)} of ${now.steps.length}`
  return refuse(
    'moved-on',
    `another run acted while this promote waited: rollout ${now.rollout} is ${where} now, not at step ${seen.step + 1} of rollout ${seen.rollout}`,
    { next: 'look at what it waits for now, then promote again if that is wanted' },
  ).failure
}

function question(deps: Deps, record: RolloutRecord): Parameters<typeof decide>[0] {
  const { settings, source } = deps
  const { full, supersede, rollout } = settings
  const command = settings.command === 'abort' ? 'abort' : 'promote'
  return { command, record, full, supersede, source, ...(rollout === undefined ? {} : { rollout }) }
}

async function decided(session: Session, record: RolloutRecord, map: ConfigMap): Promise<Result> {
  const { deps } = session
  const decision = decide(question(deps, record))
  switch (decision.kind) {
    case 'refused':
      return resultOf(deps, {
        outcome: 'refused',
        message: decision.failure.message,
        record,
        failure: decision.failure,
      })
    case 'unchanged':
      return resultOf(deps, { outcome: 'unchanged', message: decision.message, record })
    case 'promote':
    case 'abort':
      return goOn(session, decision, record, map)
    case 'start':
    case 'resume':
    case 'still-paused':
      throw new Error(`${decision.kind} is no answer to ${deps.settings.command}`)
  }
}

async function goOn(
  session: Session,
  decision: Decision & { kind: 'promote' | 'abort' },
  record: RolloutRecord,
  map: ConfigMap,
): Promise<Result> {
  const { deps } = session
  // Asked for while the cluster is looked at, so that nobody waits for GitHub.
  const asking = behind(deps, record.environment)
  const payload = await readPayload(deps.client, record, record.rollout)
  const book = new Book(deps, { ...record, lastRun: deps.source }, payload, map)
  const rested = record.phase === 'paused' || record.phase === 'stopped'
  const engine = await engineFor(session, book, rested)
  if (!rested) await engine.mark()
  const by = await asking
  if (decision.kind === 'abort') {
    const why = `aborted by ${by}`
    return endedResult(deps, book, await checked(session, book, () => goBack(engine, { why })))
  }
  const drift = driftOf(engine)
  if (drift !== undefined) return resultOf(deps, { outcome: 'refused', message: drift.message, record, failure: drift })
  const release = releaseOf(payload, record)
  const { full } = decision
  // One write says both: a person has said yes, and the step that asked is over.
  const asked = record.plan[record.step]?.kind === 'approve'
  await book.save(
    { phase: 'progressing', ...(asked ? { step: record.step + 1 } : {}) },
    { kind: 'approved', text: `promoted${full ? ' in full' : ''} by ${by}`, step: record.step },
  )
  const passes = { approvedUntil: full ? Number.POSITIVE_INFINITY : record.step + 1, everything: full }
  const around = aroundOf(session, engine, release, undefined)
  return endedResult(deps, book, await checked(session, book, () => carry(engine, passes, around)))
}

/** Somebody else's template: a promote would bring what nobody tested. Only going back, or an owner's word, helps. */
function driftOf(engine: Engine): Failure | undefined {
  const { record } = engine.o.book
  const { app, rollout } = record
  const resting = record.phase === 'paused' || record.phase === 'stopped'
  const drifts = engine.workloads.map((workload) => {
    const view = engine.view(workload)
    return templateDrift(view) ?? undoneByHand(view, record) ?? emptied(view)
  })
  for (const drift of [...drifts, resting ? engine.routes.drift() : undefined]) {
    if (drift?.kind !== 'drift') continue
    const message = `${nameOf(drift.object)} is no longer what rollout ${rollout} of ${app} made of it: ${drift.text}`
    return refuse('drift', message, {
      object: drift.object,
      done: 'nothing was touched: it rests as it did',
      next: 'abort puts the stable version back; stop what wrote it, then deploy again',
    }).failure
  }
  return undefined
}

/** Paused on a hold, and the old template is back: somebody went back by hand, and what was looked at is gone. */
function undoneByHand({ deployment, versions, separate }: WorkloadView, record: RolloutRecord): Move | undefined {
  const begun = record.strategy === 'blue-green' || weightAt(record.plan, record.step) > 0
  if (deployment === undefined || record.phase !== 'paused' || !begun) return undefined
  if (separate !== undefined) {
    // The set that was looked at is gone; a promote would start another, and lead users to it at once.
    const { deployment: fresh } = separate
    const gone = fresh !== undefined && fresh.spec.replicas === 0 && replicasOf(deployment) > 0
    return gone ? { kind: 'drift', object: refOf(fresh), text: 'it was scaled to 0 by hand' } : undefined
  }
  if (record.strategy !== 'blue-green' && record.strategy !== 'canary') return undefined
  if (!isUndone(deployment, versions.stable)) return undefined
  return { kind: 'drift', object: refOf(deployment), text: 'the old version was put back by hand' }
}

/** Users are pinned to a set of which nothing is left: a promote would take the other one away as well. */
function emptied(view: WorkloadView): Move | undefined {
  if (view.separate !== undefined) return undefined
  const sides = [sideOf(view, 'stable'), sideOf(view, 'next')]
  for (const service of view.services) {
    const { live } = service
    const pin = pinOf(service)
    if (live === undefined || pin === undefined) continue
    const side = sides.find(({ hash }) => hash === pin)
    if ((side?.serving ?? 0) > 0) continue
    return { kind: 'drift', object: refOf(live), text: `it leads users to pods of ${pin}, and none of them serves` }
  }
  return undefined
}

const SENTENCES: Record<Exclude<Ended['outcome'], 'succeeded'>, string> = {
  paused: 'waiting for a person',
  unchanged: 'nothing changed',
  planned: 'nothing was touched',
  aborted: 'users are on the stable version, as before the rollout',
  'rolled-back': 'the release before serves again',
  stopped: 'it rests where it is',
  failed: 'it could not be brought to an end',
  refused: 'nothing was touched',
}

export function endedResult(deps: Deps, book: Book, { outcome, failure, cancelled }: Ended): Result {
  const { record } = book
  const reason = failure === undefined ? '' : `: ${failure.message}`
  const told = outcome === 'succeeded' ? successText(record) : SENTENCES[outcome]
  const detail = outcome === 'paused' ? (record.reason ?? SENTENCES.paused) : (failure?.done ?? told)
  return resultOf(deps, {
    outcome,
    message: `rollout ${record.rollout} of ${record.app} ${outcome}${reason}; ${detail}`,
    record,
    failure,
    cancelled: cancelled === true,
  })
}

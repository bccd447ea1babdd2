import { checked } from '../checks/update-checker.ts'
import { migratedManagers } from '../kubernetes/adopt.ts'
import { adopt } from '../kubernetes/apply.ts'
import type { ReportEvent, Result } from '../report/events.ts'
import { aroundOf } from '../rollout/around.ts'
import { Book, readPayload, readRecord } from '../rollout/book.ts'
import { carry, goBack } from '../rollout/carry.ts'
import { payloadKind } from '../rollout/codec.ts'
import { draftRollout } from '../rollout/draft.ts'
import type { Decision } from '../rollout/machine.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { Release } from '../rollout/release.ts'
import { engineFor, readOnlySession, type Session } from '../rollout/session.ts'
import { dryRunOne, type Survey } from '../rollout/survey.ts'
import { HeadgateError, refuse } from '../shared/errors.ts'
import { type ConfigMap, keyOf, nameOf, refOf } from '../shared/objects.ts'
import { endedResult } from './act.ts'
import { behind } from './behind.ts'
import { foreignRolloutsOver, preflight, refusal, shaped } from './preflight.ts'
import { stillWanted } from './request.ts'
import { resultOf } from './result.ts'

/** What a refusal must not hide: the rollout before has made room already. */
const AFTER_ABORT = 'the rollout before went back to the stable version; nothing of this one was touched'

/** A new rollout from the first look at the cluster to its end. */
export async function begin(
  session: Session,
  plain: Release,
  decision: Decision & { kind: 'start' },
  before: RolloutRecord | undefined,
  map: ConfigMap | undefined,
): Promise<Result> {
  const { deps } = session
  const { reporter } = deps
  let record = before
  let current = map
  if (decision.abortFirst && before !== undefined && map !== undefined) {
    const refused = await refusedAnyway(session, plain, before)
    if (refused !== undefined) return refused
    current = await abortFirst(session, before, map, decision.because)
    record = (await readRecord(deps.client, before.app, before.namespace))?.record
  }
  const release = await shaped(session, plain, record)
  reporter.emit({ kind: 'phase', title: 'Preflight' })
  await foreignRolloutsOver(session, release)
  const look = await preflight(session, release, record)
  const found = refusal(look.findings)
  const stop = found === undefined || !decision.abortFirst ? found : { ...found, done: AFTER_ABORT }
  if (stop !== undefined)
    return resultOf(deps, {
      outcome: 'refused',
      message: stop.message,
      record,
      failure: stop,
      findings: look.findings,
      plan: look.plan,
      ...release,
    })
  await stillWanted(session)
  await adoptWorkloads(session, release, look.seen)
  const book = await open(session, release, look.seen, record, current)
  const engine = await engineFor(session, book, false)
  const around = aroundOf(session, engine, release, look.seen)
  const passes = { approvedUntil: 0, everything: deps.settings.full }
  const ended = await checked(session, book, () => carry(engine, passes, around))
  return { ...endedResult(deps, book, ended), findings: look.findings, plan: look.plan }
}

/**
 * The refusal of a release that preflight would not let pass once the rollout before has gone back. What rests is not
 * taken away from people for a release that cannot come.
 */
async function refusedAnyway({ deps }: Session, plain: Release, record: RolloutRecord): Promise<Result | undefined> {
  if (record.phase !== 'paused' && record.phase !== 'stopped') return undefined
  const events: ReportEvent[] = []
  const session = readOnlySession({ ...deps, reporter: { emit: (event) => events.push(event) } })
  try {
    const payload = await readPayload(deps.client, record, record.rollout)
    const rest = record.pods === 'separate' ? {} : { rest: { record, payload } }
    const known = { findings: [], notes: [], would: '', ...rest }
    const look = await preflight(session, await shaped(session, plain, record), record, known)
    // Whose a field is shows only afterwards: going back also undoes what somebody else wrote meanwhile.
    const found = refusal(look.findings.filter(({ id }) => id !== 'conflict'))
    if (found === undefined) return undefined
    deps.reporter.emit({ kind: 'phase', title: 'Preflight' })
    for (const event of events) deps.reporter.emit(event)
    const failure = { ...found, done: `nothing was touched: rollout ${record.rollout} rests as it did` }
    return resultOf(deps, {
      outcome: 'refused',
      message: failure.message,
      record,
      failure,
      findings: look.findings,
      plan: look.plan,
      ...plain,
    })
  } finally {
    await session.close()
  }
}

/** Supersede and unfinished aborts: back to full stable first, so that never three versions serve. */
async function abortFirst(
  session: Session,
  record: RolloutRecord,
  map: ConfigMap,
  because: string,
): Promise<ConfigMap | undefined> {
  const { deps } = session
  deps.reporter.emit({ kind: 'line', text: because })
  const payload = await readPayload(deps.client, record, record.rollout)
  const book = new Book(deps, { ...record, lastRun: deps.source }, payload, map)
  const rested = record.phase === 'paused' || record.phase === 'stopped'
  const engine = await engineFor(session, book, rested)
  if (!rested) await engine.mark()
  const { sha, actor } = deps.source
  const who = [...(sha === '' ? [] : [`of commit ${sha.slice(0, 7)}`]), ...(actor === '' ? [] : [`by ${actor}`])]
  const by = `superseded by rollout ${record.rollout + 1} ${who.join(' ')}`.trimEnd()
  // One that was going back already ends for its own reason.
  const why = ['aborting', 'failed'].includes(record.phase) ? {} : { superseded: by }
  const { outcome, failure } = await checked(session, book, () => goBack(engine, why))
  if (outcome !== 'aborted')
    throw new HeadgateError(failure ?? refuse('abort-failed', 'the rollout before could not be aborted').failure)
  return book.map
}

/**
 * What kubectl owned is handed over before the hold: it changes no content, and only then is the dry run's answer, which
 * becomes the template that is written, exactly what the server would store.
 */
async function adoptWorkloads({ deps, world }: Session, release: Release, seen: Survey): Promise<void> {
  const { client, settings } = deps
  for (const object of release.parts.workloads) {
    const key = keyOf(refOf(object))
    const live = seen.live.get(key)
    if (live === undefined || migratedManagers(live).length === 0) continue
    const migrated = await adopt(client, live, { autoscaled: seen.autoscaled.has(key) })
    world.put(migrated)
    seen.live.set(key, migrated)
    const again = await dryRunOne(client, object, seen, settings.takeOver)
    // Preflight has judged the first answer; without a second good one nobody knows what to write.
    if (again.kind === 'error')
      throw refuse('dry-run', `the cluster took back its yes to ${nameOf(refOf(object))}: ${again.message}`, {
        object: refOf(object),
        done: 'no pod was touched',
        next: 'deploy again; if it stays, look at what changes this object, and at its admission webhooks',
      })
    seen.dryRuns.set(key, again)
  }
}

/** Payload first, then the record that names it; from here on a dead run can be resumed and aborted. */
async function open(
  session: Session,
  release: Release,
  seen: Survey,
  before: RolloutRecord | undefined,
  map: ConfigMap | undefined,
): Promise<Book> {
  const { deps, world } = session
  const { clock, settings, source } = deps
  const command = settings.command === 'rollback' ? 'rollback' : 'deploy'
  const by = command === 'rollback' ? await behind(deps, settings.environment) : undefined
  const pullRequest = settings.pullRequest ?? (await deps.pullRequest())
  const { record, payload } = draftRollout({
    release,
    settings: pullRequest === undefined ? settings : { ...settings, pullRequest },
    source,
    command,
    ...(by === undefined ? {} : { by }),
    before,
    world,
    live: seen.live,
    dryRuns: seen.dryRuns,
    ...(seen.routes.found[0] === undefined ? {} : { routes: seen.routes.found[0] }),
    settleMs: deps.settleMs,
    now: clock.now(),
  })
  const kept = (before?.payloads ?? []).filter(({ rollout }) => rollout !== payload.rollout)
  const payloads = [...kept, { rollout: payload.rollout, kind: payloadKind(payload) }]
  const book = new Book(deps, { ...record, payloads }, payload, map)
  await book.open()
  await book.save({})
  return book
}

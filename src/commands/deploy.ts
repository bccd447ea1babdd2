import { checked } from '../checks/update-checker.ts'
import type { Result } from '../report/events.ts'
import { aroundOf } from '../rollout/around.ts'
import { Book, readPayload, readRecord } from '../rollout/book.ts'
import { carry } from '../rollout/carry.ts'
import type { Deps } from '../rollout/deps.ts'
import { expireKept } from '../rollout/kept.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import { loadRelease, type Release, releaseOf } from '../rollout/release.ts'
import { engineFor, openSession, type Session } from '../rollout/session.ts'
import { survey } from '../rollout/survey.ts'
import type { ConfigMap } from '../shared/objects.ts'
import { endedResult } from './act.ts'
import { begin } from './begin.ts'
import { requireCounts, requireVariables, requireWorkloads } from './early.ts'
import { homeOf } from './find-app.ts'
import { differs } from './preflight.ts'
import { resultOf } from './result.ts'
import { deployDecision } from './under-way.ts'

/** Brings the release in the manifests live by the chosen strategy. */
export async function deploy(deps: Deps): Promise<Result> {
  const files = await deps.readManifests()
  const release = await loadRelease(files, deps.settings, homeOf(deps), deps.client.discovery)
  requireWorkloads(release, deps.settings)
  requireCounts(release)
  requireVariables(deps, deps.settings)
  const session = await openSession(deps, release.app, release.namespace, deps.settings.timeoutMs)
  try {
    const found = await readRecord(deps.client, release.app, release.namespace)
    return await decided(session, release, found?.record, found?.map)
  } finally {
    await session.close()
  }
}

async function decided(
  session: Session,
  release: Release,
  record: RolloutRecord | undefined,
  map: ConfigMap | undefined,
): Promise<Result> {
  const { deps } = session
  const { reporter } = deps
  const decision = deployDecision(deps, release, record)
  switch (decision.kind) {
    case 'refused':
      return resultOf(deps, {
        outcome: 'refused',
        message: decision.failure.message,
        record,
        failure: decision.failure,
        ...release,
      })
    case 'unchanged':
      return unchanged(session, release, decision.message, record, map)
    case 'still-paused':
      return resultOf(deps, { outcome: 'paused', message: decision.message, record })
    case 'resume':
      if (record === undefined || map === undefined) throw new Error('resume without a record')
      reporter.emit({
        kind: 'line',
        text: `going on with rollout ${record.rollout} at step ${record.step + 1}: ${decision.because}`,
      })
      return resume(session, record, map)
    case 'start':
      return begin(session, release, decision, record, map)
    case 'promote':
    case 'abort':
      throw new Error(`${decision.kind} is no answer to deploy`)
  }
}

/** Live is what the cluster says, not what the record remembers: where somebody changed it since, it is brought again. */
async function unchanged(
  session: Session,
  release: Release,
  message: string,
  record: RolloutRecord | undefined,
  map: ConfigMap | undefined,
): Promise<Result> {
  const { deps } = session
  const other = await differs(session, release, record)
  if (other === undefined) await expired(session, record, map)
  if (other === undefined) return resultOf(deps, { outcome: 'unchanged', message, record })
  const because = `${other} is no longer as the release has it`
  deps.reporter.emit({ kind: 'line', text: `${message}, but ${because}: it is brought again` })
  return begin(session, release, { kind: 'start', abortFirst: false, because }, record, map)
}

/** Nothing to bring, but a kept version may be past its time: only a run can take it away. */
async function expired(
  { deps }: Session,
  record: RolloutRecord | undefined,
  map: ConfigMap | undefined,
): Promise<void> {
  if (record?.kept === undefined || map === undefined) return
  const { client, clock, settleMs, reporter } = deps
  const book = new Book(deps, record, await readPayload(client, record, record.rollout), map)
  await expireKept({ client, clock, book, settleMs, tell: (text) => reporter.emit({ kind: 'line', text }) })
}

async function resume(session: Session, record: RolloutRecord, map: ConfigMap): Promise<Result> {
  const { deps } = session
  const payload = await readPayload(deps.client, record, record.rollout)
  const { failure: _failure, reason: _reason, ...rest } = record
  const book = new Book(deps, { ...rest, lastRun: deps.source }, payload, map)
  const rested = record.phase === 'stopped'
  const engine = await engineFor(session, book, rested)
  if (!rested) await engine.mark()
  await book.save(
    { phase: 'progressing' },
    { kind: 'resumed', text: `step ${record.step + 1} again`, step: record.step },
  )
  const { client, settings } = deps
  // From the payload, which is the same release with the colors that this rollout gave it.
  const release = releaseOf(payload, record)
  const seen = await survey({ client, clock: deps.clock, world: session.world, release, settings, command: 'deploy' })
  const around = aroundOf(session, engine, release, seen)
  const passes = { approvedUntil: 0, everything: false }
  return endedResult(deps, book, await checked(session, book, () => carry(engine, passes, around)))
}

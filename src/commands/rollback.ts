import type { Result } from '../report/events.ts'
import { readPayload, readRecord } from '../rollout/book.ts'
import type { Deps } from '../rollout/deps.ts'
import { decide } from '../rollout/machine.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import { releaseFrom } from '../rollout/release.ts'
import { openSession, type Session } from '../rollout/session.ts'
import type { RunSource, Settings } from '../rollout/settings.ts'
import { shownIn } from '../rollout/shown.ts'
import { begin } from './begin.ts'
import { requireVariables } from './early.ts'
import { findRecord } from './find-app.ts'
import { resultOf } from './result.ts'

/** Brings the objects of the release before the serving one back, as a new rollout, in one go. */
export async function rollback(deps: Deps): Promise<Result> {
  const { app, namespace } = await findRecord(deps)
  const session = await openSession(deps, app, namespace, deps.settings.timeoutMs)
  try {
    const found = await readRecord(deps.client, app, namespace)
    const { full, supersede, rollout } = deps.settings
    const question = {
      command: 'rollback',
      record: found?.record,
      full,
      supersede,
      source: deps.source,
      ...(rollout === undefined ? {} : { rollout }),
    } as const
    const decision = decide(question)
    if (decision.kind === 'refused')
      return resultOf(deps, {
        outcome: 'refused',
        message: decision.failure.message,
        record: found?.record,
        failure: decision.failure,
      })
    const previous = found?.record.previous
    if (decision.kind !== 'start' || found === undefined || previous === undefined)
      throw new Error(`${decision.kind} is no answer to rollback`)
    deps.reporter.emit({ kind: 'line', text: decision.because })
    const payload = await readPayload(deps.client, found.record, previous.rollout)
    const settings = settingsFor(deps.settings, found.record, deps.source)
    requireVariables(deps, settings)
    const own: Session = { ...session, deps: { ...session.deps, settings } }
    // The payload holds the objects as they were painted; the digest is that of what the repository has.
    const release = { ...releaseFrom(payload, app, namespace, settings), digest: previous.digest }
    return await begin(own, release, decision, found.record, found.map)
  } finally {
    await session.close()
  }
}

/** The settings of the rollout before; all steps only with `gates: all`. */
function settingsFor(settings: Settings, record: RolloutRecord, source: RunSource): Settings {
  const { updateChecker: _, ...own } = settings
  const { checks, updateChecker, capacity, timeoutMs, onFailure, onCancel, onFailedJob, prune } = record
  return {
    ...own,
    ...shownIn(record),
    ...placeOf(record, source),
    ...(updateChecker === undefined ? {} : { updateChecker }),
    app: record.app,
    namespace: record.namespace,
    ...wayOf(settings, record),
    checks,
    capacity,
    timeoutMs,
    onFailure,
    onCancel,
    onFailedJob,
    // What a person says now counts as well.
    accept: [...new Set([...record.accept, ...settings.accept])],
    takeOver: [...new Set([...record.takeOver, ...settings.takeOver])],
    prune,
  }
}

/** People look where the release that is taken away came from. */
function placeOf({ owner, pullRequest, source }: RolloutRecord, { repository }: RunSource): { pullRequest?: number } {
  const number = pullRequest ?? source.pullRequest
  return owner !== repository || number === undefined ? {} : { pullRequest: number }
}

/**
 * Two colors know one way only: the other set whole, then the Services. Applied in one go, users would be led to a set that
 * has no pods yet.
 */
function wayOf(
  { gates }: Settings,
  { strategy, plan, pods }: RolloutRecord,
): Pick<Settings, 'strategy' | 'steps' | 'pods'> {
  if (gates === 'all') return { strategy, steps: plan, pods }
  // Two versions that must never run at once do not on the way back either.
  if (strategy === 'recreate') return { strategy, steps: [], pods }
  if (pods === 'separate') return { strategy: 'blue-green', steps: [{ kind: 'switch' }], pods }
  return { strategy: 'rolling', steps: [], pods }
}

import { blocking } from '../preflight/rules.ts'
import type { Result } from '../report/events.ts'
import { count } from '../report/text.ts'
import { readRecord } from '../rollout/book.ts'
import type { Deps } from '../rollout/deps.ts'
import { loadRelease } from '../rollout/release.ts'
import { readOnlySession } from '../rollout/session.ts'
import { requireCounts, requireWorkloads, unsetVariables } from './early.ts'
import { homeOf } from './find-app.ts'
import { preflight, shaped } from './preflight.ts'
import { resultOf } from './result.ts'
import { underWay } from './under-way.ts'

/** What a deploy would do, with findings and rights. Never writes: every apply is a dry run, and no lease is taken. */
export async function plan(deps: Deps): Promise<Result> {
  const release = await loadRelease(await deps.readManifests(), deps.settings, homeOf(deps), deps.client.discovery)
  requireWorkloads(release, deps.settings)
  requireCounts(release)
  const session = readOnlySession(deps)
  try {
    const found = await readRecord(deps.client, release.app, release.namespace)
    const known = await underWay(deps, release, found?.record)
    const unset = unsetVariables(deps, deps.settings)
    // The environment of a plan need not be that of the deploy.
    const notes =
      unset === undefined ? known.notes : [...known.notes, `A deploy as here would be refused: ${unset.message}.`]
    const look = await preflight(session, await shaped(session, release, found?.record), found?.record, {
      ...known,
      notes,
    })
    const errors = blocking(look.findings).length
    const because = known.refused ?? (errors === 0 ? undefined : count(errors, 'error'))
    const would = because === undefined ? known.would : `be refused (${because})`
    const message = `nothing was touched; a deploy would ${would}`
    return resultOf(deps, {
      outcome: 'planned',
      message,
      record: found?.record,
      findings: look.findings,
      plan: look.plan,
      ...release,
    })
  } finally {
    await session.close()
  }
}

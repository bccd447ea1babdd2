import type { Result } from '../report/events.ts'
import { readRecord } from '../rollout/book.ts'
import type { Deps } from '../rollout/deps.ts'
import { loadRelease } from '../rollout/release.ts'
import { readOnlySession } from '../rollout/session.ts'
import { homeOf } from './find-app.ts'
import { preflight, shaped } from './preflight.ts'
import { resultOf } from './result.ts'

/** What a deploy would do, with findings and rights. Never writes: every apply is a dry run, and no lease is taken. */
export async function plan(deps: Deps): Promise<Result> {
  const release = await loadRelease(await deps.readManifests(), deps.settings, homeOf(deps), deps.client.discovery)
  const session = readOnlySession(deps)
  try {
    const found = await readRecord(deps.client, release.app, release.namespace)
    const look = await preflight(session, await shaped(session, release), found?.record)
    const errors = look.findings.filter(({ severity, accepted }) => severity === 'error' && accepted !== true).length
    const message =
      errors === 0
        ? 'nothing was touched; a deploy would go through'
        : `nothing was touched; a deploy would be refused (${errors} errors)`
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

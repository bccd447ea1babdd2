import { ApiError, explain } from '../kubernetes/errors.ts'
import { needText, rightsFindings } from '../preflight/rights.ts'
import { readPayload, readRecord } from '../rollout/book.ts'
import type { Deps } from '../rollout/deps.ts'
import { loadRelease, type Release, releaseOf } from '../rollout/release.ts'
import { readRights } from '../rollout/survey.ts'
import type { Failure } from '../shared/errors.ts'
import { homeOf } from './find-app.ts'

type Known = Pick<Release, 'app' | 'namespace' | 'objects'>

/**
 * The first right that is missing ends a command; whoever grants it wants to hear of the others as well, not in one run
 * after the other. Undefined where it was no missing right, or where the cluster does not tell.
 */
export async function lackingRights(deps: Deps, error: unknown): Promise<Failure | undefined> {
  if (!(error instanceof ApiError) || error.kind !== 'forbidden' || deps.cancel.aborted) return undefined
  try {
    const { client, settings } = deps
    const { missing } = await readRights({ client, settings, command: settings.command, release: await knownOf(deps) })
    const [finding] = rightsFindings(missing)
    if (finding === undefined) return undefined
    const { evidence = [] } = explain(error)
    const all = { title: 'missing rights', lines: missing.map(needText) }
    const { reason: message, mend: next } = finding
    return { kind: 'refused', code: 'forbidden', message, evidence: [...evidence, all], next }
  } catch {
    return undefined
  }
}

/** The objects that it is about, as far as they can be read: from the manifests, else from record and payload. */
async function knownOf(deps: Deps): Promise<Known> {
  const { client, settings } = deps
  const namespace = homeOf(deps)
  const { app = '' } = settings
  if (settings.command === 'deploy' || settings.command === 'plan')
    return loadRelease(await deps.readManifests(), settings, namespace, client.discovery)
  try {
    const found = await readRecord(client, app, namespace)
    if (found !== undefined)
      return releaseOf(await readPayload(client, found.record, found.record.rollout), found.record)
  } catch {
    // Without the right to read them, those of the app itself are told.
  }
  return { app, namespace, objects: [] }
}

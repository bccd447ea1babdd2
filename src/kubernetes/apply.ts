import { isMap } from '../shared/json.ts'
import { type KubeObject, refOf } from '../shared/objects.ts'
import { MANAGER, migratedManagers, migrateOwnership } from './adopt.ts'
import type { Client } from './client.ts'
import { sameContent } from './diff.ts'
import { ApiError } from './errors.ts'
import { withoutDropped } from './dropped.ts'

export { diff } from './diff.ts'
export { eachLimited } from './limited.ts'

/** Manager of the moves inside a rollout; what it owns is Headgate's own. */
const MOVER = 'headgate-rollout'

/** What the server calls the owner of fields that were written before ownership was recorded: nobody. */
const NOBODY = 'before-first-apply'

export interface ApplySettings {
  /** managers whose fields may be taken, by name */
  takeOver: string[]
  /** an autoscaler sets the replica count: it is left out, and handed over without a dip */
  autoscaled: boolean
  /** write only if the object still is as `live` shows it; throws `stale` otherwise */
  guarded?: boolean
}

export interface DryRun {
  /** the whole object as it would be */
  result: KubeObject
  /** false: applying it would change nothing but bookkeeping, so that it need not be written */
  changed: boolean
  created: boolean
}

export interface Applied {
  object: KubeObject
  action: 'created' | 'configured' | 'unchanged'
}

/**
 * What the server would make of a manifest; nothing is written. Fields that kubectl had applied and the manifest no longer
 * has are taken out of the answer, as they will go when ownership has been handed over. One request; two when fields of
 * allowed managers change. Throws ApiError (`conflict`: fields of managers that are not allowed).
 */
export async function dryRun(
  client: Client,
  object: KubeObject,
  live: KubeObject | undefined,
  settings: ApplySettings,
): Promise<DryRun> {
  const body = bodyOf(object, live, settings)
  const answer = await applyOver(client, body, live, settings, true)
  const result = live === undefined ? answer.object : foreseen(answer.object, live, settings)
  return { result, changed: live === undefined || !sameContent(live, result), created: answer.created }
}

/** What a dry run before the hand-over cannot show: fields that will go, and the replica count that will stay. */
function foreseen(dry: KubeObject, live: KubeObject, settings: ApplySettings): KubeObject {
  const result = withoutDropped(dry, live, migratedManagers(live))
  const [now, next] = [live['spec'], result['spec']]
  if (!settings.autoscaled || !isMap(now) || !isMap(next) || now['replicas'] === undefined) return result
  return { ...result, spec: { ...next, replicas: now['replicas'] } }
}

/**
 * Hands over the ownership that kubectl left, and the replica count to the autoscaler; answers the object as it is then.
 * Writes only when there is something to hand over. An object that changed meanwhile is read again, a few times.
 */
export async function adopt(
  client: Client,
  live: KubeObject,
  settings: Pick<ApplySettings, 'autoscaled'>,
): Promise<KubeObject> {
  const ref = refOf(live)
  let current = live
  for (let tried = 0; ; tried++) {
    const operations = migrateOwnership(current, MANAGER, { releaseReplicas: settings.autoscaled })
    if (operations === undefined) return current
    try {
      return await client.patch<KubeObject>(ref, { type: 'json', operations }, { fieldManager: MANAGER })
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== 'stale' || tried === 4) throw error
      const fresh = await client.get(ref)
      if (fresh === undefined) throw error
      current = fresh
    }
  }
}

/**
 * Brings an object to what the manifest says: one request, one more for the first time after kubectl. `live` is the object
 * as last read, undefined when there is none. Throws ApiError; `conflict` names the fields that others own.
 */
export async function applyObject(
  client: Client,
  object: KubeObject,
  live: KubeObject | undefined,
  settings: ApplySettings,
): Promise<Applied> {
  const current = live === undefined ? undefined : await adopted(client, live, settings)
  const body = bodyOf(object, current, settings)
  const answer = await applyOver(client, body, current, settings, false)
  if (answer.created) return { object: answer.object, action: 'created' }
  const unchanged = current !== undefined && sameContent(current, answer.object)
  return { object: answer.object, action: unchanged ? 'unchanged' : 'configured' }
}

async function adopted(client: Client, live: KubeObject, settings: ApplySettings): Promise<KubeObject> {
  if (settings.guarded !== true) return adopt(client, live, settings)
  const operations = migrateOwnership(live, MANAGER, { releaseReplicas: settings.autoscaled })
  if (operations === undefined) return live
  return client.patch<KubeObject>(refOf(live), { type: 'json', operations }, { fieldManager: MANAGER })
}

/** The manifest as it is sent: a new object of an autoscaled workload starts with the manifest's replicas. */
function bodyOf(object: KubeObject, live: KubeObject | undefined, settings: ApplySettings): KubeObject {
  const { managedFields: _, resourceVersion: __, ...metadata } = object.metadata
  const { status: ___, ...body }: KubeObject = { ...object, metadata }
  const spec = body['spec']
  if (live !== undefined && settings.guarded === true)
    body.metadata = { ...metadata, resourceVersion: live.metadata.resourceVersion ?? '' }
  if (live === undefined || !settings.autoscaled || !isMap(spec)) return body
  const { replicas: ____, ...rest } = spec
  return { ...body, spec: rest }
}

/** Applies without force; where all that stands in the way belongs to allowed managers, once more with it. */
async function applyOver(
  client: Client,
  body: KubeObject,
  live: KubeObject | undefined,
  settings: ApplySettings,
  dryRun: boolean,
): Promise<{ object: KubeObject; created: boolean }> {
  try {
    return await client.apply(body, { fieldManager: MANAGER, dryRun })
  } catch (error) {
    if (!(error instanceof ApiError) || error.kind !== 'conflict') throw error
    const allowed = new Set([
      MOVER,
      MANAGER,
      NOBODY,
      ...settings.takeOver,
      ...(live === undefined ? [] : migratedManagers(live)),
    ])
    const foreign = error.causes.filter(({ manager }) => manager === undefined || !allowed.has(manager))
    if (foreign.length > 0) throw onlyCauses(error, foreign)
    return client.apply(body, { fieldManager: MANAGER, dryRun, force: true })
  }
}

/** The same conflict, naming only what nobody has allowed. */
function onlyCauses(error: ApiError, causes: ApiError['causes']): ApiError {
  const { status, kind, message, request } = error
  return new ApiError(
    { status, kind, message, request, causes, ...(error.reason === undefined ? {} : { reason: error.reason }) },
    { cause: error },
  )
}

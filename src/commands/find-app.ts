import type { Client } from '../kubernetes/client.ts'
import { readRecord } from '../rollout/book.ts'
import { decodeRecord, recordName } from '../rollout/codec.ts'
import type { Deps } from '../rollout/deps.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import { refuse } from '../shared/errors.ts'
import { nearest } from '../shared/nearest.ts'
import type { ConfigMap } from '../shared/objects.ts'
import { APP_LABEL } from '../strategies/services.ts'

export interface FoundApp {
  app: string
  namespace: string
  record: RolloutRecord | undefined
  map: ConfigMap | undefined
}

export function homeOf({ settings, connection }: Deps): string {
  return settings.namespace ?? connection.namespace
}

/**
 * The app that a command without manifests means: the one named, else the only one that has a record in the namespace.
 * Throws `refused` with the list when there are several.
 */
export async function findApp(deps: Deps): Promise<FoundApp> {
  const namespace = homeOf(deps)
  const { app } = deps.settings
  if (app !== undefined) {
    const found = await readRecord(deps.client, app, namespace)
    return { app, namespace, record: found?.record, map: found?.map }
  }
  const maps = await recordsIn(deps.client, namespace)
  const [only] = maps
  if (only === undefined && deps.settings.command === 'abort')
    return { app: '', namespace, record: undefined, map: undefined }
  if (only === undefined)
    throw refuse('no-app', `no rollout is recorded in namespace ${namespace}`, {
      next: 'name the app with the input app and its namespace with the input namespace, or deploy first',
    })
  if (maps.length > 1) {
    const names = maps.map((map) => map.metadata.labels?.[APP_LABEL] ?? '').join(', ')
    throw refuse('ambiguous-app', `namespace ${namespace} has several apps: ${names}`, {
      next: 'name one with the input app',
    })
  }
  const record = decodeRecord(only)
  return { app: record.app, namespace, record, map: only }
}

/** The ConfigMaps of all records in a namespace. */
export async function recordsIn(client: Client, namespace: string): Promise<ConfigMap[]> {
  const { items } = await client.list<ConfigMap>({ apiVersion: 'v1', kind: 'ConfigMap' }, namespace, {
    labelSelector: APP_LABEL,
  })
  return items.filter(
    (map) =>
      map.data?.['record'] !== undefined && map.metadata.name === recordName(map.metadata.labels?.[APP_LABEL] ?? ''),
  )
}

/** Like {@link findApp}, but the app must have a record; the error names the nearest one that has. */
export async function findRecord(deps: Deps): Promise<FoundApp & { record: RolloutRecord; map: ConfigMap }> {
  const found = await findApp(deps)
  const { record, map } = found
  if (record !== undefined && map !== undefined) return { ...found, record, map }
  const known = (await recordsIn(deps.client, found.namespace)).map((each) => each.metadata.labels?.[APP_LABEL] ?? '')
  const near = nearest(found.app, known)
  throw refuse('no-record', `no rollout of app ${found.app} is recorded in namespace ${found.namespace}`, {
    next: near === undefined ? 'deploy it first, or look in another namespace' : `did you mean ${near}?`,
  })
}

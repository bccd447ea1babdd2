/** Events are stored once and shown by two APIs with different field names. */
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import type { Resource } from '../resources.ts'
import { asObject } from '../values.ts'

/** A stored object as this resource shows it. */
export function viewOf(resource: Resource, object: KubeObject): KubeObject {
  if (resource.key !== '/events' || object.apiVersion === resource.apiVersion) return object
  return resource.group === '' ? toCore(object) : toNew(object)
}

function rename(object: KubeObject, apiVersion: string, names: Record<string, string>): KubeObject {
  const result: JsonMap = {}
  for (const [key, value] of Object.entries(object)) result[names[key] ?? key] = value
  return asObject({ ...result, apiVersion })
}

const NAMES: Record<string, string> = {
  note: 'message',
  regarding: 'involvedObject',
  reportingController: 'reportingComponent',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
}

function toCore(object: KubeObject): KubeObject {
  return rename(object, 'v1', NAMES)
}

function toNew(object: KubeObject): KubeObject {
  return rename(object, 'events.k8s.io/v1', Object.fromEntries(Object.entries(NAMES).map(([a, b]) => [b, a])))
}

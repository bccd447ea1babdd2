import type { Json, JsonMap, KubeObject } from './objects.ts'
import { isMap } from './json.ts'

/**
 * A Secret of a manifest as the API server stores it: `stringData` is only a way in, and wins over `data` key by key. Any
 * other object as it is.
 */
export function asStored(object: KubeObject): KubeObject {
  const { stringData, ...rest } = object
  if (object.kind !== 'Secret' || !isMap(stringData)) return object
  const data: JsonMap = { ...(isMap(rest['data']) ? rest['data'] : {}) }
  for (const [key, value] of Object.entries(stringData)) data[key] = encoded(value)
  return { ...rest, data }
}

/** What is no text is refused by the server; until then it counts as empty. */
function encoded(value: Json | undefined): string {
  return Buffer.from(typeof value === 'string' ? value : '', 'utf8').toString('base64')
}

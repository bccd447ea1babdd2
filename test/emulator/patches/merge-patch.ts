import type { Json, JsonMap } from '../../../src/shared/objects.ts'
import { clone, isMap } from '../values.ts'

/** RFC 7386: null removes, maps are merged, all else replaces. */
export function mergePatch(target: JsonMap, patch: JsonMap): JsonMap {
  const result: JsonMap = { ...target }
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined) continue
    if (value === null) delete result[key]
    else result[key] = isMap(value) ? mergePatch(baseOf(result[key]), value) : clone(value)
  }
  return result
}

function baseOf(value: Json | undefined): JsonMap {
  return isMap(value) ? value : {}
}

import type { Json, JsonMap, KubeObject } from '../shared/objects.ts'
import { isMap } from '../shared/json.ts'
import { asStored } from '../shared/secrets.ts'

/**
 * What an apply will make of an object that has gone back to `before`, from a dry run that met it in the middle of a
 * rollout: what the manifest does not name is as it was, not what the hold or the other release left there. What the dry
 * run has lost was ours and is dropped.
 */
export function afterAbort(dry: KubeObject, before: KubeObject, manifest: KubeObject): KubeObject {
  const { metadata, status: _, ...rest } = dry
  const { metadata: meta, status: __, ...named } = asStored(manifest)
  const { metadata: old, status: ___, ...was } = before
  const content = merged(rest, was, named) as JsonMap
  const annotations = merged(metadata.annotations ?? {}, old.annotations ?? {}, meta.annotations ?? {})
  const { annotations: ____, ...others } = metadata
  return {
    ...dry,
    ...content,
    metadata: { ...others, annotations: annotations as Record<string, string> },
  }
}

function merged(dry: Json, before: Json | undefined, manifest: Json | undefined): Json | undefined {
  if (manifest === undefined) return before
  if (isMap(dry) && isMap(manifest)) return mergedMap(dry, isMap(before) ? before : {}, manifest)
  if (Array.isArray(dry) && Array.isArray(manifest) && named(dry) && named(manifest))
    return mergedList(dry, Array.isArray(before) ? before : [], manifest)
  return dry
}

function mergedMap(dry: JsonMap, before: JsonMap, manifest: JsonMap): JsonMap {
  const result: JsonMap = {}
  for (const [key, value] of Object.entries(dry)) {
    const item = value === undefined ? undefined : merged(value, before[key], manifest[key])
    if (item !== undefined) result[key] = item
  }
  return result
}

/** Containers, variables and the like, which the API server tells apart by their name. */
function mergedList(dry: Json[], before: Json[], manifest: Json[]): Json[] {
  return dry.flatMap((item): Json[] => {
    const [old, own] = [before, manifest].map((list) => list.find((each) => nameIn(each) === nameIn(item)))
    const kept = merged(item, old, own)
    return kept === undefined ? [] : [kept]
  })
}

function named(list: Json[]): boolean {
  return list.every((item) => nameIn(item) !== undefined)
}

function nameIn(item: Json): string | undefined {
  return isMap(item) && typeof item['name'] === 'string' ? item['name'] : undefined
}

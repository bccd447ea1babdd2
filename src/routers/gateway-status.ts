import { isMap } from '../shared/json.ts'
import type { Condition, Json, JsonMap, KubeObject } from '../shared/objects.ts'
import { mapAt, mapsIn, type Verdict, textOf } from './router.ts'

/** The status of every parent at the generation that was written; a parent that is gone leaves an old one behind. */
export function routeStatus(live: KubeObject): Verdict {
  const parents = mapsIn(mapAt(live, 'spec')['parentRefs'])
  const statuses = mapsIn(mapAt(live, 'status')['parents'])
  if (parents.length === 0)
    return { kind: 'waiting', text: 'a parent: its parentRefs are empty, so that nobody reads it' }
  for (const parent of parents) {
    const own = statuses.filter(({ parentRef }) => isSame(parent, isMap(parentRef) ? parentRef : {}))
    if (own.length === 0) return { kind: 'waiting', text: `${parentName(parent)} to take the route` }
    for (const status of own) {
      const verdict = accepted(status, parent, live.metadata.generation ?? 0)
      if (verdict.kind !== 'live') return verdict
    }
  }
  return { kind: 'live' }
}

function isSame(parent: JsonMap, other: JsonMap): boolean {
  return ['kind', 'name', 'namespace', 'sectionName', 'port'].every((key) => {
    const [a, b] = [parent[key], other[key]]
    if (key === 'kind') return (a ?? 'Gateway') === (b ?? 'Gateway')
    return key === 'namespace' ? a === undefined || b === undefined || a === b : a === b
  })
}

function parentName(parent: JsonMap): string {
  return `${textOf(parent['kind'], 'Gateway')}/${textOf(parent['name'])}`
}

function accepted(status: JsonMap, parent: JsonMap, generation: number): Verdict {
  const conditions = mapsIn(status['conditions']) as Condition[]
  for (const [type, good] of [
    ['Accepted', 'True'],
    ['ResolvedRefs', 'True'],
    ['PartiallyInvalid', 'False'],
  ] as const) {
    const condition = conditions.find((each) => each.type === type)
    if (condition === undefined && good === 'False') continue
    const seen: Json | undefined = condition?.['observedGeneration']
    const open = condition === undefined || condition.status === 'Unknown'
    if (open || typeof seen !== 'number' || seen < generation)
      return { kind: 'waiting', text: `${parentName(parent)} to take the route` }
    if (condition.status !== good)
      return {
        kind: 'refused',
        text: `${parentName(parent)} says ${type} ${condition.status}: ${condition.reason ?? ''} ${condition.message ?? ''}`.trim(),
      }
  }
  return { kind: 'live' }
}

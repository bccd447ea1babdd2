import { keysOf, valueAtPath } from '../shared/json-path.ts'
import { isMap } from '../shared/json.ts'
import type { Condition, Json, JsonMap, KubeObject } from '../shared/objects.ts'
import { mapAt, mapsIn, type Problem, type Route, type Router, type Split, type Verdict } from './router.ts'

/** Conditions by which kinds say that what is written is in force. */
const READY = ['Accepted', 'Ready', 'Valid', 'Programmed', 'ResolvedRefs']

/** A route of any kind whose two weights stand at known paths. Its object names the new version's Service by itself. */
export const generic: Router = {
  name: 'generic',
  kinds: [],
  related: [],
  settleMs: 3_000,
  // The config has named it.
  leadsTo: () => true,
  problems,
  wanted: ({ object }, split) => [weighted(object, split)],
  verify,
}

function withValue(value: Json | undefined, [key, ...rest]: (string | number)[], to: Json): Json {
  if (key === undefined) return to
  if (typeof key === 'number') {
    const list = Array.isArray(value) ? value : []
    return list.map((item, index) => (index === key ? withValue(item, rest, to) : item))
  }
  const map: JsonMap = isMap(value) ? value : {}
  return { ...map, [key]: withValue(map[key], rest, to) }
}

function weighted(object: KubeObject, { weights, percent }: Split): KubeObject {
  if (weights === undefined) return object
  const canary = Math.round((weights.total * percent) / 100)
  const first = withValue(object, keysOf(weights.stable), weights.total - canary)
  return withValue(first, keysOf(weights.canary), canary) as KubeObject
}

function problems({ object }: Route, split: Split): Problem[] {
  const { weights, match, sticky, mirror, pins } = split
  if (weights === undefined) return [{ reason: 'no paths of its weights are known', mend: 'set traffic: weights' }]
  const found: Problem[] = []
  for (const path of [weights.stable, weights.canary]) {
    const value = valueAtPath(object, path)
    if (typeof value !== 'number' || keysOf(path)[0] !== 'spec')
      found.push({
        reason: `at ${path} stands ${value === undefined ? 'nothing' : JSON.stringify(value)}, and a weight is a number in the spec`,
        mend: 'correct traffic: weights, or write both weights into the object',
      })
  }
  if (weights.stable === weights.canary)
    found.push({
      reason: `both weights are said to stand at ${weights.stable}`,
      mend: 'correct traffic: weights: each version has a weight of its own',
    })
  if (weights.total % 100 !== 0)
    found.push({
      reason: `weights that sum up to ${weights.total} cannot say every percent`,
      mend: 'use a total of 100 or a multiple of it',
    })
  const text = JSON.stringify(object['spec'])
  const unnamed = split.sides.flatMap(({ canary }) => (text.includes(canary) ? [] : [canary]))
  if (unnamed.length > 0)
    found.push({
      reason: `nothing in it names the Service ${unnamed.join(', ')}`,
      mend: 'name that Service beside the stable one, with the weight 0',
    })
  if (match.length > 0 || sticky !== undefined || mirror > 0 || pins.length > 0)
    found.push({
      reason: 'the generic router moves weights only: no match, sticky, mirror and kept versions',
      mend: 'leave them out, or use another router',
    })
  return found
}

/** Where the object has a status that names a generation, it must have caught up; else nobody can tell. */
function verify(live: KubeObject): Verdict {
  const status = mapAt(live, 'status')
  const observed = status['observedGeneration']
  const conditions = mapsIn(status['conditions']) as Condition[]
  const known = conditions
    .filter(({ type }) => READY.includes(type))
    .map((condition) => ({ ...condition, seen: condition['observedGeneration'] ?? observed }))
    .filter(({ seen }) => typeof seen === 'number')
  if (known.length === 0) return { kind: 'unknown' }
  const generation = live.metadata.generation ?? 0
  for (const { type, status: said, seen, reason = '', message = '' } of known) {
    if (Number(seen) < generation || said === 'Unknown')
      return { kind: 'waiting', text: 'its controller to take the route' }
    if (said === 'False') return { kind: 'refused', text: `${type} False: ${reason} ${message}`.trim() }
  }
  return { kind: 'live' }
}

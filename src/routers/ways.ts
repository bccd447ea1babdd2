import type { JsonMap } from '../shared/objects.ts'
import { bucketRule, type HeaderRule, headerRule } from './patterns.ts'
import { type Match, type Pin, pinMatches, type Split } from './router.ts'

/** What a request must have, all of it, in the words of routers that match headers, queries, ports and who asks. */
export interface Way {
  headers: HeaderRule[]
  queries: { name: string; value: string }[]
  ports: number[]
  labels: Record<string, string>
}

/** The ways in which a request can meet a match: several values of a header are one way, those of a query are many. */
export function waysOf(match: Match): Way[] {
  // Nothing asked for would be met by everybody.
  if (match.length === 0) return []
  const ports = match.flatMap((condition) => (condition.kind === 'port' ? [condition.port] : []))
  const labels = match.map((condition) => (condition.kind === 'source' ? condition.labels : {}))
  const first: Way = {
    headers: match.flatMap((condition) => headerRule(condition) ?? []),
    queries: [],
    ports,
    labels: Object.assign({}, ...labels) as Record<string, string>,
  }
  return match.reduce<Way[]>(
    (ways, condition) => {
      if (condition.kind !== 'query') return ways
      const { name, values } = condition
      return ways.flatMap((way) => values.map((value) => ({ ...way, queries: [...way.queries, { name, value }] })))
    },
    [first],
  )
}

/** Who is on the new version whatever the weight: cohort and sticky users. Nobody has to be named once all are. */
export function canaryWays({ percent, match, sticky }: Split): Way[] {
  if (percent >= 100) return []
  const bucket = sticky?.by === 'bucket' ? bucketRule(sticky, percent) : undefined
  const ways = match.flatMap(waysOf)
  return bucket === undefined ? ways : [...ways, { headers: [bucket], queries: [], ports: [], labels: {} }]
}

export function pinWays(pin: Pin): Way[] {
  return pinMatches(pin).flatMap(waysOf)
}

/** Every way that a rollout takes at any of its shares. */
export function allWays(split: Split): Way[] {
  return [...canaryWays({ ...split, percent: 50 }), ...split.pins.flatMap(pinWays)]
}

/**
 * Percent of the weights. Sticky users come by a way of their own; who has no id is on the old version until all are on
 * the new one.
 */
export function weightPercent({ percent, sticky }: Split): number {
  return sticky?.by === 'bucket' && percent < 100 ? 0 : percent
}

/** How an entry of a weighted list becomes two. */
export interface Parts {
  percent: number
  /** weight of an entry that stands beside others */
  weightOf: (entry: JsonMap) => number
  /** what the new version's entry has instead; undefined: this entry is not parted */
  canary: (entry: JsonMap) => JsonMap | undefined
}

/**
 * Both entries always, stable first, with a sum that never changes: what hashes over the list stays where it is. Other
 * entries keep their share.
 */
export function parted(entries: readonly JsonMap[], { percent, weightOf, canary }: Parts): JsonMap[] {
  const several = entries.length > 1
  return entries.flatMap((entry) => {
    const weight = several ? weightOf(entry) : 1
    const fresh = canary(entry)
    if (fresh === undefined) return [{ ...entry, weight: weight * 100 }]
    return [
      { ...entry, weight: weight * (100 - percent) },
      { ...entry, ...fresh, weight: weight * percent },
    ]
  })
}

/** Text that a way asks of one thing twice, by their names in lower case; undefined when there is none. */
export function twice(names: readonly string[]): string | undefined {
  return names.map((name) => name.toLowerCase()).find((name, at, all) => all.indexOf(name) !== at)
}

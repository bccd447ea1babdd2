import { type Labels, labelsText, numberOf, type PageSample } from './metrics-page.ts'

export type Bound =
  /** `le` in the unit of the histogram, mostly seconds; `text` says which was taken, and why */
  { kind: 'bound'; le: number; text: string } | { kind: 'none'; text: string }

/** Requests of one series, and those that took longer than the bound. Both are counters. */
export interface SlowSample {
  /** without `le` */
  labels: Labels
  total: number
  slow: number
}

/**
 * From where on a request is slow: the lowest bucket at or above what was asked for that every series has, in all pods
 * together, so that two versions with other buckets are still measured alike. Asked once, before the rollout, and then kept.
 * @param samples of pods of both versions
 * @param name of the histogram, without `_bucket`
 */
export function boundOf(samples: readonly PageSample[], name: string, wanted: number): Bound {
  const series = bucketsOf(samples, name)
  const [first, ...others] = [...series.values()].map(({ buckets }) => [...buckets.keys()].filter(Number.isFinite))
  if (first === undefined)
    return { kind: 'none', text: `there is no histogram ${name}: no sample ${name}_bucket has an le` }
  const shared = first.filter((le) => others.every((each) => each.includes(le))).toSorted((a, b) => a - b)
  const le = shared.find((each) => each >= wanted)
  if (le === undefined) {
    const all = shared.length === 0 ? 'none in all of its series' : shared.join(', ')
    return { kind: 'none', text: `the histogram ${name} has no bucket at or above ${wanted}; it has ${all}` }
  }
  const text = le === wanted ? `above ${le}` : `above ${le}, the first bucket of ${name} at or above ${wanted}`
  return { kind: 'bound', le, text }
}

/** How many requests of each series took longer than a bucket's bound. A series without that bucket is left out. */
export function slowOf(samples: readonly PageSample[], name: string, le: number): SlowSample[] {
  return [...bucketsOf(samples, name).values()].flatMap(({ labels, buckets, count }) => {
    const quick = buckets.get(le)
    const total = count ?? buckets.get(Number.POSITIVE_INFINITY)
    return quick === undefined || total === undefined ? [] : [{ labels, total, slow: Math.max(0, total - quick) }]
  })
}

interface Histogram {
  labels: Labels
  buckets: Map<number, number>
  count?: number
}

/** The histograms of a name, by their labels without `le`. */
function bucketsOf(samples: readonly PageSample[], name: string): Map<string, Histogram> {
  const all = new Map<string, Histogram>()
  for (const { labels: given, value, name: of } of samples) {
    if (of !== `${name}_bucket`) continue
    const le = numberOf(given.get('le') ?? '')
    if (Number.isNaN(le)) continue
    const labels = new Map([...given].filter(([label]) => label !== 'le'))
    const key = labelsText(labels)
    const histogram = all.get(key) ?? { labels, buckets: new Map() }
    histogram.buckets.set(le, (histogram.buckets.get(le) ?? 0) + value)
    all.set(key, histogram)
  }
  for (const { labels, value, name: of } of samples) {
    const histogram = of === `${name}_count` ? all.get(labelsText(labels)) : undefined
    if (histogram !== undefined) histogram.count = (histogram.count ?? 0) + value
  }
  return all
}

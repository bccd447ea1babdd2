import { type Counts, NOTHING, sumCounts } from './counts.ts'
import type { PodCounts } from './dispersion.ts'

/** A counter as it stood when its pod was read. */
export interface CounterSample {
  /** tells it from the pod's other counters */
  series: string
  pod: string
  value: number
}

/** All counters of a metric at one time. */
export interface Reading {
  requests: readonly CounterSample[]
  bad: readonly CounterSample[]
  /**
   * Pods that answered. Those with a sample need not be named; one without any must be: what appears on it later counts from 0,
   * as libraries make a series with its first request.
   */
  pods?: readonly string[]
}

export type Arm = 'canary' | 'stable'

/** What the counts do not tell, for people. */
export type Oddity =
  /** the value fell: the process began anew, and what it counted since is all there is */
  | { kind: 'reset'; pod: string; series: string }
  /** no number of requests can be this */
  | { kind: 'no-count'; pod: string; series: string; value: number }
  /** was there before and is not now; what it answered since is lost */
  | { kind: 'gone'; pod: string }

export interface Difference {
  canary: Counts
  stable: Counts
  /** the same by pod; only pods that were there in both readings */
  pods: Record<Arm, PodCounts[]>
  odd: Oddity[]
}

/**
 * What was answered between two readings. A pod seen for the first time is only a baseline: its counters may be old.
 * @param armOf undefined for pods that belong to neither
 */
export function differenceOf(before: Reading, after: Reading, armOf: (pod: string) => Arm | undefined): Difference {
  const known = podsOf(before)
  const present = podsOf(after)
  const ours = [...present].filter((pod) => known.has(pod))
  const requests = growth(before.requests, after.requests, armOf)
  const bad = growth(before.bad, after.bad, armOf)
  const pods: Record<Arm, PodCounts[]> = { canary: [], stable: [] }
  for (const pod of ours) {
    const arm = armOf(pod)
    if (arm === undefined) continue
    pods[arm].push({ pod, total: requests.byPod.get(pod) ?? 0, bad: bad.byPod.get(pod) ?? 0 })
  }
  const gone = [...known].filter((pod) => !present.has(pod) && armOf(pod) !== undefined)
  return {
    canary: pods.canary.reduce(sumCounts, NOTHING),
    stable: pods.stable.reduce(sumCounts, NOTHING),
    pods,
    odd: [...requests.odd, ...bad.odd, ...gone.map((pod): Oddity => ({ kind: 'gone', pod }))],
  }
}

interface Growth {
  byPod: Map<string, number>
  odd: Oddity[]
}

/** By pod, also for those that were not there before: whose value is no growth the caller leaves out. */
function growth(
  before: readonly CounterSample[],
  after: readonly CounterSample[],
  armOf: (pod: string) => Arm | undefined,
): Growth {
  const old = standing(before)
  const byPod = new Map<string, number>()
  const odd: Oddity[] = []
  for (const [key, { pod, series, value }] of standing(after)) {
    if (armOf(pod) === undefined) continue
    if (!isCount(value)) {
      odd.push({ kind: 'no-count', pod, series, value })
      continue
    }
    const then = old.get(key)?.value ?? 0
    // What stood there before may have been anything: this reading is the baseline.
    if (!isCount(then)) continue
    if (value < then) odd.push({ kind: 'reset', pod, series })
    byPod.set(pod, (byPod.get(pod) ?? 0) + (value < then ? value : value - then))
  }
  return { byPod, odd }
}

/** One value for each series of a pod. The same twice is summed, and no count if one of them is none. */
function standing(samples: readonly CounterSample[]): Map<string, CounterSample> {
  const all = new Map<string, CounterSample>()
  for (const sample of samples) {
    const key = `${sample.pod}\n${sample.series}`
    const other = all.get(key)
    all.set(key, other === undefined ? sample : { ...sample, value: together(other.value, sample.value) })
  }
  return all
}

function together(a: number, b: number): number {
  return isCount(a) ? (isCount(b) ? a + b : b) : a
}

function isCount(value: number): boolean {
  return Number.isFinite(value) && value >= 0
}

function podsOf({ requests, bad, pods = [] }: Reading): Set<string> {
  return new Set([...pods, ...requests.map(({ pod }) => pod), ...bad.map(({ pod }) => pod)])
}

export function oddityText(odd: Oddity): string {
  switch (odd.kind) {
    case 'reset':
      return `pod ${odd.pod}: ${odd.series} began anew, the container was restarted`
    case 'no-count':
      return `pod ${odd.pod}: ${odd.series} is ${odd.value}, which is no number of requests`
    case 'gone':
      return `pod ${odd.pod} is gone, what it answered last is not counted`
  }
}

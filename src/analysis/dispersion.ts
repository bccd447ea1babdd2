import { cleanCounts, type Counts, NOTHING, rateOf, sumCounts } from './counts.ts'

export interface PodCounts extends Counts {
  pod: string
}

export interface Dispersion {
  /** how much more the counts vary than chance alone would make them, 1 to {@link MOST} */
  phi: number
  /** how many counts it rests on */
  cells: number
}

/** Beyond this the test would see next to nothing; who is that noisy needs another metric. */
export const MOST = 10
/** Counts that are expected to be rarer follow no chi-squared law. */
const LEAST_EXPECTED = 1
const LEAST_FREEDOM = 5

/**
 * How unevenly bad requests fall on the pods and intervals of stable before the rollout, where nothing was changed: Pearson's
 * X² by its degrees of freedom. Noise that pods do not share (a bad node, one user who tries again and again) would otherwise
 * pass for a worse version. Too little to tell is 1.
 * @param intervals of one length each, in their order; what each pod answered in it
 */
export function dispersionOf(intervals: readonly (readonly PodCounts[])[]): Dispersion {
  const all = intervals.flatMap((interval) => interval.map(cleanCounts)).reduce(sumCounts, NOTHING)
  const rate = rateOf(all)
  const cells = [...byPod(intervals).values()].flatMap((counts) => merged(counts, rate))
  const freedom = cells.length - 1
  if (freedom < LEAST_FREEDOM || rate <= 0 || rate >= 1) return { phi: 1, cells: cells.length }
  const squares = cells.reduce((sum, { total, bad }) => {
    const expected = total * rate
    return sum + (bad - expected) ** 2 / (expected * (1 - rate))
  }, 0)
  return { phi: Math.min(MOST, Math.max(1, squares / freedom)), cells: cells.length }
}

function byPod(intervals: readonly (readonly PodCounts[])[]): Map<string, Counts[]> {
  const pods = new Map<string, Counts[]>()
  for (const { pod, ...counts } of intervals.flat()) {
    const list = pods.get(pod) ?? []
    list.push(cleanCounts(counts))
    pods.set(pod, list)
  }
  return pods
}

/** A pod's consecutive intervals, together until enough bad requests are expected. What is left over joins the last of them. */
function merged(intervals: readonly Counts[], rate: number): Counts[] {
  const cells: Counts[] = []
  let open = NOTHING
  for (const counts of intervals) {
    open = sumCounts(open, counts)
    if (open.total * rate < LEAST_EXPECTED) continue
    cells.push(open)
    open = NOTHING
  }
  const last = cells.pop()
  return last === undefined ? [] : [...cells, sumCounts(last, open)]
}

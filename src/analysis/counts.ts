/** What one arm answered: how many requests, and how many of them badly. Both 0 or more. */
export interface Counts {
  total: number
  bad: number
}

export const NOTHING: Counts = { total: 0, bad: 0 }

/**
 * Counts one can compute with: what is no number or below zero is 0, and no more can be bad than there were. The two come
 * from counters that may be read a moment apart, so a bad request can be seen before it is counted as a request.
 */
export function cleanCounts({ total, bad }: Counts): Counts {
  const all = Number.isFinite(total) ? Math.max(0, total) : 0
  return { total: all, bad: Number.isFinite(bad) ? Math.min(all, Math.max(0, bad)) : 0 }
}

export function sumCounts(a: Counts, b: Counts): Counts {
  return { total: a.total + b.total, bad: a.bad + b.bad }
}

/** Bad per request, 0 to 1; 0 without requests. */
export function rateOf({ total, bad }: Counts): number {
  return total > 0 ? bad / total : 0
}

/** A share as people read it: `0.5 %`, `12 %`, `0.012 %`. */
export function percentText(share: number): string {
  const percent = share * 100
  return `${percent >= 10 ? percent.toFixed(0) : Number(percent.toPrecision(2))} %`
}

/**
 * Pod arithmetic of a canary without a router. Everything is counted in whole pods; R is the live replica count of the
 * Deployment, a pair is [stable, canary].
 */
export type Pair = readonly [stable: number, canary: number]

/**
 * The pair for a weight in percent (1 to 100): canary is R·W/100 rounded half up, at least one and at most R − 1, so that
 * neither side is ever empty below 100 %. One replica gives one of each; 100 gives the canary everything.
 */
export function pairFor(replicas: number, percent: number): Pair {
  if (percent >= 100) return [0, replicas]
  if (replicas <= 1) return [1, 1]
  const canary = Math.min(replicas - 1, Math.max(1, Math.floor((replicas * percent + 50) / 100)))
  return [replicas - canary, canary]
}

/** All pairs of a rollout, in order. Weights rise, so the canary never falls and stable never rises. */
export function pairsFor(replicas: number, weights: readonly number[]): Pair[] {
  return weights.map((percent) => pairFor(replicas, percent))
}

/**
 * The pair to hold for a weight, from what there is now. A hold is a ratchet (a canary pod is not taken away and a stable
 * one not given back without an abort), so what an autoscaler left may be more canary than the weight asks for.
 */
export function targetPair(replicas: number, percent: number, now: Pair): Pair {
  const wanted = pairFor(replicas, percent)
  const grown = Math.max(wanted[1], Math.min(now[1], replicas))
  const stable = Math.min(now[0], replicas <= 1 && percent < 100 ? 1 : replicas - grown)
  return [stable, Math.max(grown, replicas - stable)]
}

export interface MoveOptions {
  replicas: number
  /** most pods moved at a time: max(1, the user's own maxSurge) */
  batch: number
  /** `keep`: new pods first, never fewer serving than replicas; `replace`: old ones first, never more than replicas */
  capacity: 'keep' | 'replace'
}

/** The next pair on the way from `now` to `target`, or undefined when there. One side moves at a time with `keep`. */
export function nextPair(now: Pair, target: Pair, { replicas, batch, capacity }: MoveOptions): Pair | undefined {
  const [stable, canary] = now
  const reached = stable <= target[0] && canary >= target[1]
  if (reached) return undefined
  if (capacity === 'replace' && replicas > 1) {
    // However large the batch: with all old pods away at once nothing would serve until the new ones do.
    const fewer = Math.max(target[0], stable - Math.min(batch, replicas - 1))
    return [fewer, Math.max(canary, replicas - fewer)]
  }
  const room = replicas + batch - (stable + canary)
  const more = Math.min(target[1], canary + Math.max(0, room))
  if (more > canary) return [stable, more]
  const fewer = Math.max(target[0], replicas - canary, stable - batch)
  return fewer < stable ? [fewer, canary] : [target[0], Math.max(target[1], canary)]
}

export interface Bounds {
  maxSurge: number
  maxUnavailable: number
}

/**
 * The strategy fields that hold a pair. The Deployment controller keeps `replicas − maxUnavailable` old pods and makes
 * `maxSurge + maxUnavailable` new ones when the new ones never become available.
 */
export function boundsOf([stable, canary]: Pair, replicas: number): Bounds {
  const maxUnavailable = Math.max(0, replicas - stable)
  return { maxSurge: Math.max(0, stable + canary - replicas), maxUnavailable }
}

/** The pair that the fields ask for, the inverse of {@link boundsOf}; the new side never exceeds replicas. */
export function pairOf({ maxSurge, maxUnavailable }: Bounds, replicas: number): Pair {
  const unavailable = Math.min(maxUnavailable, replicas)
  return [replicas - unavailable, Math.min(replicas, maxSurge + unavailable)]
}

/**
 * A surge in percent that makes `pods` new pods of `replicas`: the controller rounds a surge up. Above a hundred replicas
 * there may be no such value; then it makes a few more, since fewer would take pods away.
 */
export function surgeFor(pods: number, replicas: number): string {
  const down = Math.floor((pods * 100) / replicas)
  return `${Math.ceil((down * replicas) / 100) === pods ? down : down + 1}%`
}

/**
 * A surge in percent that leaves the new side short of all replicas: by one pod, above a hundred replicas perhaps by a
 * few. With one replica there is no such value, and the full surge is returned.
 */
export function surgeOneShort(replicas: number): string {
  return replicas <= 1 ? '100%' : `${Math.floor(((replicas - 1) * 100) / replicas)}%`
}

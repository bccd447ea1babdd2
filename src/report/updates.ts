/**
 * What users met during a rollout, from the polls of the update checker: which version answered when, what failed, how
 * long nothing answered, how fast the answers were. Pure.
 */

/** One poll. `error`: the app answered, with status 500 or above; `silence`: no answer of the app at all. */
export type Sample = SampleTime &
  ({ kind: 'answer'; version?: string } | { kind: 'error'; version?: string; text: string } | SilentSample)

interface SampleTime {
  /** ms since 1970 when it was sent */
  at: number
  /** ms until its answer, or until it was given up */
  ms: number
}

interface SilentSample {
  kind: 'silence'
  text: string
}

export interface Latency {
  p50: number
  p90: number
  p99: number
}

export interface VersionFigures {
  version: string
  requests: number
  errors: number
  /** ms, of what was answered; absent where nothing was */
  latencyMs?: Latency
}

/** From the first poll that failed to the next good one. */
export interface Downtime {
  /** ms since 1970 */
  from: number
  ms: number
  /** false where the run ended before a good answer */
  over: boolean
  /** why the first poll failed */
  text: string
}

/** The polls that were sent in one stretch of the time axis. */
export interface Stretch {
  /** ms since 1970 */
  at: number
  failed: number
  /** good answers by version; a map, because an app may call its version anything */
  answers: ReadonlyMap<string, number>
}

export interface Updates {
  /** what was asked, for people */
  target: string
  intervalMs: number
  /** ms since 1970 */
  from: number
  until: number
  requests: number
  failed: number
  /** the version before and the new one first, what could not be told last */
  versions: VersionFigures[]
  /** the longest {@link MOST_WINDOWS}, in order of time */
  downtime: Downtime[]
  /** ms, of all windows together */
  downtimeMs: number
  /** how many windows there were */
  windows: number
  /** the three slowest answers, slowest first */
  slowest: { at: number; ms: number; version: string }[]
  /** ms, of one stretch of the timeline */
  stretchMs: number
  /** oldest first; a stretch in which no poll was sent is left out */
  timeline: Stretch[]
}

/** Where the answer does not tell its version, and where there was none. */
export const UNKNOWN = 'unknown'
/** What an app may call itself is its own: versions beyond so many are counted as one. */
const MOST_VERSIONS = 10
const OTHERS = 'others'

const MOST_WINDOWS = 50
/** As many points as the plot of the summary has. */
const MOST_STRETCHES = 40
const SLOWEST = 3

export interface UpdatesInput {
  target: string
  intervalMs: number
  /** texts of the version before and of the new one, in this order */
  known: readonly string[]
  /** ms since 1970 when the polls ended */
  until: number
  /** in order of time */
  samples: readonly Sample[]
}

/** The figures; undefined where nothing was asked. */
export function updatesOf({ target, intervalMs, known, until, samples }: UpdatesInput): Updates | undefined {
  const [first] = samples
  if (first === undefined) return undefined
  const names = namesOf(samples, known)
  const windows = downtimeOf(samples, until)
  const last = samples.at(-1) ?? first
  const stretchMs = Math.max(intervalMs, Math.ceil((last.at - first.at + 1) / MOST_STRETCHES))
  return {
    target,
    intervalMs,
    from: first.at,
    until: Math.max(until, first.at),
    requests: samples.length,
    failed: samples.filter(isFailed).length,
    versions: names.map((name) =>
      figuresOf(
        name,
        samples.filter((sample) => nameOf(sample, names) === name),
      ),
    ),
    downtime: longest(windows),
    downtimeMs: windows.reduce((sum, { ms }) => sum + ms, 0),
    windows: windows.length,
    slowest: samples
      .filter((sample) => sample.kind !== 'silence')
      .toSorted((a, b) => b.ms - a.ms)
      .slice(0, SLOWEST)
      .map((sample) => ({ at: sample.at, ms: sample.ms, version: nameOf(sample, names) })),
    stretchMs,
    timeline: timelineOf(samples, names, stretchMs),
  }
}

export function isFailed({ kind }: Sample): boolean {
  return kind !== 'answer'
}

function versionOf(sample: Sample): string {
  return sample.kind === 'silence' ? UNKNOWN : (sample.version ?? UNKNOWN)
}

/** Versions in the order in which people read them. */
function namesOf(samples: readonly Sample[], known: readonly string[]): string[] {
  const seen = new Set(samples.map((sample) => versionOf(sample)))
  const own = known.filter((name, index) => seen.has(name) && known.indexOf(name) === index)
  const foreign = [...seen].filter((name) => name !== UNKNOWN && !own.includes(name))
  const room = MOST_VERSIONS - own.length
  return [
    ...own,
    ...foreign.slice(0, room),
    ...(foreign.length > room ? [OTHERS] : []),
    ...(seen.has(UNKNOWN) ? [UNKNOWN] : []),
  ]
}

function nameOf(sample: Sample, names: readonly string[]): string {
  const version = versionOf(sample)
  return names.includes(version) ? version : OTHERS
}

function figuresOf(version: string, samples: readonly Sample[]): VersionFigures {
  const times = samples
    .filter(({ kind }) => kind !== 'silence')
    .map(({ ms }) => ms)
    .toSorted((a, b) => a - b)
  const latencyMs = latencyOf(times)
  return {
    version,
    requests: samples.length,
    errors: samples.filter(isFailed).length,
    ...(latencyMs === undefined ? {} : { latencyMs }),
  }
}

/** Quantiles of sorted times by the nearest rank, so that each is a time that was measured; undefined without any. */
export function latencyOf(times: readonly number[]): Latency | undefined {
  if (times.length === 0) return undefined
  const quantile = (share: number): number => times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? 0
  return { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99) }
}

/** Every stretch of failed polls, oldest first. */
export function downtimeOf(samples: readonly Sample[], until: number): Downtime[] {
  const windows: Downtime[] = []
  let open: { from: number; text: string } | undefined
  for (const sample of samples) {
    if (sample.kind !== 'answer') open ??= { from: sample.at, text: sample.text }
    else if (open !== undefined) {
      windows.push({ ...open, ms: sample.at - open.from, over: true })
      open = undefined
    }
  }
  if (open !== undefined) windows.push({ ...open, ms: Math.max(0, until - open.from), over: false })
  return windows
}

function longest(windows: readonly Downtime[]): Downtime[] {
  if (windows.length <= MOST_WINDOWS) return [...windows]
  return windows
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, MOST_WINDOWS)
    .toSorted((a, b) => a.from - b.from)
}

function timelineOf(samples: readonly Sample[], names: readonly string[], stretchMs: number): Stretch[] {
  const from = samples[0]?.at ?? 0
  const stretches = new Map<number, { at: number; failed: number; answers: Map<string, number> }>()
  for (const sample of samples) {
    const at = from + Math.floor((sample.at - from) / stretchMs) * stretchMs
    const stretch = stretches.get(at) ?? { at, failed: 0, answers: new Map<string, number>() }
    const name = nameOf(sample, names)
    if (isFailed(sample)) stretch.failed++
    else stretch.answers.set(name, (stretch.answers.get(name) ?? 0) + 1)
    stretches.set(at, stretch)
  }
  return [...stretches.values()]
}

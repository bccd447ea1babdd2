import { messageOf } from '../shared/errors.ts'
import { numberText } from './limits.ts'
import type { Asker, CheckedSide } from './asker.ts'
import type { WarmUp } from './spec.ts'
import { headersOf, podPort } from './targets.ts'
import type { CheckVerdict } from './verdict.ts'

/** Last answers of a pod that are looked at. */
const WINDOW = 20
/** Answers this much slower than stable's are not told apart from noise, ms. */
const SLACK_MS = 5
/** The pace doubles after so long, beginning with one request a second. */
const DOUBLE_MS = 5_000
/** Requests to one pod that are not answered yet: more than it could ever take help nobody. */
const MOST_OPEN = 8
const QUANTILE = 0.9

interface WarmPod {
  name: string
  ask: () => Promise<void>
  /** ms of the last answers */
  last: number[]
  asked: number
  failed: number
  open: number
  /** what it answered last where that was no good answer */
  wrong?: string
}

/**
 * Sends paced requests to each new pod, past all users, until it answers nearly as fast as the old ones: a cold process
 * dies under full load. Old pods are asked the same way first, so that the detour through the API server counts on both.
 */
export async function warmUp(asker: Asker, spec: WarmUp): Promise<CheckVerdict> {
  const known = new Map<string, WarmPod>()
  // Pods come and go meanwhile: what counts are those that serve.
  const now = (): WarmPod[] =>
    podsOf(asker, spec, 'canary').map((pod) => {
      const same = known.get(pod.name) ?? pod
      known.set(pod.name, same)
      return same
    })
  if (now().length === 0) return { kind: 'inconclusive', text: 'no serving pod of the new version to ask', lines: [] }
  const limit = await latencyOfStable(asker, spec)
  const begun = asker.now()
  const inFlight = new Set<Promise<void>>()
  while (asker.now() - begun < spec.forMs && !asker.signal.aborted) {
    for (const pod of now()) send(pod, inFlight)
    await asker.sleep(paceMs(asker.now() - begun, spec.rate))
    const pods = now()
    if (limit !== undefined && pods.length > 0 && pods.every((pod) => isWarm(pod, spec, limit))) break
  }
  await Promise.allSettled(inFlight)
  return verdictOf(now(), spec, limit, asker.now() - begun)
}

/** Pure. */
function verdictOf(pods: WarmPod[], spec: WarmUp, limit: number | undefined, ms: number): CheckVerdict {
  const lines = pods.map(
    ({ name, last, asked, failed }) =>
      `Pod/${name}: ${asked} requests, ${failed} failed, 90% of the last ${last.length} within ${msText(quantile(last, QUANTILE))}`,
  )
  const asked = pods.reduce((sum, pod) => sum + pod.asked, 0)
  const after = `after ${asked} requests in ${Math.round(ms / 1_000)} s`
  if (limit === undefined)
    return { kind: 'inconclusive', text: `the old version gave no answer to compare with, ${after}`, lines }
  const [worst] = pods.toSorted((a, b) => (rank(b) ?? 0) - (rank(a) ?? 0))
  if (worst === undefined)
    return { kind: 'inconclusive', text: `no pod of the new version serves any more, ${after}`, lines }
  if (isWarm(worst, spec, limit))
    return { kind: 'pass', text: `${msText(rank(worst))} against ${msText(limit)} of the old version, ${after}`, lines }
  const wrong = worst.wrong === undefined ? '' : ` (it ${worst.wrong})`
  const slow =
    worst.last.length < WINDOW ? `gave ${worst.last.length} good answers${wrong}` : `takes ${msText(rank(worst))}`
  const wanted = `${numberText(spec.within)} times the ${msText(limit)} of the old version`
  return { kind: 'inconclusive', text: `Pod/${worst.name} still ${slow}, wanted is at most ${wanted}, ${after}`, lines }
}

function rank(pod: WarmPod | undefined): number | undefined {
  if (pod === undefined) return undefined
  return pod.last.length < WINDOW ? Number.POSITIVE_INFINITY : quantile(pod.last, QUANTILE)
}

function isWarm(pod: WarmPod, { within }: WarmUp, limit: number): boolean {
  return (rank(pod) ?? Number.POSITIVE_INFINITY) <= limit * within + SLACK_MS
}

function msText(ms: number | undefined): string {
  return ms === undefined || !Number.isFinite(ms) ? 'no time that is known' : `${Math.round(ms)} ms`
}

/** ms between two requests to one pod, so long after the beginning. */
export function paceMs(sinceMs: number, most: number): number {
  return 1_000 / Math.min(most, 2 ** Math.floor(sinceMs / DOUBLE_MS))
}

async function latencyOfStable(asker: Asker, spec: WarmUp): Promise<number | undefined> {
  const pods = podsOf(asker, spec, 'stable').slice(0, 3)
  const rounds = Math.ceil(WINDOW / Math.max(1, pods.length))
  const inFlight = new Set<Promise<void>>()
  for (let round = 0; round < rounds && pods.length > 0; round++) {
    for (const pod of pods) send(pod, inFlight)
    await asker.sleep(100)
  }
  await Promise.allSettled(inFlight)
  const all = pods.flatMap(({ last }) => last)
  return all.length < WINDOW / 2 ? undefined : quantile(all, QUANTILE)
}

function send(pod: WarmPod, inFlight: Set<Promise<void>>): void {
  if (pod.open >= MOST_OPEN) return
  pod.open++
  const sent = pod.ask().finally(() => {
    pod.open--
    inFlight.delete(sent)
  })
  inFlight.add(sent)
}

function podsOf(asker: Asker, spec: WarmUp, which: 'stable' | 'canary'): WarmPod[] {
  return asker.workloads().flatMap((workload) => {
    const side: CheckedSide = workload[which]
    return side.serving.map((pod) => {
      const name = pod.metadata.name ?? ''
      const port = podPort(pod, spec.port)
      const target = { kind: 'Pod' as const, namespace: workload.namespace, name, port }
      const warm: WarmPod = {
        name,
        last: [],
        asked: 0,
        failed: 0,
        open: 0,
        ask: () => askOne(asker, spec, target, warm),
      }
      return warm
    })
  })
}

/** Never throws: a pod that gives no answer is not warm. */
async function askOne(asker: Asker, spec: WarmUp, target: Parameters<Asker['proxy']>[0], pod: WarmPod): Promise<void> {
  const begun = asker.now()
  pod.asked++
  try {
    const options = { headers: headersOf(asker, spec), timeoutMs: spec.timeoutMs, signal: asker.signal }
    asker.own.note(pod.name)
    const { status } = await asker.proxy(target, spec.path, options)
    if (status >= 500) fail(pod, `answered ${status}`)
    else pod.last = [...pod.last, asker.now() - begun].slice(-WINDOW)
  } catch (error) {
    fail(pod, `gave no answer (${messageOf(error)})`)
  }
}

function fail(pod: WarmPod, wrong: string): void {
  pod.failed++
  pod.wrong = wrong
}

/** The value that so much of them do not exceed; undefined for none. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
}

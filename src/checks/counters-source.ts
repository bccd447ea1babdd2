import type { Reading } from '../analysis/counters.ts'
import { boundOf, slowOf } from '../analysis/histogram.ts'
import { labelsText, numberOf, type PageSample, parsePage } from '../analysis/metrics-page.ts'
import { matcherOf, parseSelector, type Selector, selectorText, withMatcher } from '../analysis/selector.ts'
import { messageOf } from '../shared/errors.ts'
import type { Asker, CheckedWorkload } from './asker.ts'
import { instantQuery } from './prometheus-api.ts'
import type { CompareCheck, PrometheusSource } from './spec.ts'
import { podPort } from './targets.ts'
import { podNames } from './template.ts'

/** All counters of a comparison at one time, of both versions. */
export interface CountersRead {
  kind: 'read'
  metrics: { errors?: Reading; slow?: Reading }
  /** s; from where on a request is slow */
  aboveSeconds?: number
  /** what was odd, for people */
  notes: string[]
  /** a serving pod of the new version that could not be read, and why */
  unread?: string
  /** the counter of errors has a name of its own, and nobody has it */
  noErrors?: true
}

/** Samples of the pods, whoever was asked; `pod` is the pod's name. */
interface Samples {
  samples: (PageSample & { pod: string })[]
  /** pods that answered */
  pods: string[]
  notes: string[]
  unread?: string
}

/** `silent`: who was asked answers, but has no such counter; an app that had no request yet is like that */
type Unknown = { kind: 'unknown'; text: string; silent?: true }

const LIMITS = { lines: 50_000, characters: 5_000_000 }
/** Pods of one side that are read: more make the figures no better, and the API server carries every page. */
const MOST_PODS = 20
const TIMEOUT_MS = 5_000
/** Without a limit of its own, slow is what takes longer than this share of the old version's requests. */
const USUAL = 0.95

/** Reads once. Never throws for what it is answered. */
export async function readCounters(
  asker: Asker,
  check: CompareCheck,
  aboveSeconds: number | undefined,
): Promise<CountersRead | Unknown> {
  const selectors = selectorsOf(check)
  if ('text' in selectors) return { kind: 'unknown', text: selectors.text }
  const { source } = check
  const read =
    source.kind === 'pods'
      ? await fromPods(asker, source, selectors)
      : await fromPrometheus(asker, source.at, source.podLabel, selectors)
  if ('kind' in read) return read
  return countersOf(read, selectors, aboveSeconds, asker.workloads())
}

interface Selectors {
  requests: Selector
  errors?: Selector
  slow?: Selector
}

/** The selectors of a check, or what is wrong with them. */
export function selectorsOf({ requests, errors, slow }: CompareCheck): Selectors | { text: string } {
  const found: Partial<Record<keyof Selectors, Selector>> = {}
  for (const [key, text] of [
    ['requests', requests],
    ['errors', errors],
    ['slow', slow?.selector],
  ] as const) {
    if (text === undefined) continue
    const parsed = parseSelector(text)
    if (parsed.kind === 'wrong') return { text: `${key}, column ${parsed.column}: ${parsed.text}` }
    found[key] = parsed.selector
  }
  return { ...found, requests: found.requests ?? { name: '', matchers: [] } }
}

function namesOf({ requests, errors, slow }: Selectors): Set<string> {
  return new Set([
    requests.name,
    ...(errors === undefined ? [] : [errors.name]),
    ...(slow === undefined ? [] : [`${slow.name}_bucket`, `${slow.name}_count`]),
  ])
}

async function fromPods(
  asker: Asker,
  { path, port: asked }: { path: string; port?: string | number },
  selectors: Selectors,
): Promise<Samples | Unknown> {
  const wanted = namesOf(selectors)
  const pods = asker.workloads().flatMap(({ namespace, stable, canary }) =>
    [stable, canary].flatMap((side) =>
      side.serving
        .toSorted((a, b) => (a.metadata.name ?? '').localeCompare(b.metadata.name ?? ''))
        .slice(0, MOST_PODS)
        .map((pod) => ({ namespace, pod, isNew: side === canary })),
    ),
  )
  const found: Samples = { samples: [], pods: [], notes: [] }
  await Promise.all(
    pods.map(async ({ namespace, pod, isNew }) => {
      const name = pod.metadata.name ?? ''
      const port = podPort(pod, asked)
      const page = await pageOf(asker, { kind: 'Pod', namespace, name, port }, path, wanted)
      if ('text' in page) {
        const why = `Pod/${name} ${path}: ${page.text}`
        found.notes.push(why)
        // It may have gone while it was asked.
        const serves = asker
          .workloads()
          .some(({ canary }) => canary.serving.some((each) => each.metadata.name === name))
        if (isNew && serves) found.unread = why
        return
      }
      found.pods.push(name)
      found.samples.push(...page.samples.map((sample) => ({ ...sample, pod: name })))
      found.notes.push(...page.problems.map((problem) => `Pod/${name} ${path}, ${problem}`))
    }),
  )
  if (found.pods.length > 0) return found
  const [first = 'no pod serves'] = found.notes
  return { kind: 'unknown', text: `no metrics page could be read: ${first}` }
}

async function pageOf(
  asker: Asker,
  target: Parameters<Asker['proxy']>[0],
  path: string,
  wanted: ReadonlySet<string>,
): Promise<{ samples: PageSample[]; problems: string[] } | { text: string }> {
  try {
    const options = { timeoutMs: TIMEOUT_MS, maxBytes: LIMITS.characters + 1, signal: asker.signal }
    asker.own.note(target.name)
    const { status, body } = await asker.proxy(target, path, options)
    if (status !== 200) return { text: `answered ${status}` }
    const page = parsePage(body, LIMITS, (name) => wanted.has(name))
    return page.kind === 'no-page' ? { text: page.text } : page
  } catch (error) {
    return { text: `gave no answer (${messageOf(error)})` }
  }
}

async function fromPrometheus(
  asker: Asker,
  source: PrometheusSource,
  podLabel: string,
  selectors: Selectors,
): Promise<Samples | Unknown> {
  const workloads = asker.workloads()
  const sides = ['stable', 'canary'] as const
  const names = sides.flatMap((side) => podNames(workloads, side) ?? [])
  if (names.length === 0) return { kind: 'unknown', text: 'there are no pods to ask for' }
  const { requests, errors, slow } = selectors
  const asked = [
    requests,
    ...(errors === undefined ? [] : [errors]),
    ...(slow === undefined
      ? []
      : [
          { ...slow, name: `${slow.name}_bucket` },
          { ...slow, name: `${slow.name}_count` },
        ]),
  ]
  const found: Samples = { samples: [], pods: [], notes: [] }
  const distinct = new Map(asked.map((selector) => [selectorText(selector), selector]))
  for (const selector of distinct.values()) {
    const query = selectorText(withMatcher(selector, podLabel, '=~', names.join('|')))
    const result = await instantQuery(asker, source, query, TIMEOUT_MS)
    if (result.kind !== 'series') return { kind: 'unknown', text: `Prometheus could not be asked: ${result.text}` }
    for (const { labels, value } of result.series) {
      const pod = labels[podLabel] ?? ''
      const { __name__: name = selector.name, ...others } = labels
      found.samples.push({ name, labels: new Map(Object.entries(others)), value: numberOf(value), pod })
    }
  }
  const pods = new Set(found.samples.map(({ pod }) => pod))
  if (pods.size > 0) return { ...found, pods: [...pods] }
  return {
    kind: 'unknown',
    text: `Prometheus has no series ${selectorText(requests)} of these pods, or they had no request yet`,
  }
}

/** Pure: what was read, as counters of each metric. */
function countersOf(
  { samples, pods, notes, unread }: Samples,
  { requests, errors, slow }: Selectors,
  aboveSeconds: number | undefined,
  workloads: readonly CheckedWorkload[],
): CountersRead | Unknown {
  const isRequest = matcherOf(requests)
  const counted = samples.filter(({ name, labels }) => isRequest(name, labels)).map(counterOf)
  const isError = errors === undefined ? undefined : matcherOf(errors)
  const metrics: CountersRead['metrics'] = {}
  const found: CountersRead = { kind: 'read', metrics, notes, ...(unread === undefined ? {} : { unread }) }
  if (isError !== undefined) {
    // An error series that is not there is no error; without the requests' series nothing is known.
    if (counted.length === 0)
      return {
        kind: 'unknown',
        text: `there is no ${selectorText(requests)} yet: no request, or another name`,
        silent: true,
      }
    const strange = errors === undefined ? undefined : labelNowhere(errors, requests, samples)
    if (strange !== undefined) return { kind: 'unknown', text: strange }
    metrics.errors = {
      requests: counted,
      bad: samples.filter(({ name, labels }) => isError(name, labels)).map(counterOf),
      pods,
    }
  }
  if (errors !== undefined && errors.name !== requests.name && !samples.some(({ name }) => name === errors.name))
    found.noErrors = true
  if (slow === undefined) return found
  const bound = aboveSeconds ?? usualOf(samples, slow, workloads)
  const isSlow = matcherOf(slow)
  const buckets = samples.filter(({ name, labels }) => isSlow(name.replace(/_(bucket|count)$/, ''), withoutLe(labels)))
  const taken = bound === undefined ? undefined : boundOf(buckets, slow.name, bound)
  if (taken === undefined || taken.kind === 'none')
    return errors === undefined
      ? { kind: 'unknown', text: taken?.text ?? `there is no histogram ${slow.name} yet` }
      : found
  const byPod = pods.flatMap((pod) => {
    const own = buckets.filter((sample) => sample.pod === pod)
    return slowOf(own, slow.name, taken.le).map((sample) => ({ ...sample, pod }))
  })
  metrics.slow = {
    requests: byPod.map(({ labels, pod, total }) => ({ series: labelsText(labels), pod, value: total })),
    bad: byPod.map(({ labels, pod, slow: bad }) => ({ series: labelsText(labels), pod, value: bad })),
    pods,
  }
  return { ...found, aboveSeconds: taken.le }
}

/**
 * Errors told apart by a label that no request has are never found, however many there are: without it nothing passes.
 * Undefined where the errors have a metric of their own, or every label is there.
 */
function labelNowhere(errors: Selector, requests: Selector, samples: Samples['samples']): string | undefined {
  if (errors.name !== requests.name) return undefined
  const byPod = Map.groupBy(
    samples.filter(({ name }) => name === requests.name),
    ({ pod }) => pod,
  )
  // Each pod by itself: the new version may have another label than the old one.
  for (const [pod, own] of byPod) {
    const missing = errors.matchers.find(({ label }) => !own.some(({ labels }) => labels.has(label)))
    if (missing === undefined) continue
    const known = [...(own[0]?.labels.keys() ?? [])].join(', ') || 'none'
    return `no sample of ${requests.name} of Pod/${pod} has the label ${missing.label}, by which errors are told apart (it has ${known}): set errors`
  }
  return undefined
}

function counterOf({ name, labels, pod, value }: PageSample & { pod: string }): {
  series: string
  pod: string
  value: number
} {
  return { series: `${name}${labelsText(labels)}`, pod, value }
}

function withoutLe(labels: PageSample['labels']): PageSample['labels'] {
  return new Map([...labels].filter(([label]) => label !== 'le'))
}

/** The lowest bucket that holds the usual share of the old version's requests so far. */
function usualOf(
  samples: Samples['samples'],
  slow: Selector,
  workloads: readonly CheckedWorkload[],
): number | undefined {
  const stable = new Set(
    workloads.flatMap((workload) => workload.stable.pods.map(({ metadata }) => metadata.name ?? '')),
  )
  const isSlow = matcherOf(slow)
  const quick = new Map<number, number>()
  for (const { name, labels, pod, value } of samples) {
    if (name !== `${slow.name}_bucket` || !stable.has(pod) || !isSlow(slow.name, withoutLe(labels))) continue
    const le = numberOf(labels.get('le') ?? '')
    quick.set(le, (quick.get(le) ?? 0) + value)
  }
  const all = quick.get(Number.POSITIVE_INFINITY) ?? 0
  const bounds = [...quick.keys()].filter(Number.isFinite).toSorted((a, b) => a - b)
  return all === 0 ? undefined : (bounds.find((le) => (quick.get(le) ?? 0) >= all * USUAL) ?? bounds.at(-1))
}

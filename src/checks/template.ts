import type { Asker, CheckedSide, CheckedWorkload } from './asker.ts'

/** Words in double braces that queries and bodies may name; the README's table is made from this. */
export const TEMPLATE_WORDS = {
  app: 'name of the app',
  namespace: 'its namespace',
  rollout: 'number of the rollout',
  workload: 'name of the Deployment that goes through steps (several: as a regular expression)',
  service: 'its first Service',
  stable: "regular expression of the old version's pod names, for `pod=~`",
  canary: "regular expression of the new version's pod names",
  'stable-hash': 'pod-template-hash of the old version',
  'canary-hash': 'pod-template-hash of the new version',
  'stable-version': 'tag of the old image',
  'canary-version': 'tag of the new image',
  window: 'time since the share last changed, at least 1m and at most 5m, for a range: `[{{window}}]`',
} as const

export type TemplateWord = keyof typeof TEMPLATE_WORDS

const WORD = /\{\{\s*([^{}]*?)\s*\}\}/g
const MOST_WINDOW_S = 300
/** A rate needs two scrapes, and few scrape more often than every 30 s. */
const LEAST_WINDOW_S = 60
/** What the API server leaves of a name that it adds five characters to. */
const MOST_GENERATED = 58

/** Words in braces that mean nothing. */
export function unknownWords(text: string): string[] {
  return [...text.matchAll(WORD)].flatMap(([, word = '']) => (Object.hasOwn(TEMPLATE_WORDS, word) ? [] : [word]))
}

/** The text with all words put in, or why one of them is not known now. */
export function filled(text: string, asker: Asker): { text: string } | { missing: string } {
  const values = valuesOf(asker)
  let missing: string | undefined
  const done = text.replaceAll(WORD, (whole, word: string) => {
    const value = values[word as TemplateWord]
    if (value === undefined || value === '') missing ??= word
    return value ?? whole
  })
  return missing === undefined ? { text: done } : { missing: `{{${missing}}} is not known: there are no such pods now` }
}

/** The text as it may be asked before there is a new version: to see whether it can be read at all. */
export function withPlaceholders(text: string): string {
  return text.replaceAll(WORD, (_whole, word: string) => (word === 'window' ? '5m' : 'none'))
}

function valuesOf(asker: Asker): Record<TemplateWord, string | undefined> {
  const workloads = asker.workloads()
  const [first] = workloads
  return {
    app: asker.app,
    namespace: first?.namespace ?? asker.namespace,
    rollout: String(asker.rollout),
    workload: alternatives(workloads.map(({ name }) => name.replaceAll('.', '[.]'))),
    service: first?.services[0]?.name,
    stable: podNames(workloads, 'stable'),
    canary: podNames(workloads, 'canary'),
    'stable-hash': alternatives(workloads.flatMap(({ stable }) => stable.hash ?? [])),
    'canary-hash': alternatives(workloads.flatMap(({ canary }) => canary.hash ?? [])),
    'stable-version': first?.stable.version,
    'canary-version': first?.canary.version,
    window: windowOf(asker.now() - asker.sinceShare()),
  }
}

export function windowOf(ms: number): string {
  return `${Math.min(MOST_WINDOW_S, Math.max(LEAST_WINDOW_S, Math.floor(ms / 1_000)))}s`
}

/** Matches the names of a side's pods and nothing else, also of those that come later. */
export function podNames(workloads: readonly CheckedWorkload[], side: 'stable' | 'canary'): string | undefined {
  return alternatives(workloads.flatMap((workload) => podPattern(workload[side]) ?? []))
}

/** A dot in brackets needs no backslash, which PromQL would want doubled. */
function podPattern({ replicaSet, pods }: CheckedSide): string | undefined {
  if (replicaSet === undefined || pods.length === 0) return undefined
  // Cut off, the names of both versions begin alike: only the pods that there are now tell them apart.
  if (replicaSet.length >= MOST_GENERATED)
    return alternatives(pods.map(({ metadata }) => (metadata.name ?? '').replaceAll('.', '[.]')))
  return `${`${replicaSet}-`.slice(0, MOST_GENERATED).replaceAll('.', '[.]')}[a-z0-9]+`
}

function alternatives(texts: string[]): string | undefined {
  const distinct = [...new Set(texts)]
  return distinct.length > 1 ? `(${distinct.join('|')})` : distinct[0]
}

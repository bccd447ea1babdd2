import type { Step } from '../strategies/step.ts'

/** Checks as the config file says them, with all defaults; kept in the record, `${NAME}` left as written. */

/** What every kind of check is told. */
export interface Common {
  name: string
  /** ms between two measurements */
  intervalMs: number
  /** ms for one measurement; for `compare`, how long a step of it may take */
  timeoutMs: number
  /** how often in a row it must pass as a step */
  times: number
  /** failed measurements in a row that are tolerated */
  failures: number
  onInconclusive: OnInconclusive
  /** asked again and again over these steps, not only where a step names it */
  throughout?: Stretch
}

/** `extend`: once more, then as `pause`. */
export type OnInconclusive = 'pause' | 'extend' | 'promote' | 'abort'

/** Steps by their text; absent: from the first one with pods of the new version, until the last one. */
export interface Stretch {
  from?: string
  until?: string
}

/** Whom an `http`, `version` or `warm-up` asks. */
export interface Page {
  path: string
  /** `pods`: each serving pod through the pod proxy (blue-green: the preview Service); `service`: as users do */
  target: 'pods' | 'service'
  /** ask this URL instead of the cluster */
  url?: string
  headers: Record<string, string>
  /** port name or number when the pod has several; default: the first of the container */
  port?: string | number
}

/** What an answer must be. */
export interface Expected {
  status: number
  /** text in the body */
  body?: string
  /** regular expression that the body matches */
  pattern?: string
  headers?: Record<string, string>
  /** values by their paths in a JSON body */
  json?: Record<string, string | number | boolean | null>
  /** ms */
  fasterThanMs?: number
}

export interface HttpCheck extends Common, Page {
  kind: 'http'
  expect: Expected
}

export interface VersionCheck extends Common, Page {
  kind: 'version'
  /** where the version stands: path in a JSON body, header, or the first group of a pattern; else anywhere in the body */
  at?: { json: string } | { header: string } | { pattern: string }
  /** default: tag of the new image */
  expect?: string
}

/** Least and most of a number, or the value that it must be. */
export interface Limits {
  min?: number
  max?: number
  equals?: string | number | boolean
}

/** A Prometheus, or anything that answers its API: by address, or a Service through the API server's proxy. */
export type PrometheusSource = { headers: Record<string, string> } & (
  | { url: string }
  | { service: { namespace: string; name: string; port: number; path: string } }
)

export interface PrometheusCheck extends Common {
  kind: 'prometheus'
  source: PrometheusSource
  query: string
  limits: Limits
  /** an answer of several series: each must be within the limits; otherwise it tells nothing */
  everySeries: boolean
}

export interface WebCheck extends Common {
  kind: 'web'
  url: string
  method: 'GET' | 'POST' | 'PUT'
  headers: Record<string, string>
  body?: string
  /** path of the value in the JSON answer */
  json: string
  limits: Limits
}

export interface PodsCheck extends Common {
  kind: 'pods'
  /** most restarts of any pod of the new version */
  restarts: number
  /** longest time in ms from a pod's creation to Ready */
  readyWithinMs?: number
}

export interface JobCheck extends Common {
  kind: 'job'
  job: string
}

export interface CommandCheck extends Common {
  kind: 'command'
  /** for the shell of the runner */
  run: string
}

/** Counters of requests, and what counts as bad among them. Selectors are written as in Prometheus. */
export interface CompareCheck extends Common {
  kind: 'compare'
  source:
    | { kind: 'pods'; path: string; port?: string | number }
    | { kind: 'prometheus'; at: PrometheusSource; podLabel: string }
  requests: string
  errors?: string
  /** `selector` of a histogram without its `_bucket`; slow is what took longer than `aboveSeconds` */
  slow?: { selector: string; aboveSeconds?: number }
  /** ratio of the bad shares that is tolerated, r0 */
  tolerated: number
  /** chance that a healthy release fails over the whole rollout, over all metrics of all compare checks */
  falseAlarms: number
  /** canary requests without which nothing passes */
  atLeast: number
  /** share of errors that is bad whatever stable does, 0..1 */
  most?: number
  /** before the last step the new version must be shown to be not much worse, not only not shown to be worse */
  strict: boolean
  /** what follows a change of the share is left out, ms */
  warmUpMs: number
}

export type Check =
  | HttpCheck
  | VersionCheck
  | PrometheusCheck
  | WebCheck
  | PodsCheck
  | JobCheck
  | CommandCheck
  | CompareCheck

/** The step `warm-up`: requests to the new pods before users come. */
export interface WarmUp {
  path: string
  headers: Record<string, string>
  port?: string | number
  /** most requests a second to each pod */
  rate: number
  /** ms after which it cannot tell */
  forMs: number
  /** at most so many times as slow as the old version */
  within: number
  timeoutMs: number
  onInconclusive: OnInconclusive
}

/** All text of a check in which `${NAME}` stands for a variable of the environment. */
export function expandedTexts(check: Check): string[] {
  const sourceTexts = (source: PrometheusSource): string[] => [
    ...('url' in source ? [source.url] : []),
    ...Object.values(source.headers),
  ]
  switch (check.kind) {
    case 'http':
    case 'version':
      return [...(check.url === undefined ? [] : [check.url]), ...Object.values(check.headers)]
    case 'prometheus':
      return sourceTexts(check.source)
    case 'web':
      return [check.url, ...Object.values(check.headers)]
    case 'compare':
      return check.source.kind === 'prometheus' ? sourceTexts(check.source.at) : []
    case 'pods':
    case 'job':
    case 'command':
      return []
  }
}

/** Names of the Jobs that steps run, by themselves or through a check: they are not applied with the rest. */
export function jobsNamed(steps: readonly Step[], checks: Record<string, Check>): string[] {
  return steps.flatMap((step) => {
    if (step.kind === 'job') return step.names
    if (step.kind !== 'check') return []
    return step.names.flatMap((name) => {
      const check = checks[name]
      return check?.kind === 'job' ? [check.job] : []
    })
  })
}

/** Checks that a rollout with these steps asks. */
export function checksAsked(steps: readonly Step[], checks: Record<string, Check>): Check[] {
  const named = new Set(steps.flatMap((step) => (step.kind === 'check' ? step.names : [])))
  return Object.values(checks).filter(({ name, throughout }) => throughout !== undefined || named.has(name))
}

import { unknownWords, TEMPLATE_WORDS } from '../checks/template.ts'
import type { Check, Common, CompareCheck, Expected, Limits, Page, PrometheusSource } from '../checks/spec.ts'
import { parseShort } from '../shared/duration.ts'
import { messageOf } from '../shared/errors.ts'
import { CHECK_KINDS, type CheckValues } from './checks-schema.ts'
import { hint } from './problems.ts'

type Kind = (typeof CHECK_KINDS)[number]
type Of<K extends Kind> = NonNullable<CheckValues[K]>

/** What contradicts itself in one check: the path below it, and why. */
export interface CheckProblem {
  path: string[]
  message: string
}

function kindsOf(values: CheckValues): Kind[] {
  return CHECK_KINDS.filter((kind) => values[kind] !== undefined)
}

export function checkProblems(values: CheckValues): CheckProblem[] {
  const kinds = kindsOf(values)
  const [kind, second] = kinds
  if (kind === undefined) return [{ path: [], message: `names nothing to check; one of ${CHECK_KINDS.join(', ')}` }]
  if (second !== undefined)
    return [{ path: [second], message: `${kind} and ${second} are two checks: give each a name of its own` }]
  const inKind = problemsOf(kind, values).map(({ path, message }) => ({ path: [kind, ...path], message }))
  return [...inKind, ...commonProblems(kind, values)]
}

function commonProblems(kind: Kind, values: CheckValues): CheckProblem[] {
  const found: CheckProblem[] = []
  const { throughout, times, failures } = values
  if (kind === 'job' && throughout !== undefined && throughout !== false)
    found.push({
      path: ['throughout'],
      message: 'a job is asked by a step, not throughout: each time would be another Job',
    })
  if (kind === 'compare' && (times !== undefined || failures !== undefined))
    found.push({
      path: [times === undefined ? 'failures' : 'times'],
      message: 'has no meaning for compare, which sums up all that it sees; false-alarms says how sure it must be',
    })
  return found
}

function problemsOf(kind: Kind, values: CheckValues): CheckProblem[] {
  switch (kind) {
    case 'http':
      return [...pageProblems(values.http ?? {}), ...regexProblems(['expect', 'pattern'], values.http?.expect?.pattern)]
    case 'version':
      return [
        ...pageProblems(values.version ?? {}),
        ...placeProblems(values.version ?? {}),
        ...regexProblems(['pattern'], values.version?.pattern),
      ]
    case 'prometheus':
      return [
        ...sourceProblems(values.prometheus ?? {}),
        ...limitProblems(values.prometheus ?? {}),
        ...wordProblems('query', values.prometheus?.query),
      ]
    case 'web':
      return [
        ...limitProblems(values.web ?? {}),
        ...wordProblems('url', values.web?.url),
        ...wordProblems('body', values.web?.body),
      ]
    case 'compare':
      return compareProblems(values.compare ?? {})
    case 'pods':
    case 'job':
    case 'command':
      return []
  }
}

function pageProblems(page: Of<'http'> | Of<'version'>): CheckProblem[] {
  const found =
    page.url === undefined ? [] : (['path', 'target', 'port'] as const).filter((key) => page[key] !== undefined)
  const beside = found.map((key) => ({ path: [key], message: 'has no meaning beside url; leave out one of the two' }))
  const service = page.target === 'service' && typeof page.port === 'string'
  return service ? [...beside, { path: ['port'], message: 'the port of a Service is a number' }] : beside
}

function regexProblems(path: string[], text = ''): CheckProblem[] {
  try {
    ''.match(text)
    return []
  } catch (error) {
    return [{ path, message: `is no regular expression: ${messageOf(error)}` }]
  }
}

function placeProblems(version: Of<'version'>): CheckProblem[] {
  const [, second] = (['json', 'header', 'pattern'] as const).filter((key) => version[key] !== undefined)
  return second === undefined
    ? []
    : [{ path: [second], message: 'the version stands in one place: json, header or pattern' }]
}

function sourceProblems({ url, service }: { url?: string | undefined; service?: string | undefined }): CheckProblem[] {
  if (url === undefined && service === undefined) return [{ path: [], message: 'names no Prometheus: url or service' }]
  return url !== undefined && service !== undefined ? [{ path: ['service'], message: 'url or service, not both' }] : []
}

function limitProblems({ min, max, ...rest }: { min?: number | undefined; max?: number | undefined }): CheckProblem[] {
  const equals = 'equals' in rest && rest.equals !== undefined
  if (min === undefined && max === undefined && !equals)
    return [{ path: [], message: 'has no limit, so nothing could fail: min, max or equals' }]
  if (equals && (min !== undefined || max !== undefined))
    return [{ path: ['equals'], message: 'equals stands without min and max' }]
  return min !== undefined && max !== undefined && min > max
    ? [{ path: ['min'], message: `${min} is more than max, ${max}` }]
    : []
}

function wordProblems(key: string, text = ''): CheckProblem[] {
  return unknownWords(text).map((word) => ({
    path: [key],
    message: `{{${word}}} is no word that is put in; ${hint(word, Object.keys(TEMPLATE_WORDS))}`,
  }))
}

function compareProblems(compare: Of<'compare'>): CheckProblem[] {
  const found = compare.prometheus === undefined ? [] : sourceProblems(compare.prometheus)
  const problems = found.map(({ path, message }) => ({ path: ['prometheus', ...path], message }))
  if (compare.prometheus !== undefined)
    for (const key of ['path', 'port'] as const)
      if (compare[key] !== undefined)
        problems.push({ path: [key], message: 'has no meaning beside prometheus, which scrapes the pods itself' })
  if (compare.errors === false && compare.slow === undefined)
    problems.push({ path: ['errors'], message: 'nothing is left to compare: errors or slow' })
  if (compare.errors === false && compare.most !== undefined)
    problems.push({ path: ['most'], message: 'is a share of errors, and errors are not compared' })
  return problems
}

const SECOND = 1_000
const MINUTE = 60 * SECOND
const TIMEOUTS: Record<Kind, number> = {
  http: 5 * SECOND,
  version: 5 * SECOND,
  prometheus: 10 * SECOND,
  web: 10 * SECOND,
  pods: 5 * SECOND,
  job: 5 * MINUTE,
  command: 5 * MINUTE,
  compare: 10 * MINUTE,
}

function intervalOf(kind: Kind, throughout: boolean): number {
  if (kind === 'compare') return 15 * SECOND
  return (kind === 'http' || kind === 'version') && !throughout ? SECOND : 10 * SECOND
}

/** A check with all defaults. The values have no {@link checkProblems}. */
export function checkOf(name: string, values: CheckValues): Check {
  const [kind = 'pods'] = kindsOf(values)
  const { throughout, interval, timeout } = values
  const stretch = throughout === undefined || throughout === false ? undefined : throughout === true ? {} : throughout
  const common: Common = {
    name,
    intervalMs: parseShort(interval) ?? intervalOf(kind, stretch !== undefined),
    timeoutMs: parseShort(timeout) ?? TIMEOUTS[kind],
    times: values.times ?? 1,
    failures: values.failures ?? 0,
    onInconclusive: values['on-inconclusive'] ?? 'pause',
    ...(stretch === undefined ? {} : { throughout: defined(stretch) }),
  }
  return ofKind(kind, values, common)
}

function ofKind(kind: Kind, values: CheckValues, common: Common): Check {
  switch (kind) {
    case 'http':
      return { ...common, kind, ...pageOf(values.http ?? {}), expect: expectedOf(values.http?.expect) }
    case 'version': {
      const { json, header, pattern, expect } = values.version ?? {}
      const at =
        json !== undefined
          ? { json }
          : header !== undefined
            ? { header }
            : pattern !== undefined
              ? { pattern }
              : undefined
      return { ...common, kind, ...pageOf(values.version ?? {}), ...defined({ at, expect }) }
    }
    case 'prometheus': {
      const given = values.prometheus ?? { query: '' }
      const everySeries = given['every-series'] ?? false
      return { ...common, kind, source: sourceOf(given), query: given.query, limits: limitsOf(given), everySeries }
    }
    case 'web': {
      const { url = '', method = 'GET', headers = {}, body, json = '' } = values.web ?? {}
      return { ...common, kind, url, method, headers, json, limits: limitsOf(values.web ?? {}), ...defined({ body }) }
    }
    case 'pods': {
      const readyWithinMs = parseShort(values.pods?.['ready-within'])
      return { ...common, kind, restarts: values.pods?.restarts ?? 0, ...defined({ readyWithinMs }) }
    }
    case 'job':
      return { ...common, kind, job: values.job?.name ?? '' }
    case 'command':
      return { ...common, kind, run: values.command?.run ?? '' }
    case 'compare':
      return compareOf(common, values.compare ?? {})
  }
}

function pageOf({ path, target, url, headers, port }: Of<'http'> | Of<'version'>): Page {
  return { path: path ?? '/', target: target ?? 'pods', headers: headers ?? {}, ...defined({ url, port }) }
}

function expectedOf(expect: Of<'http'>['expect'] = {}): Expected {
  const { status, body, pattern, headers, json, 'faster-than': fasterThan } = expect
  return { status: status ?? 200, ...defined({ body, pattern, headers, json, fasterThanMs: parseShort(fasterThan) }) }
}

function sourceOf({
  url,
  service,
  headers = {},
}: Pick<Of<'prometheus'>, 'url' | 'service' | 'headers'>): PrometheusSource {
  const found = /^([^/]+)\/([^:]+):(\d+)(\/.*)?$/.exec(service ?? '')
  if (found === null) return { headers, url: url ?? '' }
  const [, namespace = '', name = '', port = '', path = ''] = found
  return { headers, service: { namespace, name, port: Number(port), path } }
}

function limitsOf({
  min,
  max,
  ...rest
}: {
  min?: number | undefined
  max?: number | undefined
  equals?: Limits['equals'] | undefined
}): Limits {
  return defined({ min, max, equals: rest.equals })
}

const REQUESTS = 'http_requests_total'

function compareOf(common: Common, values: Of<'compare'>): CompareCheck {
  const { prometheus, requests = REQUESTS, errors, slow, most } = values
  return {
    ...common,
    kind: 'compare',
    source:
      prometheus === undefined
        ? { kind: 'pods', path: values.path ?? '/metrics', ...defined({ port: values.port }) }
        : { kind: 'prometheus', at: sourceOf(prometheus), podLabel: prometheus['pod-label'] ?? 'pod' },
    requests,
    ...(errors === false ? {} : { errors: errors ?? withServerErrors(requests) }),
    ...(slow === undefined
      ? {}
      : { slow: { selector: slow.histogram, ...defined({ aboveSeconds: secondsOf(slow.above) }) } }),
    tolerated: values.tolerate ?? 1.2,
    falseAlarms: shareOf(values['false-alarms']) ?? 0.01,
    atLeast: values['at-least'] ?? 300,
    ...defined({ most: shareOf(most) }),
    warmUpMs: parseShort(values['warm-up']) ?? 30 * SECOND,
  }
}

/** `name{a="b"}` with `code=~"5.."` among its labels. */
function withServerErrors(requests: string): string {
  const found = /^([^{]*)(?:\{(.*)\})?\s*$/s.exec(requests)
  const labels = [...(found?.[2]?.trim() ? [found[2].trim().replace(/,$/, '')] : []), 'code=~"5.."']
  return `${(found?.[1] ?? requests).trim()}{${labels.join(',')}}`
}

function secondsOf(text: string | undefined): number | undefined {
  const ms = parseShort(text)
  return ms === undefined ? undefined : ms / SECOND
}

/** `0.5%` → 0.005. */
function shareOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text.slice(0, -1)) / 100
}

/** Without the keys that are undefined. */
function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

import type { Check, Common, CompareCheck, Expected, Limits, Page, PrometheusSource, WarmUp } from '../checks/spec.ts'
import { parseShort } from '../shared/duration.ts'
import { type Kind, kindsOf, type Of } from './check-problems.ts'
import type { CheckValues, WarmUpValues } from './checks-schema.ts'

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
    onInconclusive: values['on-inconclusive'] ?? (kind === 'compare' ? 'extend' : 'pause'),
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

/** How the step `warm-up` asks, with all defaults. */
export function warmUpOf(values: WarmUpValues = {}): WarmUp {
  const { path, headers, port, rate, within, timeout, 'on-inconclusive': onInconclusive } = values
  return {
    path: path ?? '/',
    headers: headers ?? {},
    ...defined({ port }),
    rate: rate ?? 20,
    forMs: parseShort(values.for) ?? 2 * MINUTE,
    within: within ?? 2,
    timeoutMs: parseShort(timeout) ?? 5 * SECOND,
    onInconclusive: onInconclusive ?? 'pause',
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
    strict: values.strict ?? true,
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

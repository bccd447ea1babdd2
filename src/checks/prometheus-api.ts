import { messageOf } from '../shared/errors.ts'
import type { Answer, Asker } from './asker.ts'
import { readJson, shown } from './http.ts'
import type { PrometheusSource } from './spec.ts'

export interface Series {
  labels: Record<string, string>
  /** as it was written: `NaN`, `+Inf` and text are the caller's to judge */
  value: string
}

export type QueryResult =
  | { kind: 'series'; series: Series[] }
  /** the query itself is wrong: asking again does not help */
  | { kind: 'refused'; text: string }
  /** no answer, or none that can be read */
  | { kind: 'unknown'; text: string }

const MAX_BYTES = 5_000_000

interface ApiAnswer {
  status?: string
  data?: unknown
  error?: string
  errorType?: string
}

/** One instant query. Source: Prometheus' HTTP API, `/api/v1/query`. Never throws for what Prometheus answers. */
export async function instantQuery(
  asker: Pick<Asker, 'proxy' | 'fetchUrl' | 'expand' | 'signal'>,
  source: PrometheusSource,
  query: string,
  timeoutMs: number,
): Promise<QueryResult> {
  try {
    return resultOf(await ask(asker, source, query, timeoutMs))
  } catch (error) {
    return { kind: 'unknown', text: `${sourceName(source)} gave no answer (${messageOf(error)})` }
  }
}

/** For people; an address keeps its variables unexpanded. */
export function sourceName(source: PrometheusSource): string {
  if ('url' in source) return source.url
  const { namespace, name, port } = source.service
  return `Service/${name} in ${namespace}, port ${port}`
}

async function ask(
  asker: Pick<Asker, 'proxy' | 'fetchUrl' | 'expand' | 'signal'>,
  source: PrometheusSource,
  query: string,
  timeoutMs: number,
): Promise<Answer> {
  const headers = Object.fromEntries(Object.entries(source.headers).map(([name, value]) => [name, asker.expand(value)]))
  const path = `/api/v1/query?query=${encodeURIComponent(query)}&timeout=${Math.ceil(timeoutMs / 1_000)}s`
  const options = { headers, timeoutMs, maxBytes: MAX_BYTES, signal: asker.signal }
  if ('url' in source) {
    const base = asker.expand(source.url).replace(/\/+$/, '')
    return asker.fetchUrl({ url: `${base}${path}`, ...options })
  }
  const { namespace, name, port, path: prefix } = source.service
  return asker.proxy({ kind: 'Service', namespace, name, port }, `${prefix.replace(/\/+$/, '')}${path}`, options)
}

/** The answer of `/api/v1/query`, whatever it is. Pure. */
export function resultOf(answer: Answer): QueryResult {
  const document = readJson(answer)
  if (answer.elsewhere !== undefined)
    return { kind: 'unknown', text: `redirects to another host, ${answer.elsewhere}, which is not followed` }
  if (typeof document === 'string') return { kind: 'unknown', text: `answered ${answer.status}: ${document}` }
  const { status, data, error = '', errorType = 'error' } = document.value as ApiAnswer
  if (status === 'error') {
    const text = `${errorType}: ${error}`
    // Source: Prometheus web/api/v1: bad_data is what it cannot read; timeout, canceled, execution, internal may pass.
    return { kind: errorType === 'bad_data' ? 'refused' : 'unknown', text }
  }
  if (status !== 'success') return { kind: 'unknown', text: `answered ${answer.status}: ${shown(answer)}` }
  return seriesOf(data)
}

function seriesOf(data: unknown): QueryResult {
  const { resultType, result } = (data ?? {}) as { resultType?: unknown; result?: unknown }
  if (!Array.isArray(result)) return { kind: 'unknown', text: 'answered no result' }
  switch (resultType) {
    case 'scalar':
    case 'string':
      return { kind: 'series', series: [{ labels: {}, value: String(result[1]) }] }
    case 'vector':
      return {
        kind: 'series',
        series: result.map(({ metric, value }: { metric?: Record<string, string>; value?: unknown[] }) => ({
          labels: metric ?? {},
          value: String(value?.[1]),
        })),
      }
    default:
      return {
        kind: 'refused',
        text: `the query answers a ${String(resultType)}, and a limit needs one number: take rate(), increase() or the like of the range`,
      }
  }
}

/** A number of Prometheus' text form; undefined for NaN, infinity and anything else that is no amount. */
export function amountOf(value: string): number | undefined {
  const number = Number(value)
  return value.trim() === '' || !Number.isFinite(number) ? undefined : number
}

export function labelsText({ labels }: Series): string {
  const pairs = Object.entries(labels).filter(([name]) => name !== '__name__')
  return `${labels['__name__'] ?? ''}{${pairs.map(([name, value]) => `${name}="${value}"`).join(', ')}}`
}

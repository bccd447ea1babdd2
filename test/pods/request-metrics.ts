/** What the sample app counts of the requests that it answers, and the page on which it shows that to Prometheus. */

export const METRICS_PATH = '/metrics'

/** How a page can be: as it should be, unreadable, another page altogether, larger than anybody wants to read, not there. */
export type MetricsKind = 'ok' | 'malformed' | 'html' | 'huge' | 'absent'

export interface MetricsAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** Upper bounds of the histogram, in seconds: those that Prometheus' own libraries begin with. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
/** Makes a huge page of about 8 MB. */
const FILLER_SERIES = 100_000

export class RequestMetrics {
  readonly #labels: string
  /** by HTTP status */
  readonly #answers = new Map<number, number>()
  #within = BOUNDS.map(() => 0)
  #seconds = 0
  #counted = 0
  #wasReset = false

  constructor(version: string) {
    this.#labels = `version="${version}"`
  }

  /**
   * Counts an answer and how many seconds it took. When `resetAfter` answers have been counted, all counters begin again
   * at 0, once: as after a restart that nobody has seen.
   */
  count(status: number, seconds: number, resetAfter = Number.POSITIVE_INFINITY): void {
    if (!this.#wasReset && this.#counted >= resetAfter) this.#reset()
    this.#answers.set(status, (this.#answers.get(status) ?? 0) + 1)
    this.#within = this.#within.map((count, index) => count + (seconds <= (BOUNDS[index] ?? 0) ? 1 : 0))
    this.#seconds += seconds
    this.#counted++
  }

  #reset(): void {
    this.#wasReset = true
    this.#answers.clear()
    this.#within = BOUNDS.map(() => 0)
    this.#seconds = 0
    this.#counted = 0
  }

  /** The page in Prometheus' text format. A status that was never answered has no series, as with most apps. */
  page(): string {
    const labels = this.#labels
    const name = 'http_request_duration_seconds'
    const answers = [...this.#answers].map(([code, count]) => `http_requests_total{${labels},code="${code}"} ${count}`)
    const buckets = BOUNDS.map((bound, index) => `${name}_bucket{${labels},le="${bound}"} ${this.#within[index] ?? 0}`)
    return [
      '# HELP http_requests_total Requests answered.',
      '# TYPE http_requests_total counter',
      ...answers,
      `# HELP ${name} Time until the answer.`,
      `# TYPE ${name} histogram`,
      ...buckets,
      `${name}_bucket{${labels},le="+Inf"} ${this.#counted}`,
      `${name}_sum{${labels}} ${this.#seconds}`,
      `${name}_count{${labels}} ${this.#counted}`,
      '',
    ].join('\n')
  }
}

let filler: string | undefined

/** Made once: all pods of the test kubelet live in one process. */
function fillerSeries(): string {
  filler ??= Array.from(
    { length: FILLER_SERIES },
    (_, index) => `filler_requests_total{user="${String(index).padStart(8, '0')}",path="/some/long/path"} 1\n`,
  ).join('')
  return filler
}

/** Cut off inside of a label, and a value that is no number. */
function malformed(page: string): string {
  return `${page}http_requests_total{code="20\nhttp_requests_total{code="200"} twelve\n`
}

function text(body: string): MetricsAnswer {
  return { status: 200, headers: { 'content-type': TEXT }, body }
}

function html(status: number, title: string): MetricsAnswer {
  const body = `<!doctype html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body }
}

/** `ok` for a word that is not known. */
export function metricsKind(word: string | undefined): MetricsKind {
  return word === 'malformed' || word === 'html' || word === 'huge' || word === 'absent' ? word : 'ok'
}

/** What the app answers on the path of its metrics. */
export function metricsAnswer(metrics: RequestMetrics, kind: MetricsKind): MetricsAnswer {
  switch (kind) {
    case 'ok':
      return text(metrics.page())
    case 'malformed':
      return text(malformed(metrics.page()))
    case 'huge':
      return text(metrics.page() + fillerSeries())
    case 'html':
      return html(200, 'Welcome')
    case 'absent':
      return html(404, 'Not Found')
  }
}

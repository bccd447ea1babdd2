import { describe, expect, test } from 'vitest'
import { metricsAnswer, RequestMetrics } from '../../pods/request-metrics.ts'

/** Values of a page, by name and labels. */
function series(page: string): Record<string, string> {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(lines.map((line) => line.split(' ')))
}

function counted(...answers: [status: number, seconds: number][]): RequestMetrics {
  const metrics = new RequestMetrics('0.2.0')
  for (const [status, seconds] of answers) metrics.count(status, seconds)
  return metrics
}

describe('the metrics of the sample app', () => {
  test('answers are counted by status, and one that never was has no series', () => {
    const page = series(counted([200, 0], [500, 0], [200, 0]).page())
    expect(page['http_requests_total{version="0.2.0",code="200"}']).toBe('2')
    expect(page['http_requests_total{version="0.2.0",code="500"}']).toBe('1')
    expect(series(counted([200, 0]).page())).not.toHaveProperty('http_requests_total{version="0.2.0",code="500"}')
  })

  test('buckets hold all answers up to their bound', () => {
    const page = series(counted([200, 0.005], [200, 0.2], [200, 11]).page())
    const bucket = (bound: string): string | undefined =>
      page[`http_request_duration_seconds_bucket{version="0.2.0",le="${bound}"}`]
    expect(['0.005', '0.1', '0.25', '10', '+Inf'].map(bucket)).toEqual(['1', '1', '2', '2', '3'])
    expect(page['http_request_duration_seconds_count{version="0.2.0"}']).toBe('3')
    expect(Number(page['http_request_duration_seconds_sum{version="0.2.0"}'])).toBeCloseTo(11.205)
  })

  test('counters begin again at 0 once', () => {
    const metrics = new RequestMetrics('0.2.0')
    const total = (): string | undefined => series(metrics.page())['http_requests_total{version="0.2.0",code="200"}']
    const after = [1, 2, 3, 4, 5, 6, 7].map(() => {
      metrics.count(200, 0, 3)
      return total()
    })
    expect(after).toEqual(['1', '2', '3', '1', '2', '3', '4'])
    expect(series(metrics.page())['http_request_duration_seconds_bucket{version="0.2.0",le="0.005"}']).toBe('4')
  })

  test('a page can be broken in every way that a check has to bear', () => {
    const metrics = counted([200, 0])
    expect(metricsAnswer(metrics, 'ok')).toMatchObject({ status: 200, body: metrics.page() })
    const malformed = metricsAnswer(metrics, 'malformed').body.slice(metrics.page().length)
    expect(malformed).toBe('http_requests_total{code="20\nhttp_requests_total{code="200"} twelve\n')
    expect(metricsAnswer(metrics, 'huge').body.length).toBeGreaterThan(5_000_000)
    expect(metricsAnswer(metrics, 'absent').status).toBe(404)
    const html = metricsAnswer(metrics, 'html')
    expect(html.status).toBe(200)
    expect(html.headers['content-type']).toMatch(/^text\/html/)
    expect(html.body).not.toContain('http_requests_total')
  })
})

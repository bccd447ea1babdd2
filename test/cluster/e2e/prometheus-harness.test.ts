/** Prometheus under the harness: it sees what pods and Traefik count, and pods can show it whatever a check has to bear. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { Client } from '../client.ts'
import { PROMETHEUS_URL, queryPrometheus, type Sample } from '../prometheus.ts'
import { type EchoOptions, echoDeployment, echoService } from './echo.ts'
import { httpRoute, routeRule } from './routes.ts'
import { hasPrometheus, hasTraefik, useWorld } from './world.ts'

const OLD = '0.1.0'
const NEW = '0.2.0'
/** A new pod is noticed within ten seconds, then two rounds of two seconds make a rate. */
const SEEN_MS = 20_000
const RATE = 'sum by (version) (rate(http_requests_total{namespace="NAMESPACE",app=~"stable|canary"}[10s]))'
const BROKEN = ['malformed', 'html', 'huge', 'absent']

const APPS: EchoOptions[] = [
  { name: 'stable', version: OLD, replicas: 2 },
  { name: 'canary', version: NEW, replicas: 1, behaviour: { 'error-percent': '50', 'latency-ms': '300' } },
  ...BROKEN.map((metrics) => ({ name: metrics, replicas: 1, behaviour: { metrics } })),
]

const world = useWorld('prometheus')

/** Asks until the answer is as wished, and says what it was. */
async function until(query: string, isRight: (samples: Sample[]) => boolean): Promise<Sample[]> {
  const deadline = Date.now() + SEEN_MS
  for (;;) {
    const samples = await world().query(query)
    if (isRight(samples)) return samples
    if (Date.now() > deadline) throw new Error(`${query} still answers ${JSON.stringify(samples)}`)
    await sleep(250)
  }
}

function by(label: string, samples: readonly Sample[]): Record<string, number> {
  return Object.fromEntries(samples.map(({ labels, value }) => [labels[label] ?? '', value]))
}

/** An app that has counted nothing yet, also when a test is tried again. */
async function freshApp(behaviour: Record<string, string>): Promise<string> {
  const name = `fresh-${randomBytes(2).toString('hex')}`
  await rollOut({ name, replicas: 1, behaviour })
  return name
}

async function rollOut(...apps: EchoOptions[]): Promise<void> {
  await Promise.all(apps.map((app) => world().apply(echoDeployment(app))))
  for (const { name = '' } of apps) await world().kubectl('rollout', 'status', `deployment/${name}`, '--timeout=30s')
}

describe.runIf(hasPrometheus)('with Prometheus', () => {
  beforeAll(async () => {
    await world().startPrometheus()
    await rollOut(...APPS)
  })

  test('a load on each side shows as a rate by version, asked for directly and through the API server', async () => {
    const stable = await world().loadPods({ app: 'stable' }, { rate: 40, seconds: 60 })
    const canary = await world().loadPods({ app: 'canary' }, { rate: 10, seconds: 60 })
    const seen = await until(RATE, (samples) => {
      const rates = by('version', samples)
      return (rates[OLD] ?? 0) > 30 && (rates[NEW] ?? 0) > 7
    })
    expect(by('version', seen)[OLD]).toBeLessThan(50)
    expect(by('version', seen)[NEW]).toBeLessThan(13)
    const direct = new Client({ server: PROMETHEUS_URL, userAgent: 'test-harness' })
    const answer = await queryPrometheus(direct, RATE.replaceAll('NAMESPACE', world().namespace))
    direct.close()
    expect(Object.keys(by('version', answer)).sort()).toEqual([OLD, NEW])
    const [failing] = await world().query(
      'sum(rate(http_requests_total{namespace="NAMESPACE",app="canary",code=~"5.."}[10s])) / ' +
        'sum(rate(http_requests_total{namespace="NAMESPACE",app="canary"}[10s]))',
    )
    expect(failing?.value).toBeGreaterThan(0.25)
    expect(failing?.value).toBeLessThan(0.75)
    const buckets = 'sum by (version, le) (rate(http_request_duration_seconds_bucket{namespace="NAMESPACE"}[10s]))'
    const quantiles = by('version', await world().query(`histogram_quantile(0.9, ${buckets})`))
    expect(quantiles[OLD]).toBeLessThan(0.1)
    expect(quantiles[NEW]).toBeGreaterThan(0.25)
    // Both pods of the side got their part, and nobody else's.
    const { pods, failed } = await stable.stop()
    expect(failed).toBe(0)
    expect(Object.values(pods)).toHaveLength(2)
    expect(Math.abs((Object.values(pods)[0] ?? 0) - (Object.values(pods)[1] ?? 0))).toBeLessThanOrEqual(1)
    expect(Object.keys((await canary.stop()).versions)).toEqual([NEW])
  })

  test('every pod is asked, and a page that cannot be read is a target that is down', async () => {
    const bad = Object.fromEntries(BROKEN.map((name) => [name, 0]))
    const expected = { stable: 2, canary: 1, ...bad }
    await until('sum by (app) (up{namespace="NAMESPACE"})', (samples) =>
      isDeepStrictEqual(by('app', samples), expected),
    )
    const [pod] = (await world().pods()).filter(({ metadata }) => metadata.labels?.['app'] === 'canary')
    const [sample] = await world().query('up{namespace="NAMESPACE",app="canary"}')
    expect(sample?.labels).toMatchObject({
      pod: pod?.metadata.name,
      namespace: world().namespace,
      pod_template_hash: pod?.metadata.labels?.['pod-template-hash'],
    })
  })

  test('pages are as broken as they are said to be', async () => {
    const page = async (app: string): Promise<{ status: number; text: string }> => {
      const [pod] = (await world().pods()).filter(({ metadata }) => metadata.labels?.['app'] === app)
      return world().api.ask('GET', world().path('pods', `${pod?.metadata.name}:8080/proxy/metrics`))
    }
    expect((await page('malformed')).text).toMatch(/^http_requests_total\{code="20$/m)
    expect((await page('html')).text).toMatch(/^<!doctype html>/)
    expect((await page('huge')).text.length).toBeGreaterThan(5_000_000)
    expect((await page('absent')).status).toBe(404)
  })

  test('counters that begin again are seen as that', async () => {
    const app = await freshApp({ 'metrics-reset-after': '10' })
    const total = `http_requests_total{namespace="NAMESPACE",app="${app}"}`
    await (await world().loadPods({ app }, { rate: 100, count: 9 })).done
    await until(total, ([sample]) => sample?.value === 9)
    await (await world().loadPods({ app }, { rate: 100, count: 6 })).done
    await until(total, ([sample]) => sample?.value === 5)
    expect(by('app', await world().query(`resets(${total}[1m])`))).toEqual({ [app]: 1 })
  })

  test('a cold pod is slow for its first requests only', async () => {
    const app = await freshApp({ 'cold-requests': '5', 'cold-ms': '400' })
    const first = await (await world().loadPods({ app }, { rate: 50, count: 5 })).done
    const later = await (await world().loadPods({ app }, { rate: 50, count: 50 })).done
    expect(first.latency.p50).toBeGreaterThanOrEqual(395)
    expect(later.latency.max).toBeLessThan(395)
    await world().kubectl(
      'annotate',
      'pods',
      `--selector=app=${app}`,
      'pod.test/slow-percent=30',
      'pod.test/slow-ms=400',
    )
    await sleep(500)
    const slow = await (await world().loadPods({ app }, { rate: 50, count: 100 })).done
    expect(slow.latency.p50).toBeLessThan(395)
    expect(slow.latency.p95).toBeGreaterThanOrEqual(395)
  })

  test('the version has a page of its own', async () => {
    const [pod] = (await world().pods()).filter(({ metadata }) => metadata.labels?.['app'] === 'stable')
    const path = world().path('pods', `${pod?.metadata.name}:8080/proxy/version`)
    expect(await world().api.get(path)).toEqual({ version: OLD })
  })

  test('a pod that is gone is not asked any more', async () => {
    await world().kubectl('delete', 'deployment', 'absent', '--ignore-not-found', '--wait=false')
    await until('up{namespace="NAMESPACE",app="absent"}', (samples) => samples.length === 0)
  })

  test.runIf(hasTraefik)('what Traefik counts is there while it runs', async () => {
    await world().startTraefik()
    await world().apply(echoService('stable'))
    const host = world().host()
    await world().apply(httpRoute('web', host, [routeRule({ stable: 1 })]))
    const load = await world().load({ host }, { rate: 50, seconds: 30 })
    const service = `service=~".*-svc-${world().namespace}-stable-[0-9]+@kubernetesgateway"`
    await until(`sum(rate(traefik_service_requests_total{${service}}[10s])) > 30`, (samples) => samples.length === 1)
    expect((await load.stop()).failed).toBe(0)
  })
})

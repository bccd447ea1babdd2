/** What decides during a rollout, on real pods: comparisons of both versions, queries of a real Prometheus, warm-up. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Pod } from '../../../src/shared/objects.ts'
import { isServing, type Snapshot } from '../../invariants/snapshot.ts'
import type { Run } from './runner.ts'
import { APP, onStage, type Stage } from './stage.ts'
import { hasPrometheus, useWorld } from './world.ts'

const OLD = '0.1.0'
const NEW = '0.2.0'
/** Requests a second to each side, of its own: what a router would give it, and kube-proxy may not. */
const RATE = 20
/** From the first answer of the bad version to the verdict. */
const CAUGHT_WITHIN_MS = 90_000
const LONGEST_LOAD_SECONDS = 200

function podsOf(snapshot: Snapshot, version: string): Pod[] {
  return snapshot.pods.filter(
    (pod) => isServing(pod, snapshot.at, 0) && pod.spec.containers[0]?.image?.endsWith(`:${version}`) === true,
  )
}

/** Both versions are asked steadily, the new one from the moment it serves. Answers when that was, ms since 1970. */
async function busy(stage: Stage, run: Run): Promise<number> {
  const options = { rate: RATE, seconds: LONGEST_LOAD_SECONDS }
  await stage.world.loadPods({ app: APP }, options)
  const snapshot = await Promise.race([
    stage.observer.until('the new version serves', (seen) => podsOf(seen, NEW).length > 0),
    run.done.then(({ log }) => Promise.reject(new Error(`it ended before the new version served\n${log}`))),
  ])
  const hash = podsOf(snapshot, NEW)[0]?.metadata.labels?.['pod-template-hash'] ?? ''
  await stage.world.loadPods({ 'pod-template-hash': hash }, options)
  return Date.now()
}

const FAILING = { behaviour: { 'error-percent': '10' } }

describe('a comparison of the pods themselves', () => {
  test('undoes a version that fails one request in ten', () =>
    onStage('compare, 10% errors', { replicas: 2 }, async (stage) => {
      await stage.runsByHeadgate(OLD)
      const before = await stage.trace()
      stage.configure({ checks: { worse: { compare: {}, throughout: true } } })
      stage.checkout(NEW, FAILING)
      const run = stage.start({ strategy: 'canary', steps: '50%, wait 5m' })
      const begun = await busy(stage, run)
      const { exitCode, outputs, log } = await run.done
      const ms = Date.now() - begun
      expect(outputs, log).toMatchObject({ outcome: 'aborted' })
      expect(exitCode).toBe(1)
      const [said = ''] = /check worse failed: [^\n]*/.exec(log) ?? []
      expect(said).toMatch(
        /\d+ of \d+ requests \([\d.]+ %\) to the new version failed, 0 of \d+ requests \(0 %\) to the old/,
      )
      stage.tell(`undone after ${(ms / 1_000).toFixed(1)} s: ${said.slice(0, 150)}`)
      expect(ms).toBeLessThan(CAUGHT_WITHIN_MS)
      await stage.serves(OLD)
      await stage.tidy()
      expect(await stage.trace()).toEqual(before)
    }))

  // Five at a time: ten runs, and none of them may be undone.
  for (const round of [1, 2])
    test(`promotes an equal one, five of five times (${round})`, async () => {
      await Promise.all([1, 2, 3, 4, 5].map((nth) => equal(`compare, equal ${round}.${nth}`)))
    })
})

async function equal(title: string): Promise<void> {
  await onStage(title, { replicas: 2 }, async (stage) => {
    await stage.runsByHeadgate(OLD)
    const compare = { 'warm-up': '10s', slow: { histogram: 'http_request_duration_seconds', above: '500ms' } }
    stage.configure({ checks: { worse: { compare, interval: '5s', throughout: true } } })
    stage.checkout(NEW)
    const run = stage.start({ strategy: 'canary', steps: '50%, wait 45s' })
    await busy(stage, run)
    const { exitCode, outputs, log } = await run.done
    expect(outputs, log).toMatchObject({ outcome: 'succeeded' })
    expect(exitCode).toBe(0)
    expect(log).toMatch(/check worse: pass, errors: 0 of \d{3,} requests/)
    stage.tell(/check worse: pass, ([^\n;]*)/.exec(log)?.[1] ?? '')
  })
}

const prometheusWorld = useWorld('checks')

describe.runIf(hasPrometheus)('checks by Prometheus', () => {
  beforeAll(async () => {
    await prometheusWorld().startPrometheus()
  })

  const source = { service: 'monitoring/prometheus:9090' }
  const share =
    '(sum(rate(http_requests_total{code=~"5..",pod=~"{{canary}}"}[15s])) or vector(0)) / sum(rate(http_requests_total{pod=~"{{canary}}"}[15s]))'

  test.concurrent('a query undoes a bad version, and passes a good one', () =>
    onStage('prometheus query', { replicas: 2 }, async (stage) => {
      await stage.runsByHeadgate(OLD)
      const prometheus = { ...source, query: share, max: 0.05 }
      stage.configure({ checks: { errors: { prometheus, interval: '5s', failures: 1, throughout: true } } })
      stage.checkout(NEW, FAILING)
      const bad = stage.start({ strategy: 'canary', steps: '50%, wait 3m' })
      await busy(stage, bad)
      const failed = await bad.done
      expect(failed.outputs, failed.log).toMatchObject({ outcome: 'aborted' })
      expect(failed.log).toMatch(/check errors failed: the query's answer is 0\.\d+, more than 0\.05/)
      stage.checkout(NEW)
      await stage.serves(OLD)
      const good = stage.start({ strategy: 'canary', steps: '50%, wait 30s' })
      await busy(stage, good)
      const passed = await good.done
      expect(passed.outputs, passed.log).toMatchObject({ outcome: 'succeeded' })
      expect(passed.log).toContain('check errors: pass')
    }))

  test.concurrent('a comparison by its counters undoes a bad version', () =>
    onStage('prometheus compare', { replicas: 2 }, async (stage) => {
      await stage.runsByHeadgate(OLD)
      stage.configure({ checks: { worse: { compare: { prometheus: source, 'warm-up': '15s' }, throughout: true } } })
      stage.checkout(NEW, FAILING)
      const run = stage.start({ strategy: 'canary', steps: '50%, wait 3m' })
      const begun = await busy(stage, run)
      const { outputs, log } = await run.done
      expect(outputs, log).toMatchObject({ outcome: 'aborted' })
      expect(log).toMatch(/check worse failed: \d+ of \d+ requests/)
      stage.tell(`undone after ${((Date.now() - begun) / 1_000).toFixed(1)} s`)
    }))

  test.concurrent('without any traffic waits for a person; a query that cannot be read is refused', () =>
    onStage('prometheus, no data', { replicas: 2 }, async (stage) => {
      await stage.runsByHeadgate(OLD)
      const broken = { ...source, query: `${share})`, max: 0.05 }
      stage.configure({ checks: { errors: { prometheus: broken } } })
      stage.checkout(NEW)
      const refused = await stage.action({ strategy: 'canary', steps: '50%, check errors' })
      expect(refused, refused.log).toMatchObject({ exitCode: 2, outputs: { outcome: 'refused' } })
      expect(refused.log).toContain('Prometheus cannot read the query')
      // The update checker's requests are traffic as well, to whoever counts them
      const errors = { prometheus: { ...source, query: share, max: 0.05 }, interval: '2s' }
      stage.configure({ checks: { errors }, 'update-checker': false })
      const paused = await stage.action({ strategy: 'canary', steps: '50%, check errors' })
      expect(paused, paused.log).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
      expect(paused.log).toMatch(/check errors could not tell: the query answers (nothing|NaN)/)
      const promoted = await stage.action({ command: 'promote' })
      expect(promoted.outputs, promoted.log).toMatchObject({ outcome: 'succeeded' })
    }))
})

describe.concurrent('what else a step may ask', () => {
  test('version, http, pods and a command, all of the new pods', () =>
    onStage('other checks', { replicas: 2 }, async (stage) => {
      await stage.runsByHeadgate(OLD)
      const command = { run: 'test "$HEADGATE_CANARY_VERSION" = 0.2.0' }
      stage.configure({
        checks: {
          version: { version: { path: '/version', json: 'version' }, times: 2 },
          // A port by its name: the API server's proxy of a pod knows numbers alone
          page: {
            http: { path: '/', port: 'http', expect: { status: 200, pattern: '0\\.2\\.0', 'faster-than': '5s' } },
          },
          restarts: { pods: { 'ready-within': '60s' } },
          command: { command },
        },
      })
      stage.checkout(NEW)
      const done = await stage.action({ strategy: 'canary', steps: '50%, check version page restarts command' })
      expect(done.outputs, done.log).toMatchObject({ outcome: 'succeeded' })
      for (const name of ['version', 'page', 'restarts', 'command']) expect(done.log).toContain(`check ${name}: pass`)
    }))

  test('a cold version is warmed up before users come', () =>
    onStage('warm-up', { replicas: 2 }, async (stage) => {
      await stage.runsByHeadgate(OLD)
      stage.configure({ 'warm-up': { rate: 20, for: '90s' } })
      stage.checkout(NEW, { behaviour: { 'cold-requests': '40', 'cold-ms': '400' } })
      const done = await stage.action({ strategy: 'blue-green', steps: 'warm-up, switch' })
      expect(done.outputs, done.log).toMatchObject({ outcome: 'succeeded' })
      const [, asked = '0'] =
        /warm-up: pass, \d+ ms against \d+ ms of the old version, after (\d+) requests/.exec(done.log) ?? []
      // Forty slow answers of each pod must be over, and twenty good ones seen
      expect(Number(asked)).toBeGreaterThan(2 * 40)
      stage.tell(`${asked} requests`)
    }))
})

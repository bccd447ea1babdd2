import { describe, expect, it } from 'vitest'
import type { FetchUrl } from '../../src/checks/asker.ts'
import { checkOf } from '../../src/input/checks.ts'
import type { KubeObject, Pod } from '../../src/shared/objects.ts'
import { busy, comparing, linesOf, pageOf, THROUGHOUT } from './comparing.ts'
import { BESIDE, blueGreenOf, expectUnharmed, running, V1, V2 } from './given.ts'
import { NAMESPACE, type World } from './world.ts'

function versionOf(pod: KubeObject): string {
  return (pod as Pod).spec.containers[0]?.image?.split(':')[1] ?? ''
}

describe('a comparison', () => {
  it('undoes a version that fails more often, with the figures', async () => {
    const world = await running()
    busy(world, { rps: 20, errors: { [V1]: 0.001, [V2]: 0.1 } })
    const begun = world.clock.now()
    const { result, events } = await world.run('deploy', comparing(THROUGHOUT, '34%, wait 10m'))
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
    expect(result?.failure?.message).toMatch(
      /check rates failed: \d+ of \d+ requests \(\d+(\.\d+)? %\) to the new version failed, \d+ of \d+ requests \([\d.]+ %\) to the old version failed: clearly more than 1.2 times the old version's share \(.* times likelier than not, 100 needed\)/,
    )
    const figures = events.flatMap((event) => (event.kind === 'measured' ? [event.measurement] : [])).at(-1)
    expect(figures).toMatchObject({ check: 'rates', verdict: 'fail' })
    expect(figures?.figures.map(({ name }) => name)).toEqual([
      'errors of the new version, %',
      'errors of the old version, %',
    ])
    expect(figures?.figures[0]?.value).toBeGreaterThan(5)
    // 30 s of warm-up, one interval to read and one to judge
    expect(world.clock.now() - begun).toBeLessThan(90_000)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('lets an equal one go on, through several steps', async () => {
    const world = await running()
    busy(world, { rps: 20, errors: { [V1]: 0.001, [V2]: 0.001 }, slow: { [V1]: 0.02, [V2]: 0.02 } })
    const compare = { slow: { histogram: 'http_request_duration_seconds', above: '300ms' } }
    const plan = '34%, wait 2m, 67%, wait 2m'
    const { result, events } = await world.run('deploy', comparing({ compare, throughout: true }, plan))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(linesOf(events)).toMatch(/check rates: pass, errors: .*slow: /)
    expect(world.record?.analysis?.['rates']).toMatchObject({ aboveSeconds: 0.5 })
    expectUnharmed(world)
  })

  it('finds one that is slower', async () => {
    const world = await running()
    busy(world, { rps: 20, slow: { [V1]: 0.02, [V2]: 0.3 } })
    const compare = { errors: false as const, slow: { histogram: 'http_request_duration_seconds' } }
    const { result } = await world.run('deploy', comparing({ compare, throughout: true }, '34%, wait 10m'))
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
    expect(result?.failure?.message).toContain('to the new version took longer than 0.5 s')
  })

  it('is bad beyond a hard limit, even where the old one is as bad', async () => {
    const world = await running()
    busy(world, { rps: 20, errors: { [V1]: 0.3, [V2]: 0.3 } })
    const { result } = await world.run(
      'deploy',
      comparing({ compare: { most: '5%' }, throughout: true }, '34%, wait 10m'),
    )
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
    expect(result?.failure?.message).toContain('more than 5 %, which is bad whatever the old version does')
  })

  it('as a step takes as long as it needs', async () => {
    const world = await running()
    busy(world, { rps: 5 })
    const begun = world.clock.now()
    const { result, events } = await world.run('deploy', comparing({ compare: {} }, '34%, check rates'))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(linesOf(events)).toMatch(/check rates: pass, errors: 0 of 3\d\d requests/)
    expect(world.clock.now() - begun).toBeGreaterThan(90_000)
  })

  it('goes on from what the run before has gathered', async () => {
    const world = await running()
    busy(world, { rps: 20 })
    const plan = '34%, wait 1m, approve, 67%, wait 1m'
    const { result } = await world.run('deploy', comparing(THROUGHOUT, plan))
    expect(result).toMatchObject({ outcome: 'paused' })
    const before = world.record?.analysis?.['rates']?.metrics.errors?.evidence.canary.total ?? 0
    expect(before).toBeGreaterThanOrEqual(300)
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    expect(world.record?.analysis?.['rates']?.metrics.errors?.evidence.canary.total).toBeGreaterThanOrEqual(
      before + 300,
    )
  })
})

describe('a comparison when nobody is on the old version any more', () => {
  it('has asked for its proof at the last end where somebody was', async () => {
    const world = await running()
    // Twice as bad in truth, and too few requests to fail it: strict does not let it pass
    busy(world, { rps: 20, errors: { [V1]: 0.01, [V2]: 0.02 } })
    const { result } = await world.run('deploy', comparing(THROUGHOUT, '34%, wait 1m, 100%, wait 1m'))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(world.record).toMatchObject({ step: 1 })
    expect(world.record?.reason).toMatch(/with 95 % confidence at most [\d.]+ percentage points more/)
  })

  it('still holds the old version against what fails only then', async () => {
    const world = await running()
    let late = false
    busy(world, { rps: 20 }, (version) => {
      const seconds = (world.clock.now() - begun) / 1_000
      const total = Math.floor(20 * seconds)
      const bad = late && version === V2 ? Math.floor(20 * (seconds - 200) * 0.3) : 0
      return `http_requests_total{code="200"} ${total - bad}\nhttp_requests_total{code="500"} ${Math.max(0, bad)}\n`
    })
    const begun = world.clock.now()
    world.clock.timer(200_000, () => (late = true))
    const { result } = await world.run('deploy', comparing(THROUGHOUT, '34%, wait 2m, 100%, wait 3m'))
    expect(result?.outcome, result?.message).toMatch(/^(paused|aborted)$/)
  })

  it('goes by what was compared before', async () => {
    const world = await running()
    busy(world, { rps: 20 })
    const { result } = await world.run('deploy', comparing(THROUGHOUT, '34%, wait 2m, 100%, wait 2m'))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
  })

  it('after a switch passes below its limit, and fails above it', async () => {
    for (const [share, outcome] of [
      [0, 'succeeded'],
      [0.3, 'aborted'],
    ] as const) {
      const world = await running({ judged: BESIDE })
      busy(world, { rps: 20, errors: { [V2]: share } })
      const checks = { rates: checkOf('rates', { compare: { most: '5%' }, throughout: { from: 'switch' } }) }
      const { result } = await world.run('deploy', blueGreenOf(V2, { plan: 'switch, wait 3m', checks }))
      expect(result, result?.message).toMatchObject({ outcome })
    }
  })

  it('does not pass on old figures once the counters are gone', async () => {
    const world = await running()
    let gone = false
    busy(world, { rps: 20 }, () => (gone ? '<html>' : undefined))
    world.clock.timer(150_000, () => (gone = true))
    const plan = '34%, wait 2m, 67%, wait 2m, 100%'
    const { result } = await world.run('deploy', comparing(THROUGHOUT, plan))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(world.record?.reason).toContain('nothing since the share changed')
  })
})

describe('before the start', () => {
  it('the plan says what each step can see with the traffic that there is', async () => {
    const world = await running()
    busy(world, { rps: 20, errors: { [V1]: 0.005 } })
    await world.clock.advance(600_000)
    const { events } = await world.run('plan', comparing(THROUGHOUT, '34%, wait 5m, 67%, wait 10s'))
    const [plan] = events.flatMap((event) => (event.kind === 'plan' ? [event.plan] : []))
    expect(plan?.notes.join('\n')).toMatch(
      /check rates, with 60 requests\/s and 0.5 % failing on average since the old pods began: 34% for 5m sees an error rate of [\d.]+ % or more; 67% for 10s sees nothing/,
    )
  })

  it('a counter of errors that nobody has is told of', async () => {
    const world = await running()
    busy(world, { rps: 20 })
    const check = { compare: { errors: 'http_request_errors_total' }, throughout: true } as const
    const { events } = await world.run('plan', comparing(check, '34%, wait 5m'))
    const found = events.flatMap((event) => (event.kind === 'finding' ? [event.finding] : []))
    expect(found.find(({ id }) => id === 'check-counters')).toMatchObject({
      severity: 'warning',
      reason: expect.stringContaining('no pod has the counter of errors http_request_errors_total'),
    })
  })

  it('an app without the counters is refused', async () => {
    const world = await running()
    busy(world, { rps: 20 }, () => '<html>hello')
    const { result } = await world.run('deploy', comparing(THROUGHOUT, '34%, wait 5m'))
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 })
    expect(result?.findings.map(({ id }) => id)).toContain('check-counters')
    expect(result?.message).toContain("the old version's counters cannot be read")
    expectUnharmed(world)
  })

  it('a query that Prometheus cannot read is refused, with its words', async () => {
    const world = await running()
    const values = { prometheus: { url: 'http://prometheus', query: 'sum(x{pod=~"{{canary}}"}', max: 1 } }
    const body = JSON.stringify({ status: 'error', errorType: 'bad_data', error: 'unclosed left parenthesis' })
    const fetchUrl: FetchUrl = () => Promise.resolve({ status: 400, headers: {}, body })
    const { result } = await world.run('deploy', comparing(values, '34%, check rates', { fetchUrl }))
    expect(result).toMatchObject({ outcome: 'refused' })
    expect(result?.message).toContain('Prometheus cannot read the query: bad_data: unclosed left parenthesis')
    expectUnharmed(world)
  })
})

describe('a comparison without enough to compare', () => {
  const page =
    (text: string) =>
    (_version: string): string | undefined =>
      text
  it.each([
    ['no requests', { rps: 0.1 }, undefined, /too few to judge/],
    [
      'errors under another label',
      { rps: 20 },
      page('http_requests_total{status="500"} 500\n'),
      /has the label code, by which errors are told apart/,
    ],
    [
      'errors under another label on one side alone',
      { rps: 20 },
      (version: string) => (version === V1 ? undefined : 'http_requests_total{status="500"} 500\n'),
      /of Pod\/.* has the label code, by which errors are told apart/,
    ],
    [
      'a page of one side alone',
      { rps: 20 },
      (version: string) => (version === V1 ? undefined : '<html>'),
      /not all that serves can be read: Pod\//,
    ],
    ['no metrics page', { rps: 20 }, page('<html>hello'), /what answers is HTML/],
    ['another metric', { rps: 20 }, page('up 1\n'), /there is no http_requests_total yet/],
    [
      'a malformed page',
      { rps: 20 },
      page('http_requests_total{code="200" 5\n'),
      /there is no http_requests_total|line 1/,
    ],
    ['values that are none', { rps: 20 }, page('http_requests_total{code="200"} NaN\n'), /too few to judge|no number/],
  ])('%s: waits for a person, after one extension', async (_name, traffic, content, reason) => {
    const world = await running()
    busy(world, traffic, content)
    const more = { accept: ['check-counters'] }
    const { result, events } = await world.run('deploy', comparing(THROUGHOUT, '34%, wait 2m', more))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(world.record?.reason).toMatch(reason)
    expect(linesOf(events)).toContain('once more')
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })

  it('counters that begin anew are no errors', async () => {
    const world = await running()
    const begun = world.clock.now()
    busy(world, { rps: 20 }, (version) => {
      const seconds = (world.clock.now() - begun) / 1_000
      return pageOf({ rps: 20 }, version, seconds % 40)
    })
    const { result } = await world.run('deploy', comparing(THROUGHOUT, '34%, wait 3m'))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('a comparison by Prometheus', () => {
  const check = { compare: { prometheus: { url: 'http://prometheus' } }, throughout: true } as const

  function prometheus(world: World, errors: Record<string, number>): FetchUrl {
    return ({ url }) => {
      const query = decodeURIComponent(url)
      const onlyErrors = query.includes('code=~"5.."')
      const result = world.emulator.list('pods', NAMESPACE).flatMap((pod) => {
        const age = (world.clock.now() - Date.parse(pod.metadata.creationTimestamp ?? '')) / 1_000
        const total = Math.floor(20 * age)
        const bad = Math.floor(total * (errors[versionOf(pod)] ?? 0))
        const series = (code: string, value: number): object => ({
          metric: { __name__: 'http_requests_total', pod: pod.metadata.name, code },
          value: [0, String(value)],
        })
        return [...(onlyErrors ? [] : [series('200', total - bad)]), ...(bad === 0 ? [] : [series('500', bad)])]
      })
      const body = JSON.stringify({ status: 'success', data: { resultType: 'vector', result } })
      return Promise.resolve({ status: 200, headers: {}, body })
    }
  }

  it.each([
    [0.1, 'aborted'],
    [0, 'succeeded'],
  ] as const)('with a share of %d errors', async (share, outcome) => {
    const world = await running()
    const fetchUrl = prometheus(world, { [V2]: share })
    const { result } = await world.run('deploy', comparing(check, '34%, wait 3m', { fetchUrl }))
    expect(result, result?.message).toMatchObject({ outcome })
    expectUnharmed(world)
  })

  it('that does not answer waits for a person', async () => {
    const world = await running()
    const fetchUrl: FetchUrl = () => Promise.reject(new Error('connect ECONNREFUSED'))
    const { result } = await world.run('deploy', comparing(check, '34%, wait 1m', { fetchUrl }))
    expect(result).toMatchObject({ outcome: 'paused' })
    expect(world.record?.reason).toContain('ECONNREFUSED')
  })
})

/**
 * `npm run simulate [-- RUNS]`: what the check that compares a canary with stable does with simulated rollouts, the same ones
 * each time. Steps of 5, 10, 25 and 50 %, 5 minutes each, a look every 15 seconds.
 */
import { dispersionOf } from '../src/analysis/dispersion.ts'
import { passes } from '../src/analysis/passes.ts'
import { requestsNeeded, visibleRate } from '../src/analysis/power.ts'
import type { Rule } from '../src/analysis/sequential.ts'
import { Draws, medianSeconds, pods, RULE, rollout, rollouts, type Service } from '../test/properties/traffic-model.ts'

const RUNS = Number(process.argv[2] ?? 2_000)
const ALL: Rule = { ...RULE, metrics: 1 }

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** A table whose columns are as wide as what stands in them. */
function table(title: string, head: string[], rows: string[][]): void {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  console.log(`\n${title}`)
  for (const row of all)
    console.log(
      `  ${row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()}`,
    )
}

function service(stable: number, canary: number, more: Partial<Service> = {}): Service {
  return { perSecond: 50, stable, canary, ...more }
}

function alarms(name: string, of: Service, rule: Rule): string[] {
  const { caught } = rollouts(of, rule, RUNS, 1)
  return [name, String(of.perSecond), `${caught.length} of ${RUNS}`, percent(caught.length / RUNS)]
}

/** Each rollout with the dispersion of two minutes before it, on four pods. */
function measured(name: string, of: Service): string[] {
  const draws = new Draws(6)
  let failed = 0
  for (let i = 0; i < RUNS; i++) {
    const { phi } = dispersionOf(pods(draws, 4, 8, of))
    if (rollout(of, { ...ALL, dispersion: phi }, draws) !== undefined) failed++
  }
  return [name, String(of.perSecond), `${failed} of ${RUNS}`, percent(failed / RUNS)]
}

function falseAlarms(): void {
  const rates = [0.0005, 0.005, 0.01, 0.05]
  const noise = { noise: 1 }
  table(
    'False alarms; all of alpha, 1 %, for one metric',
    ['service', 'per second', 'failed', ''],
    [
      ...rates.map((rate) => alarms(`healthy, ${percent(rate)} bad`, service(rate, rate), ALL)),
      alarms('healthy, 0.5 % bad', service(0.005, 0.005, { perSecond: 2 }), ALL),
      ...rates.map((rate) => alarms(`just tolerated, ${percent(rate)} bad`, service(rate, rate * 1.2), ALL)),
      alarms('just tolerated, 50 % bad', service(0.5, 0.6, { perSecond: 10, binomial: true }), ALL),
      alarms('at the limit, 5 %', service(0.05, 0.05), { ...ALL, limit: 0.05 }),
      alarms('noise of both arms together, cv 1', service(0.005, 0.005, { shared: 1 }), ALL),
      alarms('noise of each arm, cv 0.5', service(0.005, 0.005, { noise: 0.5 }), ALL),
      alarms('noise of each arm, cv 1', service(0.005, 0.005, noise), ALL),
      ...[2, 3].map((phi) =>
        alarms(`noise of each arm, cv 1, dispersion ${phi}`, service(0.005, 0.005, noise), { ...ALL, dispersion: phi }),
      ),
      ...[0.005, 0.05].map((rate) => {
        const name = `noise of each arm, cv 1, ${percent(rate)} bad, dispersion of 2 minutes`
        return measured(name, service(rate, rate, noise))
      }),
    ],
  )
}

function regression(of: Service, rule = RULE): string[] {
  const outcome = rollouts(of, rule, RUNS, 2)
  const seconds = medianSeconds(outcome)
  const planned = requestsNeeded(of.canary, { weight: 0.05, base: of.stable }, rule)
  return [
    `${percent(of.stable)} to ${percent(of.canary)}`,
    String(of.perSecond),
    String(rule.dispersion),
    percent(outcome.caught.length / RUNS),
    Number.isFinite(seconds) ? `${seconds} s` : 'never',
    String(median(outcome.caught.map(({ canary }) => canary.total))),
    planned === undefined ? '' : planned.toFixed(0),
    String(median(outcome.caught.map(({ canary }) => canary.bad))),
  ]
}

function regressions(): void {
  table(
    'Worse versions; alpha shared by two metrics; median over all runs, caught or not',
    ['bad', 'per second', 'dispersion', 'caught', 'median', 'canary requests', 'planned at 5 %', 'bad ones'],
    [
      ...[0.01, 0.02, 0.05, 0.2].map((rate) => regression(service(0.005, rate))),
      regression(service(0.001, 0.01)),
      regression(service(0.05, 0.1)),
      regression(service(0.05, 0.075)),
      regression(service(0.005, 0.05, { perSecond: 5 })),
      regression(service(0.005, 0.02, { perSecond: 5 })),
      regression(service(0.005, 0.2, { perSecond: 1 })),
      regression(service(0.005, 0.05, { perSecond: 1 })),
      ...[1.5, 2, 3].map((dispersion) => regression(service(0.005, 0.02), { ...RULE, dispersion })),
    ],
  )
}

function dispersion(pod: number, intervals: number, of: Service): string[] {
  const draws = new Draws(3)
  const all = Array.from({ length: 500 }, () => dispersionOf(pods(draws, pod, intervals, of)))
  const phis = all.map(({ phi }) => phi).toSorted((a, b) => a - b)
  const at = (share: number): string => (phis[Math.floor(share * phis.length)] ?? Number.NaN).toFixed(2)
  const truth = 1 + ((of.perSecond * 15) / pod) * of.stable * (of.noise ?? 0) ** 2
  return [
    `${percent(of.stable)}, ${of.noise === undefined ? 'chance alone' : `cv ${of.noise}`}`,
    String(pod),
    String(intervals),
    String(median(all.map(({ cells }) => cells))),
    truth.toFixed(2),
    (phis.reduce((sum, phi) => sum + phi, 0) / phis.length).toFixed(2),
    at(0.05),
    at(0.5),
    at(0.95),
  ]
}

function dispersions(): void {
  const places: [number, number][] = [
    [2, 8],
    [4, 8],
    [4, 20],
    [10, 20],
  ]
  const head = ['service', 'pods', 'intervals', 'cells', 'true', 'mean', '5 %', '50 %', '95 %']
  const services = [
    service(0.005, 0),
    service(0.05, 0),
    service(0.005, 0, { noise: 1 }),
    service(0.05, 0, { noise: 0.5 }),
  ]
  const rows = services.flatMap((of) => places.map(([pod, intervals]) => dispersion(pod, intervals, of)))
  table('The dispersion that is measured before a rollout; "true" is that of one pod in one interval', head, rows)
}

function passing(total: number, stable: number, canary: number): string {
  const draws = new Draws(4)
  const none = service(0, 0)
  let passed = 0
  for (let i = 0; i < RUNS; i++) {
    const counts = { canary: draws.arm(total, canary, none), stable: draws.arm(total, stable, none) }
    if (passes(counts, { least: 1, margin: 0.01 }).passed) passed++
  }
  return percent(passed / RUNS)
}

function strict(): void {
  const sizes = [300, 600, 1_500, 5_000]
  const rows: [string, number, number][] = [
    ['healthy, 0.5 %', 0.005, 0.005],
    ['healthy, 1 %', 0.01, 0.01],
    ['worse by the margin, 0.5 % to 1.5 %', 0.005, 0.015],
    ['worse by the margin, 5 % to 6 %', 0.05, 0.06],
  ]
  table(
    'Strict steps that pass, margin 1 percentage point, by requests to each arm',
    ['service', ...sizes.map(String)],
    rows.map(([name, stable, canary]) => [name, ...sizes.map((size) => passing(size, stable, canary))]),
  )
}

function visible(): void {
  const rates = [0.0005, 0.005, 0.05]
  const rows = [1, 5, 50, 500].map((perSecond) => [
    String(perSecond),
    ...rates.map((base) => {
      const rate = visibleRate({ perSecond, weight: 0.05, base }, 300, RULE)
      return rate === undefined ? 'nothing' : percent(rate)
    }),
  ])
  table('What 5 minutes at 5 % can see, by what stable has', ['per second', ...rates.map(percent)], rows)
}

const started = performance.now()
falseAlarms()
regressions()
dispersions()
strict()
visible()
console.log(`\n${RUNS} runs a row, ${((performance.now() - started) / 1_000).toFixed(1)} s`)

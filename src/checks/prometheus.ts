import type { Asker } from './asker.ts'
import { beyond, limitsText, numberText } from './limits.ts'
import { amountOf, instantQuery, labelsText, type Series } from './prometheus-api.ts'
import type { PrometheusCheck } from './spec.ts'
import { filled } from './template.ts'
import type { CheckVerdict } from './verdict.ts'

const NAMED = 5

/** The answer of a query is within its limits. What is no number is inconclusive, never a pass. */
export async function measurePrometheus(asker: Asker, check: PrometheusCheck): Promise<CheckVerdict> {
  const query = filled(check.query, asker)
  if ('missing' in query) return { kind: 'inconclusive', text: query.missing, lines: [] }
  const lines = [query.text]
  const result = await instantQuery(asker, check.source, query.text, check.timeoutMs)
  switch (result.kind) {
    case 'refused':
      return { kind: 'inconclusive', text: `Prometheus refuses the query: ${result.text}`, lines }
    case 'unknown':
      return { kind: 'inconclusive', text: `Prometheus could not be asked: ${result.text}`, lines }
    case 'series': {
      const answered = result.series.slice(0, NAMED).map((each) => `${labelsText(each)} ${each.value}`)
      return { ...judgeSeries(result.series, check), lines: [...lines, ...answered] }
    }
  }
}

/** Pure: what a query's answer says of its limits. */
export function judgeSeries(
  series: Series[],
  { limits, everySeries }: Pick<PrometheusCheck, 'limits' | 'everySeries'>,
): Omit<CheckVerdict, 'lines'> {
  if (series.length === 0)
    return { kind: 'inconclusive', text: 'the query answers nothing: no such series, or no traffic yet' }
  if (series.length > 1 && !everySeries) {
    const names = series.slice(0, NAMED).map(labelsText).join(', ')
    const text = `the query answers ${series.length} series (${names}): sum() them, or say every-series: true`
    return { kind: 'inconclusive', text }
  }
  const named = series.map((each) => ({ ...each, amount: amountOf(each.value) }))
  const wrong = named.flatMap((each) => {
    const problem = each.amount === undefined ? undefined : beyond(each.amount, limits)
    return problem === undefined ? [] : [series.length === 1 ? problem : `${labelsText(each)} ${problem}`]
  })
  const figures = named
    .slice(0, NAMED)
    .flatMap(({ amount, ...each }) =>
      amount === undefined ? [] : [{ name: series.length === 1 ? 'value' : labelsText(each), value: amount }],
    )
  if (wrong.length > 0) return { kind: 'fail', text: `the query's answer ${wrong.slice(0, NAMED).join('; ')}`, figures }
  const unknown = named.find(({ amount }) => amount === undefined)
  if (unknown !== undefined)
    return {
      kind: 'inconclusive',
      text: `the query answers ${unknown.value}, which is no amount${unknown.value === 'NaN' ? ' (0/0, or no traffic yet)' : ''}`,
    }
  const amounts = named.slice(0, NAMED).map(({ amount }) => numberText(amount ?? 0))
  return { kind: 'pass', text: `${amounts.join(', ')}, ${limitsText(limits)}`, figures }
}

import { describe, expect, it } from 'vitest'
import type { Answer } from '../../../src/checks/asker.ts'
import { judgeSeries } from '../../../src/checks/prometheus.ts'
import { resultOf } from '../../../src/checks/prometheus-api.ts'

const answered = (body: unknown, more: Partial<Answer> = {}): Answer => ({
  status: 200,
  headers: {},
  body: typeof body === 'string' ? body : JSON.stringify(body),
  ...more,
})
const vector = (...values: string[]): object => ({
  status: 'success',
  data: {
    resultType: 'vector',
    result: values.map((value, at) => ({ metric: { pod: `web-${at}` }, value: [1, value] })),
  },
})

describe("Prometheus' answers", () => {
  it.each([
    ['a vector', answered(vector('0.5')), { kind: 'series', series: [{ labels: { pod: 'web-0' }, value: '0.5' }] }],
    [
      'a scalar',
      answered({ status: 'success', data: { resultType: 'scalar', result: [1, '2'] } }),
      { kind: 'series', series: [{ labels: {}, value: '2' }] },
    ],
    [
      'text',
      answered({ status: 'success', data: { resultType: 'string', result: [1, 'a'] } }),
      { kind: 'series', series: [{ labels: {}, value: 'a' }] },
    ],
    ['nothing', answered(vector()), { kind: 'series', series: [] }],
  ])('%s', (_name, given, wanted) => {
    expect(resultOf(given)).toEqual(wanted)
  })

  it.each([
    [
      'a range',
      answered({ status: 'success', data: { resultType: 'matrix', result: [] } }),
      'refused',
      'answers a matrix',
    ],
    [
      'a query that it cannot read',
      answered({ status: 'error', errorType: 'bad_data', error: 'parse error at char 5' }, { status: 400 }),
      'refused',
      'parse error at char 5',
    ],
    [
      'a query that took too long',
      answered({ status: 'error', errorType: 'timeout', error: 'query timed out' }, { status: 503 }),
      'unknown',
      'query timed out',
    ],
    ['a login page', answered('<html>login', { status: 200 }), 'unknown', 'no JSON'],
    ['another host', answered('', { status: 302, elsewhere: 'https://login/' }), 'unknown', 'https://login/'],
    ['something else', answered({ hello: 1 }), 'unknown', 'answered 200'],
    ['no result', answered({ status: 'success' }), 'unknown', 'no result'],
    ['more than is read', answered('{"status"', { cut: true }), 'unknown', 'more than is read'],
  ])('%s', (_name, given, kind, text) => {
    const found = resultOf(given)
    expect(found.kind).toBe(kind)
    expect(found).toHaveProperty('text', expect.stringContaining(text))
  })
})

describe('a verdict on series', () => {
  const judge = (values: string[], everySeries = false): { kind: string; text: string } => {
    const result = resultOf(answered(vector(...values)))
    if (result.kind !== 'series') throw new Error('no series')
    return judgeSeries(result.series, { limits: { max: 0.01 }, everySeries })
  }
  it.each([
    [['0.01'], false, 'pass', '0.01, at most 0.01'],
    [['0.02'], false, 'fail', 'is 0.02, more than 0.01'],
    [[], false, 'inconclusive', 'answers nothing'],
    [['NaN'], false, 'inconclusive', 'answers NaN'],
    [['+Inf'], false, 'inconclusive', 'answers +Inf'],
    [['text'], false, 'inconclusive', 'answers text'],
    [[''], false, 'inconclusive', 'is no amount'],
    [['0', '0'], false, 'inconclusive', 'answers 2 series ({pod="web-0"}, {pod="web-1"})'],
    [['0', '0'], true, 'pass', '0, 0'],
    [['0', '1'], true, 'fail', '{pod="web-1"} is 1, more than 0.01'],
    [['0', 'NaN'], true, 'inconclusive', 'answers NaN'],
    [['1', 'NaN'], true, 'fail', '{pod="web-0"} is 1'],
  ])('%j, every one: %s', (values, every, kind, text) => {
    const verdict = judge(values, every)
    expect(verdict.kind).toBe(kind)
    expect(verdict.text).toContain(text)
  })
})

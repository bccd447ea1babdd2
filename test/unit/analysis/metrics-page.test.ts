import { describe, expect, it } from 'vitest'
import { labelsText, numberOf, type Page, parsePage } from '../../../src/analysis/metrics-page.ts'

const LIMITS = { lines: 100, characters: 10_000 }

function parse(text: string): Page {
  return parsePage(text, LIMITS)
}

function samples(text: string): [name: string, labels: Record<string, string>, value: number][] {
  const page = parse(text)
  expect(page).toMatchObject({ kind: 'page', problems: [], unread: 0 })
  return page.kind === 'page'
    ? page.samples.map(({ name, labels, value }) => [name, Object.fromEntries(labels), value])
    : []
}

describe('a metrics page', () => {
  it('of the text format is read', () => {
    const text = String.raw`# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem="division by zero"} +Inf -3982045
rpc{quantile="0.5",} NaN
  spaced	{ a = "b" , c = "d" }	-1.5E-3  `
    expect(samples(text)).toEqual([
      ['http_requests_total', { method: 'post', code: '200' }, 1027],
      ['http_requests_total', { method: 'post', code: '400' }, 3],
      [
        'msdos_file_access_time_seconds',
        { path: 'C:\\DIR\\FILE.TXT', error: 'Cannot find file:\n"FILE.TXT"' },
        1.458255915e9,
      ],
      ['metric_without_timestamp_and_labels', {}, 12.47],
      ['something_weird', { problem: 'division by zero' }, Number.POSITIVE_INFINITY],
      ['rpc', { quantile: '0.5' }, Number.NaN],
      ['spaced', { a: 'b', c: 'd' }, -0.0015],
    ])
  })

  it('of OpenMetrics is read up to its end, exemplars passed over', () => {
    const text = `# TYPE foo histogram
# UNIT foo_seconds seconds
foo_bucket{le="0.1"} 8 # {} 0.054
foo_bucket{le="1.0"} 10 1520879607.789 # {trace_id="a } # \\" b"} 0.67 1520879607.789
foo_count 17.0
foo_created 1520430000.123
# EOF
not read any more`
    expect(samples(text)).toEqual([
      ['foo_bucket', { le: '0.1' }, 8],
      ['foo_bucket', { le: '1.0' }, 10],
      ['foo_count', {}, 17],
      ['foo_created', {}, 1520430000.123],
    ])
  })

  it('may quote names', () => {
    expect(samples('{"http.requests", "status code"="200",b="c"} 4\n{"x"} 1\r\n')).toEqual([
      ['http.requests', { 'status code': '200', b: 'c' }, 4],
      ['x', {}, 1],
    ])
  })

  it('may have any label, also one that objects have', () => {
    const page = parse('a{__proto__="x",constructor="y"} 1')
    expect(page.kind === 'page' && [...(page.samples[0]?.labels ?? [])]).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
  })

  it('may hold # and braces in a label', () => {
    expect(samples('a{path="/x #1",q="{b}"} 3')).toEqual([['a', { path: '/x #1', q: '{b}' }, 3]])
  })

  it('may be empty', () => {
    expect(parse('')).toEqual({ kind: 'page', samples: [], problems: [], unread: 0 })
    expect(parse('# nothing yet\n')).toMatchObject({ kind: 'page', samples: [] })
  })

  it.each([
    ['a', 'nothing stands between name and value in `a`'],
    ['a{b="c" 1', 'a comma or } is missing at `1`'],
    ['a{b="c",,d="e"} 1', 'no label can be read at `,d="e"} 1`'],
    ['a{b=c} 1', 'no label can be read at `b=c} 1`'],
    ['a{b="c"', 'a comma or } is missing at ``'],
    ['a{b="c', 'no label can be read at `b="c`'],
    ['a{b="c",b="d"} 1', 'the label b stands there twice'],
    ['a{b="c"}', 'the value is missing'],
    ['a 1x', '`1x` is no number'],
    ['a 0x10', '`0x10` is no number'],
    ['a 1 noon', '`noon` is no time'],
    ['a 1 2 3', '`3` is too much'],
    ['a 1 # x', '`# x` is no exemplar'],
    ['9a 1', '`9a 1` does not begin with the name of a metric'],
    [`9${'x'.repeat(80)}`, `\`9${'x'.repeat(39)}…\` does not begin with the name of a metric`],
  ])('names the line %s', (line, problem) => {
    expect(parse(`good 1\n\n${line}\ngood 2`)).toMatchObject({
      kind: 'page',
      samples: [{ value: 1 }, { value: 2 }],
      problems: [`line 3: ${problem}`],
      unread: 1,
    })
  })

  it('names the first problems and counts the others', () => {
    const page = parse(`a 1\n${'b c\n'.repeat(20)}`)
    expect(page.kind === 'page' && [page.problems.length, page.unread]).toEqual([5, 20])
  })

  it.each([
    ['<!DOCTYPE html>\n<html><body>Sign in</body></html>', 'it is no metrics page: what answers is HTML'],
    ['\n  <html lang="en">', 'it is no metrics page: what answers is HTML'],
    ['{"status":"ok"}', 'it is no metrics page: line 1: `{"status":"ok"}` does not begin with the name of a metric'],
    [
      '404 page not found\n',
      'it is no metrics page: line 1: `404 page not found` does not begin with the name of a metric',
    ],
  ])('is not %s', (text, problem) => {
    expect(parse(text)).toEqual({ kind: 'no-page', text: problem })
  })

  it('is refused whole when it is too large', () => {
    const text = 'the page is larger than 10000 characters or 100 lines'
    expect(parse('a 1\n'.repeat(100))).toMatchObject({ kind: 'page' })
    expect(parse('a 1\n'.repeat(101))).toEqual({ kind: 'no-page', text })
    expect(parse(`a 1 #${' '.repeat(10_000)}`)).toEqual({ kind: 'no-page', text })
  })

  it('is read only where it is wanted', () => {
    const page = parsePage('a 1\nb{broken 2\na{x="y"} 3', LIMITS, (name) => name === 'a')
    expect(page).toMatchObject({ kind: 'page', samples: [{ value: 1 }, { value: 3 }], unread: 0 })
  })
})

describe('numbers and labels', () => {
  it.each([
    ['+Inf', Number.POSITIVE_INFINITY],
    ['-inf', Number.NEGATIVE_INFINITY],
    ['infinity', Number.POSITIVE_INFINITY],
    ['1e3', 1_000],
    ['.5', 0.5],
    ['5.', 5],
    ['nan', Number.NaN],
    ['', Number.NaN],
    ['1 2', Number.NaN],
  ])('%s', (text, value) => {
    expect(numberOf(text)).toBe(value)
  })

  it('have one text in any order', () => {
    const labels = new Map([
      ['b', 'x"\n\\'],
      ['a', ''],
    ])
    expect(labelsText(labels)).toBe('{a="",b="x\\"\\n\\\\"}')
    expect(labelsText(new Map([...labels].toReversed()))).toBe(labelsText(labels))
  })
})

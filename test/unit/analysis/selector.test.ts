import { describe, expect, it } from 'vitest'
import { matcherOf, parseSelector, type Selector, selectorText, withMatcher } from '../../../src/analysis/selector.ts'

function selector(text: string): Selector {
  const parsed = parseSelector(text)
  if (parsed.kind === 'wrong') throw new Error(`${parsed.column}: ${parsed.text}`)
  return parsed.selector
}

function matches(text: string, labels: Record<string, string>, name = 'm'): boolean {
  return matcherOf(selector(text))(name, new Map(Object.entries(labels)))
}

describe('a selector', () => {
  it('is a name, perhaps with labels', () => {
    expect(selector(' http_requests_total ')).toEqual({ name: 'http_requests_total', matchers: [] })
    expect(selector('job:hits{}')).toEqual({ name: 'job:hits', matchers: [] })
    expect(selector(`m { code =~ "5..",method!='GET' , path!~\`/a\\d\`, x="", }`)).toEqual({
      name: 'm',
      matchers: [
        { label: 'code', operator: '=~', value: '5..' },
        { label: 'method', operator: '!=', value: 'GET' },
        { label: 'path', operator: '!~', value: '/a\\d' },
        { label: 'x', operator: '=', value: '' },
      ],
    })
  })

  it('has values with the escapes of Prometheus', () => {
    const [first] = selector(String.raw`m{a="\"\\\n\x41\u00e9\101'"}`).matchers
    expect(first?.value).toBe('"\\\nA\u00e9A\'')
  })

  it.each([
    ['', 1, 'the name of a metric is missing, such as http_requests_total'],
    ['{a="b"}', 1, 'the name of a metric is missing, such as http_requests_total'],
    ['9m', 1, 'the name of a metric is missing, such as http_requests_total'],
    ['m[5m]', 2, 'no range may follow: the counter itself is read, and its growth computed here'],
    ['rate(m[5m])', 5, 'this is a function; only a metric with its labels can be used'],
    ['m{a="b"} offset 5m', 10, 'no offset and no @ may follow: the value of now is read'],
    ['m / n', 3, 'only a metric with its labels can be used; `/ n` is too much'],
    ['m{a="b"', 8, 'a comma or } must follow the label a'],
    ['m{a="b",', 9, 'the } is missing'],
    ['m{', 3, 'the } is missing'],
    ['m{"a"="b"}', 3, 'the name of a label must stand here'],
    ['m{a}', 4, '=, !=, =~ or !~ must follow the label a'],
    ['m{a=b}', 5, 'the value of the label a must stand in quotes'],
    ['m{a="b}', 5, 'the value of the label a must stand in quotes'],
    ['m{__name__="x"}', 3, 'the name of the metric stands before the {, not in __name__'],
    ['m{a=~"(b"}', 6, 'the pattern of the label a: Invalid regular expression: /^(?:(b)$/s: Unterminated group'],
    [
      String.raw`m{a=~"\d"}`,
      6,
      String.raw`\d means nothing in quotes; a backslash in a pattern is written twice, or between backticks`,
    ],
    [`m{a="${'x'.repeat(2_000)}"}`, 2_001, 'the selector is longer than 2000 characters'],
  ])('%s is refused at its column', (text, column, problem) => {
    expect(parseSelector(text)).toEqual({ kind: 'wrong', column, text: problem })
  })

  it('reads back as it is written, with what was added', () => {
    const first = selector('m{a="b"}')
    const more = withMatcher(first, 'pod', '=~', String.raw`web-\d+|"\n`)
    expect(selectorText(more)).toBe(String.raw`m{a="b",pod=~"web-\\d+|\"\\n"}`)
    expect(selector(selectorText(more))).toEqual(more)
    expect(selectorText(first)).toBe('m{a="b"}')
    expect(selectorText(selector('m{}'))).toBe('m')
    expect(selector(selectorText({ name: 'm', matchers: [{ label: 'a', operator: '=', value: '\n\\"' }] }))).toEqual({
      name: 'm',
      matchers: [{ label: 'a', operator: '=', value: '\n\\"' }],
    })
  })

  it('matches samples of its name alone', () => {
    expect(matches('m', { any: 'label' })).toBe(true)
    expect(matches('m', {}, 'n')).toBe(false)
  })

  it.each([
    ['m{a="b"}', { a: 'b' }, { a: 'bb' }],
    ['m{a!="b"}', {}, { a: 'b' }],
    ['m{a=""}', {}, { a: 'b' }],
    ['m{a!=""}', { a: 'b' }, {}],
    ['m{a=~"5.."}', { a: '503' }, { a: '5030' }],
    ['m{a=~"b|c"}', { a: 'c' }, { a: 'bc' }],
    ['m{a=~".*"}', {}, undefined],
    ['m{a=~".+"}', { a: 'b' }, {}],
    ['m{a!~"5.."}', { a: '200' }, { a: '500' }],
    ['m{a!~".+"}', {}, { a: 'x' }],
    ['m{a="b",c!="d"}', { a: 'b' }, { a: 'b', c: 'd' }],
    ['m{__proto__=""}', {}, undefined],
  ])('%s matches labels as Prometheus does', (text, yes, no) => {
    expect(matches(text, yes)).toBe(true)
    if (no !== undefined) expect(matches(text, no)).toBe(false)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { labelsText, type PageSample, parsePage } from '../../src/analysis/metrics-page.ts'
import { matcherOf, parseSelector, type Selector, selectorText } from '../../src/analysis/selector.ts'

const LIMITS = { lines: 1_000, characters: 1_000_000 }
const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('"', '\\', '\n', 'a\\n', ' # {', '}', ',', '\u2028', 'é😀'),
)
const label = fc.oneof(fc.stringMatching(/^[a-zA-Z_]\w{0,5}$/), fc.constant('__proto__'))
const name = fc.stringMatching(/^[a-zA-Z_:][\w:]{0,8}$/)
const value = fc.oneof(
  fc.double(),
  fc.nat(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
)
const labels = fc
  .uniqueArray(fc.tuple(label, text), { maxLength: 4, selector: ([name]) => name })
  .map((pairs) => new Map(pairs))
const sample: fc.Arbitrary<PageSample> = fc.record({ name, labels, value })

function written(number: number): string {
  if (Number.isNaN(number)) return 'NaN'
  if (Object.is(number, -0)) return '-0'
  return Number.isFinite(number) ? String(number) : number > 0 ? '+Inf' : '-Inf'
}

const ending = fc.constantFrom('', ' 1395066363000', ' 1.5 # {trace="x"} 0.5 12', '\t# {} 1', '  ')
const between = fc.constantFrom('', '\n', '# HELP a b\\n c\n', '# TYPE a counter\n', '# anything {\n', '\r\n')

describe('metrics pages', () => {
  it('samples → page → samples is the same', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(sample, ending, between), { maxLength: 12 }), fc.boolean(), (rows, closed) => {
        const lines = rows.map(([{ name, labels, value }, ending, between]) => {
          const all = labels.size === 0 ? '' : labelsText(labels)
          return `${between}${name}${all} ${written(value)}${ending}\n`
        })
        const page = parsePage(`${lines.join('')}${closed ? '# EOF\n' : ''}`, LIMITS)
        expect(page).toEqual({
          kind: 'page',
          samples: rows.map(([sample]) => sample),
          problems: [],
          unread: 0,
        })
      }),
    )
  })

  it('any text is a page or named as none, within its limits', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'a',
        '{',
        '}',
        '"',
        '=',
        ',',
        ' ',
        '\n',
        '# ',
        '# EOF',
        '1',
        'NaN',
        '\\',
        'a{b="c"} 1\n',
        '<html>',
        '\t',
      ),
      fc.string({ maxLength: 4 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const limits = { lines: 5, characters: 80 }
        const text = pieces.join('')
        const page = parsePage(text, limits)
        if (page.kind === 'no-page') {
          expect(page.text).not.toBe('')
          return
        }
        expect(text.length).toBeLessThanOrEqual(limits.characters)
        expect(page.samples.length + page.unread).toBeLessThanOrEqual(limits.lines)
        expect(page.problems.length > 0).toBe(page.unread > 0)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('selectors', () => {
  const matcher = fc.record({ label, operator: fc.constantFrom('=' as const, '!=' as const), value: text })
  const selector: fc.Arbitrary<Selector> = fc.record({ name, matchers: fc.array(matcher, { maxLength: 3 }) })

  it('selector → text → selector is the same', () => {
    fc.assert(
      fc.property(selector, (selector) => {
        expect(parseSelector(selectorText(selector))).toEqual({ kind: 'selector', selector })
      }),
    )
  })

  it('a sample is meant by the selector of its own labels, and by none that wants another value', () => {
    fc.assert(
      fc.property(sample, text, ({ name, labels }, other) => {
        const own = [...labels].map(([label, value]) => ({ label, operator: '=' as const, value }))
        expect(matcherOf({ name, matchers: own })(name, labels)).toBe(true)
        for (const { label, value } of own) {
          const wanted = matcherOf({ name, matchers: [{ label, operator: '=', value: other }] })
          expect(wanted(name, labels)).toBe(value === other)
        }
      }),
    )
  })

  it('any text is a selector that reads back, or one mistake with its column', () => {
    const piece = fc.oneof(
      fc.constantFrom('m', '{', '}', 'a', '=', '=~', '!', '"', "'", '`', ',', ' ', '\\', '[5m]', '("b")', '"b"'),
      fc.string({ maxLength: 3 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('')
        const parsed = parseSelector(text)
        if (parsed.kind === 'selector') expect(parseSelector(selectorText(parsed.selector))).toEqual(parsed)
        else {
          expect(parsed.column).toBeGreaterThanOrEqual(1)
          expect(parsed.column).toBeLessThanOrEqual(text.length + 1)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

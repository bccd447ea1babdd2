import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePattern, literalPattern } from '../../../src/analysis/pattern.ts'

function matches(pattern: string, text: string): boolean {
  const compiled = compilePattern(pattern)
  if (compiled.kind === 'wrong') throw new Error(compiled.text)
  return compiled.matches(text)
}

function problem(pattern: string): string {
  const compiled = compilePattern(pattern)
  return compiled.kind === 'wrong' ? compiled.text : ''
}

describe('a pattern', () => {
  it.each<[string, string[], string[]]>([
    ['', [''], ['a']],
    ['5..', ['500', '5\n0'], ['1500', '50', '5000']],
    ['5\\d\\d|4(08|29)', ['503', '408', '429'], ['404', '40829', '5080']],
    ['(?:GET|POST)?x', ['GETx', 'POSTx', 'x'], ['PUTx', 'GETPOSTx']],
    ['a{2}b{1,2}c{0,}d{,2}', ['aabd{,2}', 'aabbcccd{,2}'], ['abd{,2}', 'aabbb']],
    ['a{x}', ['a{x}'], ['ax']],
    ['(a+)+b', ['aaab'], ['aaa', 'b']],
    ['(a*)*', ['', 'aaa'], ['b']],
    ['[^-a-c\\]x]+', ['dyz', '['], ['a', '-', ']', 'x']],
    ['[]a]', [']', 'a'], ['b']],
    ['[\\w.-]+', ['a-b.c_9'], ['a b']],
    ['[a\\-z]', ['-', 'z'], ['b']],
    ['^a$', ['a'], ['ba', 'ab']],
    ['a^b|^c', ['c'], ['ab', 'a^b']],
    ['(?P<v>a)(?<w>b)', ['ab'], ['a']],
    ['(?i)ab[c-d]', ['ABC', 'abD'], ['abe']],
    ['a+?b*?', ['aab'], ['b']],
    ['\\.\\x41\\x{1F600}\\/\\t', ['.A😀/\t'], ['xA😀/\t']],
    ['.', ['😀'], ['']],
    ['\\D\\W\\S', ['a-b'], ['1-b', 'aab', 'a- ']],
  ])('%s', (pattern, yes, no) => {
    for (const text of yes) expect([text, matches(pattern, text)]).toEqual([text, true])
    for (const text of no) expect([text, matches(pattern, text)]).toEqual([text, false])
  })

  it.each([
    ['(?=a)', 'it looks around'],
    ['a(?!b)', 'it looks around'],
    ['(?<=a)b', 'it looks around'],
    ['(?<!a)b', 'it looks around'],
    ['(a)\\1', '\\1 refers back to a group'],
    ['\\bx', '\\b cannot be used'],
    ['\\pL', '\\p cannot be used'],
    ['a(?i)b', '(?i) only at the very beginning'],
    ['[[:alpha:]]', '[: :] cannot be used'],
    ['(a', 'a ( has no )'],
    ['a)', 'a ) has no ('],
    ['[a', 'a [ has no ]'],
    ['[', 'a [ has no ]'],
    ['[b-a]', 'ends before it begins'],
    ['[\\d-z]', 'begins with a class'],
    ['*a', 'there is nothing before *'],
    ['a**', 'follows another one'],
    ['a{2}{3}', 'follows another one'],
    ['a{3,2}', '{3,2} ends before it begins'],
    ['a{2000}', 'more than 1000 repetitions'],
    ['(a{100}){100}', 'it repeats too much'],
    ['a\\', 'ends with a single backslash'],
    ['a'.repeat(501), 'it is longer than 500 characters'],
  ])('%s is refused', (pattern, text) => {
    expect(problem(pattern)).toContain(text)
  })

  it('never takes long', () => {
    const started = performance.now()
    expect(matches('(a|a|aa)*(a*)*b', 'a'.repeat(3_000))).toBe(false)
    expect(matches('.*.*.*.*.*x', 'a'.repeat(3_000))).toBe(false)
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  it('of a text matches that text alone', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 3 }), (text, other) => {
        expect(matches(literalPattern(text), text)).toBe(true)
        expect(matches(literalPattern(text), text + other)).toBe(other === '')
      }),
    )
  })
})

describe('patterns', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\w', '-', '1', '^', '$', '[a-c1]', '\\.')
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      atom,
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => a + b),
      fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(${a}|${b})`),
      fc
        .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{0,2}', '{1,}', '*?'))
        .map(([a, often]) => `(?:${a})${often}`),
    ),
  }))
  const text = fc.stringMatching(/^[abc1.\n-]{0,6}$/)

  it('match what those of JavaScript match', () => {
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 8 }), (pattern, texts) => {
        const other = new RegExp(`^(?:${pattern})$`, 's')
        for (const each of texts)
          expect([pattern, each, matches(pattern, each)]).toEqual([pattern, each, other.test(each)])
      }),
      { numRuns: 1_000 },
    )
  })

  it('of any text compile or are refused', () => {
    const piece = fc.oneof(
      fc.constantFrom('(', ')', '[', ']', '{', '}', '\\', '?', '*', '-', '^', '|', '(?', 'a', ','),
      fc.string({ maxLength: 3 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.string({ maxLength: 5 }), (pieces, text) => {
        const compiled = compilePattern(pieces.join(''))
        if (compiled.kind === 'wrong') expect(compiled.text).not.toBe('')
        else expect(typeof compiled.matches(text)).toBe('boolean')
      }),
      { numRuns: 2_000 },
    )
  })
})

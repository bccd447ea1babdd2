import { describe, expect, it } from 'vitest'
import { compilePattern } from '../../../src/analysis/pattern.ts'

describe('a pattern', () => {
  it.each<[string, string[], string[]]>([
    ['', [''], ['a']],
    ['5..', ['500', '5\n0'], ['1500', '50', '5000']],
    ['5\\d\\d|4(08|29)', ['503', '408', '429'], ['404', '40829', '5080']],
    ['(?:GET|POST)?x', ['GETx', 'POSTx', 'x'], ['PUTx', 'GETPOSTx']],
    ['^a$', ['a'], ['ba', 'ab']],
    ['(?P<v>a)(?<w>b)', ['ab'], ['a']],
    ['[\\w.-]+', ['a-b.c_9'], ['a b']],
  ])('%s', (pattern, yes, no) => {
    const compiled = compilePattern(pattern)
    if (compiled.kind === 'wrong') throw new Error(compiled.text)
    for (const text of yes) expect([text, compiled.matches(text)]).toEqual([text, true])
    for (const text of no) expect([text, compiled.matches(text)]).toEqual([text, false])
  })

  it.each([
    ['(?=a)', 'looks around'],
    ['a(?!b)', 'looks around'],
    ['(?<=a)b', 'looks around'],
    ['(?<!a)b', 'looks around'],
    ['(a)\\1', 'refers back'],
    ['(a', 'Unterminated group'],
    ['x'.repeat(501), 'longer than 500'],
  ])('%s is refused', (pattern, part) => {
    const compiled = compilePattern(pattern)
    expect(compiled.kind).toBe('wrong')
    expect(compiled).toHaveProperty('text', expect.stringContaining(part))
  })
})

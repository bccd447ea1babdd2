import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  anyOf,
  BUCKETS,
  bucketOf,
  bucketRule,
  bucketsFor,
  cookiePattern,
  idPattern,
  languagePattern,
  wholePattern,
  windowPattern,
} from '../../src/routers/patterns.ts'

const hex = (value: number): string => value.toString(16).padStart(2, '0')
const IDS = Array.from({ length: BUCKETS }, (_, value) => hex(value))

const count = fc.integer({ min: 1, max: BUCKETS })
const offset = fc.integer({ min: 0, max: BUCKETS - 1 })
const percent = fc.integer({ min: 0, max: 100 })
/** Names and values as a config takes them: printable, whatever they mean to a pattern. */
const name = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/)
const text = fc.stringMatching(/^[!-~]{1,12}$/)
const tongue = fc.stringMatching(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})?$/)
const words = fc.uniqueArray(fc.oneof(text, fc.stringMatching(/^[ -~]{1,8}$/)), { minLength: 1, maxLength: 3 })

/** Both dialects: some match anywhere in the text, others the whole of it. */
function accepts(pattern: string, value: string): boolean {
  const search = new RegExp(pattern).test(value)
  expect(new RegExp(`^(?:${pattern})$`).test(value)).toBe(search)
  return search
}

/** What the annotation check of ingress-nginx lets through. */
const NGINX = /^[A-Za-z0-9\-._~/:^$[\](){}*+?|&=\\]*$/

function expectSafe(pattern: string): void {
  expect(pattern).toMatch(NGINX)
  const meaning = pattern.replaceAll(/\\[^1-9k]/g, '')
  expect(meaning).not.toMatch(/\(\?[=!<]|\\/)
  expect(() => new RegExp(pattern)).not.toThrow()
}

describe('patterns', () => {
  it('a window holds exactly its buckets, wherever it begins', () => {
    fc.assert(
      fc.property(count, offset, (many, from) => {
        const window = new RegExp(`^(?:${windowPattern(many, from)})$`)
        const inside = IDS.filter((id) => window.test(id))
        expect(inside).toEqual(IDS.filter((_, value) => (value - from + BUCKETS) % BUCKETS < many))
      }),
      { numRuns: 300 },
    )
  })

  it('every count from every sixteenth offset', () => {
    for (let from = 0; from < BUCKETS; from += 15)
      for (let many = 1; many <= BUCKETS; many += 1) {
        const window = new RegExp(`^(?:${windowPattern(many, from)})$`)
        expect(IDS.filter((id) => window.test(id))).toHaveLength(many)
      }
  })

  it('a higher share has all users of a lower one', () => {
    fc.assert(
      fc.property(percent, percent, offset, (one, other, from) => {
        const [low, high] = one < other ? [one, other] : [other, one]
        expect(bucketsFor(low)).toBeLessThanOrEqual(bucketsFor(high))
        if (low === 0) return
        const [small, large] = [low, high].map((share) => new RegExp(`^${windowPattern(bucketsFor(share), from)}$`))
        for (const id of IDS) if (small?.test(id) === true) expect(large?.test(id)).toBe(true)
      }),
    )
  })

  it('holds only characters that ingress-nginx lets through, and nothing that RE2 does not know', () => {
    fc.assert(
      fc.property(name, words, tongue, count, offset, (key, values, spoken, many, from) => {
        const id = idPattern(many, from)
        for (const pattern of [
          id,
          wholePattern(id),
          cookiePattern(key, id),
          wholePattern(anyOf(values)),
          cookiePattern(key, anyOf(values)),
          languagePattern([spoken, 'de']),
        ])
          expectSafe(pattern)
      }),
      { numRuns: 500 },
    )
  })

  it('takes values literally', () => {
    fc.assert(
      fc.property(words, text, (values, other) => {
        const pattern = wholePattern(anyOf(values))
        for (const value of values) expect(accepts(pattern, value)).toBe(true)
        expect(accepts(pattern, other)).toBe(values.includes(other))
      }),
      { numRuns: 500 },
    )
  })

  it('finds a cookie between others, and none whose name only ends alike', () => {
    const neighbour = fc.tuple(fc.constantFrom('a', 'yuid', 'uid2', 'u', '_ga'), fc.stringMatching(/^[0-9a-f-]{0,8}$/))
    const others = fc.array(neighbour, { maxLength: 3 })
    const gap = fc.constantFrom('; ', ';')
    const id = fc.stringMatching(/^[0-9a-f-]{0,12}[0-9a-f]{2}$/)
    const lists = fc.tuple(others, others, gap)
    fc.assert(
      fc.property(lists, id, count, offset, ([before, after, between], value, many, from) => {
        const pattern = cookiePattern('uid', idPattern(many, from))
        const pairs = (list: [string, string][]) => list.map((pair) => pair.join('='))
        const cookies = (own: string[]) => [...pairs(before), ...own, ...pairs(after)].join(between)
        const inside = ((bucketOf(value) ?? 0) - from + BUCKETS) % BUCKETS < many
        expect(accepts(pattern, cookies([`uid=${value}`]))).toBe(inside)
        expect(accepts(pattern, cookies([]))).toBe(false)
        expect(accepts(pattern, cookies([`yuid=${value}`]))).toBe(false)
        expect(accepts(pattern, cookies([`uid=${value}.`]))).toBe(false)
        expect(accepts(pattern, cookies([`uid=${value}0G`]))).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  it('does not take upper-case hex digits', () => {
    const pattern = cookiePattern('uid', idPattern(BUCKETS, 0))
    expect(accepts(pattern, 'uid=12ab')).toBe(true)
    expect(accepts(pattern, 'uid=12AB')).toBe(false)
    expect(accepts(pattern, 'uid=12aB')).toBe(false)
    expect(bucketOf('12AB')).toBeUndefined()
  })

  it('the first language counts, with its regions', () => {
    const pattern = languagePattern(['de', 'pt-BR'])
    for (const good of [
      'de',
      'de-CH',
      'de,en;q=0.5',
      'de;q=0.9',
      'de-CH,de;q=0.9',
      'DE',
      'pt-BR',
      'pt-br',
      'pt-BR,pt;q=0.8',
    ])
      expect(accepts(pattern, good), good).toBe(true)
    for (const bad of ['', 'en', 'en,de', 'den', 'pt', 'pt-PT', 'deu']) expect(accepts(pattern, bad), bad).toBe(false)
  })

  it('leads 10,000 users from 1 % to 100 %: nobody goes back, and the share is exact', () => {
    fc.assert(
      fc.property(fc.integer(), offset, fc.constantFrom('cookie' as const, 'header' as const), (seed, from, source) => {
        const users = uuids(seed, 10_000)
        let before = new Set<string>()
        for (const share of [1, 5, 25, 50, 100]) {
          const rule = bucketRule({ source, name: 'uid', offset: from }, share)
          const pattern = new RegExp(rule?.pattern ?? '')
          const now = new Set(users.filter((id) => pattern.test(source === 'cookie' ? `a=1; uid=${id}; b=2` : id)))
          const wanted = users.filter((id) => ((bucketOf(id) ?? 0) - from + BUCKETS) % BUCKETS < bucketsFor(share))
          expect([...now]).toEqual(wanted)
          expect([...before].every((id) => now.has(id))).toBe(true)
          // 256 buckets: half a bucket off at most, but for the least share, and what chance does to 10,000 users.
          expect(Math.abs(now.size / users.length - share / 100)).toBeLessThan(0.025)
          before = now
        }
        expect(before.size).toBe(users.length)
      }),
      { numRuns: 5 },
    )
  })
})

/** Ids like UUIDs of version 4, the same for the same seed. */
function uuids(seed: number, many: number): string[] {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return Array.from({ length: many }, () => {
    const digits = Array.from({ length: 4 }, () => next().toString(16).padStart(8, '0')).join('')
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  })
}

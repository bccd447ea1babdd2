import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { downtimeText, updatesChart, updateLines, updateSection } from '../../../src/report/update-texts.ts'
import { downtimeOf, latencyOf, type Sample, type Updates, updatesOf } from '../../../src/report/updates.ts'
import { START } from './views.ts'

const OLD = '0.1.0'
const NEW = '0.2.0'

const time = (seconds: number, ms: number): { at: number; ms: number } => ({ at: START + seconds * 1_000, ms })
const good = (seconds: number, version: string | undefined, ms = 10): Sample => ({
  kind: 'answer',
  ...time(seconds, ms),
  ...(version === undefined ? {} : { version }),
})
const error = (seconds: number, version: string): Sample => ({
  kind: 'error',
  ...time(seconds, 20),
  version,
  text: 'it answered 500',
})
const silence = (seconds: number, text = 'no endpoints'): Sample => ({ kind: 'silence', ...time(seconds, 5_000), text })

function figures(samples: Sample[], until = 60): Updates {
  const found = updatesOf({
    target: 'Service/shop port 80',
    intervalMs: 1_000,
    known: [OLD, NEW],
    until: START + until * 1_000,
    samples,
  })
  if (found === undefined) throw new Error('no samples')
  return found
}

describe('figures of the update checker', () => {
  it('are none where nothing was asked', () => {
    expect(updatesOf({ target: 't', intervalMs: 1_000, known: [], until: START, samples: [] })).toBeUndefined()
  })

  it('count requests and errors by version, the old and the new one first, the unknown last', () => {
    const { requests, failed, versions } = figures([
      good(0, undefined),
      good(1, 'other'),
      good(2, NEW),
      error(3, NEW),
      good(4, OLD),
      silence(5),
    ])
    expect([requests, failed]).toEqual([6, 2])
    expect(versions.map((each) => [each.version, each.requests, each.errors])).toEqual([
      [OLD, 1, 0],
      [NEW, 2, 1],
      ['other', 1, 0],
      ['unknown', 2, 1],
    ])
    // The time until a request was given up is no time of an answer
    expect(versions.map(({ latencyMs }) => latencyMs?.p99)).toEqual([10, 20, 10, 10])
    expect(figures([silence(0)]).versions).toEqual([{ version: 'unknown', requests: 1, errors: 1 }])
  })

  it('hold ten names at most, whatever the app calls itself', () => {
    const { versions } = figures(
      Array.from({ length: 100 }, (_, at) => good(at, `build-${at}`)),
      100,
    )
    expect(versions).toHaveLength(11)
    expect(versions.at(-1)).toMatchObject({ version: 'others', requests: 90 })
  })

  it('count a version of any name', () => {
    const { timeline, versions } = figures([good(0, '__proto__'), good(0, '__proto__'), good(0, 'constructor')])
    expect(versions.map(({ version, requests }) => [version, requests])).toEqual([
      ['__proto__', 2],
      ['constructor', 1],
    ])
    expect([...(timeline[0]?.answers ?? [])]).toEqual([
      ['__proto__', 2],
      ['constructor', 1],
    ])
  })

  it('name the three slowest answers', () => {
    const { slowest } = figures([good(0, OLD, 3), good(1, OLD, 90), error(2, NEW), good(3, NEW, 40), silence(4)])
    expect(slowest).toEqual([
      { at: START + 1_000, ms: 90, version: OLD },
      { at: START + 3_000, ms: 40, version: NEW },
      { at: START + 2_000, ms: 20, version: NEW },
    ])
  })

  it('keep the 50 longest windows in order of time, and count them all', () => {
    const samples = Array.from({ length: 70 }, (_, index) => [silence(index * 100), good(index * 100 + 1 + index, OLD)])
    const { downtime, windows, downtimeMs } = figures(samples.flat(), 7_000)
    expect([downtime.length, windows]).toEqual([50, 70])
    expect(downtime[0]).toMatchObject({ from: START + 2_000_000, ms: 21_000 })
    expect(downtime.at(-1)).toMatchObject({ ms: 70_000 })
    expect(downtimeMs).toBe(((70 * 71) / 2) * 1_000)
  })

  it('have a timeline of at most 40 stretches in which no poll is lost', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ gap: fc.integer({ min: 0, max: 20_000 }), kind: fc.constantFrom('a', 'e', 's') }), {
          minLength: 1,
          maxLength: 300,
        }),
        (polls) => {
          let at = 0
          const samples = polls.map(({ gap, kind }) => {
            at += gap / 1_000
            return kind === 'a' ? good(at, OLD) : kind === 'e' ? error(at, NEW) : silence(at)
          })
          const { timeline, requests, failed, stretchMs, downtimeMs } = figures(samples, at + 1)
          expect(timeline.length).toBeLessThanOrEqual(40)
          expect(stretchMs).toBeGreaterThanOrEqual(1_000)
          expect(timeline.reduce((sum, each) => sum + each.failed, 0)).toBe(failed)
          const answers = timeline.flatMap((each) => [...each.answers.values()]).reduce((sum, each) => sum + each, 0)
          expect(answers + failed).toBe(requests)
          expect(downtimeMs).toBeLessThanOrEqual(at * 1_000 + 1_001)
        },
      ),
    )
  })
})

describe('windows of downtime', () => {
  it('last from the first failed poll to the next good one', () => {
    expect(downtimeOf([good(0, OLD), silence(1, 'first'), error(2, OLD), good(4, NEW)], START)).toEqual([
      { from: START + 1_000, ms: 3_000, over: true, text: 'first' },
    ])
  })

  it('are told apart, and the last may not be over', () => {
    const windows = downtimeOf([silence(0), good(1, OLD), error(2, OLD)], START + 9_500)
    expect(windows).toMatchObject([
      { ms: 1_000, over: true },
      { ms: 7_500, over: false, text: 'it answered 500' },
    ])
    expect(downtimeOf([good(0, OLD)], START)).toEqual([])
  })
})

describe('quantiles', () => {
  it('are times that were measured', () => {
    const times = Array.from({ length: 100 }, (_, index) => index + 1)
    expect(latencyOf(times)).toEqual({ p50: 50, p90: 90, p99: 99 })
    expect(latencyOf([7])).toEqual({ p50: 7, p90: 7, p99: 7 })
    expect(latencyOf([])).toBeUndefined()
  })
})

describe('what is told of them', () => {
  it('in the log: requests, times, downtime', () => {
    const many = Array.from({ length: 1_200 }, (_, at) => good(at, at < 600 ? OLD : NEW, at === 130 ? 143 : 3))
    expect(updateLines(figures(many, 1_200))).toEqual([
      'Update checker: 1,200 requests to Service/shop port 80, 0 failed; 0.1.0 600, 0.2.0 600',
      '  half of the answers of 0.1.0 3 ms, 99 % within 3 ms; of 0.2.0 3 ms, 99 % within 3 ms; slowest 143 ms at 2m 10s',
      '  no downtime seen, asked every 1.0s',
    ])
    expect(updateLines(figures([silence(0), silence(1)], 2))).toEqual([
      'Update checker: 2 requests to Service/shop port 80, 2 failed; unknown 2',
      '  downtime: from 0.0s on, not over after 2.0s',
    ])
  })

  it('of many windows only the first are named', () => {
    const samples = Array.from({ length: 7 }, (_, index) => [silence(index * 10), good(index * 10 + 2, OLD)])
    expect(downtimeText(figures(samples.flat(), 70))).toBe(
      'downtime: 2.0s at 0.0s, 2.0s at 10s, 2.0s at 20s, 2.0s at 30s, 2.0s at 40s and 2 more, 14s in all',
    )
  })

  it('as a chart with a point for every stretch, also for those without a poll', () => {
    const chart = updatesChart(figures([good(0, OLD), silence(1), good(3, NEW), good(4, NEW)], 5))
    expect(chart.split('\n')).toEqual([
      '🟦 0.1.0 · 🟩 0.2.0 · 🟥 failed',
      '',
      '```mermaid',
      expect.stringContaining('plotColorPalette'),
      'xychart-beta',
      '  title "Answers by version"',
      '  x-axis "seconds" 0 --> 4',
      '  y-axis "percent" 0 --> 100',
      '  line [100, 0, 0, 0, 0]',
      '  line [0, 0, 0, 100, 100]',
      '  line [0, 100, 100, 0, 0]',
      '```',
    ])
    expect(updatesChart(figures([good(0, OLD)]))).toBe('')
  })

  it('names that an app chose break neither chart nor table', () => {
    const evil = '__proto__"]\n line | [9] <b>@octocat'
    const text = updateSection(figures([good(0, evil), good(1, OLD)], 2))
    expect(text).not.toContain('<b>')
    expect(text).not.toMatch(/@octocat/)
    expect(text.split('\n').filter((line) => line.startsWith('| ') && line.includes('octocat'))).toHaveLength(1)
    expect(text).toContain('🟦 0.1.0 · 🟩 ')
  })
})

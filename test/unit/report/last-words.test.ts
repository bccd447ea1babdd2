import { describe, expect, it } from 'vitest'
import { lastWords } from '../../../src/report/last-words.ts'

const said = (...lines: string[]): string =>
  lastWords({ evidence: [{ title: 'last lines of container web of Pod/web-1', lines }] })

describe('the last words of a container', () => {
  it.each([
    ['Go', ['starting', 'panic: no such table', 'goroutine 1 [running]:', 'exit status 2'], 'panic: no such table'],
    [
      'Node',
      ["Error: Cannot find module 'x'", '    at load (a.js:1:2)', 'Node.js v24.1.0'],
      "Error: Cannot find module 'x'",
    ],
    [
      'Java',
      ['java.lang.IllegalStateException: no url', '\tat a.B.c(B.java:3)', '\t... 12 more'],
      'java.lang.IllegalStateException: no url',
    ],
    ['Python', ['Traceback (most recent call last):', '  File "a.py", line 1', 'KeyError: 1'], 'KeyError: 1'],
  ])('%s: the complaint, not the stack', (_, lines, expected) => {
    expect(said(...lines)).toBe(expected)
  })
  it('are the last line where nothing complains', () => {
    expect(said('starting', 'bye', ' ')).toBe('bye')
  })
  it('are empty where there is no log', () => {
    expect(said('(it wrote nothing)')).toBe('')
    expect(lastWords({ evidence: [{ title: 'events', lines: ['Error: x'] }] })).toBe('')
    expect(lastWords({})).toBe('')
  })
})

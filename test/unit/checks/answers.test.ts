import { describe, expect, it } from 'vitest'
import type { Answer } from '../../../src/checks/asker.ts'
import { wrongWith } from '../../../src/checks/http.ts'
import { beyond, limitsText } from '../../../src/checks/limits.ts'
import { namesWord, wrongVersion } from '../../../src/checks/version.ts'
import { judgeWeb } from '../../../src/checks/web.ts'
import { checkOf } from '../../../src/input/checks.ts'

const answer = (more: Partial<Answer> = {}): Answer & { ms: number } => ({
  status: 200,
  headers: { 'x-version': '1.2.0', 'content-type': 'application/json' },
  body: '{"status":"ok","data":{"items":[{"id":7}]},"version":"1.2.0"}',
  ms: 40,
  ...more,
})

describe('what an answer must be', () => {
  it.each([
    ['the status', { status: 200 }, {}, undefined],
    [
      'another status',
      { status: 200 },
      { status: 500, body: 'no database' },
      'answered 500, expected 200: no database',
    ],
    [
      'a redirect to another host',
      { status: 200 },
      { status: 302, body: '', elsewhere: 'https://other/' },
      'redirects to another host, https://other/',
    ],
    ['a redirect that is expected', { status: 302 }, { status: 302, elsewhere: 'https://other/' }, undefined],
    ['a header', { status: 200, headers: { 'X-Version': '1.2.0' } }, {}, undefined],
    [
      'another header',
      { status: 200, headers: { 'X-Version': '2' } },
      {},
      'answered with X-Version: 1.2.0, expected X-Version: 2',
    ],
    ['a header that is not there', { status: 200, headers: { 'X-A': '2' } }, {}, 'answered with no header X-A'],
    ['text', { status: 200, body: '"status":"ok"' }, {}, undefined],
    ['other text', { status: 200, body: 'ready' }, {}, 'answered without "ready"'],
    ['text behind what is read', { status: 200, body: 'ready' }, { cut: true }, 'in the first megabyte'],
    ['a pattern', { status: 200, pattern: '"id":\\d+' }, {}, undefined],
    ['no pattern', { status: 200, pattern: '^ok$' }, {}, 'matches /^ok$/'],
    ['a path', { status: 200, json: { status: 'ok', 'data.items[0].id': 7 } }, {}, undefined],
    [
      'another value',
      { status: 200, json: { '$.data.items[0].id': 8 } },
      {},
      'answered 7 at $.data.items[0].id, expected 8',
    ],
    ['a path where nothing stands', { status: 200, json: { 'data.none': 8 } }, {}, 'answered nothing at data.none'],
    ['no JSON', { status: 200, json: { status: 'ok' } }, { body: '<html>' }, 'answered no JSON: <html>'],
    ['JSON that is too large', { status: 200, json: { status: 'ok' } }, { cut: true }, 'more than is read'],
    ['a slow answer', { status: 200, fasterThanMs: 40 }, {}, 'took 40 ms, expected less than 40 ms'],
    ['a fast one', { status: 200, fasterThanMs: 41 }, {}, undefined],
  ])('%s', (_name, expected, given, wrong) => {
    const found = wrongWith(answer(given), expected)
    if (wrong === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(wrong)
  })
})

describe('the version that an answer names', () => {
  it.each([
    ['anywhere', undefined, '1.2.0', {}, undefined],
    ['not as part of another', undefined, '1.2', {}, 'named no 1.2'],
    ['at a path', { json: 'version' }, '1.2.0', {}, undefined],
    ['another one at a path', { json: 'version' }, '1.3.0', {}, 'named version 1.2.0, expected 1.3.0'],
    ['no version at a path', { json: 'data' }, '1.2.0', {}, 'answered no version at data'],
    ['in a header', { header: 'X-Version' }, '1.2.0', {}, undefined],
    ['in no header', { header: 'X-Other' }, '1.2.0', {}, 'without the header X-Other'],
    ['in a group', { pattern: '"version":"([^"]+)"' }, '1.2.0', {}, undefined],
    ['in no group', { pattern: 'v([0-9]+)' }, '1.2.0', { body: 'none' }, 'matches /v([0-9]+)/'],
    ['of an error page', undefined, '1.2.0', { status: 404, body: '1.2.0' }, 'answered 404'],
  ])('%s', (_name, at, expected, given, wrong) => {
    const found = wrongVersion(answer(given), at, expected)
    if (wrong === undefined) expect(found).toBeUndefined()
    else expect(found).toContain(wrong)
  })

  it.each([
    ['version 1.2.0', true],
    ['1.2.0.', true],
    ['(1.2.0)', true],
    ['11.2.0', false],
    ['1.2.0-rc', false],
    ['1.2.0.1', false],
    ['v1.2.0', false],
  ])('%s', (text, named) => {
    expect(namesWord(text, '1.2.0')).toBe(named)
  })
})

describe('a value of any endpoint', () => {
  const check = checkOf('web', { web: { url: 'https://x/', json: 'v', max: 5 } })
  const equal = checkOf('web', { web: { url: 'https://x/', json: 'v', equals: 'green' } })
  it.each([
    [check, { body: '{"v":5}' }, 'pass', 'v is 5, at most 5'],
    [check, { body: '{"v":"4.5"}' }, 'pass', 'at most 5'],
    [check, { body: '{"v":6}' }, 'fail', 'is 6, more than 5'],
    [check, { body: '{"v":"many"}' }, 'inconclusive', 'is no number'],
    [check, { body: '{"v":""}' }, 'inconclusive', 'is no number'],
    [check, { body: '{"v":null}' }, 'inconclusive', 'answered nothing at v'],
    [check, { body: '{}' }, 'inconclusive', 'answered nothing at v'],
    [check, { body: '<html>' }, 'inconclusive', 'answered no JSON'],
    [check, { body: '{"v":1', cut: true }, 'inconclusive', 'more than is read'],
    [check, { status: 500, body: 'oops' }, 'inconclusive', 'answered 500: oops'],
    [check, { status: 301, elsewhere: 'https://y/' }, 'inconclusive', 'another host, https://y/'],
    [equal, { body: '{"v":"green"}' }, 'pass', 'equals "green"'],
    [equal, { body: '{"v":"red"}' }, 'fail', 'is "red", expected "green"'],
  ])('%#', (given, more, kind, text) => {
    if (given.kind !== 'web') throw new Error('no web check')
    const verdict = judgeWeb(answer(more), given)
    expect(verdict.kind).toBe(kind)
    expect(verdict.text).toContain(text)
  })
})

describe('limits', () => {
  it.each([
    [1, { min: 1, max: 2 }, undefined],
    [0.99, { min: 1 }, 'is 0.99, less than 1'],
    [0.1 + 0.2, { max: 0.3 }, 'is 0.3, more than 0.3'],
    [true, { equals: true }, undefined],
    ['1', { equals: 1 }, 'is "1", expected 1'],
  ])('%s of %j', (value, limits, wrong) => {
    expect(beyond(value, limits)).toBe(wrong)
  })

  it('are told in words', () => {
    expect(limitsText({ min: 1, max: 2 })).toBe('at least 1 and at most 2')
    expect(limitsText({ equals: 'a' })).toBe('equals "a"')
  })
})

import { describe, expect, it } from 'vitest'
import type { Asker, CommandEnd } from '../../../src/checks/asker.ts'
import { measureHttp } from '../../../src/checks/http.ts'
import { type PlainCheck, runCheck } from '../../../src/checks/measure.ts'
import { checkOf } from '../../../src/input/checks.ts'
import type { CheckValues } from '../../../src/input/checks-schema.ts'
import type { HttpCheck } from '../../../src/checks/spec.ts'
import { ApiError } from '../../../src/kubernetes/errors.ts'
import { askerWith, clock } from './asked.ts'

const END: CommandEnd = { exitCode: 0, late: false, lines: ['said'] }

/** Runs a command check whose process ends with these codes, one after the other. */
async function ran(codes: (number | 'late' | 'gone')[], values: CheckValues = {}) {
  const check = checkOf('smoke', { command: { run: 'x' }, ...values }) as PlainCheck
  let asked = 0
  const asker = askerWith({
    runCommand: () => {
      const code = codes[Math.min(asked++, codes.length - 1)] ?? 0
      if (code === 'gone') return Promise.reject(new Error('spawn sh ENOENT'))
      return Promise.resolve(code === 'late' ? { ...END, exitCode: 143, late: true } : { ...END, exitCode: code })
    },
  })
  const begun = clock.now()
  const verdict = await clock.run(runCheck(asker, check))
  return { ...verdict, asked, seconds: (clock.now() - begun) / 1_000 }
}

describe('a check as a step', () => {
  it.each([
    ['passes at once', [0], {}, 'pass', 1, 'it ended with 0'],
    ['passes three times in a row', [0], { times: 3 }, 'pass', 3, '3 times in a row'],
    ['fails at once', [1], {}, 'fail', 1, 'it ended with 1: said'],
    ['tolerates one failure', [1, 0], { failures: 1 }, 'pass', 2, 'it ended with 0'],
    ['tolerates no second one', [1, 2], { failures: 1 }, 'fail', 2, 'it ended with 2'],
    ['begins to count anew after a failure', [0, 1, 0, 0], { times: 2, failures: 1 }, 'pass', 4, '2 times in a row'],
    ['is asked again while it cannot tell', [75, 75, 0], {}, 'pass', 3, 'it ended with 0'],
    ['cannot tell', [75], {}, 'inconclusive', 3, 'it cannot tell'],
    ['took too long', ['late'], {}, 'inconclusive', 3, 'within 300 s'],
    ['was not found', [127], {}, 'inconclusive', 3, 'could not run it'],
    ['was not started', ['gone'], {}, 'inconclusive', 3, 'ENOENT'],
    [
      'never settles',
      [0, 1, 0, 1, 0, 1, 0],
      { times: 2, failures: 1 },
      'fail',
      7,
      'did not pass 2 times in a row within 7',
    ],
  ] as const)('%s', async (_name, codes, values, kind, asked, text) => {
    const verdict = await ran([...codes], values)
    expect(verdict).toMatchObject({ kind, asked })
    expect(verdict.text).toContain(text)
    expect(verdict.seconds).toBe((asked - 1) * 10)
  })

  it('waits its interval between two', async () => {
    expect(await ran([0], { times: 4, interval: '500ms' })).toMatchObject({ kind: 'pass', seconds: 1.5 })
  })
})

describe('an API server that does not answer', () => {
  const ASKED = { method: 'GET', path: '/' }
  const page = checkOf('page', { http: { path: '/' } }) as HttpCheck
  const gone = new ApiError({ kind: 'unreachable', message: 'ECONNREFUSED', status: 0, request: ASKED })

  it('says nothing of the pods behind it', async () => {
    const asker = askerWith({ proxy: () => Promise.reject(gone) })
    const verdict = await clock.run(measureHttp(asker, page))
    expect(verdict).toMatchObject({ kind: 'inconclusive', text: expect.stringContaining('ECONNREFUSED') })
  })

  it.each([
    [401, 'Unauthorized'],
    [429, 'TooManyRequests'],
  ])('answers %i in its place: that is no word of the app', async (status, reason) => {
    const body = JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: reason, reason })
    const asker = askerWith({ proxy: () => Promise.resolve({ status, headers: {}, body }) })
    const verdict = await clock.run(measureHttp(asker, page))
    expect(verdict).toMatchObject({ kind: 'inconclusive', text: expect.stringContaining('was not asked') })
    const own = askerWith({ proxy: () => Promise.resolve({ status, headers: {}, body: 'log in first' }) })
    expect(await clock.run(measureHttp(own, page))).toMatchObject({ kind: 'fail' })
  })

  it.each<[string, Asker['proxy']]>([
    [
      'a pod that hangs',
      () =>
        Promise.reject(new ApiError({ kind: 'timeout', message: 'no answer within 5 s', status: 0, request: ASKED })),
    ],
    ['a pod that it cannot reach', () => Promise.resolve({ status: 503, headers: {}, body: 'connection refused' })],
  ])('is told from %s, which fails', async (_name, proxy) => {
    expect(await clock.run(measureHttp(askerWith({ proxy }), page))).toMatchObject({ kind: 'fail' })
  })
})

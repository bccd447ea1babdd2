import { describe, expect, it } from 'vitest'
import { exitCodeOf, resultOf } from '../../../src/commands/result.ts'
import type { Settings } from '../../../src/rollout/settings.ts'
import type { Failure } from '../../../src/shared/errors.ts'
import { record } from '../report/views.ts'

const failed: Failure = { kind: 'failed', code: 'x', message: 'bad' }
const timeout: Failure = { kind: 'timeout', code: 'timeout', message: 'late' }
const cancelled: Failure = { kind: 'cancelled', code: 'cancelled', message: 'stop' }

describe('the exit code of an outcome', () => {
  it.each([
    { outcome: 'succeeded' as const, failure: undefined, code: 0 },
    { outcome: 'unchanged' as const, failure: undefined, code: 0 },
    { outcome: 'planned' as const, failure: undefined, code: 0 },
    { outcome: 'rolled-back' as const, failure: undefined, code: 0 },
    { outcome: 'paused' as const, failure: undefined, code: 3 },
    { outcome: 'refused' as const, failure: failed, code: 2 },
    { outcome: 'aborted' as const, failure: undefined, code: 0 },
    { outcome: 'aborted' as const, failure: failed, code: 1 },
    { outcome: 'aborted' as const, failure: timeout, code: 70 },
    { outcome: 'aborted' as const, failure: cancelled, code: 130 },
    { outcome: 'stopped' as const, failure: failed, code: 1 },
    { outcome: 'stopped' as const, failure: timeout, code: 70 },
    { outcome: 'stopped' as const, failure: cancelled, code: 130 },
    { outcome: 'failed' as const, failure: failed, code: 1 },
    { outcome: 'failed' as const, failure: undefined, code: 1 },
  ])('$outcome after $failure.kind: $code', ({ outcome, failure, code }) => {
    expect(exitCodeOf(outcome, failure)).toBe(code)
  })

  it('is that of a cancel, whatever else it was', () => {
    expect(exitCodeOf('refused', failed, true)).toBe(130)
  })
})

describe('the result of a command', () => {
  const settings = (change: Partial<Settings>): { settings: Settings } => ({ settings: change as Settings })

  it('is about the recorded rollout, with the way on', () => {
    const result = resultOf(settings({ command: 'deploy' }), {
      outcome: 'paused',
      message: 'm',
      record: record({ phase: 'paused' }),
    })
    expect(result).toMatchObject({
      command: 'deploy',
      phase: 'paused',
      app: 'echo-version',
      namespace: 'shop',
      exitCode: 3,
    })
    expect(result.next).toContain('rollout=7')
    expect(result).not.toHaveProperty('failure')
    expect(result).not.toHaveProperty('plan')
  })

  it('is about what was asked for where nothing is recorded', () => {
    const asked = settings({ command: 'abort', app: 'a', namespace: 'n' })
    const message = 'm'
    expect(resultOf(asked, { outcome: 'unchanged', message })).toMatchObject({
      phase: 'none',
      app: 'a',
      namespace: 'n',
      next: '',
    })
    const found = resultOf(asked, {
      outcome: 'unchanged',
      message,
      app: 'b',
      namespace: 'o',
      failure: failed,
      plan: '# p',
    })
    expect(found).toMatchObject({ app: 'b', namespace: 'o', failure: failed, plan: '# p', findings: [] })
    expect(resultOf(settings({ command: 'abort' }), { outcome: 'unchanged', message })).toMatchObject({
      app: '',
      namespace: '',
    })
  })
})

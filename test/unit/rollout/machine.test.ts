import { describe, expect, it } from 'vitest'
import { decide, type Decision, type Question } from '../../../src/rollout/machine.ts'
import type { Phase, RolloutRecord } from '../../../src/rollout/record.ts'
import { record, source } from '../report/views.ts'

const PHASES = ['progressing', 'paused', 'stopped', 'aborting', 'aborted', 'succeeded', 'failed'] as const
const SAME = record().release.digest
const OTHER = 'b'.repeat(64)

function ask(change: Partial<Question>, of: Partial<RolloutRecord> | 'none' = {}): Decision {
  const base = { full: false, supersede: 'newer' as const, source: source({ runId: '4712' }) }
  return decide({ command: 'deploy', record: of === 'none' ? undefined : record(of), ...base, ...change })
}

/** The decision as one word, with what hangs on it. */
function word(decision: Decision): string {
  switch (decision.kind) {
    case 'start':
      return decision.abortFirst ? 'abort first' : 'start'
    case 'promote':
      return decision.full ? 'promote in full' : 'promote'
    case 'refused':
      return `refused ${decision.failure.code}`
    default:
      return decision.kind
  }
}

describe('the table of phases and commands', () => {
  type Cell = Record<'same' | 'other' | 'promote' | 'full' | 'abort' | 'rollback', string>
  const table: Record<Phase, Cell> = {
    none: {
      same: 'start',
      other: 'start',
      promote: 'refused nothing-under-way',
      full: 'refused nothing-under-way',
      abort: 'unchanged',
      rollback: 'refused nothing-under-way',
    },
    succeeded: {
      same: 'unchanged',
      other: 'start',
      promote: 'refused nothing-under-way',
      full: 'refused nothing-under-way',
      abort: 'unchanged',
      rollback: 'start',
    },
    aborted: {
      same: 'start',
      other: 'start',
      promote: 'refused nothing-under-way',
      full: 'refused nothing-under-way',
      abort: 'unchanged',
      rollback: 'start',
    },
    progressing: {
      same: 'resume',
      other: 'abort first',
      promote: 'refused progressing',
      full: 'refused progressing',
      abort: 'abort',
      rollback: 'refused under-way',
    },
    paused: {
      same: 'still-paused',
      other: 'abort first',
      promote: 'promote',
      full: 'promote in full',
      abort: 'abort',
      rollback: 'refused under-way',
    },
    stopped: {
      same: 'resume',
      other: 'abort first',
      promote: 'refused stopped',
      full: 'promote in full',
      abort: 'abort',
      rollback: 'refused under-way',
    },
    aborting: {
      same: 'abort first',
      other: 'abort first',
      promote: 'refused aborting',
      full: 'refused aborting',
      abort: 'abort',
      rollback: 'refused under-way',
    },
    failed: {
      same: 'abort first',
      other: 'abort first',
      promote: 'refused failed',
      full: 'refused failed',
      abort: 'abort',
      rollback: 'refused under-way',
    },
  }

  it.each(['none' as const, ...PHASES])('%s', (phase) => {
    const of = phase === 'none' ? phase : { phase }
    expect({
      same: word(ask({ digest: SAME }, of)),
      other: word(ask({ digest: OTHER }, of)),
      promote: word(ask({ command: 'promote' }, of)),
      full: word(ask({ command: 'promote', full: true }, of)),
      abort: word(ask({ command: 'abort' }, of)),
      rollback: word(ask({ command: 'rollback' }, of)),
    }).toEqual(table[phase])
  })

  it.each([
    {
      what: 'nothing recorded',
      of: 'none' as const,
      change: { command: 'abort' as const },
      message: 'nothing is under way',
    },
    {
      what: 'aborted',
      of: { phase: 'aborted' as const },
      change: { command: 'abort' as const },
      message: 'rollout 7 is aborted already',
    },
    {
      what: 'succeeded',
      of: { phase: 'succeeded' as const },
      change: { command: 'abort' as const },
      message: 'rollout 7 has succeeded; use rollback to return to the release before it',
    },
    {
      what: 'live',
      of: { phase: 'succeeded' as const },
      change: { digest: SAME },
      message: 'release feedc0de99 is live since rollout 7',
    },
    {
      what: 'paused',
      of: { phase: 'paused' as const },
      change: { digest: SAME },
      message: 'rollout 7 waits: for an approval',
    },
    {
      what: 'paused by a check',
      of: { phase: 'paused' as const, reason: 'check home could not tell' },
      change: { digest: SAME },
      message: 'rollout 7 waits: check home could not tell',
    },
  ])('says why nothing is done: $what', ({ of, change, message }) => {
    expect(ask(change, of)).toMatchObject({ message })
  })

  it.each([
    { phase: 'progressing' as const, because: 'its run ended in the middle' },
    { phase: 'stopped' as const, because: 'it was stopped' },
  ])('says why it resumes: $because', ({ phase, because }) => {
    expect(ask({ digest: SAME }, { phase })).toMatchObject({ because })
  })

  it('says what comes first', () => {
    expect(ask({ digest: OTHER }, { phase: 'paused' })).toMatchObject({
      because: 'it supersedes rollout 7, which goes back to stable first',
    })
    expect(ask({ digest: OTHER }, { phase: 'failed' })).toMatchObject({
      because: 'the abort of rollout 7 is finished first',
    })
  })
})

describe('promote', () => {
  it.each([
    { of: { reason: 'check home failed' }, message: 'rollout 7 was stopped: check home failed' },
    {
      of: { failure: { kind: 'failed' as const, code: 'x', message: 'web crashes' } },
      message: 'rollout 7 was stopped: web crashes',
    },
    { of: {}, message: 'rollout 7 was stopped: see its log' },
  ])('tells why a stopped rollout is not promoted, and how it would be', ({ of, message }) => {
    const decision = ask({ command: 'promote' }, { phase: 'stopped', step: 2, ...of })
    expect(decision).toMatchObject({ failure: { message, next: expect.stringContaining('retry step 3') } })
  })

  it.each([
    { phase: 'aborted' as const, state: 'rollout 7 has been aborted' },
    { phase: 'succeeded' as const, state: 'rollout 7 has succeeded' },
  ])('has nothing to promote: $state', ({ phase, state }) => {
    expect(ask({ command: 'promote' }, { phase })).toMatchObject({
      failure: { kind: 'refused', message: `there is nothing to promote: ${state}` },
    })
  })
})

describe('rollback', () => {
  it('needs a release before the serving one', () => {
    const { previous: _, ...rest } = record({ phase: 'succeeded' })
    expect(ask({ command: 'rollback', record: rest })).toMatchObject({ failure: { code: 'no-previous' } })
    expect(ask({ command: 'rollback' }, { phase: 'succeeded' })).toMatchObject({
      because: 'back to the release of rollout 6',
    })
  })
})

describe('the number that a command was meant for', () => {
  it.each(['promote', 'abort', 'rollback'] as const)('%s of another rollout is refused', (command) => {
    for (const phase of PHASES)
      expect(ask({ command, rollout: 8 }, { phase })).toMatchObject({
        failure: {
          code: 'other-rollout',
          message: `${command} was meant for rollout 8, but the last one is 7 (${phase})`,
          next: `look at rollout 7 first, then ${command} with rollout: 7`,
        },
      })
  })

  it('passes when it is the last one, or none is recorded, or it is a deploy', () => {
    expect(word(ask({ command: 'promote', rollout: 7 }, { phase: 'paused' }))).toBe('promote')
    expect(word(ask({ command: 'abort', rollout: 7 }, 'none'))).toBe('unchanged')
    expect(word(ask({ digest: SAME, rollout: 8 }, { phase: 'succeeded' }))).toBe('unchanged')
  })
})

describe('the owner', () => {
  it.each(['deploy', 'promote', 'abort', 'rollback'] as const)('%s from another repository is refused', (command) => {
    const decision = ask({ command, digest: OTHER, source: source({ repository: 'acme/other' }) }, { phase: 'paused' })
    expect(decision).toMatchObject({
      failure: { code: 'other-owner', message: 'app echo-version in namespace shop belongs to acme/shop' },
    })
  })

  it.each([
    { what: 'written in other letters', repository: 'Acme/Shop', owner: 'acme/shop' },
    { what: 'a command line', repository: '', owner: 'acme/shop' },
    { what: 'a record of a command line', repository: 'acme/other', owner: '' },
  ])('may be $what', ({ repository, owner }) => {
    const decision = ask({ command: 'abort', source: source({ repository }) }, { phase: 'paused', owner })
    expect(word(decision)).toBe('abort')
  })
})

describe('superseding', () => {
  const older = source({ runId: '4710' })

  it.each(PHASES)('an older run brings nothing over a newer one (%s)', (phase) => {
    const decision = ask({ digest: OTHER, source: older }, { phase })
    expect(decision).toMatchObject({
      failure: { code: 'older-run', message: 'run 4710 is older than run 4711, which brought rollout 7' },
    })
  })

  it.each([
    { what: 'the same run, again', change: { source: source() } },
    { what: 'an older run on purpose', change: { source: older, supersede: 'any' as const } },
    { what: 'a command line', change: { source: source({ runId: '', repository: '' }) } },
    { what: 'a run without a number', change: { source: source({ runId: 'x' }) } },
  ])('$what may', ({ change }) => {
    expect(word(ask({ digest: OTHER, ...change }, { phase: 'succeeded' }))).toBe('start')
    expect(word(ask({ digest: OTHER, ...change }, { phase: 'paused' }))).toBe('abort first')
  })

  it('compares only runs of the same repository, and only where both are known', () => {
    const other = { phase: 'succeeded' as const, owner: '', source: source({ repository: 'acme/old' }) }
    expect(word(ask({ digest: OTHER, source: older }, other))).toBe('start')
    const unknown = { phase: 'succeeded' as const, source: source({ runId: '' }) }
    expect(word(ask({ digest: OTHER, source: older }, unknown))).toBe('start')
  })

  it('is refused while something is under way, when it was told so', () => {
    const refuse = { digest: OTHER, supersede: 'refuse' as const }
    const words = PHASES.map((phase) => [phase, word(ask(refuse, { phase }))])
    expect(Object.fromEntries(words)).toEqual({
      progressing: 'refused under-way',
      paused: 'refused under-way',
      stopped: 'refused under-way',
      aborting: 'abort first',
      failed: 'abort first',
      aborted: 'start',
      succeeded: 'start',
    })
  })

  it('is no question for the same release', () => {
    for (const phase of ['progressing', 'stopped', 'paused'] as const)
      expect(ask({ digest: SAME, supersede: 'refuse', source: older }, { phase }).kind).not.toBe('refused')
  })
})

import { describe, expect, it } from 'vitest'
import { consoleReporter } from '../../../src/report/console.ts'
import type { ReportEvent } from '../../../src/report/events.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { mix, plan, pullFailure, record, result, updates } from './views.ts'

function setUp(options: { github?: boolean; color?: boolean } = {}) {
  const clock = new VirtualClock()
  let text = ''
  const reporter = consoleReporter({
    clock,
    github: options.github ?? false,
    color: options.color ?? false,
    write: (more) => {
      text += more
    },
  })
  return {
    clock,
    reporter,
    emit: (event: ReportEvent) => reporter.emit(event),
    text: () => text,
    lines: () => text.split('\n').slice(0, -1),
  }
}

const warning: ReportEvent = {
  kind: 'finding',
  finding: {
    id: 'prestop-missing',
    severity: 'warning',
    object: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    place: { file: 'k8s/web.yaml', line: 3, column: 5 },
    reason: 'Pods end at once.',
    mend: 'Add a preStop sleep.',
  },
}

describe('the log', () => {
  it('numbers phases and gives each change the time since the start', async () => {
    const { clock, emit, lines } = setUp()
    emit({ kind: 'phase', title: 'Preflight' })
    emit({ kind: 'line', text: 'cluster eu-1' })
    await clock.advance(1_500)
    emit({ kind: 'change', text: 'ConfigMap/a: created\nsecond line' })
    emit({ kind: 'phase', title: 'Rollout' })
    await clock.advance(60_000)
    emit({ kind: 'change', text: 'Deployment/web: held' })
    expect(lines()).toEqual([
      '',
      '1  Preflight',
      '  cluster eu-1',
      '     1.5s  ConfigMap/a: created',
      '           second line',
      '',
      '2  Rollout',
      '   1m 02s  Deployment/web: held',
    ])
  })

  it('tells what users met below the fold', () => {
    const { emit, lines } = setUp({ github: true })
    emit({ kind: 'phase', title: 'Finish' })
    emit({ kind: 'updates', updates: updates() })
    expect(lines()).toEqual([
      '::group::1  Finish',
      '::endgroup::',
      '✓ 1  Finish: 0.0s',
      'Update checker: 40 requests to Service/echo-version port 80, 3 failed; 0.1.0 20, 0.2.0 17, unknown 3',
      '  half of the answers of 0.1.0 4 ms, 99 % within 4 ms; of 0.2.0 6 ms, 99 % within 90 ms; slowest 90 ms at 30s',
      '  downtime: 3.0s at 20s',
    ])
  })

  it('says once what is waited for, and again after each 30 s without a change', async () => {
    const { clock, emit, lines, reporter } = setUp()
    const waiting: ReportEvent = { kind: 'waiting', text: '1 of 3 pods' }
    emit(waiting)
    await clock.advance(20_000)
    emit(waiting)
    emit({ kind: 'change', text: 'pod a is ready' })
    await clock.advance(29_000)
    expect(lines()).toEqual(['   0.0s  waiting for 1 of 3 pods', '    20s  pod a is ready'])
    await clock.advance(31_000)
    expect(lines().slice(2)).toEqual([
      '    50s  still waiting for 1 of 3 pods',
      ' 1m 20s  still waiting for 1 of 3 pods',
    ])
    emit({ kind: 'waiting', text: '2 of 3 pods' })
    await clock.advance(30_000)
    expect(lines().slice(4)).toEqual([' 1m 20s  waiting for 2 of 3 pods', ' 1m 50s  still waiting for 2 of 3 pods'])
    // What only a debugger sees, such as every request, breaks no silence
    await clock.advance(15_000)
    emit({ kind: 'line', level: 'debug', text: 'GET /version 200 3 ms' })
    await clock.advance(15_000)
    expect(lines().slice(6)).toEqual([' 2m 20s  still waiting for 2 of 3 pods'])
    reporter.close()
    await clock.advance(120_000)
    expect(lines()).toHaveLength(7)
  })

  it('prints nothing after it is closed', () => {
    const { emit, reporter, text } = setUp()
    reporter.close()
    reporter.close()
    emit({ kind: 'line', text: 'late' })
    expect(text()).toBe('')
  })

  it('prints findings with severity, object, place, reason and mend', () => {
    const { emit, lines } = setUp()
    emit(warning)
    emit({ kind: 'finding', finding: { id: 'x', severity: 'error', reason: 'r', mend: 'm', accepted: true } })
    emit({ kind: 'finding', finding: { id: 'y', severity: 'info', reason: 'r', mend: 'm', place: { file: 'a.yaml' } } })
    expect(lines()).toEqual([
      'warning: prestop-missing  Deployment/web  (k8s/web.yaml:3:5)',
      '  Pods end at once.',
      '  → Add a preStop sleep.',
      'error, accepted: x',
      '  r',
      '  → m',
      'info: y  (a.yaml)',
      '  r',
      '  → m',
    ])
  })

  it('says how an error may be accepted, in log and annotation', () => {
    const finding = { id: 'quota', severity: 'error', reason: 'r', mend: 'm', acceptable: true } as const
    const log = setUp()
    log.emit({ kind: 'finding', finding })
    expect(log.lines()).toContain('  → m, or accept: [quota]')
  })

  it('prints a failure as one block, once, and the sentence of the result last', () => {
    const { emit, lines } = setUp()
    emit({ kind: 'phase', title: 'Step 1 of 4: 25%' })
    emit({ kind: 'failure', failure: pullFailure })
    emit({
      kind: 'result',
      result: result({
        outcome: 'stopped',
        failure: pullFailure,
        exitCode: 1,
        next: 'headgate deploy',
        back: 'headgate abort',
        message: 'it rests',
      }),
    })
    expect(lines().slice(2)).toEqual([
      '✗ FAILED  Pod/echo-version-7c6b5a4f33-x2x9k',
      '  cause  the image gihyodocker/echo-version:0.3.0 does not exist in the registry',
      '  event',
      '    | Failed to pull image "gihyodocker/echo-version:0.3.0": not found (3 times)',
      '    | Back-off pulling image',
      '  condition',
      '    | Ready False: containers with unready status: [echo]',
      '  done   the old template was put back; 4 of 4 pods of 0.1.0 serve',
      '  next   push the image or mend its tag, then deploy again',
      'to go on: headgate deploy',
      'to go back: headgate abort',
      'STOPPED: it rests (0.0s)',
    ])
  })

  it.each([
    ['timeout', 'TIMED OUT'],
    ['refused', 'REFUSED'],
    ['cancelled', 'CANCELLED'],
  ] as const)('tells %s apart', (kind, word) => {
    const { emit, lines } = setUp()
    emit({ kind: 'failure', failure: { kind, code: 'x', message: 'a\nb', place: { file: 'f.yaml', line: 2 } } })
    expect(lines()).toEqual([`✗ ${word}  (f.yaml:2)`, '  cause  a', '         b'])
  })

  it('prints the plan, and leaves records and mixes to others', () => {
    const { emit, lines } = setUp()
    emit({ kind: 'target', cluster: 'c', app: 'a', namespace: 'n' })
    emit({ kind: 'record', record: record() })
    emit({ kind: 'mix', mix: mix(0, 1, 0) })
    expect(lines()).toEqual([])
    emit({ kind: 'plan', plan })
    expect(lines()[0]).toBe('rollout 7 of echo-version in shop: canary, release feedc0de99')
  })

  it('colours by severity', () => {
    const { emit, text } = setUp({ color: true })
    emit({ kind: 'line', text: 'a', level: 'warning' })
    emit({ kind: 'line', text: 'b', level: 'error' })
    emit({ kind: 'line', text: 'c', level: 'debug' })
    emit({ kind: 'result', result: result() })
    emit({ kind: 'result', result: result({ outcome: 'paused', exitCode: 3 }) })
    expect(text()).toBe(
      '\u001b[33ma\u001b[0m\n\u001b[31mb\u001b[0m\n\u001b[32mSUCCEEDED: echo-version 0.2.0 is live (0.0s)\u001b[0m\n\u001b[33mPAUSED: echo-version 0.2.0 is live (0.0s)\u001b[0m\n',
    )
  })
})

describe('on GitHub', () => {
  it('folds a phase and prints verdict and annotations below the fold', async () => {
    const { clock, emit, lines } = setUp({ github: true })
    emit({ kind: 'phase', title: 'Preflight' })
    emit(warning)
    emit({ kind: 'change', text: 'x' })
    await clock.advance(2_000)
    emit({ kind: 'result', result: result() })
    expect(lines().filter((line) => !line.startsWith('  '))).toEqual([
      '::group::1  Preflight',
      '::endgroup::',
      '✓ 1  Preflight: 1 change, 1 warning, 2.0s',
      '::warning file=k8s/web.yaml,line=3,col=5,title=prestop-missing::Deployment/web: Pods end at once. → Add a preStop sleep.',
      'SUCCEEDED: echo-version 0.2.0 is live (2.0s)',
    ])
  })

  it('raises no annotation for what was accepted or is only information', () => {
    const { emit, reporter, text } = setUp({ github: true })
    emit({ kind: 'phase', title: 'p' })
    emit({ kind: 'finding', finding: { id: 'a', severity: 'error', reason: 'r', mend: 'm', accepted: true } })
    emit({ kind: 'finding', finding: { id: 'b', severity: 'info', reason: 'r', mend: 'm' } })
    emit({ kind: 'finding', finding: { id: 'c', severity: 'error', reason: 'r', mend: 'm' } })
    reporter.close()
    expect(text().match(/^::(error|warning|notice).*/gm)).toEqual(['::error title=c::r → m'])
    expect(text()).toContain('✓ 1  p: 1 error, 0.0s')
  })

  it('annotates findings outside of a phase at once', () => {
    const { emit, text } = setUp({ github: true })
    emit(warning)
    expect(text()).toContain('::warning file=')
  })

  it('annotates a failure below the fold', () => {
    const { emit, lines } = setUp({ github: true })
    emit({ kind: 'phase', title: 'Step' })
    emit({ kind: 'failure', failure: pullFailure })
    expect(lines().slice(0, 4)).toEqual([
      '::group::1  Step',
      '::endgroup::',
      '✗ 1  Step: 0.0s',
      '✗ FAILED  Pod/echo-version-7c6b5a4f33-x2x9k',
    ])
    expect(lines().at(-1)).toMatch(
      /^::error title=image-pull Pod\/echo-version.*::the image .*registry%0Athe old template.*%0Apush the image/,
    )
  })

  it('raises ten annotations of a kind and prints the others as text', () => {
    const { emit, text } = setUp({ github: true })
    for (let i = 0; i < 12; i++)
      emit({ kind: 'finding', finding: { id: `f${i}`, severity: 'warning', reason: 'r', mend: 'm' } })
    expect(text().match(/^::warning /gm)).toHaveLength(10)
    expect(text()).toContain('warning: f11: r → m')
  })

  it('keeps an annotation below the runner’s limit', () => {
    const { emit, lines } = setUp({ github: true })
    emit({ kind: 'failure', failure: { kind: 'failed', code: 'x', message: `${'y'.repeat(1_900)}\n`.repeat(9) } })
    expect((lines().at(-1) ?? '').length).toBeLessThan(4_300)
  })

  it.each([
    '::error::pwned',
    '  ::set-output name=a::b',
    '##[error]pwned',
    'x ##[group]y',
    'a\r::error::pwned',
    '\u001b[0m::error::pwned',
    '::stop-commands::x\n::error::y',
  ])('never lets foreign text command the runner: %j', (foreign) => {
    const { emit, lines, reporter } = setUp({ github: true })
    emit({ kind: 'phase', title: foreign })
    emit({ kind: 'line', text: foreign })
    emit({ kind: 'line', text: foreign, level: 'debug' })
    emit({ kind: 'change', text: foreign })
    emit({ kind: 'waiting', text: foreign })
    emit({
      kind: 'finding',
      finding: {
        id: 'x',
        severity: 'error',
        reason: foreign,
        mend: foreign,
        object: { apiVersion: 'v1', kind: 'Pod', name: foreign },
      },
    })
    emit({
      kind: 'failure',
      failure: {
        kind: 'failed',
        code: 'x',
        message: foreign,
        evidence: [{ title: foreign, lines: [foreign] }],
        next: foreign,
      },
    })
    emit({ kind: 'result', result: result({ message: foreign, next: foreign }) })
    reporter.close()
    for (const line of lines()) {
      // The runner's own rule: a command begins a line after blanks, or stands as ##[name] anywhere.
      const command = /^\s*::([\w-]+)/.exec(line)?.[1]
      if (command !== undefined) expect(['group', 'endgroup', 'error', 'debug']).toContain(command)
      if (command === 'error') expect(line).toMatch(/^::error title=x/)
      expect(line).not.toContain('##[')
      expect(line).not.toContain('\r')
      expect(line).not.toContain('\u001b')
    }
  })
})

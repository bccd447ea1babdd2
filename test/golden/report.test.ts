import { describe, it } from 'vitest'
import { renderComment } from '../../src/report/comment.ts'
import { checkSection } from '../../src/report/measurements.ts'
import { plotMix } from '../../src/report/mix.ts'
import { planLines, renderPlan } from '../../src/report/plan.ts'
import { renderSummary } from '../../src/report/summary.ts'
import { updateLines, updateSection } from '../../src/report/update-texts.ts'
import type { ReportView } from '../../src/report/view.ts'
import { at, byHand, measurements, mix, plan, pullFailure, record, result, START, source, timeline, updates, view } from '../unit/report/views.ts'
import { expectGolden } from './golden.ts'

const broken = record({
  release: { digest: 'bad0bad0bad0'.padEnd(64, '0'), rollout: 8, images: ['gihyodocker/echo-version:0.3.0'] },
  workloads: record().workloads.map((workload) => ({ ...workload, newVersion: '0.3.0' })),
})

const CASES: Record<string, ReportView> = {
  planned: view({ plan, result: result({ command: 'plan', outcome: 'planned', phase: 'none' }) }),
  refused: view({
    plan,
    findings: plan.findings,
    result: result({
      outcome: 'refused',
      phase: 'none',
      exitCode: 2,
      message: 'refused',
      failure: {
        kind: 'refused',
        code: 'preflight',
        message: '1 finding refuses the rollout: replicas-one',
        next: 'set replicas to 2 or more, or accept: replicas-one',
      },
    }),
  }),
  progressing: view({ record: record({ step: 1, timeline: timeline(1) }), mixes: [mix(0, 4, 0), mix(9, 3, 1)], byHand }),
  paused: view({
    record: record({
      phase: 'paused',
      step: 3,
      reason: 'waits for an approval',
      timeline: timeline(3, { at: at(31), kind: 'paused', text: 'waits for an approval', step: 3 }),
    }),
    mixes: [mix(0, 4, 0), mix(9, 3, 1), mix(29, 2, 2)],
    findings: plan.findings,
    byHand,
  }),
  stopped: view({
    record: record({
      phase: 'stopped',
      step: 1,
      reason: 'the run was cancelled',
      timeline: timeline(1, { at: at(14), kind: 'stopped', text: 'the run was cancelled', step: 1 }),
    }),
    mixes: [mix(0, 4, 0), mix(9, 3, 1)],
    byHand,
  }),
  aborting: view({ record: record({ phase: 'aborting', step: 2, timeline: timeline(2) }), mixes: [mix(21, 3, 1)], byHand }),
  aborted: view({
    record: record({ phase: 'aborted', step: 3, reason: 'waits for an approval', timeline: timeline(3) }),
    mixes: [mix(0, 4, 0), mix(40, 4, 0)],
  }),
  'aborted-superseded': view({
    record: record({
      phase: 'aborted',
      step: 2,
      timeline: timeline(2, { at: at(33), kind: 'superseded', text: 'superseded by rollout 8 of commit 89abcde' }),
    }),
    mixes: [mix(33, 4, 0)],
  }),
  'aborted-failure': view({
    record: { ...broken, phase: 'aborted', failure: pullFailure, timeline: timeline(0, { at: at(12), kind: 'failed', text: pullFailure.message, step: 0 }) },
    mixes: [mix(0, 4, 0), mix(15, 4, 0)].map((each) => ({ ...each, canary: { version: '0.3.0', pods: 0 } })),
  }),
  succeeded: view({
    record: record({ phase: 'succeeded', step: 4, timeline: timeline(4, { at: at(44), kind: 'finished', text: 'all pods are new', step: 4 }) }),
    mixes: [mix(0, 4, 0), mix(9, 3, 1), mix(29, 2, 2), mix(44, 0, 4)],
    changes: [
      { at: START + 1_000, text: 'Deployment/echo-version: held, 1 new pod' },
      { at: START + 9_000, text: 'Deployment/echo-version: 3 old pods' },
    ],
    measurements: measurements(),
    updates: updates(),
  }),
  'rolled-back': view({
    record: record({ phase: 'succeeded', command: 'rollback', strategy: 'rolling', steps: [], plan: [], step: 0, lastRun: source({ attempt: 2 }) }),
    mixes: [mix(44, 0, 4)],
  }),
  failed: view({
    record: { ...broken, phase: 'failed', failure: { ...pullFailure, done: 'going back failed: the API server does not answer' } },
    mixes: [mix(15, 0, 0)],
    byHand,
  }),
}

describe('golden files', () => {
  it.each(Object.keys(CASES))('comment: %s', (name) => {
    expectGolden(`comment-${name}.md`, renderComment(CASES[name] ?? view()))
  })

  it.each(['planned', 'paused', 'aborted-failure', 'succeeded', 'refused'])('summary: %s', (name) => {
    expectGolden(`summary-${name}.md`, renderSummary({ ...(CASES[name] ?? view()), plan }))
  })

  it('plan', () => {
    expectGolden('plan.md', `${renderPlan(plan)}\n`)
    expectGolden('plan.txt', `${planLines(plan).join('\n')}\n`)
  })

  it('update checker', () => {
    expectGolden('updates.md', `${updateSection(updates())}\n`)
    expectGolden('updates.txt', `${updateLines(updates()).join('\n')}\n`)
  })

  it('checks', () => {
    expectGolden('checks.md', `${checkSection(measurements())}\n`)
  })

  it('version mix', () => {
    const mixes = [mix(0, 4, 0), mix(9, 3, 1), mix(29, 2, 2), mix(44, 0, 4)]
    expectGolden('mix.txt', `${plotMix(mixes)}\n`)
  })
})

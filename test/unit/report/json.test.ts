import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { renderJson, reportOf } from '../../../src/report/json.ts'
import { ReportSchema } from '../../../src/report/schema.ts'
import type { ReportView } from '../../../src/report/view.ts'
import { at, measurements, mix, plan, pullFailure, record, result, START, timeline, updates, view } from './views.ts'

const SCHEMA = join(resolve(import.meta.dirname, '../../..'), 'schema', 'report.schema.json')

const VIEWS: Record<string, ReportView> = {
  nothing: view(),
  planned: view({ plan, result: result({ command: 'plan', outcome: 'planned' }) }),
  full: view({
    plan,
    record: record({
      phase: 'stopped',
      reason: 'cancelled',
      downtimeSeconds: 1.5,
      pullRequest: 12,
      failure: { ...pullFailure, place: { file: 'k8s/web.yaml', line: 1, column: 2 } },
      timeline: timeline(2, { at: at(31), kind: 'failed', text: 'x' }),
      release: { ...record().release, sha: 'abc' },
    }),
    result: result({ record: record(), failure: pullFailure, next: 'headgate abort' }),
    findings: plan.findings,
    mixes: [mix(0, 4, 0), mix(9, 3, 1)],
    changes: [{ at: START, text: 'x' }],
    measurements: measurements(),
    updates: updates(),
  }),
  bare: view({
    record: record({ timeline: [] }),
    failure: { kind: 'failed', code: 'x', message: 'y', place: { file: 'a' } },
    findings: [{ id: 'a', severity: 'info', reason: 'r', mend: 'm', acceptable: true, accepted: true }],
  }),
}

describe('the JSON report', () => {
  it.each(Object.keys(VIEWS))('follows its schema: %s', (name) => {
    const report: unknown = JSON.parse(renderJson(VIEWS[name] ?? view()))
    // Parsing takes out what the schema does not name, so equal means that everything is named.
    expect(v.parse(ReportSchema, report)).toEqual(report)
  })

  it('says everything about a rollout', () => {
    expect(reportOf(VIEWS['full'] ?? view())).toMatchObject({
      version: 1,
      app: 'echo-version',
      createdAt: at(45),
      outcome: 'succeeded',
      next: 'headgate abort',
      failure: { code: 'image-pull', place: { line: 1 } },
      rollout: {
        number: 7,
        phase: 'stopped',
        weight: 0,
        step: '1/4 25%',
        steps: [{ text: '25%', state: 'failed' }, {}, {}, {}, {}],
      },
      mix: [{ stable: { pods: 4 } }, { canary: { version: '0.2.0', pods: 1 } }],
    })
  })

  it('keeps what checks answered, with their figures', () => {
    const { checks } = reportOf(VIEWS['full'] ?? view())
    expect(checks).toHaveLength(9)
    expect(checks[4]).toEqual({
      check: 'worse-than-stable',
      at: at(55),
      verdict: 'fail',
      text: '9.8 % of the requests to the new version failed',
      figures: [
        { name: 'errors of the new version, %', value: 9.8 },
        { name: 'errors of the old version, %', value: 0.4 },
      ],
    })
  })

  it('keeps the figures of each version, for comparing the two', () => {
    const { updates: told } = reportOf(VIEWS['full'] ?? view())
    expect(told).toMatchObject({
      requests: 40,
      failed: 3,
      versions: [
        { version: '0.1.0', requests: 20, errors: 0, latencyMs: { p50: 4, p90: 4, p99: 4 } },
        { version: '0.2.0', requests: 17, errors: 0, latencyMs: { p50: 6, p90: 6, p99: 90 } },
        { version: 'unknown', requests: 3, errors: 3 },
      ],
      downtime: [{ from: at(20), seconds: 3, over: true, reason: '503: no endpoints available' }],
      downtimeSeconds: 3,
      slowest: [{ at: at(30), latencyMs: 90, version: '0.2.0' }, {}, {}],
    })
    expect(told?.timeline).toHaveLength(40)
    expect(told?.timeline[0]).toEqual({ at: at(0), failed: 0, answers: [{ version: '0.1.0', requests: 1 }] })
  })

  it('is described by schema/report.schema.json', () => {
    const schema = {
      $id: 'https://headgate.dev/schema/report.schema.json',
      title: 'Headgate report',
      description:
        'What one command of Headgate came to: its outcome, the rollout, the plan, the findings and the failure.',
      ...toJsonSchema(ReportSchema, { errorMode: 'throw' }),
    }
    const text = `${JSON.stringify(schema, undefined, 2)}\n`
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(SCHEMA, text)
    expect(
      existsSync(SCHEMA) ? readFileSync(SCHEMA, 'utf8') : '',
      'stale: UPDATE_GOLDEN=1 npm test writes it anew',
    ).toBe(text)
  })
})

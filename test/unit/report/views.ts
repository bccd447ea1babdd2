import type { Result, VersionMix } from '../../../src/report/events.ts'
import type { Measurement } from '../../../src/report/measurements.ts'
import type { Plan } from '../../../src/report/plan.ts'
import { type Sample, type Updates, updatesOf } from '../../../src/report/updates.ts'
import type { ReportView } from '../../../src/report/view.ts'
import type { RolloutRecord, TimelineEntry } from '../../../src/rollout/record.ts'
import type { RunSource } from '../../../src/rollout/settings.ts'
import type { Failure } from '../../../src/shared/errors.ts'
import type { Step } from '../../../src/strategies/step.ts'

/** The instant at which all rollouts of these tests begin. */
export const START = Date.UTC(2026, 10, 22, 9, 0, 0)

export function at(seconds: number): string {
  return new Date(START + seconds * 1_000).toISOString()
}

export function source(change: Partial<RunSource> = {}): RunSource {
  return {
    repository: 'acme/shop',
    sha: '0123456789abcdef0123456789abcdef01234567',
    ref: 'main',
    runId: '4711',
    attempt: 1,
    runNumber: 42,
    runUrl: 'https://github.example/acme/shop/actions/runs/4711',
    actor: 'alice',
    workflow: 'acme/shop/.github/workflows/deploy.yml@refs/heads/main',
    serverUrl: 'https://github.example',
    ...change,
  }
}

export const STEPS = ['25%', 'wait 1m', '50%', 'approve']

const PLAN: Step[] = [
  { kind: 'weight', percent: 25 },
  { kind: 'wait', ms: 60_000 },
  { kind: 'weight', percent: 50 },
  { kind: 'approve' },
]

/** The timeline of a rollout whose first `done` steps are done, ten seconds each. */
export function timeline(done: number, ...more: TimelineEntry[]): TimelineEntry[] {
  const steps = STEPS.slice(0, done).map((text, step) => ({
    at: at((step + 1) * 10),
    kind: 'step',
    text: `${text}: reached`,
    step,
  }))
  return [{ at: at(0), kind: 'started', text: 'rollout 7 by alice' }, ...steps, ...more]
}

export function record(change: Partial<RolloutRecord> = {}): RolloutRecord {
  return {
    version: 1,
    app: 'echo-version',
    namespace: 'shop',
    owner: 'acme/shop',
    rollout: 7,
    phase: 'progressing',
    command: 'deploy',
    strategy: 'canary',
    pods: 'in-place',
    capacity: 'keep',
    steps: STEPS,
    plan: PLAN,
    step: 0,
    release: { digest: 'feedc0de99'.padEnd(64, '0'), rollout: 7, images: ['gihyodocker/echo-version:0.2.0'] },
    previous: { digest: 'abad1dea00'.padEnd(64, '0'), rollout: 6, images: ['gihyodocker/echo-version:0.1.0'] },
    previousImages: ['gihyodocker/echo-version:0.1.0'],
    inputs: { manifests: ['k8s/'], images: ['gihyodocker/echo-version:0.2.0'] },
    workloads: [
      {
        namespace: 'shop',
        name: 'echo-version',
        mode: 'steps',
        stableHash: '5d4c8b9f77',
        newHash: '7c6b5a4f33',
        replicas: 4,
        pairs: [
          [3, 1],
          [2, 2],
        ],
        stableVersion: '0.1.0',
        newVersion: '0.2.0',
      },
    ],
    services: [
      {
        namespace: 'shop',
        name: 'echo-version',
        selector: { app: 'echo-version' },
        ports: [],
        workload: 'echo-version',
      },
    ],
    checks: {},
    timeoutMs: 600_000,
    onFailure: 'abort',
    onCancel: 'stop',
    onFailedJob: 'stop',
    accept: [],
    takeOver: [],
    prune: false,
    source: source(),
    lastRun: source(),
    startedAt: at(0),
    updatedAt: at(40),
    timeline: timeline(0),
    payloads: [
      { rollout: 6, kind: 'ConfigMap' },
      { rollout: 7, kind: 'ConfigMap' },
    ],
    jobs: [],
    ...change,
  }
}

export function mix(seconds: number, stable: number, canary: number): VersionMix {
  return {
    at: START + seconds * 1_000,
    stable: { version: '0.1.0', pods: stable },
    canary: { version: '0.2.0', pods: canary },
  }
}

export function view(change: Partial<ReportView> = {}): ReportView {
  return {
    app: 'echo-version',
    namespace: 'shop',
    environment: 'production',
    cluster: 'eu-1',
    now: START + 45_000,
    findings: [],
    mixes: [],
    measurements: [],
    changes: [],
    ...change,
  }
}

/** A comparison and a query that were asked four times, and a command that was asked once. */
export function measurements(): Measurement[] {
  const rates = [0.4, 0.5, 2.25, 9.8].map(
    (value, index): Measurement => ({
      check: 'worse-than-stable',
      at: START + (10 + index * 15) * 1_000,
      verdict: index === 3 ? 'fail' : 'pass',
      text: `${value} % of the requests to the new version failed`,
      figures: [
        { name: 'errors of the new version, %', value },
        { name: 'errors of the old version, %', value: 0.4 },
      ],
    }),
  )
  const query = [1, undefined, 3e-7, 1e9].map(
    (value, index): Measurement => ({
      check: 'p99 "slow" | x',
      at: START + (12 + index * 10) * 1_000,
      verdict: value === undefined ? 'inconclusive' : 'pass',
      text: value === undefined ? 'the query answers nothing' : `${value}, at most 5`,
      figures: value === undefined ? [] : [{ name: 'value', value }],
    }),
  )
  const smoke = { check: 'smoke', at: START + 5_000, verdict: 'pass', text: 'it ended with 0', figures: [] } as const
  return [{ ...smoke, figures: [] }, ...rates, ...query]
}

/** Forty polls, one a second: the old version, three seconds of nothing, the new version with one slow answer. */
export function updates(): Updates {
  const samples = Array.from({ length: 40 }, (_, second): Sample => {
    const time = { at: START + second * 1_000, ms: second < 20 ? 4 : second === 30 ? 90 : 6 }
    if (second >= 20 && second < 23) return { kind: 'silence', ...time, text: '503: no endpoints available' }
    return { kind: 'answer', ...time, version: second < 20 ? '0.1.0' : '0.2.0' }
  })
  const figures = updatesOf({
    target: 'Service/echo-version port 80',
    intervalMs: 1_000,
    known: ['0.1.0', '0.2.0'],
    until: START + 40_000,
    samples,
  })
  if (figures === undefined) throw new Error('there are samples')
  return figures
}

export function result(change: Partial<Result> = {}): Result {
  return {
    command: 'deploy',
    outcome: 'succeeded',
    phase: 'succeeded',
    app: 'echo-version',
    namespace: 'shop',
    message: 'echo-version 0.2.0 is live',
    findings: [],
    next: '',
    back: '',
    exitCode: 0,
    ...change,
  }
}

export const pullFailure: Failure = {
  kind: 'failed',
  code: 'image-pull',
  message: 'the image gihyodocker/echo-version:0.3.0 does not exist in the registry',
  object: { apiVersion: 'v1', kind: 'Pod', name: 'echo-version-7c6b5a4f33-x2x9k', namespace: 'shop' },
  evidence: [
    {
      title: 'event',
      lines: ['Failed to pull image "gihyodocker/echo-version:0.3.0": not found (3 times)', 'Back-off pulling image'],
    },
    { title: 'condition', lines: ['Ready False: containers with unready status: [echo]'] },
  ],
  done: 'the old template was put back; 4 of 4 pods of 0.1.0 serve',
  next: 'push the image or mend its tag, then deploy again',
}

export const byHand = "kubectl -n shop get configmap headgate-echo-version -o go-template='{{.data.undo}}' | sh"

export const plan: Plan = {
  app: 'echo-version',
  namespace: 'shop',
  release: 'feedc0de99'.padEnd(64, '0'),
  strategy: 'canary',
  rollout: 7,
  steps: [
    { text: '25%', pods: { stable: 3, canary: 1 } },
    { text: 'wait 1m' },
    { text: '50%', pods: { stable: 2, canary: 2 } },
    { text: 'approve' },
    { text: 'finish', pods: { stable: 0, canary: 4 } },
  ],
  objects: [
    {
      ref: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'echo-version', namespace: 'shop' },
      action: 'configure',
      changes: [
        {
          path: 'spec.template.spec.containers[echo].image',
          before: 'gihyodocker/echo-version:0.1.0',
          after: 'gihyodocker/echo-version:0.2.0',
        },
        { path: 'spec.template.spec.containers[echo].env[DEBUG]', before: '1' },
        { path: 'spec.minReadySeconds', after: '5' },
      ],
    },
    {
      ref: { apiVersion: 'v1', kind: 'Service', name: 'echo-version', namespace: 'shop' },
      action: 'unchanged',
      changes: [],
    },
    {
      ref: { apiVersion: 'v1', kind: 'ConfigMap', name: 'feature-flags', namespace: 'flags' },
      action: 'create',
      changes: [],
    },
    {
      ref: { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'old', namespace: 'shop' },
      action: 'not-in-release',
      changes: [],
    },
    { ref: { apiVersion: 'v1', kind: 'Secret', name: 'gone', namespace: 'shop' }, action: 'delete', changes: [] },
  ],
  services: { taking: ['echo-version'], notTaking: [{ name: 'metrics', why: 'its selector matches other pods' }] },
  findings: [
    {
      id: 'prestop-missing',
      severity: 'warning',
      object: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'echo-version', namespace: 'shop' },
      place: { file: 'k8s/web.yaml', line: 12 },
      reason: 'Pods that end at once lose the requests that still reach them.',
      mend: 'Add a preStop sleep of 5 seconds.',
    },
  ],
  role: 'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nrules: []',
  missingRights: ['patch replicasets in namespace shop'],
  notes: ['Without a router the share is a share of connections.'],
}

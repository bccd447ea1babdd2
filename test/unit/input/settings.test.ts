import { warmUpOf } from '../../../src/input/checks.ts'
import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/input/config.ts'
import type { RawInputs } from '../../../src/input/inputs.ts'
import { readSettings, type SettingsRead } from '../../../src/input/settings.ts'
import { failureOf } from '../../../src/shared/errors.ts'
import { stepText } from '../../../src/strategies/step.ts'

const FILE = 'c.yaml'
function read(raw: RawInputs, config?: string): SettingsRead {
  return readSettings(raw, config === undefined ? undefined : parseConfig(config, FILE))
}
function wrong(raw: RawInputs, config?: string): { message: string; place?: unknown } {
  try {
    read(raw, config)
  } catch (error) {
    const { kind, code, message, place } = failureOf(error)
    expect([kind, code]).toEqual(['refused', 'input'])
    return place === undefined ? { message } : { message, place }
  }
  throw new Error('not refused')
}
const base: RawInputs = { manifests: 'k8s/' }

describe('settings', () => {
  it('has its defaults', () => {
    expect(read(base)).toEqual({
      settings: {
        command: 'deploy',
        full: false,
        gates: 'readiness',
        strategy: 'rolling',
        steps: [],
        pods: 'in-place',
        capacity: 'keep',
        manifests: ['k8s/'],
        images: [],
        warmUp: warmUpOf(),
        workloads: {},
        checks: {},
        traffic: { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [] },
        updateChecker: { headers: {}, intervalMs: 1_000, timeoutMs: 5_000 },
        accept: [],
        takeOver: [],
        timeoutMs: 600_000,
        onFailure: 'abort',
        onCancel: 'stop',
        onFailedJob: 'stop',
        supersede: 'newer',
        prune: false,
        comment: 'auto',
      },
      notices: [],
    })
    const steps = (strategy: string) => read({ ...base, strategy }).settings.steps.map(stepText)
    expect(steps('canary')).toEqual(['25%', 'wait 1m', '50%', 'wait 1m'])
    expect(steps('blue-green')).toEqual(['switch', 'wait 1m'])
    expect(steps('recreate')).toEqual([])
  })

  it('reads every input', () => {
    const { settings, kubeconfig, context, githubToken } = read({
      command: 'plan',
      app: 'web',
      namespace: 'shop',
      strategy: 'blue-green',
      steps: 'switch\napprove',
      manifests: ' a.yaml \n\n# not this\nb/*.yaml',
      images: 'web:2\nnginx=mirror.example/nginx:1',
      pods: 'separate',
      prune: 'True',
      environment: 'production',
      'environment-url': 'https://shop.example',
      'commit-status': 'true',
      comment: 'never',
      'pull-request': '12',
      kubeconfig: '/k',
      context: 'c',
      'github-token': 't',
    })
    expect(settings).toMatchObject({
      command: 'plan',
      app: 'web',
      namespace: 'shop',
      strategy: 'blue-green',
      steps: [{ kind: 'switch' }, { kind: 'approve' }],
      manifests: ['a.yaml', 'b/*.yaml'],
      images: ['web:2', 'nginx=mirror.example/nginx:1'],
      pods: 'separate',
      prune: true,
      environment: 'production',
      environmentUrl: 'https://shop.example',
      commitStatus: true,
      comment: 'never',
      pullRequest: 12,
    })
    expect([kubeconfig, context, githubToken]).toEqual(['/k', 'c', 't'])
    expect(read({ command: 'rollback', rollout: '3', gates: 'all', timeout: '90s' }).settings).toMatchObject({
      rollout: 3,
      gates: 'all',
      timeoutMs: 90_000,
    })
    expect(read({ command: 'promote', full: 'true' }).settings.full).toBe(true)
  })

  const config = `
manifests: [a, b]
strategy: canary
steps: [10%, check up]
capacity: replace
workloads: { worker: { strategy: plain } }
checks: { up: { http: {} } }
accept: replicas-one
take-over: [x, z]
timeout: 5m
on-failed-job: old
prune: true
transient-environment: true
production-environment: false
commit-status: true
`
  it('takes the config, and the input before it', () => {
    expect(read({}, config).settings).toMatchObject({
      manifests: ['a', 'b'],
      strategy: 'canary',
      capacity: 'replace',
      workloads: { worker: { strategy: 'plain', place: { file: 'c.yaml', line: 6, column: 14 } } },
      checks: { up: { name: 'up' } },
      accept: ['replicas-one'],
      takeOver: ['x', 'z'],
      timeoutMs: 300_000,
      onFailedJob: 'old',
      prune: true,
      transientEnvironment: true,
      productionEnvironment: false,
      commitStatus: true,
    })
    expect(read({ 'commit-status': 'false' }, config).settings).not.toHaveProperty('commitStatus')
    const { settings, notices } = read({ manifests: 'c', timeout: '1m', steps: '20%', prune: 'false' }, config)
    expect(settings).toMatchObject({ manifests: ['c'], timeoutMs: 60_000, prune: false })
    expect(settings.steps.map(stepText)).toEqual(['20%'])
    expect(notices).toEqual([])
  })

  it('drops what the config says for another strategy, and says so', () => {
    const { settings, notices } = read({ strategy: 'rolling' }, config)
    expect(settings).toMatchObject({ strategy: 'rolling', steps: [], capacity: 'keep' })
    expect(notices).toEqual(['c.yaml: steps, capacity left out, for the input asks for rolling and not canary'])
    expect(read({ strategy: 'canary' }, config).notices).toEqual([])
    expect(read({ strategy: 'rolling' }, 'strategy: canary\nmanifests: a').notices).toEqual([])
    expect(read({ strategy: 'rolling' }, 'manifests: a').notices).toEqual([])
  })

  it('reads traffic of a canary, with its place', () => {
    const text = 'manifests: a\nstrategy: canary\nsteps: [0%, mirror 5%, 10%]\ntraffic: { pods: full }\n'
    const traffic = { router: 'auto', routes: [], match: [], pods: 'full', onDrift: 'stop', weights: [] }
    const place = { file: FILE, line: 4, column: 1 }
    expect(read({}, text).settings.traffic).toEqual({ ...traffic, place })
    // What a promote goes on with is in the record.
    expect(read({ command: 'promote' }, text)).toMatchObject({
      settings: { traffic: { router: 'auto', pods: 'share' } },
      notices: [],
    })
    const none = 'manifests: a\ntraffic: { router: none }\n'
    expect(read({}, none).settings).toMatchObject({ strategy: 'rolling', traffic: { router: 'none' } })
  })

  it('drops traffic for another strategy, and says so', () => {
    const text = 'manifests: a\nstrategy: canary\nsteps: [0%, 10%]\ntraffic: { keep-versions: { for: 1h, query: v } }\n'
    const { settings, notices } = read({ strategy: 'rolling' }, text)
    expect(settings.traffic).toEqual(read(base).settings.traffic)
    expect(notices).toEqual(['c.yaml: steps, traffic left out, for the input asks for rolling and not canary'])
  })

  it('refuses steps of the input for a router that the config rules out', () => {
    const { message, place } = wrong({ steps: '0%, 10%' }, 'manifests: a\nstrategy: canary\ntraffic: {router: none}')
    expect(message).toBe('steps, line 1, column 1: step "0%": it needs a router, and traffic: router is none')
    expect(place).toBeUndefined()
  })

  it('names inputs that a command does not read, and does not look at them', () => {
    const raw: RawInputs = {
      command: 'promote',
      strategy: 'nonsense',
      manifests: 'a',
      'github-token': 't',
      rollout: '7',
    }
    const { settings, notices } = read(raw, config)
    expect(notices).toEqual(['promote does not read strategy, manifests'])
    expect(settings).toMatchObject({
      rollout: 7,
      strategy: 'rolling',
      capacity: 'keep',
      manifests: [],
      timeoutMs: 300_000,
    })
    expect(read({ command: 'status', 'github-token': 't' }).notices).toEqual([])
  })

  it.each<[RawInputs, string]>([
    [{ command: 'promot' }, 'command: unknown value "promot"; did you mean promote?'],
    [{ command: 'nothing' }, 'allowed: deploy, promote, abort, rollback, status or plan'],
    [{ ...base, app: 'Web' }, 'app: "Web" is not a DNS label of at most 40 characters'],
    [{ ...base, namespace: 'a_b' }, 'namespace: "a_b" is not a DNS label'],
    [{ ...base, strategy: 'bluegreen' }, 'strategy: unknown value "bluegreen"; did you mean blue-green?'],
    [{ ...base, steps: '10%' }, 'the strategy rolling has no steps'],
    [{ ...base, strategy: 'canary', steps: '10%, check x' }, 'no check "x" in the config'],
    [{ ...base, images: 'web' }, 'images: "web" names neither tag nor digest'],
    [{ ...base, images: 'a:1\na:2' }, 'are for the same repository'],
    [{ ...base, pods: 'seperate' }, 'pods: unknown value "seperate"; did you mean separate?'],
    [
      { ...base, pods: 'separate', strategy: 'canary' },
      'pods: separate is for blue-green only, and the strategy is canary',
    ],
    [{ ...base, timeout: '10' }, 'timeout: "10" is not a duration above 0'],
    [{ ...base, timeout: '0s' }, 'timeout: "0s" is not a duration above 0'],
    [{ ...base, 'on-failure': 'aborts' }, 'on-failure: unknown value "aborts"; did you mean abort?'],
    [{ ...base, 'on-cancel': 'x' }, 'on-cancel: unknown value "x"; allowed: abort or stop'],
    [{ ...base, supersede: 'older' }, 'supersede: unknown value "older"'],
    [{ ...base, prune: 'yes' }, 'prune: "yes" is neither true nor false'],
    [{ ...base, comment: 'always' }, 'comment: unknown value "always"'],
    [{ ...base, 'pull-request': '#5' }, 'pull-request: "#5" is not a whole number from 1 on'],
    [{ ...base, 'environment-url': 'shop.example' }, 'environment-url: "shop.example" is not an address'],
    [{ ...base, 'environment-url': 'https://' }, 'environment-url: "https://" is not an address'],
    [{ command: 'promote', rollout: '0' }, 'rollout: "0" is not a whole number from 1 on'],
    [{ command: 'promote', full: 'ja' }, 'full: "ja" is neither true nor false'],
    [{ command: 'rollback', gates: 'some' }, 'gates: unknown value "some"'],
    [{}, 'manifests: deploy needs them'],
    [{ command: 'plan', manifests: '# none' }, 'manifests: plan needs them'],
  ])('refuses %j', (raw, part) => expect(wrong(raw).message).toContain(part))

  it.each([
    ['manifests: a\ncapacity: replace', 'capacity: replace is for canary only', 2, 1],
    ['manifests: a\npods: separate', 'pods: separate is for blue-green only', 2, 1],
    ['manifests: a\napp: Web', 'app: "Web" is not a DNS label', 2, 1],
    ['manifests: a\nimages: [web]', 'names neither tag nor digest', 2, 1],
    ['manifests: a\nstrategy: canary\nsteps: [10%, aprove]', 'did you mean approve?', 3, 14],
    ['manifests: a\nstrategy: canary\nsteps: 10%, aprove', 'did you mean approve?', 3, 13],
    ['manifests: a\nstrategy: canary\nsteps: |\n  10%\n  wait 1m, aprove', 'did you mean approve?', 5, 12],
    ['manifests: a\ntraffic: {pods: full}', 'traffic: belongs to the strategy canary, not to rolling', 2, 1],
    [
      'manifests: a\nstrategy: blue-green\ntraffic: {keep-versions: {for: 1h, query: v}}',
      'traffic: belongs to the strategy canary, not to blue-green',
      3,
      1,
    ],
    [
      'manifests: a\nstrategy: canary\nsteps: [0%, 10%]\ntraffic: {router: none}',
      'step "0%": it needs a router, and traffic: router is none',
      3,
      9,
    ],
  ])('points into the config: %s', (text, part, line, column) => {
    const problem = wrong({}, text)
    expect(problem.message).toContain(part)
    expect(problem.place).toEqual({ file: FILE, line, column })
  })

  it('tells all at once', () => {
    const { message } = wrong({ app: 'A', timeout: 'x', strategy: 'canary', steps: '101%' })
    expect(message.split('\n')).toHaveLength(5)
    expect(message).toContain('4 things are wrong')
  })
})

import { wayOn } from '../../../src/report/sections.ts'
import { describe, expect, it } from 'vitest'
import type { RolloutRecord } from '../../../src/rollout/record.ts'
import { readCommandLine } from '../../../src/input/flags.ts'
import { readSettings } from '../../../src/input/settings.ts'
import { byHandOf } from '../../../src/report/escape.ts'
import { outputsOf } from '../../../src/report/outputs.ts'
import { stateOf, stepLabel, stepRows, versionsOf, weightOf } from '../../../src/report/status.ts'
import { nextCommand, waysOf, workflowUrl } from '../../../src/report/way.ts'
import { at, mix, pullFailure, record, result, source, timeline } from './views.ts'

const PHASES = ['progressing', 'paused', 'stopped', 'aborting', 'aborted', 'succeeded', 'failed'] as const

describe('stateOf', () => {
  it.each(PHASES)('is the phase %s', (phase) => {
    expect(stateOf({ record: record({ phase }) })).toBe(phase)
  })
  it('knows a rollback', () =>
    expect(stateOf({ record: record({ phase: 'succeeded', command: 'rollback' }) })).toBe('rolled-back'))
  it('knows who came in between', () => {
    const entry = { at: at(5), kind: 'superseded', text: 'by rollout 8' }
    expect(stateOf({ record: record({ phase: 'aborted', timeline: [entry] }) })).toBe('superseded')
  })
  it.each(['planned', 'refused'] as const)('lets %s stand before the record of another rollout', (outcome) => {
    expect(stateOf({ record: record({ phase: 'paused' }), result: result({ outcome }) })).toBe(outcome)
  })
  it('is a plan before there is a record, unless it failed', () => {
    expect(stateOf({})).toBe('planned')
    expect(stateOf({ result: result({ outcome: 'failed' }) })).toBe('failed')
  })
})

describe('weightOf', () => {
  it.each<[Partial<RolloutRecord>, number]>([
    [{ step: 0 }, 0],
    [{ step: 1 }, 25],
    [{ step: 2 }, 25],
    [{ step: 3, phase: 'paused' }, 50],
    [{ step: 4, phase: 'progressing' }, 50],
    [{ step: 4, phase: 'succeeded' }, 100],
    [{ step: 3, phase: 'aborted' }, 0],
    [
      {
        strategy: 'blue-green',
        steps: ['switch', 'approve'],
        plan: [{ kind: 'switch' }, { kind: 'approve' }],
        step: 1,
      },
      100,
    ],
    [
      {
        strategy: 'blue-green',
        steps: ['switch', 'approve'],
        plan: [{ kind: 'switch' }, { kind: 'approve' }],
        step: 0,
      },
      0,
    ],
  ])('%j', (change, weight) => {
    expect(weightOf(record(change))).toBe(weight)
  })
})

describe('stepLabel', () => {
  it.each<[Partial<RolloutRecord>, string]>([
    [{ step: 0 }, '1/4 25%'],
    [{ step: 3 }, '4/4 approve'],
    [{ step: 4 }, '4/4 finish'],
    [{ steps: [], plan: [], step: 0 }, 'finish'],
  ])('%j', (change, label) => {
    expect(stepLabel(record(change))).toBe(label)
  })
})

describe('versionsOf', () => {
  it('names each version once, of the workloads that move', () => {
    const [first] = record().workloads
    if (first === undefined) throw new Error('no workload')
    const workloads = [
      first,
      { ...first, name: 'b' },
      { ...first, name: 'c', newVersion: '2.0', mode: 'plain' as const },
    ]
    expect(versionsOf(record({ workloads }))).toEqual({ new: '0.2.0', stable: '0.1.0' })
  })
  it('falls back to the digest', () => {
    expect(versionsOf(record({ workloads: [] }))).toEqual({ new: 'release feedc0de99', stable: 'the version before' })
  })
})

describe('stepRows', () => {
  it('shows what is in the step under way and what is planned in the others', () => {
    expect(stepRows(record({ step: 2, timeline: timeline(2) }), mix(25, 3, 1))).toEqual([
      { text: '25%', mark: 'done', ms: 10_000, share: 25, pods: { stable: 3, canary: 1 } },
      { text: 'wait 1m', mark: 'done', ms: 10_000 },
      { text: '50%', mark: 'active', share: 50, pods: { stable: 3, canary: 1 } },
      { text: 'approve', mark: 'open' },
      { text: 'finish', mark: 'open', share: 100 },
    ])
  })
  it.each(['aborted', 'failed', 'stopped', 'aborting'] as const)(
    'marks the step that failed in a rollout %s',
    (phase) => {
      const rows = stepRows(record({ phase, step: 2, failure: pullFailure, timeline: timeline(2) }), mix(25, 3, 1))
      expect(rows.map(({ mark }) => mark)).toEqual(['done', 'done', 'failed', 'left', 'left'])
      expect(rows[2]).toEqual({ text: '50%', mark: 'failed' })
    },
  )
  it('waits where a person is asked', () => {
    expect(stepRows(record({ phase: 'paused', step: 3 })).map(({ mark }) => mark)).toEqual([
      'done',
      'done',
      'done',
      'waiting',
      'open',
    ])
  })
  it('sums the pods of several workloads', () => {
    const [first] = record().workloads
    if (first === undefined) throw new Error('no workload')
    const workloads = [
      first,
      {
        ...first,
        name: 'b',
        pairs: [
          [5, 1],
          [4, 2],
        ] as [number, number][],
      },
    ]
    expect(stepRows(record({ workloads }))[0]?.pods).toEqual({ stable: 8, canary: 2 })
    expect(stepRows(record({ workloads: [] }))[0]?.pods).toBeUndefined()
  })
})

describe('ways', () => {
  it('go on by the run that deployed, where another one has promoted since', () => {
    const promoted = record({ phase: 'progressing', lastRun: source({ runId: '4800', workflow: 'operate.yml' }) })
    expect(waysOf(promoted)[0]?.gh).toBe('gh run rerun 4711 -R github.example/acme/shop')
    const begun = source({ runId: '', repository: '' })
    const resumed = record({ phase: 'progressing', source: begun, lastRun: source({ runId: '4800' }) })
    expect(waysOf(resumed)[0]?.gh).toBe('gh run rerun 4800 -R github.example/acme/shop')
  })

  it.each([
    ['progressing', ['Go on, if the run has died', 'Go back to 0.1.0']],
    ['paused', ['Go on', 'Go back to 0.1.0']],
    ['stopped', ['Retry the step', 'Go on past every gate', 'Go back to 0.1.0']],
    ['aborting', ['Finish the way back']],
    ['failed', ['Finish the way back']],
    ['aborted', []],
    ['succeeded', ['Bring the release before back']],
  ] as const)('%s', (phase, texts) => {
    const short = waysOf(record({ phase })).map(({ text, to }) => (to === undefined ? text : `${text} to ${to}`))
    expect(short).toEqual(texts)
  })

  it('calls an approval one', () => {
    expect(waysOf(record({ phase: 'paused', step: 3 }))[0]?.text).toBe('Approve')
  })

  it('fills in what the form is known to have, and has no command for what it lacks', () => {
    const ways = (workflowInputs: string[], phase: 'paused' | 'stopped' = 'paused') =>
      waysOf(
        record({ phase, environment: 'staging', source: source({ workflowInputs, serverUrl: 'https://github.com' }) }),
      )
    expect(ways(['command', 'rollout'])[0]?.gh).toBe(
      'gh workflow run deploy.yml -R acme/shop -f command=promote -f rollout=7',
    )
    expect(ways(['app', 'command', 'environment', 'full', 'namespace', 'rollout'])[0]?.gh).toBe(
      'gh workflow run deploy.yml -R acme/shop -f command=promote -f rollout=7 -f app=echo-version -f namespace=shop -f environment=staging',
    )
    expect(ways(['command', 'rollout'], 'stopped').map(({ gh }) => gh !== undefined)).toEqual([true, false, true])
    expect(ways(['command', 'full', 'rollout'], 'stopped')[1]?.gh).toContain('-f full=true')
  })

  it('offers no rollback where nothing is known to go back to', () => {
    const { previous: _previous, ...first } = record({ phase: 'succeeded' })
    expect(waysOf(first)).toEqual([])
  })

  it.each(PHASES)('carries the rollout number in every command that takes one, in %s', (phase) => {
    for (const { gh, cli } of waysOf(record({ phase }))) {
      for (const text of [gh ?? '', cli])
        if (/promote|abort|rollback/.test(text)) expect(text).toMatch(/rollout[= ]7\b/)
    }
  })

  it('names the next command with GitHub where there is one, else with the command line', () => {
    expect(nextCommand(record({ phase: 'paused' }))).toBe(
      'gh workflow run deploy.yml -R github.example/acme/shop -f command=promote -f rollout=7',
    )
    expect(nextCommand(record({ phase: 'stopped' }))).toBe('gh run rerun 4711 -R github.example/acme/shop')
    const outside = source({ repository: '', serverUrl: '', workflow: '', runId: '', runUrl: '' })
    const alone = record({ phase: 'paused', source: outside, lastRun: outside })
    expect(nextCommand(alone)).toBe('node dist/cli.js promote --app echo-version --namespace shop --rollout 7')
    const inputs = { manifests: ['k8s/', "it's/*.yaml"], images: ['web:2'], config: 'c.yaml' }
    expect(nextCommand({ ...alone, phase: 'stopped', inputs })).toBe(
      String.raw`node dist/cli.js deploy --app echo-version --namespace shop --manifests k8s/ --manifests 'it'\''s/*.yaml' --images web:2 --config c.yaml --strategy canary --steps '25%, wait 1m, 50%, approve'`,
    )
    expect(nextCommand(alone, { kubeconfig: '/k', context: 'a b' })).toBe(
      "node dist/cli.js promote --app echo-version --namespace shop --rollout 7 --kubeconfig /k --context 'a b'",
    )
    expect(nextCommand(record({ phase: 'paused' }), { context: 'x' })).not.toContain('--context')
    expect([nextCommand(record({ phase: 'succeeded' })), nextCommand(record({ phase: 'aborted' }))]).toEqual(['', ''])
  })

  it('prints commands that the command line reads', async () => {
    const inputs = { manifests: ['k8s/', 'b.yaml'], images: ['web:2'] }
    const outside = source({ repository: '', workflow: '', runId: '' })
    for (const phase of PHASES)
      for (const { cli } of waysOf(record({ phase, inputs, source: outside, lastRun: outside }))) {
        const words = [...cli.replace('node dist/cli.js ', '').matchAll(/'([^']*)'|(\S+)/g)]
        const line = await readCommandLine(
          words.map(([, quoted, plain]) => quoted ?? plain ?? ''),
          {},
          '/',
        )
        expect(line.kind === 'run' && readSettings(line.context.raw).settings.app, cli).toBe('echo-version')
      }
  })

  it('offers no deploy after a rollback: no file has its release', () => {
    const texts = (phase: 'stopped' | 'progressing') =>
      waysOf(record({ phase, command: 'rollback' })).map(({ text, to }) =>
        to === undefined ? text : `${text} to ${to}`,
      )
    expect(texts('stopped')).toEqual(['Go on past every gate', 'Go back to 0.1.0'])
    expect(texts('progressing')).toEqual(['Go back to 0.1.0'])
  })

  it('has no command for a workflow without a form, which GitHub would refuse, and says so', () => {
    const paused = record({ phase: 'paused', source: source({ workflow: '' }) })
    expect(waysOf(paused).flatMap(({ gh, url }) => [gh, url])).toEqual([undefined, undefined, undefined, undefined])
    expect(wayOn(paused)).toMatch(/node dist\/cli\.js promote [^]*node dist\/cli\.js abort [^]*has no form/)
    expect(wayOn(paused)).not.toContain('<details>')
    expect(wayOn(record({ phase: 'paused' }))).not.toContain('has no form')
    expect(wayOn(record({ phase: 'aborted', source: source({ workflow: '' }) }))).toBe('')
  })

  it('quotes a workflow that has only a name', () => {
    const [way] = waysOf(record({ phase: 'paused', source: source({ workflow: "Deploy; it's" }) }))
    expect(way?.gh).toContain(String.raw`gh workflow run 'Deploy; it'\''s' -R`)
    expect(way?.url).toBe('https://github.example/acme/shop/actions/runs/4711')
  })

  it('links the workflow, else the run, else nothing', () => {
    expect(workflowUrl(source())).toBe('https://github.example/acme/shop/actions/workflows/deploy.yml')
    expect(workflowUrl(source({ workflow: 'Deploy', runUrl: '' }))).toBeUndefined()
    expect(workflowUrl(source({ repository: '' }))).toBeUndefined()
    const [way] = waysOf(record({ phase: 'paused', source: source({ workflow: 'Deploy', runUrl: '' }) }))
    expect(way?.url).toBeUndefined()
    const unseen = source({ runUrl: '' })
    expect(waysOf(record({ phase: 'stopped', source: unseen, lastRun: unseen }))[0]?.url).toBeUndefined()
  })
})

describe('byHandOf', () => {
  it('speaks only while the rollout rests', () => {
    expect(byHandOf(record({ phase: 'paused' }), ' a\nb \n')).toEqual(['a', 'b'])
    expect(byHandOf(record({ phase: 'progressing' }), 'a')).toEqual([])
    expect(byHandOf(record({ phase: 'progressing' }), 'a', true)).toEqual(['a'])
    expect(byHandOf(record({ phase: 'paused' }), undefined)).toEqual([])
    expect(byHandOf(record({ phase: 'paused' }), ' ')).toEqual([])
  })
  it('never cuts a command', () => {
    const long = `kubectl ${'x'.repeat(10_000)}`
    expect(byHandOf(record({ phase: 'failed' }), long)).toEqual([long])
  })
})

describe('outputsOf', () => {
  it('tells where a rollout rests', () => {
    const resting = record({ phase: 'paused', step: 3 })
    const outputs = outputsOf(
      result({ outcome: 'paused', phase: 'paused', record: resting, next: 'gh x', exitCode: 3 }),
      {
        report: '/tmp/report.json',
        plan: '/tmp/plan.md',
        commentUrl: 'https://github.example/c',
      },
    )
    expect(outputs).toEqual({
      outcome: 'paused',
      phase: 'paused',
      release: 'feedc0de99',
      rollout: '7',
      step: '4/4 approve',
      weight: '50',
      images: '["gihyodocker/echo-version:0.2.0"]',
      report: '/tmp/report.json',
      plan: '/tmp/plan.md',
      'comment-url': 'https://github.example/c',
      next: 'gh x',
      'deployment-id': 'feedc0de99',
    })
  })
  it('is complete without a record', () => {
    expect(outputsOf(result({ outcome: 'refused', phase: 'none' }))).toEqual({
      outcome: 'refused',
      phase: 'none',
      release: '',
      rollout: '',
      step: '',
      weight: '',
      images: '[]',
      report: '',
      plan: '',
      'comment-url': '',
      next: '',
      'deployment-id': '',
    })
  })
  it.each(['succeeded', 'aborted'] as const)('names no step after %s', (phase) => {
    expect(outputsOf(result({ phase, record: record({ phase }) })).step).toBe('')
  })
})

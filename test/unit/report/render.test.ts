import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collector } from '../../../src/report/collector.ts'
import { COMMENT_LIMIT, commentMarker, renderComment } from '../../../src/report/comment.ts'
import { changesOfMix, mixChart, plotMix, sampleMix } from '../../../src/report/mix.ts'
import { planLines, renderPlan } from '../../../src/report/plan.ts'
import { renderSummary, SUMMARY_LIMIT } from '../../../src/report/summary.ts'
import { headline, verdict } from '../../../src/report/verdict.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { at, byHand, mix, plan, pullFailure, record, result, START, source, view } from './views.ts'
import type { RolloutRecord } from '../../../src/rollout/record.ts'

const PHASES = ['progressing', 'paused', 'stopped', 'aborting', 'aborted', 'succeeded', 'failed'] as const

describe('commentMarker', () => {
  it('is a promise', () => {
    expect(commentMarker(view())).toBe('<!-- headgate:echo-version:production:eu-1 -->')
    expect(commentMarker(view({ environment: '' }))).toBe('<!-- headgate:echo-version::eu-1 -->')
  })
  it('cannot be ended or mixed up by a name', () => {
    expect(commentMarker(view({ cluster: 'arn:aws:x/y', environment: '--> <b>' }))).toBe(
      '<!-- headgate:echo-version:--%3E%20%3Cb%3E:arn%3Aaws%3Ax%2Fy -->',
    )
  })
})

describe('the comment of a plan', () => {
  it('says of which commit and run it is, and when', () => {
    const planned = view({ run: source(), plan, result: result({ command: 'plan', outcome: 'planned' }) })
    expect(renderComment(planned).trimEnd().split('\n').at(-1)).toBe(
      '<sub>[commit 0123456](https://github.example/acme/shop/commit/0123456789abcdef0123456789abcdef01234567) · [run 42](https://github.example/acme/shop/actions/runs/4711) · eu-1 / shop · 2026-11-22 09:00:45 UTC</sub>',
    )
  })
})

describe('the first five lines', () => {
  it('say what happened, whether users are affected, why, what was done and what next', () => {
    const failed = record({ phase: 'aborted', failure: pullFailure })
    expect(verdict(view({ record: failed, mixes: [mix(9, 4, 0)] }))).toEqual([
      '### ❌ echo-version in production: 0.2.0 failed and was rolled back, users are on 0.1.0',
      '- **Users:** not affected: served by 0.1.0 throughout; no pod of 0.2.0 was ready; 4 pods of 0.1.0 ready',
      '- **Why:** `Pod/echo-version-7c6b5a4f33-x2x9k`: the image gihyodocker/echo-version:0.3.0 does not exist in the registry',
      '- **Done:** the old template was put back; 4 of 4 pods of 0.1.0 serve',
      '- **Next:** push the image or mend its tag, then deploy again',
    ])
  })

  it('name the object once', () => {
    const failure = { ...pullFailure, message: 'Container echo of Pod/echo-version-7c6b5a4f33-x2x9k ended' }
    expect(verdict(view({ record: record({ phase: 'aborted', failure }) }))).toContain(
      '- **Why:** Container echo of Pod/echo-version-7c6b5a4f33-x2x9k ended',
    )
  })

  it('say what the log said, before anybody unfolds it', () => {
    const evidence = [{ title: 'last lines of container echo of Pod/x', lines: ['starting', 'panic: no "url"'] }]
    const failure = { ...pullFailure, message: 'Pod/echo-version-7c6b5a4f33-x2x9k ended', evidence }
    expect(verdict(view({ record: record({ phase: 'aborted', failure }) }))[2]).toBe(
      '- **Why:** `panic: no "url"`, says its log. Pod/echo-version-7c6b5a4f33-x2x9k ended',
    )
  })

  it.each([
    [0, 'not affected: served by 0.1.0 throughout'],
    [2, 'not affected now: served by 0.1.0 again, before that about 25 % by 0.2.0'],
    [4, 'not affected now: served by 0.1.0 again, before that about 50 % by 0.2.0'],
  ])('do not hide, after %i steps, that users met what failed', (step, text) => {
    expect(verdict(view({ record: record({ phase: 'aborted', step, failure: pullFailure }) }))[1]).toBe(
      `- **Users:** ${text}`,
    )
  })

  it('say that a stop is planned, that nothing has failed, and what happens without an answer', () => {
    const paused = record({ phase: 'paused', step: 3, reason: 'waits for an approval' })
    expect(verdict(view({ record: paused })).slice(2)).toEqual([
      '- **Why:** planned: this step asks a person before it goes on',
      '- **Done:** 3 of 4 steps, and nothing has failed',
      '- **Next:** approve, or go back to 0.1.0: commands below; until then it stays as it is',
    ])
    const other = verdict(view({ record: { ...paused, reason: 'the check smoke could not tell' } }))
    expect(other).toContain('- **Why:** the check smoke could not tell')
  })

  it.each([...PHASES])('tell the mix of versions in phase %s', (phase) => {
    expect(verdict(view({ record: record({ phase, step: 3 }), mixes: [mix(0, 3, 1)] }))[1]).toContain(
      '3 pods of 0.1.0 and 1 pod of 0.2.0 ready',
    )
  })

  it('shout when nothing serves', () => {
    const lines = verdict(view({ record: record({ phase: 'stopped' }), mixes: [mix(0, 0, 0)] }))
    expect(lines[1]).toBe('- **Users:** **affected: no pod serves**')
  })

  it('do not claim what was not counted', () => {
    expect(verdict(view({ record: record({ phase: 'failed' }) }))[1]).toBe(
      '- **Users:** **perhaps affected**: look at the pods',
    )
    expect(verdict(view({ result: result({ outcome: 'failed' }) }))[1]).toBe('- **Users:** not known')
  })

  it.each([
    ['rolling', 0, 'served by ready pods of 0.1.0 and 0.2.0'],
    ['recreate', 0, 'served by 0.1.0 until it ends, then not served until 0.2.0 is up'],
    ['canary', 0, 'served by 0.1.0, and by 0.2.0 as its pods become ready'],
    ['canary', 1, 'about 25 % served by 0.2.0, the others by 0.1.0'],
    ['canary', 5, 'served by 0.2.0'],
  ] as const)('tell the share of %s at step %i', (strategy, step, text) => {
    expect(verdict(view({ record: record({ strategy, step }) }))[1]).toBe(`- **Users:** ${text}`)
  })

  it('count a new pod that is ready before its step is done, while it is brought in and afterwards', () => {
    const users = (change: Partial<RolloutRecord>) =>
      verdict(view({ record: record(change), mixes: [mix(0, 4, 1)] }))[1]
    expect(users({ phase: 'stopped' })).toContain('served by 0.1.0, some by 0.2.0; 4 pods of 0.1.0 and 1 pod')
    expect(users({ phase: 'aborted' })).toContain('not affected now: served by 0.1.0 again, before that some by 0.2.0')
    const traffic = { router: 'gateway', routes: [], services: [] } as unknown as NonNullable<RolloutRecord['traffic']>
    expect(users({ phase: 'stopped', traffic })).toContain('served by 0.1.0; 4 pods')
  })

  it('say that a person aborted it, and not that it failed, also where it was cancelled before', () => {
    const failure = {
      kind: 'cancelled' as const,
      code: 'cancelled',
      message: 'the run was cancelled',
      done: 'it rests',
    }
    const by = { at: at(40), kind: 'aborting', text: 'aborted by alice' } as const
    const aborted = verdict(view({ record: record({ phase: 'aborted', failure, timeline: [by] }) }))
    expect(aborted[0]).toBe('### ↩️ echo-version in production: 0.2.0 was aborted, users are on 0.1.0')
    expect(aborted).toContain('- **Done:** aborted by alice')
    expect(aborted.join('\n')).not.toContain('it rests')
    const obeyed = { kind: 'failed' as const, code: 'aborted', message: 'aborted by alice' }
    const lines = verdict(view({ record: record({ phase: 'aborted', failure: obeyed, timeline: [by] }) }))
    expect(lines.filter((line) => line.includes('alice'))).toEqual(['- **Done:** aborted by alice'])
  })

  it.each([
    ['canary', 0, 'served by 0.1.0, perhaps some by 0.2.0 still'],
    ['canary', 1, 'being led back to 0.1.0; about 25 % were served by 0.2.0'],
    ['blue-green', 4, 'being led back to 0.1.0; about 50 % were served by 0.2.0'],
    ['rolling', 1, 'served by ready pods of 0.1.0 and 0.2.0'],
    ['recreate', 1, 'perhaps not served until 0.1.0 is up again'],
  ] as const)('of a way back by %s say what holds from its first write to its last', (strategy, step, said) => {
    const lines = verdict(view({ record: record({ phase: 'aborting', strategy, step }) }))
    expect(lines[1]).toBe(`- **Users:** ${said}`)
    expect(lines.at(-1)).toMatch(
      /^- \*\*Next:\*\* nothing, while the run is at work; if it has died, finish the way back/,
    )
  })

  it.each([
    ['paused', 'bbbbbbb'],
    ['aborted', 'bbbbbbb'],
    ['succeeded', 'aaaaaaa'],
  ] as const)('of a rollout that is %s name the commit of the version beside it', (phase, commit) => {
    const release = (sha: string, rollout: number) => ({
      digest: sha.repeat(64),
      rollout,
      images: [],
      sha: sha.repeat(40),
    })
    const history = { serving: release(phase === 'succeeded' ? 'c' : 'b', 6), previous: release('a', 5) }
    const body = renderComment(view({ record: record({ phase, ...history }) }))
    expect(body.split('\n').find((line) => line.startsWith('| 🟦'))).toContain(`commit ${commit}`)
  })

  it('say that the run is dead where another process tells for it', () => {
    const dead = (change: Partial<RolloutRecord>) => verdict(view({ cutShort: true, record: record(change) }))
    expect(dead({ step: 1 })[0]).toBe(
      '### ⚠️ echo-version in production: 0.2.0 is half-way in, its run ended early, step 2 of 4 (`wait 1m`)',
    )
    expect(dead({ step: 1 }).at(-1)).toMatch(/^- \*\*Next:\*\* go on, if the run has died, or go back to 0\.1\.0/)
    expect(dead({ phase: 'aborting' })[0]).toContain(
      'the run that undid 0.2.0 ended early, back to 0.1.0 is not finished',
    )
    expect(dead({ phase: 'aborting' }).at(-1)).toBe('- **Next:** finish the way back: commands below')
    expect(dead({ phase: 'paused', step: 3 })[0]).toContain('waits for approval')
    const gone = verdict(
      view({ cutShort: true, result: result({ outcome: 'refused', phase: 'none', message: 'no cluster' }) }),
    )
    expect(gone.slice(0, 2)).toEqual([
      '### ❔ echo-version in production: the run ended early, and the cluster does not say how far it came',
      '- **Users:** not known',
    ])
  })

  it('of a plan keep the commands of what waits meanwhile apart from it', () => {
    const waits = record({ phase: 'paused', step: 3, reason: 'waits for an approval' })
    const text = renderSummary(view({ record: waits, plan, result: result({ outcome: 'planned' }) }))
    const [before = '', after = ''] = text.split(`<summary>Rollout ${waits.rollout} (0.2.0), paused</summary>`)
    expect(before).toContain('#### Steps')
    expect(before).not.toMatch(/Approve|command=promote/)
    expect(after).toContain('command=promote')
    const over = renderSummary(
      view({ record: record({ phase: 'succeeded' }), plan, result: result({ outcome: 'planned' }) }),
    )
    expect(over).not.toContain('command=rollback')
  })

  it('leave a plan alone with what a rollout before it was promoted by', () => {
    const by = { at: at(1), kind: 'approved', text: 'promoted by alice' } as const
    const planned = view({
      record: record({ phase: 'succeeded', timeline: [by] }),
      result: result({ outcome: 'planned' }),
    })
    expect(verdict(planned).join()).not.toContain('alice')
  })

  it('name a tag that is a commit as people name commits', () => {
    const sha = '0123456789abcdef0123456789abcdef01234567'
    const workloads = record().workloads.map((workload) => ({ ...workload, newVersion: sha }))
    expect(headline(view({ record: record({ phase: 'succeeded', workloads }) }))).toBe(
      'echo-version in production: 0123456 is live',
    )
  })

  it('tell the downtime of a recreate', () => {
    const lines = verdict(view({ record: record({ phase: 'succeeded', downtimeSeconds: 3.25 }) }))
    expect(lines).toContain('- **Done:** not served for up to 3.3 s while it was recreated')
  })

  it('tell a timeout from a failure', () => {
    const failure = { kind: 'timeout' as const, code: 'timeout', message: 'not ready after 10m' }
    expect(verdict(view({ record: record({ phase: 'stopped', failure }) }))).toContain(
      '- **Why:** (timed out) not ready after 10m',
    )
  })

  it('say that a refusal left another rollout where it was', () => {
    const refused = view({
      record: record({ phase: 'paused', step: 3 }),
      result: result({ outcome: 'refused', message: 'wrong number' }),
    })
    expect(verdict(refused)).toEqual([
      '### ⛔ echo-version in production: refused, nothing was touched',
      '- **Users:** not affected; nothing has been changed (rollout 7 of this app is paused)',
      '- **Why:** wrong number',
    ])
  })

  it('have no failure to tell after a success', () => {
    expect(verdict(view({ record: record({ phase: 'succeeded', failure: pullFailure }) })).join('\n')).not.toContain(
      'image',
    )
  })

  it('name a pause that is not an approval, and an app not yet known', () => {
    expect(headline(view({ record: record({ phase: 'paused', step: 1 }) }))).toContain(
      '0.2.0 rests, step 2 of 4 (`wait 1m`)',
    )
    expect(headline(view({ app: '', environment: '', result: result({ outcome: 'refused' }) }))).toBe(
      'Headgate: refused, nothing was touched',
    )
    expect(headline(view({ environment: '', result: result({ outcome: 'failed' }) }))).toBe('echo-version: failed')
  })
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom(
    '@acme/admins',
    '#1',
    '<script>',
    '--> x',
    '```\n```',
    '| a | b |',
    '</details>',
    'https://x.example/1',
    '`',
    '[a](b)',
  ),
  fc.string({ maxLength: 40 }).map((text) => text.repeat(3_000)),
)

/** Markdown outside of code: what GitHub would look for mentions and tags in. Inline code as CommonMark finds it. */
function prose(markdown: string): string {
  const text = markdown.replaceAll(/^(`{3,})\w*\n[\s\S]*?\n\1$/gm, '')
  let out = ''
  for (let i = 0; i < text.length; ) {
    const run = /^(?:\\[!-/:-@[-`{-~]|`+)/.exec(text.slice(i, i + 5_000))?.[0] ?? ''
    const end = run.startsWith('`') ? closing(text, i + run.length, run.length) : -1
    if (run === '') out += text[i++] ?? ''
    else if (end !== -1) i = end
    else {
      out += run.replace('\\', '')
      i += run.length
    }
  }
  return out
}

/** Where the code span ends that a run of `length` backticks opens, or -1. */
function closing(text: string, from: number, length: number): number {
  for (const match of text.slice(from).matchAll(/`+/g))
    if (match[0].length === length) return from + match.index + length
  return -1
}

describe('the comment', () => {
  it('stays below the limit, begins with its marker and mentions nobody, whatever it is made of', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PHASES),
        fc.array(hostile, { minLength: 8, maxLength: 8 }),
        (phase, [a = '', b = '', c = '', d = '', e = '', f = '', g = '', h = '']) => {
          const failure = {
            kind: 'failed' as const,
            code: 'x',
            message: a,
            done: b,
            next: c,
            evidence: Array.from({ length: 30 }, () => ({ title: d, lines: [e, f] })),
          }
          const [workload] = record().workloads
          if (workload === undefined) throw new Error('no workload')
          const strange = view({
            app: g,
            environment: h,
            cluster: a,
            findings: [
              { id: b, severity: 'warning', reason: c, mend: d, object: { apiVersion: 'v1', kind: e, name: f } },
            ],
            byHand: g,
            record: record({
              phase,
              failure,
              reason: h,
              workloads: [{ ...workload, newVersion: a, stableVersion: b }],
              previousImages: [c],
            }),
          })
          const text = renderComment(strange)
          expect(text.length).toBeLessThanOrEqual(COMMENT_LIMIT)
          expect(text.startsWith(`${commentMarker(strange)}\n`)).toBe(true)
          const outside = prose(text)
          expect(outside).not.toMatch(/@\w/)
          expect(outside).not.toMatch(/<(?!!--|\/?(details|summary|code|sub|br)\b)[a-z/]/i)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('stays below the limit when what has to be closed is a fence of two thousand backticks', () => {
    const lines = ['`'.repeat(1_999), ...Array.from({ length: 3_000 }, () => 'x'.repeat(60))]
    const evidence = [{ title: 'log', lines }]
    const text = renderComment(view({ record: record({ phase: 'failed', failure: { ...pullFailure, evidence } }) }))
    expect(text.length).toBeLessThanOrEqual(COMMENT_LIMIT)
    expect(text).toContain(`\n${'`'.repeat(2_000)}\n\n</details>`)
  })

  it('is cut on a line, closes what is open and says where the rest is', () => {
    const lines = Array.from({ length: 3_000 }, (_, index) => `line ${index} ${'x'.repeat(60)}`)
    const text = renderComment(
      view({
        record: record({ phase: 'failed', failure: { ...pullFailure, evidence: [{ title: 'log', lines }] } }),
        byHand,
      }),
    )
    expect(text.length).toBeLessThanOrEqual(COMMENT_LIMIT)
    expect(text.split('<details>').length).toBe(text.split('</details>').length)
    expect(
      text.endsWith(
        '```\n\n</details>\n\n_Cut here: the whole report is in [the run](https://github.example/acme/shop/actions/runs/4711)._',
      ),
    ).toBe(true)
  })

  it('points to the summary where there is no run', () => {
    const nowhere = source({ runUrl: '', repository: '', serverUrl: '', sha: '' })
    const evidence = [{ title: 'log', lines: Array.from({ length: 900 }, () => 'x'.repeat(100)) }]
    const text = renderComment(
      view({
        record: record({ phase: 'failed', source: nowhere, lastRun: nowhere, failure: { ...pullFailure, evidence } }),
      }),
    )
    expect(text).toContain('_Cut here: the whole report is in the job summary._')
  })

  it('shows the way back by hand only while the rollout rests', () => {
    for (const phase of PHASES) {
      const shown = renderComment(view({ record: record({ phase }), byHand })).includes(byHand)
      expect([phase, shown]).toEqual([phase, ['paused', 'stopped', 'failed'].includes(phase)])
    }
  })

  it('does without links where there is no GitHub', () => {
    const outside = source({ repository: '', serverUrl: '', runUrl: '', runId: '', workflow: '', sha: 'abcdef0' })
    const text = renderComment(view({ record: record({ phase: 'paused', source: outside, lastRun: outside }) }))
    expect(text).toContain('commit abcdef0')
    expect(text).not.toContain('github.example')
    expect(text).toContain('node dist/cli.js promote --app echo-version --namespace shop --rollout 7')
  })

  it('shows findings of a refusal without a plan', () => {
    const text = renderComment(
      view({
        result: result({ outcome: 'refused' }),
        findings: plan.findings.map((each) => ({ ...each, accepted: true })),
      }),
    )
    expect(text).toContain('| ☑️ | `prestop-missing` |')
  })
})

describe('the summary', () => {
  it('stays below the runner’s limit in bytes', () => {
    const lines = Array.from({ length: 20_000 }, () => '€'.repeat(60))
    const text = renderSummary(
      view({ record: record({ phase: 'failed', failure: { ...pullFailure, evidence: [{ title: 'log', lines }] } }) }),
    )
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(SUMMARY_LIMIT)
    expect(text).toContain('_Cut here: the JSON report has everything._')
  })

  it('lists findings where there is no plan, the worst first', () => {
    const finding = { reason: 'r', mend: 'm' }
    const text = renderSummary(
      view({
        findings: [
          { id: 'i', severity: 'info', ...finding },
          { id: 'w', severity: 'warning', ...finding, place: { file: 'a.yaml' } },
          { id: 'e', severity: 'error', ...finding },
        ],
      }),
    )
    expect([...text.matchAll(/^\| \S+ \| `(\w)`/gm)].map(([, id]) => id)).toEqual(['e', 'w', 'i'])
    expect(text).toContain('`a.yaml`')
  })

  it('ends an error that may be accepted with the line that does it', () => {
    const error = { id: 'quota', severity: 'error', reason: 'r', mend: 'm' } as const
    const text = (more: object): string => renderSummary(view({ findings: [{ ...error, ...more }] }))
    expect(text({ acceptable: true })).toContain('| m, or `accept: [quota]` |')
    expect(text({ acceptable: true, accepted: true })).toContain('| m |')
    expect(text({})).toContain('| m |')
  })

  it('has a timeline only when something happened', () => {
    expect(renderSummary(view({ record: record({ timeline: [] }) }))).not.toContain('Timeline')
  })
})

describe('the plan', () => {
  it('can be next to empty', () => {
    const empty = {
      ...plan,
      steps: [],
      objects: [],
      findings: [],
      missingRights: [],
      notes: [],
      services: { taking: [], notTaking: [] },
    }
    const { role: _role, ...bare } = empty
    expect(renderPlan(bare)).toBe('**echo-version** in `shop`: rollout 7, canary, release `feedc0de99`. No objects.')
    expect(planLines(bare)).toEqual(['rollout 7 of echo-version in shop: canary, release feedc0de99', 'No objects.'])
  })
})

describe('the version mix', () => {
  const mixes = [mix(0, 4, 0), mix(10, 3, 1), mix(20, 3, 1), mix(30, 0, 4)]

  it('is sampled without inventing counts', () => {
    expect(sampleMix(mixes, 4).map(({ stable, canary }) => [stable.pods, canary.pods])).toEqual([
      [4, 0],
      [3, 1],
      [3, 1],
      [0, 4],
    ])
    expect([sampleMix([], 3), sampleMix(mixes, 0)]).toEqual([[], []])
    expect(sampleMix(mixes, 1)).toEqual([mixes[3]])
  })

  it('keeps what changed and the end', () => {
    expect(changesOfMix(mixes)).toEqual([mixes[0], mixes[1], mixes[3]])
    expect(changesOfMix([mix(0, 1, 0), mix(1, 1, 0)])).toHaveLength(2)
  })

  it('is plotted with the new version at the bottom', () => {
    const rows = plotMix(mixes, { width: 31 }).split('\n')
    expect(rows.slice(0, 4)).toEqual([
      `   4 │${'░'.repeat(30)}█`,
      `   3 │${'░'.repeat(30)}█`,
      `   2 │${'░'.repeat(30)}█`,
      `   1 │${'░'.repeat(10)}${'█'.repeat(21)}`,
    ])
    expect(plotMix([])).toBe('')
  })

  it('is scaled to the height and coloured', () => {
    const many = [mix(0, 100, 0), mix(10, 50, 50)]
    expect(
      plotMix(many, { height: 4 })
        .split('\n')
        .slice(0, 4)
        .map((row) => row.slice(0, 4)),
    ).toEqual([' 100', '  75', '  50', '  25'])
    expect(plotMix(many, { color: true, width: 20, height: 2 })).toContain('\u001b[34m░')
    expect(plotMix([mix(0, 2, 0)]).split('\n')[0]).toBe('   2 │░')
    expect(plotMix([mix(0, 2, 0), mix(10, 0, 0)], { width: 20 }).split('\n')[0]).toBe(`   2 │${'░'.repeat(19)} `)
  })

  it('is a chart for GitHub', () => {
    expect(mixChart(mixes, 4).split('\n')).toEqual([
      '🟦 0.1.0 (before) · 🟩 0.2.0 (new)',
      '',
      '```mermaid',
      expect.stringContaining('"#2f81f7, #2da44e"'),
      'xychart-beta',
      '  title "Serving pods"',
      '  x-axis "seconds" 0 --> 30',
      '  y-axis "pods" 0 --> 4',
      '  line [4, 3, 3, 0]',
      '  line [0, 1, 1, 4]',
      '```',
    ])
    expect(mixChart([mix(0, 1, 0)])).toBe('')
  })
})

describe('the collector', () => {
  it('keeps what the renderers need', () => {
    const clock = new VirtualClock(START)
    const all = collector(clock)
    const [finding] = plan.findings
    if (finding === undefined) throw new Error('no finding')
    all.emit({ kind: 'target', cluster: 'eu-1', app: 'a', namespace: 'n' })
    expect(all.view()).toMatchObject({ cluster: 'eu-1', app: 'a', namespace: 'n', environment: '' })
    all.emit({ kind: 'target', cluster: 'eu-1', app: 'a', namespace: 'n', environment: 'e' })
    all.emit({ kind: 'finding', finding })
    all.emit({ kind: 'plan', plan })
    all.emit({ kind: 'change', text: 'x' })
    all.emit({ kind: 'line', text: 'y' })
    all.emit({ kind: 'record', record: record(), byHand })
    expect(all.view()).toMatchObject({ app: 'echo-version', environment: 'e', byHand, findings: [finding], plan })
    all.emit({ kind: 'record', record: record({ environment: 'live' }) })
    expect(all.view()).toMatchObject({ environment: 'live', changes: [{ at: START, text: 'x' }] })
    expect(all.view().byHand).toBeUndefined()
    all.emit({ kind: 'failure', failure: pullFailure })
    all.emit({ kind: 'result', result: result({ app: '', namespace: '' }) })
    expect(all.view()).toMatchObject({ app: 'echo-version', failure: pullFailure, findings: [finding] })
    all.emit({
      kind: 'result',
      result: result({
        record: record({ rollout: 9 }),
        failure: { ...pullFailure, code: 'z' },
        findings: [finding, finding],
      }),
    })
    expect(all.view()).toMatchObject({ record: { rollout: 9 }, failure: { code: 'z' }, findings: [finding, finding] })
  })

  it('keeps of equal samples in a row the first and the last', () => {
    const all = collector(new VirtualClock())
    for (const each of [mix(0, 4, 0), mix(1, 4, 0), mix(2, 4, 0), mix(3, 4, 0), mix(4, 3, 1)])
      all.emit({ kind: 'mix', mix: each })
    expect(all.view().mixes).toEqual([mix(0, 4, 0), mix(3, 4, 0), mix(4, 3, 1)])
  })

  it('keeps no more than it can hold', () => {
    const all = collector(new VirtualClock())
    for (let i = 0; i < 5_100; i++) all.emit({ kind: 'mix', mix: mix(i, i, 0) })
    expect(all.view().mixes).toHaveLength(5_000)
    expect(all.view().mixes.at(-1)).toEqual(mix(5_099, 5_099, 0))
  })

  it('lets no reporter disturb another', () => {
    const heard: string[] = []
    const all = collector(new VirtualClock(), {
      emit: () => {
        throw new Error('broken')
      },
    })
    all.add({ emit: ({ kind }) => void heard.push(kind) })
    all.emit({ kind: 'line', text: 'x' })
    expect(heard).toEqual(['line'])
  })
})

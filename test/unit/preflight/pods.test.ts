import { describe, expect, it } from 'vitest'
import { applyAcceptance, blocking, runRules } from '../../../src/preflight/rules.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { deployment, found, input, type Patch, service, the, type World } from './release.ts'

const spec = (patch: Patch): KubeObject[] => [deployment({ spec: patch }), service()]

describe('deadline', () => {
  const refused = (message: string): World => {
    const [object = service(), other = service()] = spec({ minReadySeconds: 700 })
    return { objects: [object, other], dryRuns: [[object, { kind: 'error', status: 422, reason: 'Invalid', message }]] }
  }
  it.each<[string, World, string[]]>([
    [
      'below minReadySeconds',
      { objects: spec({ progressDeadlineSeconds: 20, minReadySeconds: 30 }) },
      ['deadline error'],
    ],
    ['the same', { objects: spec({ progressDeadlineSeconds: 30, minReadySeconds: 30 }) }, ['deadline error']],
    ['above', { objects: spec({ progressDeadlineSeconds: 31, minReadySeconds: 30 }) }, []],
    ['the default', { objects: spec({ minReadySeconds: 600 }) }, ['deadline error']],
    ['the default above', { objects: spec({ minReadySeconds: 599 }) }, []],
    ['as long as a step', { objects: spec({ progressDeadlineSeconds: 600 }) }, []],
    ['longer than a step', { objects: spec({ progressDeadlineSeconds: 601 }) }, ['deadline info']],
    ['the default is longer than a step', { timeoutMs: 60_000 }, []],
    [
      'the server fills in a longer one',
      { objects: spec({ minReadySeconds: 700 }), dryRuns: [[deployment(), { kind: 'ok', object: deployment() }]] },
      [],
    ],
    [
      'the server speaks of something else',
      refused('spec.template.spec.containers: Required value'),
      ['deadline error', 'invalid error'],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world).toSorted()).toEqual(expected)
  })

  it('leaves the word to the server, which knows what else is set', () => {
    const message =
      'Deployment.apps "web" is invalid: spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'
    expect(found(refused(message))).toEqual(['invalid error'])
  })

  it('names the default and both numbers, at what is written', () => {
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const [object = service()] = spec({ minReadySeconds: 600 })
    const finding = the('deadline', { objects: [{ object, placeOf }, service()] })
    expect(finding.reason).toContain('is 600 (default) and minReadySeconds 600')
    expect(finding.place).toEqual({ file: 'spec.minReadySeconds' })
    expect(the('deadline', { objects: spec({ progressDeadlineSeconds: 900 }) }).reason).toContain(
      'is 900, and a step ends after 10m (timeout)',
    )
  })
})

describe('history-zero', () => {
  it.each([
    [0, ['history-zero warning']],
    [1, []],
    [null, []],
  ])('revisionHistoryLimit %s', (revisionHistoryLimit, expected) => {
    expect(found({ objects: spec({ revisionHistoryLimit }) })).toEqual(expected)
  })
})

describe('acceptance', () => {
  it('says of an error whether it may be accepted, and of a warning that it was', () => {
    const objects = spec({ minReadySeconds: 600, revisionHistoryLimit: 0, selector: { matchLabels: { app: 'x' } } })
    const findings = runRules(input({ objects }))
    const marks = (accept: string[]): string[] =>
      applyAcceptance(findings, accept).map(
        ({ id, acceptable, accepted }) => `${id}${acceptable === true ? ' may' : ''}${accepted === true ? ' is' : ''}`,
      )
    expect(marks([])).toEqual(['selector-immutable', 'selector-template', 'deadline may', 'history-zero'])
    expect(marks(['deadline', 'history-zero'])).toEqual([
      'selector-immutable',
      'selector-template',
      'deadline is',
      'history-zero is',
    ])
    expect(blocking(applyAcceptance(findings, ['deadline'])).map(({ id }) => id)).not.toContain('deadline')
  })
})

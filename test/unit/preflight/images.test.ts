import { describe, expect, it } from 'vitest'
import { applyAcceptance, runRules } from '../../../src/preflight/rules.ts'
import type { Deployment } from '../../../src/shared/objects.ts'
import { container, deployment, found, input, object, type Patch, running, service, the } from './release.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const of = (patch: Patch): Deployment =>
  deployment({ spec: { template: { spec: { containers: [container(patch)] } } } })

describe('images', () => {
  it.each<[string, Patch, string[]]>([
    ['a version', { image: 'echo:2' }, []],
    ['a digest', { image: `echo@${DIGEST}` }, []],
    ['latest and a digest', { image: `echo:latest@${DIGEST}` }, []],
    ['latest', { image: 'echo:latest' }, ['image-latest warning']],
    ['no tag means latest', { image: 'registry:5000/echo' }, ['image-latest warning']],
    [
      'latest, kept',
      { image: 'echo:latest', imagePullPolicy: 'IfNotPresent' },
      ['image-latest warning', 'pull-policy warning'],
    ],
    ['a branch', { image: 'echo:main' }, ['image-latest warning', 'pull-policy warning']],
    ['a branch, always pulled', { image: 'echo:main', imagePullPolicy: 'Always' }, ['image-latest warning']],
    [
      'a branch, never pulled',
      { image: 'echo:Main', imagePullPolicy: 'Never' },
      ['image-latest warning', 'pull-policy warning'],
    ],
    ['a version, kept', { image: 'echo:2', imagePullPolicy: 'IfNotPresent' }, []],
    ['no image', { image: null }, []],
    ['no reference', { image: 'IMAGE' }, []],
  ])('%s', (_, patch, expected) => {
    expect(found({ objects: [of(patch), service()] })).toEqual(expected)
  })

  it('are looked at in everything that makes pods, where they stand', () => {
    const cron = object('batch/v1', 'CronJob', 'tidy', {
      spec: {
        jobTemplate: { spec: { template: { spec: { containers: [], initContainers: [{ name: 'i', image: 'x' }] } } } },
      },
    })
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const finding = the('image-latest', { objects: [deployment(), service(), { object: cron, placeOf }] })
    expect(finding.place).toEqual({ file: 'spec.jobTemplate.spec.template.spec.initContainers.0.image' })
    expect(finding.reason).toContain('has the image x, without a tag, which means latest: the tag latest moves')
  })

  it('say which policy, and whether anybody chose it', () => {
    expect(the('pull-policy', { objects: [of({ image: 'echo:main' }), service()] }).reason).toContain(
      'imagePullPolicy IfNotPresent, the default:',
    )
    expect(
      the('pull-policy', { objects: [of({ image: 'echo:main', imagePullPolicy: 'Never' }), service()] }).reason,
    ).toContain('imagePullPolicy Never:')
  })
})

describe('image-same', () => {
  const same = (image: string): Parameters<typeof found>[0] => {
    const there = running({ spec: { template: { spec: { containers: [container({ image })] } } } })
    const wanted = of({ image })
    return {
      objects: [wanted, service()],
      live: [there, service()],
      dryRuns: [[wanted, { kind: 'ok', object: there }]],
    }
  }

  it('says once that nothing changes', () => {
    expect(found(same('echo:1'))).toEqual(['image-same info'])
    expect(the('image-same', same('echo:1') ?? {}).reason).toBe(
      'the pods of Deployment/web are what runs already, images included: there are no steps, and no pod is replaced',
    )
  })

  it('warns where a new image may be meant', () => {
    const world = same('echo:main') ?? {}
    const finding = the('image-same', world)
    expect(finding.severity).toBe('warning')
    expect(finding.reason).toContain('what was pushed as echo:main since does not come')
    const accepted = applyAcceptance(runRules(input(world)), ['image-same'])
    expect(accepted.find(({ id }) => id === 'image-same')?.accepted).toBe(true)
  })

  it('is silent as soon as one Deployment changes', () => {
    const { objects = [], live = [], dryRuns = [] } = same('echo:1') ?? {}
    const api = deployment({ metadata: { name: 'api' } })
    expect(found({ objects: [...objects, api], live, dryRuns })).toEqual([])
  })

  it('is silent where nothing is known of the result', () => {
    const { dryRuns: _, ...world } = same('echo:1') ?? {}
    expect(found(world)).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { applyAcceptance, blocking, runRules } from '../../../src/preflight/rules.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import {
  container,
  deployment,
  found,
  input,
  object,
  type Patch,
  running,
  service,
  the,
  type World,
} from './release.ts'

const quota = (hard: Patch, spec: Patch = {}): KubeObject =>
  object('v1', 'ResourceQuota', 'q', { spec: { hard, ...spec } })
const range = (limit: Patch): KubeObject =>
  object('v1', 'LimitRange', 'l', { spec: { limits: [{ type: 'Container', ...limit }] } })
const taking = (resources: Patch | null, more: Patch = {}): KubeObject =>
  deployment({
    spec: { template: { spec: { containers: [{ ...container({ resources: null }), resources }], ...more } } },
  })
const world = (resources: Patch | null, hard: Patch, ranges: KubeObject[] = [], more: World = {}): World => ({
  objects: [taking(resources), service()],
  lists: { quotas: [quota(hard)], limitRanges: ranges },
  ...more,
})
const BIG = { 'requests.cpu': '100' }

describe('limitrange', () => {
  it.each<[string, World, string[]]>([
    ['says nothing', world(null, BIG), ['limitrange error']],
    ['says it', world({ requests: { cpu: '1' } }, BIG), []],
    ['says something else', world({ requests: { memory: '1Mi' } }, BIG), ['limitrange error']],
    ['a limit stands for the request', world({ limits: { cpu: '1' } }, BIG), []],
    ['a request stands for no limit', world({ requests: { cpu: '1' } }, { 'limits.cpu': '100' }), ['limitrange error']],
    ['the short name', world(null, { memory: '100Gi' }), ['limitrange error']],
    ['a quota of other things', world(null, { pods: '100', 'requests.ephemeral-storage': '1Ti' }), []],
    ['a default request', world(null, BIG, [range({ defaultRequest: { cpu: '1' } })]), []],
    ['a default limit gives a request too', world(null, BIG, [range({ default: { cpu: '1' } })]), []],
    ['a most gives a default', world(null, { 'limits.cpu': '100' }, [range({ max: { cpu: '1' } })]), []],
    [
      'a least gives no limit',
      world(null, { 'limits.cpu': '100' }, [range({ min: { cpu: '1' } })]),
      ['limitrange error'],
    ],
    ['a default of another resource', world(null, BIG, [range({ default: { memory: '1Gi' } })]), ['limitrange error']],
    ['a range of pods', world(null, BIG, [range({ type: 'Pod', max: { cpu: '1' } })]), ['limitrange error']],
    [
      'a range elsewhere',
      world(null, BIG, [{ ...range({ default: { cpu: '1' } }), metadata: { name: 'l', namespace: 'x' } }]),
      ['limitrange error'],
    ],
    [
      'a range that comes with the release',
      world(null, BIG, [], { objects: [taking(null), service(), range({ default: { cpu: '1' } })] }),
      [],
    ],
    [
      'a quota elsewhere',
      { ...world(null, {}), lists: { quotas: [{ ...quota(BIG), metadata: { name: 'q', namespace: 'x' } }] } },
      [],
    ],
    [
      'an amount for the whole pod',
      world(null, BIG, [], { objects: [taking(null, { resources: { requests: { cpu: '1' } } }), service()] }),
      [],
    ],
    [
      'an init container',
      world(null, BIG, [], {
        objects: [taking({ requests: { cpu: '1' } }, { initContainers: [{ name: 'i' }] }), service()],
      }),
      ['limitrange error'],
    ],
    [
      'a quota with a scope',
      { ...world(null, {}), lists: { quotas: [quota(BIG, { scopes: ['NotBestEffort'] })], limitRanges: [] } },
      ['limitrange warning'],
    ],
    [
      'not read',
      { ...world(null, {}), lists: { quotas: [quota(BIG)], limitRanges: undefined } },
      ['not-verified info'],
    ],
    [
      'not read, and not needed',
      { ...world({ requests: { cpu: '1' } }, {}), lists: { quotas: [quota(BIG)], limitRanges: undefined } },
      [],
    ],
  ])('%s', (_, given, expected) => {
    expect(found(given)).toEqual(expected)
    if (expected.includes('limitrange error'))
      expect(blocking(applyAcceptance(runRules(input(given)), ['limitrange']))).toEqual([])
  })

  it('says what is missing, where', () => {
    const objects = [taking({ requests: { cpu: '1' } }, { initContainers: [{ name: 'i' }] })]
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const finding = the('limitrange', {
      objects: [...objects.map((each) => ({ object: each, placeOf })), service()],
      lists: { quotas: [quota({ 'limits.memory': '1Ti', ...BIG })], limitRanges: [] },
    })
    expect(finding.reason).toBe(
      'ResourceQuota/q counts limits.memory, requests.cpu, and container app, i of Deployment/web does not say how much it takes, nor does a LimitRange: every new pod is denied',
    )
    expect(finding.place).toEqual({ file: 'spec.template.spec.containers.0' })
  })

  it('harms nobody yet where no pod changes', () => {
    const wanted = taking(null)
    const there = running({
      spec: { template: wanted['spec'] === undefined ? {} : (wanted['spec'] as Patch)['template'] },
    })
    const finding = the('limitrange', {
      ...world(null, BIG),
      live: [there, service()],
      objects: [wanted, service()],
      dryRuns: [[wanted, { kind: 'ok', object: there }]],
    })
    expect(finding.severity).toBe('warning')
    expect(finding.reason).toContain('none that ends is replaced')
  })
})

import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { deployment, found, object, type Patch, running, service, the, type World } from './release.ts'

const pdb = (spec: Patch, status: Patch = {}): KubeObject =>
  object('policy/v1', 'PodDisruptionBudget', 'web', {
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    status,
  })
const live = (...disruptionBudgets: KubeObject[]): World => ({ strategy: 'rolling', lists: { disruptionBudgets } })
const of = (replicas: number, more: World): World => ({
  ...more,
  objects: [deployment({ spec: { replicas } }), service()],
  live: [running({ spec: { replicas } }), service()],
})
const HEALTHY = { expectedPods: 3, currentHealthy: 3, desiredHealthy: 3 }

describe('pdb-blocking', () => {
  it.each<[string, World, string[]]>([
    ['one may be missing', live(pdb({ maxUnavailable: 1 })), []],
    ['none may be missing', live(pdb({ maxUnavailable: 0 })), ['pdb-blocking warning']],
    ['none in percent', live(pdb({ maxUnavailable: '0%' })), ['pdb-blocking warning']],
    ['a percentage rounds up', live(pdb({ maxUnavailable: '1%' })), []],
    ['all have to be there', live(pdb({ minAvailable: 3 })), ['pdb-blocking warning']],
    ['more than there are', live(pdb({ minAvailable: 5 })), ['pdb-blocking warning']],
    ['all in percent', live(pdb({ minAvailable: '100%' })), ['pdb-blocking warning']],
    ['nearly all in percent', live(pdb({ minAvailable: '67%' })), ['pdb-blocking warning']],
    ['two of three', live(pdb({ minAvailable: 2 })), []],
    ['two of three in percent', live(pdb({ minAvailable: '66%' })), []],
    ['no number at all', live(pdb({ minAvailable: 'most' })), []],
    ['the only one', of(1, live(pdb({ minAvailable: 1 }))), ['pdb-blocking warning', 'replicas-one warning']],
    ['of somebody else', live(pdb({ maxUnavailable: 0, selector: { matchLabels: { app: 'api' } } })), []],
    [
      'counted so, all healthy',
      live(pdb({ minAvailable: 2 }, { ...HEALTHY, disruptionsAllowed: 0 })),
      ['pdb-blocking warning'],
    ],
    [
      'counted so, one ill',
      live(pdb({ minAvailable: 2 }, { ...HEALTHY, currentHealthy: 2, disruptionsAllowed: 0 })),
      [],
    ],
    ['counted otherwise', live(pdb({ minAvailable: 2 }, { ...HEALTHY, disruptionsAllowed: 1 })), []],
    ['nothing runs', of(0, live(pdb({ maxUnavailable: 0 }))), []],
    [
      'the release brings a better one',
      {
        ...live(pdb({ maxUnavailable: 0 }, { ...HEALTHY, disruptionsAllowed: 0 })),
        objects: [deployment(), service(), pdb({ maxUnavailable: 1 })],
      },
      [],
    ],
    [
      'an autoscaler keeps more',
      {
        strategy: 'rolling',
        objects: [deployment({ spec: { replicas: null } }), service()],
        lists: {
          disruptionBudgets: [pdb({ minAvailable: 3 })],
          autoscalers: [
            object('autoscaling/v2', 'HorizontalPodAutoscaler', 'web', {
              spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, minReplicas: 4 },
            }),
          ],
        },
      },
      [],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world).toSorted()).toEqual(expected.toSorted())
  })

  it('stands at the field of the release, with the figures', () => {
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const finding = the('pdb-blocking', {
      strategy: 'rolling',
      objects: [deployment(), service(), { object: pdb({ minAvailable: '100%' }), placeOf }],
    })
    expect(finding.place).toEqual({ file: 'spec.minAvailable' })
    expect(finding.reason).toBe(
      'PodDisruptionBudget/web (minAvailable 100%) lets none of the 3 pods of Deployment/web go: no node that has one can be drained, and a drain that began hangs',
    )
    expect(finding.mend).toBe('let at least one be missing: maxUnavailable: 1')
  })

  it('says that a single pod needs company', () => {
    expect(the('pdb-blocking', of(1, live(pdb({ maxUnavailable: 0 })))).mend).toContain('use two or more replicas')
    const counted = live(pdb({ minAvailable: 2 }, { ...HEALTHY, disruptionsAllowed: 0 }))
    expect(the('pdb-blocking', counted).reason).toContain('go now, and all of them are healthy:')
  })

  it('of the release counts no pods during the steps', () => {
    const objects = [deployment(), service(), pdb({ maxUnavailable: 1 })]
    expect(found({ objects })).toEqual([])
    expect(found({ objects, lists: { disruptionBudgets: [pdb({ maxUnavailable: 1 })] } })).toEqual([
      'pdb-both-sides warning',
    ])
  })
})

describe('hpa-target', () => {
  const hpa = (name: string, target: Patch): KubeObject =>
    object('autoscaling/v2', 'HorizontalPodAutoscaler', name, { spec: { scaleTargetRef: target, minReplicas: 2 } })
  const brings = (target: Patch, more: World = {}): World => ({
    strategy: 'rolling',
    ...more,
    objects: [deployment({ spec: { replicas: null } }), service(), hpa('h', target)],
  })
  it.each<[string, World, string[]]>([
    ['of the release', brings({ kind: 'Deployment', name: 'web' }), []],
    ['of nobody', brings({ kind: 'Deployment', name: 'wep' }), ['hpa-target error']],
    [
      'something that only runs',
      brings(
        { kind: 'Deployment', name: 'api' },
        { live: [running(), service(), running({ metadata: { name: 'api' } })] },
      ),
      [],
    ],
    ['a StatefulSet is not looked for', brings({ kind: 'StatefulSet', name: 'db' }), []],
    ['nothing could be read', brings({ kind: 'Deployment', name: 'wep' }, { lists: { deployments: undefined } }), []],
    [
      'a live one of nobody is not ours',
      { strategy: 'rolling', lists: { autoscalers: [hpa('h', { kind: 'Deployment', name: 'wep' })] } },
      [],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world).filter((each) => each.startsWith('hpa-target'))).toEqual(expected)
  })

  it('names what could be meant', () => {
    expect(the('hpa-target', brings({ kind: 'Deployment', name: 'wep' })).mend).toBe(
      'correct scaleTargetRef (the release has Deployment/web)',
    )
  })

  const color = (name: string): Patch => ({ metadata: { name: `web-${name}` }, spec: { replicas: null } })
  const colors = (autoscaler: KubeObject, brought: KubeObject[] = []): string[] =>
    found({
      strategy: 'blue-green',
      pods: 'separate',
      objects: [deployment(color('green')), service(), ...brought],
      live: [running(color('blue')), service()],
      lists: { autoscalers: [autoscaler] },
    }).filter((each) => each.startsWith('hpa-target'))

  it.each([
    ['web-blue', ['hpa-target error']],
    ['web', ['hpa-target error']],
    ['web-green', []],
    ['api', []],
  ])('in two colors, one outside of the release scales %s', (name, expected) => {
    expect(colors(hpa('h', { kind: 'Deployment', name }))).toEqual(expected)
  })

  it('follows the color when the release brings it', () => {
    expect(
      colors(hpa('h', { kind: 'Deployment', name: 'web-blue' }), [hpa('h', { kind: 'Deployment', name: 'web-green' })]),
    ).toEqual([])
  })
})

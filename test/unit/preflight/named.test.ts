import { describe, expect, it } from 'vitest'
import { namedOutside } from '../../../src/preflight/named.ts'
import { applyAcceptance, blocking, runRules } from '../../../src/preflight/rules.ts'
import { type Deployment, keyOf, type KubeObject, nameOf } from '../../../src/shared/objects.ts'
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

const with1 = (patch: Patch): Deployment =>
  deployment({ spec: { template: { spec: { containers: [container(patch)] } } } })
const pod = (patch: Patch): Deployment => deployment({ spec: { template: { spec: patch } } })

/** Nothing that pods name is there, but for what is given. */
function lacking(objects: KubeObject[], more: World = {}, there: string[] = []): World {
  const refs = namedOutside(objects.map((each) => ({ object: each })))
  const live: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: {} }
  const named = new Map(refs.map((ref) => [keyOf(ref), there.includes(nameOf(ref)) ? live : ('missing' as const)]))
  return { ...more, objects, named }
}

const ENV = with1({ envFrom: [{ secretRef: { name: 'db' } }] })

describe('what pods name', () => {
  it.each<[string, KubeObject[], string[]]>([
    ['envFrom', [ENV], ['config-missing error']],
    [
      'env',
      [with1({ env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'a' } } }] })],
      ['config-missing error'],
    ],
    [
      'env that may be missing',
      [with1({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'a', optional: true } } }] })],
      [],
    ],
    ['a volume', [pod({ volumes: [{ name: 'v', configMap: { name: 'c' } }] })], ['config-missing error']],
    [
      'a volume that may be missing',
      [pod({ volumes: [{ name: 'v', secret: { secretName: 's', optional: true } }] })],
      [],
    ],
    [
      'a projected volume',
      [pod({ volumes: [{ name: 'v', projected: { sources: [{ secret: { name: 's' } }] } }] })],
      ['config-missing error'],
    ],
    [
      'a claim',
      [pod({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] })],
      ['config-missing error'],
    ],
    ['an account', [pod({ serviceAccountName: 'runner' })], ['config-missing error']],
    ['the account that every namespace has', [pod({ serviceAccountName: 'default' })], []],
    [
      'a ConfigMap that every namespace has',
      [pod({ volumes: [{ name: 'v', configMap: { name: 'kube-root-ca.crt' } }] })],
      [],
    ],
    ['how to pull', [pod({ imagePullSecrets: [{ name: 'reg' }] })], ['config-missing warning']],
    ['brought by the release', [ENV, object('v1', 'Secret', 'db', {})], []],
    [
      'brought by the release elsewhere',
      [ENV, object('v1', 'Secret', 'db', { metadata: { namespace: 'x' } })],
      ['config-missing error'],
    ],
    ['made by a controller, by its name', [ENV, object('bitnami.com/v1alpha1', 'SealedSecret', 'db', {})], []],
    [
      'made by a controller, as it says',
      [ENV, object('external-secrets.io/v1', 'ExternalSecret', 'x', { spec: { target: { name: 'db' } } })],
      [],
    ],
    [
      'a controller of something else',
      [ENV, object('cert-manager.io/v1', 'Certificate', 'x', { spec: { secretName: 'tls' } })],
      ['config-missing error'],
    ],
    [
      'a kind of Kubernetes makes nothing',
      [ENV, object('networking.k8s.io/v1', 'Ingress', 'db', {})],
      ['config-missing error'],
    ],
    [
      'a secrets store may make it',
      [with1({ envFrom: [{ secretRef: { name: 'db' } }] })].map((each) => ({
        ...each,
        spec: {
          ...each.spec,
          template: {
            ...each.spec.template,
            spec: { ...each.spec.template.spec, volumes: [{ name: 's', csi: { driver: 'secrets-store.csi.k8s.io' } }] },
          },
        },
      })),
      ['config-missing warning'],
    ],
    [
      'a CronJob comes later',
      [
        deployment(),
        object('batch/v1', 'CronJob', 'x', {
          spec: { jobTemplate: { spec: { template: { spec: { containers: [], serviceAccountName: 'a' } } } } },
        }),
      ],
      ['config-missing warning'],
    ],
    [
      'a StatefulSet',
      [
        deployment(),
        object('apps/v1', 'StatefulSet', 'x', {
          spec: {
            selector: { matchLabels: { a: 'b' } },
            template: { metadata: { labels: { a: 'b' } }, spec: { containers: [], serviceAccountName: 'a' } },
          },
        }),
      ],
      ['config-missing error'],
    ],
  ])('%s', (_, objects, expected) => {
    const strategies = ['rolling', 'canary'] as const
    for (const strategy of strategies)
      expect(found(lacking([...objects, service()], { strategy })), strategy).toEqual(expected)
    const all = namedOutside(objects.map((each) => ({ object: each }))).map(nameOf)
    expect(found(lacking([...objects, service()], {}, all))).toEqual([])
  })

  it('is told once per workload, at the field, with what comes of it', () => {
    const both = with1({
      envFrom: [{ secretRef: { name: 'db' } }],
      env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'db', key: 'a' } } }],
    })
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const { named } = lacking([both])
    const finding = the('config-missing', {
      objects: [{ object: both, placeOf }, service()],
      ...(named ? { named } : {}),
    })
    expect(finding.place).toEqual({ file: 'spec.template.spec.containers.0.env.0.valueFrom.secretKeyRef.name' })
    expect(finding.reason).toBe(
      'Deployment/web names Secret/db, which is neither in the release nor in the cluster: its container does not start (CreateContainerConfigError)',
    )
    expect(finding.mend).toBe(
      'bring Secret/db with the release, create it first, or correct the name; optional: true lets pods start without it',
    )
  })

  it('harms nobody yet where no pod changes', () => {
    const there = running({ spec: { template: ENV.spec.template } })
    const world = lacking([ENV, service()], {
      live: [there, service()],
      dryRuns: [[ENV, { kind: 'ok', object: there }]],
    })
    const finding = the('config-missing', world)
    expect(finding.severity).toBe('warning')
    expect(finding.reason).toContain('as soon as one starts anew')
  })

  it('may be accepted', () => {
    const findings = runRules(input(lacking([ENV, service()])))
    expect(blocking(applyAcceptance(findings, ['config-missing']))).toEqual([])
  })

  it('is not verified where it may not be read', () => {
    const world: World = { objects: [ENV, service()], named: new Map() }
    expect(found(world)).toEqual(['not-verified info'])
    expect(the('not-verified', world)).toMatchObject({
      reason: 'Secret/db could not be read, so it is not known whether pods that name them can start',
      mend: 'grant get on secrets by these names',
    })
  })
})

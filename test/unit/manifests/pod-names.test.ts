import { describe, expect, it } from 'vitest'
import { configRefs, podNames } from '../../../src/manifests/pod-names.ts'
import { podTemplateOf } from '../../../src/manifests/workload.ts'
import type { PodTemplate } from '../../../src/shared/objects.ts'
import { object } from './objects.ts'

function template(text: string): PodTemplate {
  const found = podTemplateOf(object('Deployment/d', `spec: {template: ${text}}`))
  if (found === undefined) throw new Error('no template')
  return found
}

describe('what a template reads', () => {
  it('finds ConfigMaps and Secrets', () => {
    const text = [
      '{spec: {containers: [{name: m, env: [',
      '{name: A, valueFrom: {configMapKeyRef: {name: c1}}}, {name: B, valueFrom: {secretKeyRef: {name: s1}}}, {name: C, value: x}],',
      'envFrom: [{configMapRef: {name: c2}}, {secretRef: {name: s2}}]}],',
      'initContainers: [{name: i, envFrom: [{secretRef: {name: s0}}, {secretRef: {name: ""}}]}],',
      'volumes: [{name: a, configMap: {name: c3}}, {name: b, secret: {secretName: s3}}, {name: e, emptyDir: {}},',
      '{name: p, projected: {sources: [{configMap: {name: c4}}, {secret: {name: s4}}, {configMap: {name: c1}}]}}]}}',
    ].join('\n  ')
    expect(configRefs(template(text))).toEqual({
      configMaps: ['c1', 'c2', 'c3', 'c4'],
      secrets: ['s0', 's1', 's2', 's3', 's4'],
    })
    expect(configRefs(template('{spec: {containers: []}}'))).toEqual({ configMaps: [], secrets: [] })
  })
})

describe('what a template names', () => {
  /** `use kind/name path`, a question mark where it may be missing */
  const named = (text: string): string[] =>
    podNames(template(text)).map(
      ({ use, kind, name, optional, path }) => `${use} ${kind}/${name}${optional ? '?' : ''} ${path.join('.')}`,
    )

  it('is told with what it is for and where it stands', () => {
    expect(
      named(
        [
          '{spec: {serviceAccountName: runner, imagePullSecrets: [{name: reg}],',
          'containers: [{name: m, env: [{name: A, value: x}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}],',
          'envFrom: [{configMapRef: {name: c}}]}],',
          'volumes: [{name: d, persistentVolumeClaim: {claimName: data}},',
          '{name: p, projected: {sources: [{serviceAccountToken: {path: t}}, {secret: {name: s2, optional: true}}]}}]}}',
        ].join('\n  '),
      ),
    ).toEqual([
      'env Secret/s? spec.containers.0.env.1.valueFrom.secretKeyRef.name',
      'env ConfigMap/c spec.containers.0.envFrom.0.configMapRef.name',
      'volume PersistentVolumeClaim/data spec.volumes.0.persistentVolumeClaim.claimName',
      'volume Secret/s2? spec.volumes.1.projected.sources.1.secret.name',
      'pull Secret/reg spec.imagePullSecrets.0.name',
      'account ServiceAccount/runner spec.serviceAccountName',
    ])
  })

  it('is nothing where names are empty or no names at all', () => {
    expect(
      named(
        '{spec: {serviceAccountName: "", imagePullSecrets: [{}], containers: [], volumes: [{name: e, emptyDir: {}}, {name: c, configMap: {name: 3}}]}}',
      ),
    ).toEqual([])
  })
})

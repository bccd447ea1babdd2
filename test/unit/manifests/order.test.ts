import { describe, expect, it } from 'vitest'
import { classify, waves } from '../../../src/manifests/order.ts'
import { parseManifest } from '../../../src/manifests/parse.ts'
import { refOf, nameOf, type KubeObject } from '../../../src/shared/objects.ts'
import { deployment, object, refusal } from './objects.ts'

const names = (objects: readonly KubeObject[]): string[] => objects.map((one) => nameOf(refOf(one)))
const custom = (apiVersion: string, kind: string): KubeObject => {
  const [parsed] = parseManifest(`{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: x}}`, 'x.yaml')
  if (parsed === undefined) throw new Error('no object')
  return parsed.object
}

const all: KubeObject[] = [
  custom('networking.k8s.io/v1', 'Ingress'),
  object('Service/web', 'spec: {ports: []}'),
  deployment('web').object,
  object('Secret/s'),
  custom('example.com/v1', 'Widget'),
  custom('external-secrets.io/v1', 'ExternalSecret'),
  custom('rbac.authorization.k8s.io/v1', 'RoleBinding'),
  object('Job/migrate', 'spec: {template: {spec: {containers: []}}}'),
  object('Job/other', 'spec: {template: {spec: {containers: []}}}'),
  object('CronJob/night'),
  object('StatefulSet/db'),
  object('ConfigMap/c'),
  custom('apiextensions.k8s.io/v1', 'CustomResourceDefinition'),
  object('ServiceAccount/a'),
  custom('autoscaling/v2', 'HorizontalPodAutoscaler'),
  custom('policy/v1', 'PodDisruptionBudget'),
  object('Namespace/home'),
  object('Pod/p'),
]

describe('order', () => {
  it('puts what pods need into waves', () => {
    expect(waves(all).map(names)).toEqual([
      ['Namespace/home'],
      ['CustomResourceDefinition/x'],
      ['ServiceAccount/a'],
      ['RoleBinding/x'],
      ['Secret/s', 'ExternalSecret/x', 'ConfigMap/c'],
    ])
    expect(waves([])).toEqual([])
  })

  it('gives every object exactly one part', () => {
    const parts = classify(all, ['migrate'])
    expect(names(parts.services)).toEqual(['Service/web'])
    expect(names(parts.workloads)).toEqual(['Deployment/web'])
    expect(names(parts.stepJobs)).toEqual(['Job/migrate'])
    expect(names(parts.otherWorkloads)).toEqual(['Job/other', 'CronJob/night', 'StatefulSet/db', 'Pod/p'])
    expect(names(parts.pointing)).toEqual([
      'Ingress/x',
      'Widget/x',
      'HorizontalPodAutoscaler/x',
      'PodDisruptionBudget/x',
    ])
    const { supporting, services, workloads, stepJobs, otherWorkloads, pointing } = parts
    const parted = [...supporting.flat(), ...services, ...workloads, ...stepJobs, ...otherWorkloads, ...pointing]
    expect(new Set(parted)).toEqual(new Set(all))
    expect(parted).toHaveLength(all.length)
    expect(classify(all).stepJobs).toEqual([])
  })

  it.each([
    ['migrat', 'did you mean migrate?'],
    ['something-else', 'the manifests have migrate, other'],
  ])('refuses the step job %s', (name, part) => {
    const failure = refusal(() => classify(all, ['migrate', name]))
    expect(failure.code).toBe('job-missing')
    expect(failure.message).toContain(part)
  })

  it('says so when there is no Job at all', () => {
    expect(refusal(() => classify([], ['migrate'])).message).toContain('have no Job')
  })
})

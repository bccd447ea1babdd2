import { describe, expect, test } from 'vitest'
import { migratedManagers, migrateOwnership } from '../../../src/kubernetes/adopt.ts'
import { type FieldSet, hasField, union, withoutField } from '../../../src/kubernetes/field-set.ts'
import type { KubeObject, ManagedFieldsEntry } from '../../../src/shared/objects.ts'

const ANNOTATION: FieldSet = {
  'f:metadata': { 'f:annotations': { '.': {}, 'f:kubectl.kubernetes.io/last-applied-configuration': {} } },
}

function entry(
  manager: string,
  operation: string,
  fieldsV1: FieldSet,
  more: ManagedFieldsEntry = {},
): ManagedFieldsEntry {
  return { manager, operation, apiVersion: 'apps/v1', fieldsType: 'FieldsV1', fieldsV1, ...more }
}

function live(...managedFields: ManagedFieldsEntry[]): KubeObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', resourceVersion: '7', managedFields } }
}

function migrated(object: KubeObject, options = {}): ManagedFieldsEntry[] | undefined {
  const [first] = migrateOwnership(object, 'headgate', options) ?? []
  return first !== undefined && 'value' in first ? (first.value as ManagedFieldsEntry[]) : undefined
}

const REPLICAS: FieldSet = { 'f:spec': { 'f:replicas': {} } }
const PAUSED: FieldSet = { 'f:spec': { 'f:paused': {} } }

describe('what kubectl owned', () => {
  test('by client-side apply becomes ours, guarded by the version read', () => {
    const object = live(entry('kubectl-client-side-apply', 'Update', union(ANNOTATION, REPLICAS), { time: 't' }))
    expect(migrateOwnership(object)).toEqual([
      {
        op: 'replace',
        path: '/metadata/managedFields',
        value: [entry('headgate', 'Apply', union(ANNOTATION, REPLICAS), { time: 't' })],
      },
      { op: 'replace', path: '/metadata/resourceVersion', value: '7' },
    ])
  })

  test('by server-side apply becomes ours, its annotation too', () => {
    const object = live(entry('kubectl', 'Apply', REPLICAS), entry('kubectl-last-applied', 'Apply', ANNOTATION))
    expect(migrated(object)).toEqual([entry('headgate', 'Apply', union(REPLICAS, ANNOTATION))])
    expect(migratedManagers(object)).toEqual(['kubectl', 'kubectl-last-applied'])
  })

  test('joins what is ours already', () => {
    const object = live(
      entry('kubectl-client-side-apply', 'Update', union(ANNOTATION, REPLICAS)),
      entry('headgate', 'Apply', PAUSED),
    )
    expect(migrated(object)).toEqual([entry('headgate', 'Apply', union(PAUSED, union(ANNOTATION, REPLICAS)))])
  })

  test('is known by the annotation, not by the name', () => {
    const object = live(
      entry('my-script', 'Update', union(ANNOTATION, REPLICAS)),
      entry('kubectl-edit', 'Update', PAUSED),
    )
    expect(migrated(object)?.map((each) => each.manager)).toEqual(['headgate', 'kubectl-edit'])
    expect(migratedManagers(object)).toEqual(['my-script'])
  })

  test('of another API version is let go, as kubectl does', () => {
    const old = { apiVersion: 'apps/v1beta2' }
    const object = live(
      entry('kubectl-client-side-apply', 'Update', ANNOTATION),
      entry('kubectl-client-side-apply', 'Update', union(ANNOTATION, REPLICAS), old),
    )
    expect(migrated(object)).toEqual([entry('headgate', 'Apply', ANNOTATION)])
  })

  test('leaves status and scale to their owners', () => {
    const status = entry('kube-controller-manager', 'Update', { 'f:status': {} }, { subresource: 'status' })
    const scale = entry('kubectl', 'Apply', REPLICAS, { subresource: 'scale' })
    expect(migrated(live(entry('kubectl-client-side-apply', 'Update', ANNOTATION), status, scale))?.slice(1)).toEqual([
      status,
      scale,
    ])
  })

  test.each<[string, KubeObject]>([
    ['an object of ours', live(entry('headgate', 'Apply', REPLICAS))],
    ['an object of a controller', live(entry('helm', 'Update', REPLICAS))],
    ['an object without owners', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }],
  ])('there is nothing to do for %s', (_, object) => expect(migrateOwnership(object)).toBeUndefined())
})

describe('an autoscaled replica count', () => {
  test('is owned by nobody after the hand-over, whether it was kubectl’s or ours', () => {
    const both = union(REPLICAS, PAUSED)
    expect(migrated(live(entry('kubectl', 'Apply', both)), { releaseReplicas: true })).toEqual([
      entry('headgate', 'Apply', PAUSED),
    ])
    expect(migrated(live(entry('headgate', 'Apply', both)), { releaseReplicas: true })).toEqual([
      entry('headgate', 'Apply', PAUSED),
    ])
  })

  test('that is not ours needs no write', () => {
    const scale = entry('kube-controller-manager', 'Update', REPLICAS, { subresource: 'scale' })
    expect(migrated(live(entry('headgate', 'Apply', PAUSED), scale), { releaseReplicas: true })).toBeUndefined()
  })
})

describe('sets of fields', () => {
  test('a member with children stays a member', () => {
    expect(union({ 'f:a': {} }, { 'f:a': { 'f:b': {} } })).toEqual({ 'f:a': { '.': {}, 'f:b': {} } })
    expect(union({ 'f:a': { 'f:b': {} } }, { 'f:a': {} })).toEqual({ 'f:a': { '.': {}, 'f:b': {} } })
    expect(union({ 'f:a': { 'f:b': {} } }, { 'f:a': { 'f:c': {} } })).toEqual({ 'f:a': { 'f:b': {}, 'f:c': {} } })
    expect(union({ 'f:a': {} }, { 'f:a': {} })).toEqual({ 'f:a': {} })
  })

  test('a parent is a member only with its dot', () => {
    expect(hasField({ 'f:a': { 'f:b': {} } }, ['f:a'])).toBe(false)
    expect(hasField({ 'f:a': { '.': {}, 'f:b': {} } }, ['f:a'])).toBe(true)
    expect(hasField({ 'f:a': { 'f:b': {} } }, ['f:a', 'f:b'])).toBe(true)
  })

  test('parents left empty go, parents that are members stay', () => {
    expect(withoutField({ 'f:a': { 'f:b': {} }, 'f:c': {} }, ['f:a', 'f:b'])).toEqual({ 'f:c': {} })
    expect(withoutField({ 'f:a': { '.': {}, 'f:b': {} } }, ['f:a', 'f:b'])).toEqual({ 'f:a': { '.': {} } })
    expect(withoutField({ 'f:a': {} }, ['f:x', 'f:y'])).toEqual({ 'f:a': {} })
  })
})

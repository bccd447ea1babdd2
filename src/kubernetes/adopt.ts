import type { JsonPatchOperation } from '../shared/json-patch.ts'
import type { KubeObject, ManagedFieldsEntry } from '../shared/objects.ts'
import { type FieldSet, hasField, union, withoutField } from './field-set.ts'

/** The manager of Headgate's server-side applies. */
export const MANAGER = 'headgate'

const LAST_APPLIED = ['f:metadata', 'f:annotations', 'f:kubectl.kubernetes.io/last-applied-configuration']

/** Managers of kubectl's own server-side apply: the manifest, and the annotation it keeps for client-side apply. */
const KUBECTL_APPLY = ['kubectl', 'kubectl-last-applied']

const REPLICAS = ['f:spec', 'f:replicas']

export interface MigrateOptions {
  /**
   * An autoscaler sets the replica count: nobody shall own `spec.replicas` afterwards. A field that only we own and then
   * leave out would fall to its default of 1 at once; one that nobody owns stays as it is.
   */
  releaseReplicas?: boolean
}

/**
 * Patch that hands the fields that kubectl applied to `headgate`, so that a field dropped from the manifest is really
 * dropped; undefined when there is nothing to hand over. The rule is kubectl's (client-go `util/csaupgrade`): what has
 * written the last-applied annotation by Update is a client-side apply, whatever it is called; its entry of the same
 * API version joins ours, its others go. In addition the entries of kubectl's server-side apply join. The annotation
 * itself becomes ours and goes with the next apply, as it does with kubectl under any manager name but its own: left
 * behind it would be out of date.
 *
 * Conditional on the resourceVersion of `live`: 409 (`stale`) when it is old.
 */
export function migrateOwnership(
  live: KubeObject,
  to: string = MANAGER,
  options: MigrateOptions = {},
): JsonPatchOperation[] | undefined {
  const before = live.metadata.managedFields ?? []
  let entries = before
  for (const manager of clientSideManagers(before)) entries = merge(entries, to, manager, 'Update')
  for (const manager of KUBECTL_APPLY) if (manager !== to) entries = merge(entries, to, manager, 'Apply')
  if (options.releaseReplicas === true) entries = release(entries, to)
  if (entries === before) return undefined
  return [
    { op: 'replace', path: '/metadata/managedFields', value: entries },
    // As a replacement it is answered 409 when the object has moved on; a test would be answered 422 without a word.
    { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion ?? '' },
  ]
}

/** Managers whose fields {@link migrateOwnership} hands over. */
export function migratedManagers(live: KubeObject): string[] {
  const entries = live.metadata.managedFields ?? []
  const applied = entries.filter((each) => KUBECTL_APPLY.some((manager) => isOwn(each, manager, 'Apply')))
  return [...new Set([...clientSideManagers(entries), ...applied.map((each) => each.manager ?? '')])]
}

function isOwn(entry: ManagedFieldsEntry, manager: string, operation: 'Apply' | 'Update'): boolean {
  return entry.manager === manager && entry.operation === operation && (entry.subresource ?? '') === ''
}

function fieldsOf(entry: ManagedFieldsEntry | undefined): FieldSet {
  return (entry?.fieldsV1 ?? {}) as FieldSet
}

function clientSideManagers(entries: ManagedFieldsEntry[]): string[] {
  const found = entries.filter(
    (each) => each.operation === 'Update' && each.manager !== undefined && hasField(fieldsOf(each), LAST_APPLIED),
  )
  return [...new Set(found.map((each) => each.manager ?? ''))]
}

/** The same array when there is nothing to do. Entries are newest first. */
function merge(
  entries: ManagedFieldsEntry[],
  to: string,
  from: string,
  operation: 'Apply' | 'Update',
): ManagedFieldsEntry[] {
  const isFrom = (each: ManagedFieldsEntry): boolean => isOwn(each, from, operation)
  const first = entries.find(isFrom)
  if (first === undefined) return entries
  const target = entries.find((each) => isOwn(each, to, 'Apply')) ?? first
  const same = entries.find((each) => isFrom(each) && each.apiVersion === target.apiVersion)
  const merged: ManagedFieldsEntry = {
    ...target,
    manager: to,
    operation: 'Apply',
    fieldsV1: union(fieldsOf(target), fieldsOf(same)),
  }
  return entries.map((each) => (each === target ? merged : each)).filter((each) => each === merged || !isFrom(each))
}

function release(entries: ManagedFieldsEntry[], manager: string): ManagedFieldsEntry[] {
  const owned = (each: ManagedFieldsEntry): boolean =>
    isOwn(each, manager, 'Apply') && hasField(fieldsOf(each), REPLICAS)
  if (!entries.some(owned)) return entries
  return entries.map((each) => (owned(each) ? { ...each, fieldsV1: withoutField(fieldsOf(each), REPLICAS) } : each))
}

import type { Client } from '../kubernetes/client.ts'
import { jsonEquals } from '../shared/json.ts'
import { type JsonPatchOperation, pointer } from '../shared/json-patch.ts'
import { type KubeObject, type ManagedFieldsEntry, refOf } from '../shared/objects.ts'
import { ORIGINALS, SENTENCE, SPLIT } from '../strategies/annotations.ts'
import { MOVER } from '../strategies/hold.ts'

const CONTROLLER = 'kube-controller-manager'

/** The traces that a rollout leaves on an object: our annotations and the mover's ownership. */
function annotationOperations(object: KubeObject): JsonPatchOperation[] {
  return [ORIGINALS, SENTENCE, SPLIT]
    .filter((key) => object.metadata.annotations?.[key] !== undefined)
    .map((key) => ({ op: 'remove' as const, path: pointer('metadata', 'annotations', key) }))
}

function ownershipOperations(object: KubeObject, wanted: ManagedFieldsEntry[]): JsonPatchOperation[] {
  if (jsonEquals(wanted, object.metadata.managedFields ?? [])) return []
  return [{ op: 'replace', path: '/metadata/managedFields', value: wanted }]
}

/** After success: no annotation and no entry of the mover remain; what it wrote belongs to the manifest's manager. */
export function withoutTraces(object: KubeObject): JsonPatchOperation[] {
  const kept = (object.metadata.managedFields ?? []).filter((entry) => entry.manager !== MOVER)
  return [...annotationOperations(object), ...ownershipOperations(object, kept)]
}

/**
 * After an abort: ownership as it was before, except for what the controllers wrote meanwhile. Without this a retry's dry
 * run would keep fields that the release dropped, since the mover would still own them.
 */
export function withOwnershipOf(object: KubeObject, before: KubeObject | undefined): JsonPatchOperation[] {
  if (before === undefined) return withoutTraces(object)
  const ours = (before.metadata.managedFields ?? []).filter(
    (entry) => entry.manager !== CONTROLLER && entry.manager !== MOVER,
  )
  const theirs = (object.metadata.managedFields ?? []).filter((entry) => entry.manager === CONTROLLER)
  return [...annotationOperations(object), ...ownershipOperations(object, [...ours, ...theirs])]
}

/**
 * Writes the clean-up until it holds; the status of a live object changes often enough that the first try may be stale.
 * Returns the object as it is then.
 */
export async function clean(
  client: Client,
  object: KubeObject,
  operationsFor: (object: KubeObject) => JsonPatchOperation[],
): Promise<KubeObject> {
  let current = object
  for (let attempt = 0; ; attempt++) {
    const operations = operationsFor(current)
    if (operations.length === 0) return current
    const test = {
      op: 'test' as const,
      path: '/metadata/resourceVersion',
      value: current.metadata.resourceVersion ?? '',
    }
    try {
      return await client.patch(
        refOf(current),
        { type: 'json', operations: [test, ...operations] },
        { fieldManager: MOVER },
      )
    } catch (error) {
      if (attempt >= 10 || !isStale(error)) throw error
      current = (await client.get(refOf(current))) ?? current
    }
  }
}

function isStale(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'kind' in error && error.kind === 'stale'
}

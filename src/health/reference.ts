import type { KubeObject, ObjectRef } from '../shared/objects.ts'

/** Items of a list carry no kind of their own, so the reference is put together here. */
export function referenceTo(object: KubeObject, apiVersion: string, kind: string): ObjectRef {
  const { name = '', namespace } = object.metadata
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

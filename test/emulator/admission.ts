/** Admission that can refuse: namespaces that are missing or ending, and quotas. */
import type { KubeObject } from '../../src/shared/objects.ts'
import { ApiError, forbidden, notFound } from './errors.ts'
import type { Resource } from './resources.ts'
import type { Store } from './store.ts'
import { quotaRefusal } from './quota.ts'
import { BUILTIN_KINDS } from './kinds.ts'

const NAMESPACE = BUILTIN_KINDS.find((kind) => kind.kind === 'Namespace')

export function checkAdmission(store: Store, resource: Resource, object: KubeObject, live?: KubeObject): void {
  if (live === undefined && resource.namespaced) checkNamespace(store, resource, object)
  if (live !== undefined) return
  const refusal = quotaRefusal(store, resource, object)
  if (refusal !== undefined) throw forbidden(resource, object.metadata.name ?? '', refusal)
}

function checkNamespace(store: Store, resource: Resource, object: KubeObject): void {
  const name = object.metadata.namespace ?? ''
  const namespace = store.get('/namespaces', undefined, name)
  if (namespace === undefined) {
    if (NAMESPACE === undefined) return
    throw notFound(NAMESPACE, name)
  }
  if (namespace.metadata.deletionTimestamp === undefined || resource.key === '/events') return
  const error = forbidden(
    resource,
    object.metadata.name ?? '',
    `unable to create new content in namespace ${name} because it is being terminated`,
  )
  throw new ApiError(error.code, error.reason, error.message, {
    ...error.details,
    causes: [
      { reason: 'NamespaceTerminating', message: `namespace ${name} is being terminated`, field: 'metadata.namespace' },
    ],
  })
}

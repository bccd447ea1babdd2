/** What admission adds to every pod; none of it is owned by anyone. */
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { forbidden } from '../errors.ts'
import type { Resource } from '../resources.ts'
import type { Store } from '../store.ts'
import { ensureMap, mapsAt, textAt } from '../values.ts'

const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'

/** @param suffix of the name of the token's volume */
export function admitPod(store: Store, resource: Resource, pod: KubeObject, suffix: () => string): void {
  const spec = ensureMap(pod, 'spec')
  const account = textAt(spec, 'serviceAccountName') ?? 'default'
  const namespace = pod.metadata.namespace ?? ''
  const found = store.get('/serviceaccounts', namespace, account)
  if (found === undefined)
    throw forbidden(
      resource,
      pod.metadata.name ?? '',
      `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
    )
  spec['serviceAccountName'] = account
  spec['serviceAccount'] = account
  if (spec['priority'] === undefined) spec['priority'] = 0
  if (spec['preemptionPolicy'] === undefined) spec['preemptionPolicy'] = 'PreemptLowerPriority'
  tolerate(spec)
  if ((spec['automountServiceAccountToken'] ?? found['automountServiceAccountToken']) !== false)
    mountToken(spec, `kube-api-access-${suffix()}`)
}

/** A node that is away for less than five minutes loses no pod. */
function tolerate(spec: JsonMap): void {
  const tolerations = mapsAt(spec, 'tolerations')
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'])
    if (!tolerations.some((toleration) => toleration['key'] === key || toleration['key'] === undefined))
      tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 })
  spec['tolerations'] = tolerations
}

function mountToken(spec: JsonMap, name: string): void {
  let used = false
  for (const container of [...mapsAt(spec, 'initContainers'), ...mapsAt(spec, 'containers')]) {
    const mounts = mapsAt(container, 'volumeMounts')
    if (mounts.some((mount) => mount['mountPath'] === TOKEN_PATH)) continue
    container['volumeMounts'] = [...mounts, { name, readOnly: true, mountPath: TOKEN_PATH }]
    used = true
  }
  if (!used) return
  const token = { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } }
  const ca = { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } }
  const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.namespace' }
  const own = { downwardAPI: { items: [{ path: 'namespace', fieldRef }] } }
  spec['volumes'] = [...mapsAt(spec, 'volumes'), { name, projected: { sources: [token, ca, own], defaultMode: 0o644 } }]
}

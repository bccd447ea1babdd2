/** What the registry of each kind does to an object before it is stored. */
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { FieldSet } from '../fields/field-set.ts'
import type { Resource } from '../resources.ts'
import { ensureMap, equal, isMap, mapAt, mapsAt, textAt } from '../values.ts'

const WITHOUT_GENERATION = new Set([
  '/configmaps',
  '/secrets',
  '/services',
  '/serviceaccounts',
  '/namespaces',
  '/nodes',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/events',
  '/endpoints',
  '/resourcequotas',
  '/limitranges',
  '/podtemplates',
  'apps/controllerrevisions',
  'autoscaling/horizontalpodautoscalers',
  'rbac.authorization.k8s.io/roles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/clusterrolebindings',
  'coordination.k8s.io/leases',
  'storage.k8s.io/storageclasses',
])

export function hasGeneration(resource: Resource): boolean {
  return !WITHOUT_GENERATION.has(resource.key)
}

/** Kinds that refuse a PUT without resourceVersion. */
export function needsResourceVersion(resource: Resource): boolean {
  return resource.custom || resource.key === 'coordination.k8s.io/leases' || resource.group === 'apiextensions.k8s.io'
}

/** Fields that a write to this endpoint resets to what they were, and that its writer cannot own. */
export function resetFields(resource: Resource, subresource: string): FieldSet {
  if (!resource.hasStatus) return new FieldSet()
  if (subresource === '') return resource.key === '/pods' ? FieldSet.of(['f:status']) : FieldSet.of(['f:status'])
  if (subresource !== 'status') return new FieldSet()
  if (resource.custom) return FieldSet.of(['f:spec'], ['f:metadata'])
  return resource.group === 'apps' ? FieldSet.of(['f:spec'], ['f:metadata', 'f:labels']) : FieldSet.of(['f:spec'])
}

/** Prepares a new object, in place. */
export function prepareCreate(resource: Resource, object: KubeObject): void {
  if (resource.hasStatus && resource.key !== '/nodes' && resource.key !== '/persistentvolumes') delete object['status']
  if (hasGeneration(resource)) object.metadata.generation = 1
  switch (resource.key) {
    case '/pods':
      object['status'] = { phase: 'Pending', qosClass: qosClass(object), ...gated(object) }
      return
    case '/namespaces':
      object['status'] = { phase: 'Active' }
      ensureMap(object, 'spec')['finalizers'] = ['kubernetes']
      return
    case '/persistentvolumeclaims':
      object['status'] = { phase: 'Pending' }
      return
    case 'batch/jobs':
      jobLabels(object)
      return
    default:
  }
}

/** A gate is in the status from the start; the scheduler has no part in it. */
function gated(pod: KubeObject): JsonMap {
  if (mapsAt(pod, 'spec', 'schedulingGates').length === 0) return {}
  const message = 'Scheduling is blocked due to non-empty scheduling gates'
  return { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message }] }
}

/** A Job without a selector of its own selects its pods by its uid. */
function jobLabels(object: KubeObject): void {
  const spec = ensureMap(object, 'spec')
  if (spec['manualSelector'] === true) return
  const { uid = '', name = '' } = object.metadata
  const labels = ensureMap(spec, 'template', 'metadata', 'labels')
  for (const prefix of ['', 'batch.kubernetes.io/']) {
    labels[`${prefix}job-name`] = name
    labels[`${prefix}controller-uid`] = uid
  }
  spec['selector'] = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } }
}

function qosClass(object: KubeObject): string {
  const containers = mapsAt(object, 'spec', 'containers')
  const has = (container: JsonMap, kind: string): boolean =>
    Object.keys(mapAt(container, 'resources', kind)).some((name) => name === 'cpu' || name === 'memory')
  if (!containers.some((container) => has(container, 'requests') || has(container, 'limits'))) return 'BestEffort'
  const guaranteed = containers.every((container) => {
    const [limits, requests] = [mapAt(container, 'resources', 'limits'), mapAt(container, 'resources', 'requests')]
    return ['cpu', 'memory'].every((name) => limits[name] !== undefined && equal(limits[name], requests[name]))
  })
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

/** Prepares a changed object, in place: resets what this endpoint may not change and counts the generation. */
export function prepareUpdate(resource: Resource, next: KubeObject, live: KubeObject, subresource: string): void {
  if (subresource === 'status') prepareStatus(resource, next, live)
  else if (resource.hasStatus && subresource === '') {
    if (live['status'] === undefined) delete next['status']
    else next['status'] = live['status']
  }
  if (resource.key === '/services' && subresource === '') keepClusterIp(next, live)
  if (resource.key === 'apps/daemonsets' && subresource === '') countTemplates(next, live)
  if (!hasGeneration(resource)) return
  const generation = live.metadata.generation ?? 1
  // Annotations of a Deployment are copied to its ReplicaSet, so the controller has to look at them too.
  const noted =
    resource.key === 'apps/deployments' &&
    subresource === '' &&
    !equal(next.metadata.annotations ?? {}, live.metadata.annotations ?? {})
  next.metadata.generation = noted || specChanged(resource, next, live) ? generation + 1 : generation
}

const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

function countTemplates(next: KubeObject, live: KubeObject): void {
  const before = Number(live.metadata.annotations?.[TEMPLATE_GENERATION] ?? 1)
  const same = equal(mapAt(next, 'spec')['template'], mapAt(live, 'spec')['template'])
  next.metadata.annotations = {
    ...next.metadata.annotations,
    [TEMPLATE_GENERATION]: String(same ? before : before + 1),
  }
}

function prepareStatus(resource: Resource, next: KubeObject, live: KubeObject): void {
  for (const key of Object.keys(next)) if (!(key in live) && key !== 'status') delete next[key]
  for (const [key, value] of Object.entries(live)) if (key !== 'status' && key !== 'metadata') next[key] = value
  const { managedFields } = next.metadata
  if (resource.custom) next.metadata = { ...live.metadata, ...(managedFields === undefined ? {} : { managedFields }) }
  else if (resource.group === 'apps') {
    if (live.metadata.labels === undefined) delete next.metadata.labels
    else next.metadata.labels = live.metadata.labels
  }
}

/** A PUT or apply that names no address keeps the one that was given. */
function keepClusterIp(next: KubeObject, live: KubeObject): void {
  const [spec, old] = [ensureMap(next, 'spec'), mapAt(live, 'spec')]
  if (spec['type'] === 'ExternalName') return
  for (const name of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'])
    if (spec[name] === undefined && old[name] !== undefined) spec[name] = old[name]
  keepNodePorts(spec, old)
}

function keepNodePorts(spec: JsonMap, old: JsonMap): void {
  if (spec['type'] !== 'NodePort' && spec['type'] !== 'LoadBalancer') return
  for (const port of mapsAt(spec, 'ports')) {
    const before = mapsAt(old, 'ports').find((other) => other['port'] === port['port'])
    if (port['nodePort'] === undefined && before?.['nodePort'] !== undefined) port['nodePort'] = before['nodePort']
  }
}

function specChanged(resource: Resource, next: KubeObject, live: KubeObject): boolean {
  if (!resource.custom && isMap(live['spec'])) return !equal(next['spec'], live['spec'])
  const ignored = resource.hasStatus ? ['metadata', 'status'] : ['metadata']
  const rest = (object: KubeObject): JsonMap =>
    Object.fromEntries(Object.entries(object).filter(([key]) => !ignored.includes(key)))
  return !equal(rest(next), rest(live))
}

/** What the endpoint itself fills in once defaults are there: addresses of Services. */
export function allocate(resource: Resource, object: KubeObject, next: () => number): void {
  if (resource.key !== '/services') return
  const spec = ensureMap(object, 'spec')
  if (spec['type'] === 'ExternalName') return
  const clusterIP = textAt(spec, 'clusterIP')
  if (clusterIP === undefined || clusterIP === '') {
    const n = next()
    spec['clusterIP'] = `10.96.${(n >> 8) & 255}.${n & 255}`
  }
  if (spec['clusterIPs'] === undefined) spec['clusterIPs'] = [spec['clusterIP'] ?? '']
  if (spec['ipFamilies'] === undefined) spec['ipFamilies'] = ['IPv4']
  if (spec['ipFamilyPolicy'] === undefined) spec['ipFamilyPolicy'] = 'SingleStack'
  if (spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer')
    for (const port of mapsAt(spec, 'ports')) if (port['nodePort'] === undefined) port['nodePort'] = 30_000 + next()
}

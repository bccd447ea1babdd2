/** What the API server fills in where a manifest says nothing (`pkg/apis/<group>/<version>/defaults.go`). */
import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ensureMap, isMap, mapAt, mapsAt, texts } from '../values.ts'

function fill(target: JsonMap, values: JsonMap): void {
  for (const [key, value] of Object.entries(values)) if (target[key] === undefined) target[key] = value
}

/** Fills in defaults in place; `object` must be a copy. */
export function setDefaults(object: KubeObject): void {
  const spec = mapAt(object, 'spec')
  switch (`${object.apiVersion} ${object.kind}`) {
    case 'apps/v1 Deployment':
      return deployment(spec)
    case 'apps/v1 ReplicaSet':
      fill(spec, { replicas: 1 })
      return podTemplate(spec)
    case 'apps/v1 StatefulSet':
      return statefulSet(spec)
    case 'apps/v1 DaemonSet':
      return daemonSet(object, spec)
    case 'batch/v1 Job':
      return job(object, spec)
    case 'batch/v1 CronJob':
      return cronJob(spec)
    case 'v1 Pod':
      return pod(spec)
    case 'v1 Service':
      return service(spec)
    case 'v1 Secret':
      return secret(object)
    case 'v1 Namespace':
      return namespace(object)
    case 'v1 PersistentVolumeClaim':
      fill(spec, { volumeMode: 'Filesystem' })
      return fill(ensureMap(object, 'status'), { phase: 'Pending' })
    case 'autoscaling/v2 HorizontalPodAutoscaler':
      return autoscaler(spec)
    case 'networking.k8s.io/v1 NetworkPolicy':
      return fill(spec, { policyTypes: spec['egress'] === undefined ? ['Ingress'] : ['Ingress', 'Egress'] })
    case 'rbac.authorization.k8s.io/v1 RoleBinding':
    case 'rbac.authorization.k8s.io/v1 ClusterRoleBinding':
      return binding(object)
    default:
  }
}

function deployment(spec: JsonMap): void {
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 })
  const strategy = ensureMap(spec, 'strategy')
  fill(strategy, { type: 'RollingUpdate' })
  if (strategy['type'] === 'RollingUpdate')
    fill(ensureMap(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' })
  podTemplate(spec)
}

function statefulSet(spec: JsonMap): void {
  fill(spec, { podManagementPolicy: 'OrderedReady', replicas: 1, revisionHistoryLimit: 10 })
  const strategy = ensureMap(spec, 'updateStrategy')
  if (strategy['type'] === undefined) {
    strategy['type'] = 'RollingUpdate'
    ensureMap(strategy, 'rollingUpdate')
  }
  if (strategy['type'] === 'RollingUpdate' && isMap(strategy['rollingUpdate']))
    fill(strategy['rollingUpdate'], { partition: 0 })
  fill(ensureMap(spec, 'persistentVolumeClaimRetentionPolicy'), { whenDeleted: 'Retain', whenScaled: 'Retain' })
  for (const claim of mapsAt(spec, 'volumeClaimTemplates')) {
    fill(ensureMap(claim, 'spec'), { volumeMode: 'Filesystem' })
    fill(ensureMap(claim, 'status'), { phase: 'Pending' })
  }
  podTemplate(spec)
}

function daemonSet(object: KubeObject, spec: JsonMap): void {
  // An old field of the spec that lives on as an annotation.
  fill(ensureMap(object, 'metadata', 'annotations'), { 'deprecated.daemonset.template.generation': '1' })
  fill(spec, { revisionHistoryLimit: 10 })
  const strategy = ensureMap(spec, 'updateStrategy')
  fill(strategy, { type: 'RollingUpdate' })
  if (strategy['type'] === 'RollingUpdate')
    fill(ensureMap(strategy, 'rollingUpdate'), { maxUnavailable: 1, maxSurge: 0 })
  podTemplate(spec)
}

function job(object: KubeObject, spec: JsonMap): void {
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) fill(spec, { completions: 1 })
  fill(spec, {
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: spec['podFailurePolicy'] === undefined ? 'TerminatingOrFailed' : 'Failed',
    manualSelector: false,
  })
  const labels = mapAt(spec, 'template', 'metadata', 'labels')
  if (Object.keys(labels).length > 0 && Object.keys(object.metadata.labels ?? {}).length === 0)
    ensureMap(object, 'metadata')['labels'] = { ...labels }
  podTemplate(spec)
}

function cronJob(spec: JsonMap): void {
  fill(spec, {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  })
  podTemplate(ensureMap(spec, 'jobTemplate', 'spec'))
}

function podTemplate(spec: JsonMap): void {
  podSpec(ensureMap(spec, 'template', 'spec'))
}

function podSpec(spec: JsonMap): void {
  fill(spec, {
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: 'default-scheduler',
  })
  if (spec['serviceAccountName'] !== undefined) spec['serviceAccount'] = spec['serviceAccountName']
  else if (spec['serviceAccount'] !== undefined) spec['serviceAccountName'] = spec['serviceAccount']
  for (const container of [...mapsAt(spec, 'initContainers'), ...mapsAt(spec, 'containers')])
    containerDefaults(container)
  for (const volume of mapsAt(spec, 'volumes')) volumeDefaults(volume)
}

function tagOf(image: Json | undefined): string {
  const last = typeof image === 'string' ? (image.split('/').at(-1) ?? '') : ''
  if (last.includes('@')) return ''
  return last.split(':')[1] ?? 'latest'
}

function containerDefaults(container: JsonMap): void {
  fill(container, {
    imagePullPolicy: tagOf(container['image']) === 'latest' ? 'Always' : 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  })
  for (const port of mapsAt(container, 'ports')) fill(port, { protocol: 'TCP' })
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const value = container[probe]
    if (isMap(value)) probeDefaults(value)
  }
  for (const hook of ['postStart', 'preStop']) httpGet(mapAt(container, 'lifecycle', hook)['httpGet'])
  for (const env of mapsAt(container, 'env')) {
    const reference = mapAt(env, 'valueFrom')['fieldRef']
    if (isMap(reference)) fill(reference, { apiVersion: 'v1' })
  }
}

function httpGet(action: Json | undefined): void {
  if (isMap(action)) fill(action, { path: '/', scheme: 'HTTP' })
}

function probeDefaults(probe: JsonMap): void {
  for (const key of ['timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'])
    if (probe[key] === 0) delete probe[key]
  fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 })
  httpGet(probe['httpGet'])
  if (isMap(probe['grpc'])) fill(probe['grpc'], { service: '' })
}

const FILE_MODE = 0o644

function volumeDefaults(volume: JsonMap): void {
  const sources = ['secret', 'configMap', 'downwardAPI', 'projected']
  for (const source of sources) {
    const value = volume[source]
    if (isMap(value)) fill(value, { defaultMode: FILE_MODE })
  }
  const { hostPath } = volume
  if (isMap(hostPath)) fill(hostPath, { type: '' })
  if (Object.keys(volume).length === 1) volume['emptyDir'] = {}
}

function pod(spec: JsonMap): void {
  podSpec(spec)
  fill(spec, { enableServiceLinks: true })
  for (const container of [...mapsAt(spec, 'initContainers'), ...mapsAt(spec, 'containers')]) {
    const limits = mapAt(container, 'resources', 'limits')
    if (Object.keys(limits).length > 0) fill(ensureMap(container, 'resources', 'requests'), limits)
  }
}

function service(spec: JsonMap): void {
  fill(spec, { sessionAffinity: 'None', type: 'ClusterIP' })
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig']
  else fill(ensureMap(spec, 'sessionAffinityConfig', 'clientIP'), { timeoutSeconds: 10_800 })
  for (const port of mapsAt(spec, 'ports')) {
    fill(port, { protocol: 'TCP' })
    if (port['targetPort'] === undefined || port['targetPort'] === 0 || port['targetPort'] === '')
      port['targetPort'] = port['port']
  }
  const { type } = spec
  if (type === 'NodePort' || type === 'LoadBalancer') fill(spec, { externalTrafficPolicy: 'Cluster' })
  if (type !== 'ExternalName') fill(spec, { internalTrafficPolicy: 'Cluster' })
  if (type === 'LoadBalancer') fill(spec, { allocateLoadBalancerNodePorts: true })
}

/** `stringData` is only a way in. */
function secret(object: KubeObject): void {
  fill(object, { type: 'Opaque' })
  const plain = texts(object['stringData'])
  delete object['stringData']
  for (const [key, value] of Object.entries(plain))
    ensureMap(object, 'data')[key] = Buffer.from(value).toString('base64')
}

function namespace(object: KubeObject): void {
  const labels = ensureMap(object, 'metadata', 'labels')
  if (object.metadata.name !== undefined) labels['kubernetes.io/metadata.name'] = object.metadata.name
  fill(ensureMap(object, 'status'), { phase: 'Active' })
}

function autoscaler(spec: JsonMap): void {
  fill(spec, {
    minReplicas: 1,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
  })
  const behavior = spec['behavior']
  if (!isMap(behavior)) return
  fill(ensureMap(behavior, 'scaleUp'), {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  })
  fill(ensureMap(behavior, 'scaleDown'), {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  })
}

function binding(object: KubeObject): void {
  const group = 'rbac.authorization.k8s.io'
  const roleRef = object['roleRef']
  if (isMap(roleRef) && !roleRef['apiGroup']) roleRef['apiGroup'] = group
  for (const subject of mapsAt(object, 'subjects'))
    if (subject['kind'] === 'User' || subject['kind'] === 'Group') fill(subject, { apiGroup: group })
}

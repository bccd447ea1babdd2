/** The resources that the API server knows from the start. */

export interface Kind {
  group: string
  version: string
  kind: string
  plural: string
  singular: string
  shortNames: string[]
  categories: string[]
  namespaced: boolean
  /** subresources besides `status`, e.g. `scale` */
  subresources: string[]
  hasStatus: boolean
  /** review kinds that are only ever created, never stored */
  virtual?: boolean
}

function kind(group: string, version: string, name: string, more: Partial<Kind> = {}): Kind {
  const singular = name.toLowerCase()
  const plural = singular.endsWith('s')
    ? `${singular}es`
    : singular.endsWith('y')
      ? `${singular.slice(0, -1)}ies`
      : `${singular}s`
  return {
    group,
    version,
    kind: name,
    plural,
    singular,
    shortNames: [],
    categories: [],
    namespaced: true,
    subresources: [],
    hasStatus: false,
    ...more,
  }
}

const all = { categories: ['all'] }
const cluster = { namespaced: false }

export const BUILTIN_KINDS: readonly Kind[] = [
  kind('', 'v1', 'Namespace', { ...cluster, shortNames: ['ns'], hasStatus: true, subresources: ['finalize'] }),
  kind('', 'v1', 'Node', { ...cluster, shortNames: ['no'], hasStatus: true }),
  kind('', 'v1', 'PersistentVolume', { ...cluster, shortNames: ['pv'], hasStatus: true }),
  kind('', 'v1', 'ConfigMap', { shortNames: ['cm'] }),
  kind('', 'v1', 'Secret'),
  kind('', 'v1', 'ServiceAccount', { shortNames: ['sa'] }),
  kind('', 'v1', 'Service', { ...all, shortNames: ['svc'], hasStatus: true, subresources: ['proxy'] }),
  kind('', 'v1', 'Pod', {
    ...all,
    shortNames: ['po'],
    hasStatus: true,
    subresources: ['log', 'eviction', 'proxy', 'binding'],
  }),
  kind('', 'v1', 'ReplicationController', {
    ...all,
    shortNames: ['rc'],
    hasStatus: true,
    subresources: ['scale'],
  }),
  kind('', 'v1', 'Event', { shortNames: ['ev'] }),
  kind('', 'v1', 'Endpoints', { plural: 'endpoints', singular: 'endpoints', shortNames: ['ep'] }),
  kind('', 'v1', 'PersistentVolumeClaim', { shortNames: ['pvc'], hasStatus: true }),
  kind('', 'v1', 'ResourceQuota', { shortNames: ['quota'], hasStatus: true }),
  kind('', 'v1', 'LimitRange', { shortNames: ['limits'] }),
  kind('', 'v1', 'PodTemplate'),
  kind('apps', 'v1', 'Deployment', { ...all, shortNames: ['deploy'], hasStatus: true, subresources: ['scale'] }),
  kind('apps', 'v1', 'ReplicaSet', { ...all, shortNames: ['rs'], hasStatus: true, subresources: ['scale'] }),
  kind('apps', 'v1', 'StatefulSet', { ...all, shortNames: ['sts'], hasStatus: true, subresources: ['scale'] }),
  kind('apps', 'v1', 'DaemonSet', { ...all, shortNames: ['ds'], hasStatus: true }),
  kind('apps', 'v1', 'ControllerRevision'),
  kind('batch', 'v1', 'Job', { ...all, hasStatus: true }),
  kind('batch', 'v1', 'CronJob', { ...all, shortNames: ['cj'], hasStatus: true }),
  kind('autoscaling', 'v2', 'HorizontalPodAutoscaler', { ...all, shortNames: ['hpa'], hasStatus: true }),
  kind('autoscaling', 'v1', 'HorizontalPodAutoscaler', { ...all, shortNames: ['hpa'], hasStatus: true }),
  kind('policy', 'v1', 'PodDisruptionBudget', { shortNames: ['pdb'], hasStatus: true }),
  kind('networking.k8s.io', 'v1', 'Ingress', { shortNames: ['ing'], hasStatus: true }),
  kind('networking.k8s.io', 'v1', 'IngressClass', cluster),
  kind('networking.k8s.io', 'v1', 'NetworkPolicy', { shortNames: ['netpol'] }),
  kind('rbac.authorization.k8s.io', 'v1', 'Role'),
  kind('rbac.authorization.k8s.io', 'v1', 'RoleBinding'),
  kind('rbac.authorization.k8s.io', 'v1', 'ClusterRole', cluster),
  kind('rbac.authorization.k8s.io', 'v1', 'ClusterRoleBinding', cluster),
  kind('coordination.k8s.io', 'v1', 'Lease'),
  kind('discovery.k8s.io', 'v1', 'EndpointSlice'),
  kind('events.k8s.io', 'v1', 'Event', { shortNames: ['ev'] }),
  kind('storage.k8s.io', 'v1', 'StorageClass', { ...cluster, shortNames: ['sc'] }),
  kind('scheduling.k8s.io', 'v1', 'PriorityClass', { ...cluster, shortNames: ['pc'] }),
  kind('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition', {
    ...cluster,
    shortNames: ['crd', 'crds'],
    hasStatus: true,
  }),
  kind('authorization.k8s.io', 'v1', 'SelfSubjectAccessReview', { ...cluster, virtual: true }),
  kind('authorization.k8s.io', 'v1', 'SelfSubjectRulesReview', { ...cluster, virtual: true }),
  kind('authorization.k8s.io', 'v1', 'SubjectAccessReview', { ...cluster, virtual: true }),
  kind('authentication.k8s.io', 'v1', 'SelfSubjectReview', { ...cluster, virtual: true }),
]

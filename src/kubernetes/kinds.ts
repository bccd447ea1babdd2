/** What has to be known of a kind to address its objects. */
export interface Resource {
  apiVersion: string
  kind: string
  /** lower-case plural, as it stands in a path */
  plural: string
  namespaced: boolean
  /** known only where the cluster was asked */
  verbs?: string[]
}

/**
 * Kinds that every supported Kubernetes serves (1.27 and later), so that common releases need no discovery request.
 * `plural` is the kind in lower case with an `s` unless it is written out.
 */
const NAMESPACED: Record<string, string> = {
  v1: 'ConfigMap Endpoints=endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount',
  'apps/v1': 'ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet',
  'autoscaling/v1': 'HorizontalPodAutoscaler',
  'autoscaling/v2': 'HorizontalPodAutoscaler',
  'batch/v1': 'CronJob Job',
  'coordination.k8s.io/v1': 'Lease',
  'discovery.k8s.io/v1': 'EndpointSlice',
  'events.k8s.io/v1': 'Event',
  'networking.k8s.io/v1': 'Ingress=ingresses NetworkPolicy=networkpolicies',
  'policy/v1': 'PodDisruptionBudget',
  'rbac.authorization.k8s.io/v1': 'Role RoleBinding',
  'authorization.k8s.io/v1': 'LocalSubjectAccessReview',
}

const CLUSTER: Record<string, string> = {
  v1: 'Namespace Node PersistentVolume',
  'admissionregistration.k8s.io/v1': 'MutatingWebhookConfiguration ValidatingWebhookConfiguration',
  'apiextensions.k8s.io/v1': 'CustomResourceDefinition',
  'apiregistration.k8s.io/v1': 'APIService',
  'authentication.k8s.io/v1': 'TokenReview',
  'authorization.k8s.io/v1': 'SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview',
  'certificates.k8s.io/v1': 'CertificateSigningRequest',
  'networking.k8s.io/v1': 'IngressClass=ingressclasses',
  'node.k8s.io/v1': 'RuntimeClass=runtimeclasses',
  'rbac.authorization.k8s.io/v1': 'ClusterRole ClusterRoleBinding',
  'scheduling.k8s.io/v1': 'PriorityClass=priorityclasses',
  'storage.k8s.io/v1': 'CSIDriver CSINode StorageClass=storageclasses VolumeAttachment',
}

function rows(table: Record<string, string>, namespaced: boolean): Resource[] {
  return Object.entries(table).flatMap(([apiVersion, kinds]) =>
    kinds.split(' ').map((entry) => {
      const [kind = '', plural = `${kind.toLowerCase()}s`] = entry.split('=')
      return { apiVersion, kind, plural, namespaced }
    }),
  )
}

export function builtinResources(): Resource[] {
  return [...rows(NAMESPACED, true), ...rows(CLUSTER, false)]
}

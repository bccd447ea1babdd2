/**
 * Shapes of the Kubernetes objects that Headgate reads. Only the fields that are read are named; whatever else an
 * object holds travels untouched, because objects are never rebuilt from these types.
 */

export type Json = null | boolean | number | bigint | string | Json[] | JsonMap
export interface JsonMap {
  [key: string]: Json | undefined
}

export interface ManagedFieldsEntry extends JsonMap {
  manager?: string
  operation?: string
  subresource?: string
  apiVersion?: string
  time?: string
  fieldsType?: string
  fieldsV1?: JsonMap
}

export interface OwnerReference extends JsonMap {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
}

export interface ObjectMeta extends JsonMap {
  name?: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  managedFields?: ManagedFieldsEntry[]
}

export interface KubeObject extends JsonMap {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

export interface LabelSelector extends JsonMap {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}

export interface Condition extends JsonMap {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string
  lastUpdateTime?: string
}

export interface ContainerPort extends JsonMap {
  name?: string
  containerPort: number
  protocol?: string
}

export interface Probe extends JsonMap {
  httpGet?: { path?: string; port: number | string; scheme?: string }
  tcpSocket?: { port: number | string }
  exec?: { command?: string[] }
  initialDelaySeconds?: number
  periodSeconds?: number
  failureThreshold?: number
  timeoutSeconds?: number
}

export interface Container extends JsonMap {
  name: string
  image?: string
  ports?: ContainerPort[]
  readinessProbe?: Probe
  livenessProbe?: Probe
  startupProbe?: Probe
  lifecycle?: JsonMap
  restartPolicy?: string
  env?: JsonMap[]
  envFrom?: JsonMap[]
}

export interface PodSpec extends JsonMap {
  containers: Container[]
  initContainers?: Container[]
  volumes?: JsonMap[]
  terminationGracePeriodSeconds?: number
}

export interface PodTemplate extends JsonMap {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  spec: PodSpec
}

export interface RollingUpdate extends JsonMap {
  maxSurge?: number | string
  maxUnavailable?: number | string
}

export interface DeploymentSpec extends JsonMap {
  replicas?: number
  paused?: boolean
  minReadySeconds?: number
  progressDeadlineSeconds?: number
  revisionHistoryLimit?: number
  selector: LabelSelector
  strategy?: { type?: string; rollingUpdate?: RollingUpdate }
  template: PodTemplate
}

export interface Deployment extends KubeObject {
  spec: DeploymentSpec
  status?: {
    observedGeneration?: number
    replicas?: number
    updatedReplicas?: number
    readyReplicas?: number
    availableReplicas?: number
    unavailableReplicas?: number
    terminatingReplicas?: number
    conditions?: Condition[]
  }
}

export interface ReplicaSet extends KubeObject {
  spec: { replicas?: number; minReadySeconds?: number; selector: LabelSelector; template: PodTemplate }
  status?: {
    observedGeneration?: number
    replicas?: number
    readyReplicas?: number
    availableReplicas?: number
    conditions?: Condition[]
  }
}

export interface ContainerState extends JsonMap {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt?: string }
  terminated?: { exitCode: number; reason?: string; message?: string; signal?: number; finishedAt?: string }
}

export interface ContainerStatus extends JsonMap {
  name: string
  ready?: boolean
  started?: boolean
  restartCount?: number
  image?: string
  imageID?: string
  state?: ContainerState
  lastState?: ContainerState
}

export interface Pod extends KubeObject {
  spec: PodSpec & { nodeName?: string }
  status?: {
    phase?: string
    podIP?: string
    reason?: string
    message?: string
    conditions?: Condition[]
    containerStatuses?: ContainerStatus[]
    initContainerStatuses?: ContainerStatus[]
  }
}

export interface ServicePort extends JsonMap {
  name?: string
  port: number
  targetPort?: number | string
  protocol?: string
  nodePort?: number
}

export interface Service extends KubeObject {
  spec: {
    type?: string
    clusterIP?: string
    selector?: Record<string, string>
    ports?: ServicePort[]
    publishNotReadyAddresses?: boolean
    externalTrafficPolicy?: string
    sessionAffinity?: string
  }
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>
  binaryData?: Record<string, string>
  immutable?: boolean
}

export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
  }
}

export interface Job extends KubeObject {
  spec: { template: PodTemplate; backoffLimit?: number; suspend?: boolean }
  status?: { active?: number; succeeded?: number; failed?: number; conditions?: Condition[]; startTime?: string }
}

export interface KubeEvent extends KubeObject {
  type?: string
  reason?: string
  message?: string
  count?: number
  lastTimestamp?: string
  firstTimestamp?: string
  eventTime?: string
  series?: { count?: number; lastObservedTime?: string }
  involvedObject?: { kind?: string; name?: string; namespace?: string; uid?: string }
}

/** What an object is called, enough to address it and to name it in a sentence. */
export interface ObjectRef {
  apiVersion: string
  kind: string
  name: string
  /** absent for cluster-scoped objects */
  namespace?: string
}

export function refOf(object: KubeObject): ObjectRef {
  const { apiVersion, kind, metadata } = object
  return {
    apiVersion,
    kind,
    name: metadata.name ?? '',
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  }
}

/** `Deployment/web`, the way people write an object in a sentence. */
export function nameOf(ref: ObjectRef): string {
  return `${ref.kind}/${ref.name}`
}

/** One string per object: two objects are the same object when their keys are equal (API version is left out). */
export function keyOf(ref: ObjectRef): string {
  const group = ref.apiVersion.includes('/') ? (ref.apiVersion.split('/')[0] ?? '') : ''
  return `${group}|${ref.kind}|${ref.namespace ?? ''}|${ref.name}`
}

/** The parts of a pod that a kubelet reads. */
import type { Condition, ContainerPort, JsonMap, KubeObject, ObjectMeta } from '../../../src/shared/objects.ts'

export interface HttpGet extends JsonMap {
  path?: string
  port: number | string
  host?: string
  scheme?: string
  httpHeaders?: { name: string; value: string }[]
}

export interface ProbeSpec extends JsonMap {
  httpGet?: HttpGet
  tcpSocket?: { port: number | string }
  exec?: { command?: string[] }
  grpc?: { port: number }
  initialDelaySeconds?: number
  periodSeconds?: number
  timeoutSeconds?: number
  successThreshold?: number
  failureThreshold?: number
}

export interface KeyReference extends JsonMap {
  name?: string
  key: string
  optional?: boolean
}

export interface EnvVariable extends JsonMap {
  name: string
  value?: string
  valueFrom?: {
    configMapKeyRef?: KeyReference
    secretKeyRef?: KeyReference
    fieldRef?: { fieldPath: string }
  }
}

export interface EnvSource extends JsonMap {
  prefix?: string
  configMapRef?: { name?: string; optional?: boolean }
  secretRef?: { name?: string; optional?: boolean }
}

export interface ContainerSpec extends JsonMap {
  name: string
  image: string
  ports?: ContainerPort[]
  env?: EnvVariable[]
  envFrom?: EnvSource[]
  restartPolicy?: string
  readinessProbe?: ProbeSpec
  livenessProbe?: ProbeSpec
  startupProbe?: ProbeSpec
  lifecycle?: { preStop?: { sleep?: { seconds: number }; exec?: { command?: string[] }; httpGet?: HttpGet } }
}

export interface VolumeSpec extends JsonMap {
  name: string
  configMap?: { name?: string; optional?: boolean }
  secret?: { secretName?: string; optional?: boolean }
}

export interface BoundPod extends KubeObject {
  metadata: ObjectMeta & { name: string; namespace: string; uid: string; deletionGracePeriodSeconds?: number }
  spec: {
    nodeName?: string
    hostNetwork?: boolean
    restartPolicy?: string
    containers: ContainerSpec[]
    initContainers?: ContainerSpec[]
    volumes?: VolumeSpec[]
    readinessGates?: { conditionType: string }[]
  }
  status?: {
    phase?: string
    podIP?: string
    qosClass?: string
    conditions?: Condition[]
    containerStatuses?: { name: string; restartCount?: number }[]
  }
}

export interface Terminated extends JsonMap {
  exitCode: number
  reason: string
  startedAt: string
  finishedAt: string
  containerID: string
}

export interface State extends JsonMap {
  waiting?: { reason: string; message?: string }
  running?: { startedAt: string }
  terminated?: Terminated
}

/** RFC 3339 without fractions, as Kubernetes writes most times. */
export function timestamp(ms: number = Date.now()): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

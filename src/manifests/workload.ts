import { refuse } from '../shared/errors.ts'
import { isMap } from '../shared/json.ts'
import type {
  Container,
  ContainerPort,
  Deployment,
  Json,
  JsonMap,
  KubeObject,
  LabelSelector,
  PodTemplate,
  RollingUpdate,
  Service,
  ServicePort,
} from '../shared/objects.ts'

/** Value as a JSON object, or undefined when it is anything else. Manifests are unchecked until the server's dry run. */
export function mapOf(value: Json | undefined): JsonMap | undefined {
  return isMap(value) ? value : undefined
}

export function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}

/** The value below `path`, or undefined where a step of the path is missing. */
export function valueAt(value: Json | undefined, path: readonly (string | number)[]): Json | undefined {
  let at = value
  for (const key of path) {
    if (typeof key === 'number') at = Array.isArray(at) ? at[key] : undefined
    else at = Object.hasOwn(mapOf(at) ?? {}, key) ? mapOf(at)?.[key] : undefined
  }
  return at
}

const TEMPLATE_PATHS: Record<string, readonly string[]> = {
  'apps/Deployment': ['spec', 'template'],
  'apps/StatefulSet': ['spec', 'template'],
  'apps/DaemonSet': ['spec', 'template'],
  'apps/ReplicaSet': ['spec', 'template'],
  'batch/Job': ['spec', 'template'],
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template'],
  '/ReplicationController': ['spec', 'template'],
  '/PodTemplate': ['template'],
  '/Pod': [],
}

/** API group of an object, empty for the core group. */
export function groupOf(object: { apiVersion: string }): string {
  return object.apiVersion.includes('/') ? (object.apiVersion.split('/')[0] ?? '') : ''
}

/** `apps/Deployment`, `/Service`: group and kind, without the version. */
export function groupKindOf(object: { apiVersion: string; kind: string }): string {
  return `${groupOf(object)}/${object.kind}`
}

/** Path of the pod template inside objects of this kind; `[]` for a bare Pod, undefined for kinds that make no pods. */
export function templatePathOf(object: { apiVersion: string; kind: string }): readonly string[] | undefined {
  const key = groupKindOf(object)
  return Object.hasOwn(TEMPLATE_PATHS, key) ? TEMPLATE_PATHS[key] : undefined
}

/** The pod template of any built-in kind that makes pods (a bare Pod is its own); undefined for all others. */
export function podTemplateOf(object: KubeObject): PodTemplate | undefined {
  const path = templatePathOf(object)
  const template = path === undefined ? undefined : mapOf(valueAt(object, path))
  const containers = valueAt(template, ['spec', 'containers'])
  return template !== undefined && Array.isArray(containers) ? (template as PodTemplate) : undefined
}

export function isDeployment(object: KubeObject): object is Deployment {
  return groupKindOf(object) === 'apps/Deployment' && podTemplateOf(object) !== undefined
}

export function isService(object: KubeObject): object is Service {
  return groupKindOf(object) === '/Service' && mapOf(object['spec']) !== undefined
}

/** Containers that run for the pod's whole life: the main ones, then restartable init containers (sidecars). */
export function lastingContainers(template: PodTemplate): Container[] {
  const sidecars = (template.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always')
  return [...template.spec.containers, ...sidecars]
}

/** Image references of a template, init containers first, in the order in which they are written. */
export function imagesOf(template: PodTemplate): string[] {
  const containers = [...(template.spec.initContainers ?? []), ...template.spec.containers]
  return containers.flatMap(({ image }) => (image === undefined ? [] : [image]))
}

function absent(value: Json | undefined): boolean {
  return value === undefined || value === null
}

function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (absent(a) || absent(b)) return absent(a) && absent(b)
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, index) => equal(item, b[index]))
  }
  const [left, right] = [mapOf(a), mapOf(b)]
  if (left === undefined || right === undefined) return a === b
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => equal(left[key], right[key]))
}

function withoutHash(template: PodTemplate): JsonMap {
  const { 'pod-template-hash': _, ...labels } = template.metadata?.labels ?? {}
  const metadata = { ...template.metadata, labels: Object.keys(labels).length === 0 ? undefined : labels }
  return { ...template, metadata: Object.values(metadata).every(absent) ? undefined : metadata }
}

/**
 * Whether two templates as the API server stores them are the same, the label `pod-template-hash` aside. A null is the
 * same as an absent field. Source: EqualIgnoreHash of the Deployment controller, by which it finds a template's ReplicaSet.
 */
export function templateEquals(a: PodTemplate, b: PodTemplate): boolean {
  return equal(withoutHash(a), withoutHash(b))
}

/**
 * Whether a label selector matches labels. An empty selector matches everything, an absent one nothing; an operator that
 * Kubernetes does not know matches nothing. Source: metav1.LabelSelectorAsSelector.
 */
export function selects(selector: LabelSelector | undefined, labels: Record<string, string>): boolean {
  if (selector === undefined) return false
  const has = (key: string): boolean => Object.hasOwn(labels, key)
  const equals = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => has(key) && labels[key] === value)
  return (
    equals &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const listed = has(key) && values.includes(labels[key] ?? '')
      switch (operator) {
        case 'In':
          return listed
        case 'NotIn':
          return !listed
        case 'Exists':
          return has(key)
        case 'DoesNotExist':
          return !has(key)
        default:
          return false
      }
    })
  )
}

/** The Services whose selector matches a template's labels. Without a selector, or by ExternalName, a Service selects nothing. */
export function servicesFor(labels: Record<string, string>, services: readonly Service[]): Service[] {
  return services.filter(({ spec }) => {
    const selector = spec.selector ?? {}
    if (spec.type === 'ExternalName' || Object.keys(selector).length === 0) return false
    return selects({ matchLabels: selector }, labels)
  })
}

/**
 * Pods that an int-or-percent means for `total` pods. Refuses a text that is neither, as the API server does.
 * Source: intstr.GetScaledValueFromIntOrPercent.
 */
export function resolveIntOrPercent(value: number | string, total: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return value
  if (!isPercent(value))
    throw refuse('int-or-percent', `"${value}" is neither a whole number nor a percentage such as 25%`)
  const exact = (Number(value.slice(0, -1)) * total) / 100
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact)
}

/** `25%` */
export function isPercent(text: string): boolean {
  return /^\d{1,9}%$/.test(text)
}

interface StrategySpec {
  strategy?: { type?: string; rollingUpdate?: RollingUpdate }
}

/** Pods above `replicas` that a rolling update may make; 0 for Recreate. Default 25 %, rounded up. */
export function resolvedSurge(spec: StrategySpec, replicas: number): number {
  if (spec.strategy?.type === 'Recreate') return 0
  return resolveIntOrPercent(spec.strategy?.rollingUpdate?.maxSurge ?? '25%', replicas, 'up')
}

/**
 * Pods that may be missing during a rolling update, 0 to `replicas`; 0 for Recreate and for no replicas. Default 25 %,
 * rounded down, and 1 where surge and unavailable both come out as 0. Source: ResolveFenceposts and MaxUnavailable of the
 * Deployment controller.
 */
export function resolvedUnavailable(spec: StrategySpec, replicas: number): number {
  if (spec.strategy?.type === 'Recreate' || replicas === 0) return 0
  const own = resolveIntOrPercent(spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas, 'down')
  const resolved = own === 0 && resolvedSurge(spec, replicas) === 0 ? 1 : own
  return Math.min(resolved, replicas)
}

export interface TargetPort {
  port: ServicePort
  /** the pods' port number; undefined when it is a name that no container has */
  target: number | undefined
  /** a container of the template declares that port (a declaration is optional, so false is a hint, not a proof) */
  declared: boolean
}

/** Where each port of a Service leads in pods of a template. Source: podutil.FindPort. */
export function targetPorts(service: Service, template: PodTemplate): TargetPort[] {
  const open: ContainerPort[] = lastingContainers(template).flatMap(({ ports }) => ports ?? [])
  return (service.spec.ports ?? []).map((port) => {
    const wanted = port.targetPort === undefined || port.targetPort === 0 ? port.port : port.targetPort
    const protocol = port.protocol ?? 'TCP'
    const found = open.find(
      (candidate) =>
        (candidate.protocol ?? 'TCP') === protocol &&
        (typeof wanted === 'string' ? candidate.name === wanted : candidate.containerPort === wanted),
    )
    const target = typeof wanted === 'string' ? found?.containerPort : wanted
    return { port, target, declared: found !== undefined }
  })
}

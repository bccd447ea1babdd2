import { jsonEquals } from '../shared/json.ts'
import type { JsonPatchOperation } from '../shared/json-patch.ts'
import type { KubeObject, Service, ServicePort } from '../shared/objects.ts'
import type { Move } from './move.ts'
import { wait } from './move.ts'
import type { ServiceView, WorkloadView } from './view.ts'

export const HASH_LABEL = 'pod-template-hash'
export const APP_LABEL = 'headgate.dev/app'

/** The hash that a Service is pinned to, if any. */
export function pinOf(service: ServiceView): string | undefined {
  return service.live?.spec.selector?.[HASH_LABEL]
}

/** Selector and ports in one guarded request, so that users never meet one without the other. */
function selectWrite(
  live: Service,
  selector: Record<string, string>,
  ports: ServicePort[] | undefined,
): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = [{ op: 'add', path: '/spec/selector', value: selector }]
  if (ports !== undefined && !jsonEquals(ports, live.spec.ports ?? []))
    operations.push({ op: 'replace', path: '/spec/ports', value: ports })
  return operations
}

/** Ports of the release with the node ports that live has: a cluster gives those, a manifest hardly ever names them. */
function mergedPorts(live: Service, desired: Service | undefined): ServicePort[] | undefined {
  return desired?.spec.ports?.map((port) => {
    const same = (live.spec.ports ?? []).find(
      (other) => other.port === port.port && (other.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    )
    const targetPort = port.targetPort ?? port.port
    return {
      ...(same?.nodePort === undefined ? {} : { nodePort: same.nodePort }),
      protocol: 'TCP',
      ...port,
      targetPort,
    }
  })
}

/**
 * Selects one version by its hash. Before the switch the selector is the one the Service had; the switch brings the
 * release's selector and ports with it.
 */
export function pinMove(service: ServiceView, to: 'stable' | 'next', hash: string): Move {
  const { live, record, desired } = service
  if (live === undefined) return wait(`Service/${record.name}`)
  const base = to === 'next' ? (desired?.spec.selector ?? record.selector) : record.selector
  const ports = to === 'next' ? mergedPorts(live, desired) : record.ports
  return {
    kind: 'write',
    write: { verb: 'patch', object: live, operations: selectWrite(live, { ...base, [HASH_LABEL]: hash }, ports) },
    text: `Service/${record.name} to the ${to === 'next' ? 'new' : 'old'} version (${hash})`,
  }
}

/** The selector as it was before the rollout (going back) or as the release has it (finish), without a pin. */
export function unpinMove(service: ServiceView, to: 'stable' | 'next'): Move {
  const { live, record, desired } = service
  if (live === undefined) return wait(`Service/${record.name}`)
  const selector = to === 'next' ? (desired?.spec.selector ?? record.selector) : record.selector
  const ports = to === 'next' ? mergedPorts(live, desired) : record.ports
  return {
    kind: 'write',
    write: { verb: 'patch', object: live, operations: selectWrite(live, selector, ports) },
    text: `Service/${record.name} without a pin`,
  }
}

/** Selector and ports of the release (switch) or as before (back), where they tell the versions apart by themselves. */
export function selectMove(service: ServiceView, to: 'stable' | 'next', version: string): Move {
  const move = unpinMove(service, to)
  return move.kind === 'write' ? { ...move, text: `Service/${service.record.name} to ${version}` } : move
}

/** When the last change of any selector is not settled yet: until when to wait. Nothing is torn down sooner. */
export function settling(view: WorkloadView): Move | undefined {
  const until = Math.max(...view.services.map((service) => service.changedAt), 0) + view.settleMs
  return until > view.now ? wait('the Service change to settle', until) : undefined
}

/** Name of the Service that leads to the new version of blue/green alone. */
export function previewName(service: string): string {
  return `${service}-preview`
}

/** Name of the Service that leads to the new version of a canary alone, for a router. */
export function canaryName(service: string): string {
  return `${service}-canary`
}

export function previewService(view: WorkloadView, service: ServiceView, extra: Record<string, string>): KubeObject {
  return freshService(view, service, previewName(service.record.name), extra)
}

export function canaryService(view: WorkloadView, service: ServiceView, extra: Record<string, string>): KubeObject {
  return freshService(view, service, canaryName(service.record.name), extra)
}

/**
 * A Service for the new version, built fresh: name, ports and selector only, never a copy with its load balancer, node
 * ports or annotations.
 */
function freshService(
  view: WorkloadView,
  service: ServiceView,
  name: string,
  extra: Record<string, string>,
): KubeObject {
  const source = service.desired ?? service.live
  const ports = (source?.spec.ports ?? []).map(({ name, port, targetPort, protocol, appProtocol }) => ({
    ...(name === undefined ? {} : { name }),
    // A proxy speaks HTTP/2 to one and HTTP/1.1 to the other without it.
    ...(appProtocol === undefined ? {} : { appProtocol }),
    port,
    targetPort: targetPort ?? port,
    protocol: protocol ?? 'TCP',
  }))
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: service.record.namespace,
      labels: { [APP_LABEL]: view.app },
    },
    spec: { selector: { ...(source?.spec.selector ?? service.record.selector), ...extra }, ports },
  }
}

/** Creates the preview Services that are missing, or points those that are left from before at the new version. */
export function previewMove(view: WorkloadView, extra: Record<string, string>): Move | undefined {
  for (const service of view.services) {
    const object = previewService(view, service, extra)
    if (service.preview === undefined)
      return {
        kind: 'write',
        write: { verb: 'create', object },
        text: `Service/${previewName(service.record.name)} created`,
      }
    const selector = { ...service.preview.spec.selector }
    const wanted = (object as Service).spec.selector ?? {}
    if (!jsonEquals(selector, wanted))
      return {
        kind: 'write',
        write: {
          verb: 'patch',
          object: service.preview,
          operations: [{ op: 'add', path: '/spec/selector', value: wanted }],
        },
        text: `Service/${previewName(service.record.name)} to the new version`,
      }
  }
  return undefined
}

/** Deletes the Services that Headgate made for the new version of this app. */
export function dropPreviewMove(view: WorkloadView): Move | undefined {
  for (const preview of view.services.flatMap((service) => [service.preview, service.canary?.live])) {
    if (preview === undefined || preview.metadata.labels?.[APP_LABEL] !== view.app) continue
    const { name = '', namespace, uid } = preview.metadata
    const ref = { apiVersion: 'v1', kind: 'Service', name, ...(namespace === undefined ? {} : { namespace }) }
    const write = uid === undefined ? { verb: 'delete' as const, ref } : { verb: 'delete' as const, ref, uid }
    return { kind: 'write', write, text: `Service/${name} removed` }
  }
  return undefined
}

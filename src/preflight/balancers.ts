import type { Service } from '../shared/objects.ts'
import type { PreflightInput } from './input.ts'
import { title } from './subject.ts'

const NETWORK_BALANCER = 'service.beta.kubernetes.io/aws-load-balancer-nlb-target-type'

/**
 * What makes a load balancer of a Service's pods themselves, not of nodes: container-native balancing of GKE, and targets of
 * type ip of the AWS Load Balancer Controller, by Service or Ingress. Undefined when nothing known does.
 */
export function registersPods(input: PreflightInput, { metadata }: Service): string | undefined {
  const { annotations = {}, name, namespace } = metadata
  if (annotations['cloud.google.com/neg'] !== undefined) return 'the annotation cloud.google.com/neg'
  if (annotations[NETWORK_BALANCER] === 'ip') return `the annotation ${NETWORK_BALANCER}`
  const brought = input.objects.map(({ object }) => object).filter(({ kind }) => kind === 'Ingress')
  const ingress = [...brought, ...(input.lists.ingresses ?? [])].find(
    (each) =>
      each.metadata.namespace === namespace &&
      each.metadata.annotations?.['alb.ingress.kubernetes.io/target-type'] === 'ip' &&
      leadsTo(each['spec'], name ?? ''),
  )
  return ingress === undefined ? undefined : title(ingress)
}

/** Fields of Ingresses and routes of all kinds below which a Service is named. */
const BACKENDS = ['service', 'services', 'backend', 'backends', 'backendRefs', 'destination', 'upstreams']

/** Whether the rules of an Ingress or route name a Service as a backend, by its name or as a host name of the cluster. */
export function leadsTo(spec: unknown, name: string): boolean {
  if (Array.isArray(spec)) return spec.some((item) => leadsTo(item, name))
  if (typeof spec !== 'object' || spec === null) return false
  return Object.entries(spec).some(
    ([key, value]) =>
      (BACKENDS.includes(key) && [value].flat().some((backend: unknown) => isNamed(backend, name))) ||
      leadsTo(value, name),
  )
}

function isNamed(backend: unknown, name: string): boolean {
  if (typeof backend !== 'object' || backend === null) return backend === name
  const { name: own, serviceName, host, service } = backend as Record<string, unknown>
  return [own, serviceName, service].includes(name) || host === name || String(host).startsWith(`${name}.`)
}

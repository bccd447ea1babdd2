import { groupKindOf, listOf, valueAt } from '../manifests/workload.ts'
import type { Json, KubeObject } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { findingAt, servicesOf, title } from './subject.ts'

/** A Service and a port of it, as an Ingress or route of the release names them. */
interface Backend {
  service: string
  /** number or name */
  port: number | string
  /** where the port stands */
  path: (string | number)[]
}

/** service-port: an Ingress or route of the release leads to a port that its Service does not have. */
export function routePortRules(input: PreflightInput): Finding[] {
  const services = servicesOf(input)
  return input.objects.flatMap((released) => {
    const { object } = released
    return backendsOf(object).flatMap(({ service, port, path }): Finding[] => {
      const found = services.find(
        ({ name, wanted }) => name === service && wanted.metadata.namespace === object.metadata.namespace,
      )
      const ports = found?.wanted.spec.ports ?? []
      // A Service that nobody knows may come from elsewhere, and one by another name has no ports of its own.
      if (found === undefined || found.wanted.spec.type === 'ExternalName') return []
      if (ports.some((each) => (typeof port === 'number' ? each.port === port : each.name === port))) return []
      const has = ports.map((each) => [each.name, each.port].filter((part) => part !== undefined).join(' ')).join(', ')
      return [
        findingAt(released, path, {
          id: 'service-port',
          severity: 'error',
          reason: `${title(object)} leads to port ${port} of Service/${service}, which has ${has === '' ? 'none' : has}: its requests are answered with an error`,
          mend: 'name a port of the Service, not of its pods',
        }),
      ]
    })
  })
}

function backendsOf(object: KubeObject): Backend[] {
  switch (groupKindOf(object)) {
    case 'networking.k8s.io/Ingress':
      return ingressBackends(object)
    case 'gateway.networking.k8s.io/HTTPRoute':
    case 'gateway.networking.k8s.io/GRPCRoute':
    case 'gateway.networking.k8s.io/TCPRoute':
    case 'gateway.networking.k8s.io/TLSRoute':
      return routeBackends(object)
    default:
      return []
  }
}

function ingressBackends(object: KubeObject): Backend[] {
  const backend = (path: (string | number)[]): Backend[] => {
    const service = valueAt(object, [...path, 'service'])
    const field = valueAt(service, ['port', 'number']) === undefined ? 'name' : 'number'
    return named(service, valueAt(service, ['port', field]), [...path, 'service', 'port', field])
  }
  const rules = listOf(valueAt(object, ['spec', 'rules'])).flatMap((rule, index) =>
    listOf(valueAt(rule, ['http', 'paths'])).flatMap((_, at) =>
      backend(['spec', 'rules', index, 'http', 'paths', at, 'backend']),
    ),
  )
  return [...backend(['spec', 'defaultBackend']), ...rules]
}

function routeBackends(object: KubeObject): Backend[] {
  return listOf(valueAt(object, ['spec', 'rules'])).flatMap((rule, index) =>
    listOf(valueAt(rule, ['backendRefs'])).flatMap((ref, at) => {
      const foreign = (valueAt(ref, ['kind']) ?? 'Service') !== 'Service' || valueAt(ref, ['namespace']) !== undefined
      if (foreign) return []
      return named(ref, valueAt(ref, ['port']), ['spec', 'rules', index, 'backendRefs', at, 'port'])
    }),
  )
}

function named(backend: Json | undefined, port: Json | undefined, path: (string | number)[]): Backend[] {
  const service = valueAt(backend, ['name'])
  if (typeof service !== 'string' || (typeof port !== 'number' && typeof port !== 'string')) return []
  // Controllers make up names such as use-annotation for what stands in an annotation.
  return port === 'use-annotation' ? [] : [{ service, port, path }]
}

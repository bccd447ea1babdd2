/** Objects of traffic routers for tests, as a repository would have them. */
import type { Manifest } from './world.ts'

/** Services and how much each gets, such as `{ stable: 90, canary: 10 }`. */
export type Weights = Record<string, number>

const GATEWAY = [{ name: 'web', namespace: 'gateway', sectionName: 'http' }]
const PORT = 80

function backends(weights: Weights): object[] {
  return Object.entries(weights).map(([name, weight]) => ({ name, port: PORT, weight }))
}

/** A rule of an HTTPRoute or GRPCRoute; `more` are its other fields: `matches`, `filters` … */
export function routeRule(weights: Weights, more: object = {}): object {
  return { ...more, backendRefs: backends(weights) }
}

export function httpRoute(name: string, host: string, rules: object[]): Manifest {
  const spec = { parentRefs: GATEWAY, hostnames: [host], rules }
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name }, spec }
}

export function grpcRoute(name: string, host: string, rules: object[]): Manifest {
  const spec = { parentRefs: GATEWAY, hostnames: [host], rules }
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GRPCRoute', metadata: { name }, spec }
}

/** An Ingress of ingress-nginx; annotations are named without their prefix, such as `canary-weight`. */
export function nginxIngress(
  name: string,
  host: string,
  service: string,
  annotations: Record<string, string> = {},
): Manifest {
  const prefixed = Object.entries(annotations).map(([key, value]) => [`nginx.ingress.kubernetes.io/${key}`, value])
  const backend = { service: { name: service, port: { number: PORT } } }
  const rules = [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }]
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, annotations: Object.fromEntries(prefixed) },
    spec: { ingressClassName: 'nginx', rules },
  }
}

/** Divides by weight; whatever names it in place of a Service follows. */
export function weightedService(name: string, weights: Weights): Manifest {
  const spec = { weighted: { services: backends(weights) } }
  return { apiVersion: 'traefik.io/v1alpha1', kind: 'TraefikService', metadata: { name }, spec }
}

/** Users are answered by `service`; the mirrors get a copy of so many percent of the requests. */
export function mirroringService(name: string, service: string, percents: Record<string, number>): Manifest {
  const mirrors = Object.entries(percents).map(([mirror, percent]) => ({ name: mirror, port: PORT, percent }))
  const spec = { mirroring: { name: service, port: PORT, mirrors } }
  return { apiVersion: 'traefik.io/v1alpha1', kind: 'TraefikService', metadata: { name }, spec }
}

/** Leads a host to Services by weight, or to one TraefikService. */
export function ingressRoute(name: string, host: string, target: Weights | string): Manifest {
  const services = typeof target === 'string' ? [{ name: target, kind: 'TraefikService' }] : backends(target)
  const routes = [{ kind: 'Rule', match: `Host(\`${host}\`)`, services }]
  const spec = { entryPoints: ['web'], routes }
  return { apiVersion: 'traefik.io/v1alpha1', kind: 'IngressRoute', metadata: { name }, spec }
}

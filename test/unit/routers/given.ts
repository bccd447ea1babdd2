import type { Condition, Pin, Route, Split, Sticky } from '../../../src/routers/router.ts'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'

/** What a split of the tests asks when nothing else is said: ten percent of Service web. */
export function split(values: Partial<Split> = {}): Split {
  return {
    sides: [{ stable: 'web', canary: 'web-canary', ports: [{ name: 'http', port: 80 }] }],
    percent: 10,
    mirror: 0,
    match: [],
    pins: [],
    labels: { 'headgate.dev/app': 'web' },
    ...values,
  }
}

export const header = (name: string, ...values: string[]): Condition => ({ kind: 'header', name, values })
export const cookie = (name: string, ...values: string[]): Condition => ({ kind: 'cookie', name, values })
export const query = (name: string, ...values: string[]): Condition => ({ kind: 'query', name, values })
export const language = (...values: string[]): Condition => ({ kind: 'language', values })
export const port: Condition = { kind: 'port', port: 8080 }
export const source: Condition = { kind: 'source', labels: { app: 'shop' } }

export const bucket = (name = 'uid', offset = 0): Sticky => ({ by: 'bucket', source: 'cookie', name, offset })
export const ownCookie: Sticky = { by: 'router', name: 'side' }
export const pin: Pin = { id: 'v41', services: { web: 'web-v41' }, header: 'x-deployment-id', query: 'dpl' }

/** Two Services that users reach. */
export const both: Split['sides'] = [
  { stable: 'web', canary: 'web-canary', ports: [{ port: 80 }] },
  { stable: 'api', canary: 'api-canary', ports: [{ port: 80 }] },
]

export function object(
  apiVersion: string,
  kind: string,
  spec: JsonMap,
  annotations?: Record<string, string>,
): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: { name: 'web', namespace: 'shop', ...(annotations === undefined ? {} : { annotations }) },
    spec,
  }
}

export const route = (object: KubeObject, ...related: KubeObject[]): Route => ({ object, related })

export const httpRoute = (...rules: JsonMap[]): KubeObject =>
  object('gateway.networking.k8s.io/v1', 'HTTPRoute', {
    parentRefs: [{ name: 'public', namespace: 'gateways' }],
    hostnames: ['shop.example.com'],
    rules,
  })

export const virtualService = (...http: JsonMap[]): KubeObject =>
  object('networking.istio.io/v1', 'VirtualService', { hosts: ['shop.example.com'], gateways: ['public'], http })

export const ingressRoute = (...routes: JsonMap[]): KubeObject =>
  object('traefik.io/v1alpha1', 'IngressRoute', { entryPoints: ['websecure'], routes, tls: { secretName: 'shop' } })

export const traefikService = (...services: JsonMap[]): KubeObject =>
  object('traefik.io/v1alpha1', 'TraefikService', { weighted: { services } })

/** An Ingress of one host: what its paths lead to. */
export function ingress(
  paths: Record<string, string>,
  annotations?: Record<string, string>,
  spec: JsonMap = {},
): KubeObject {
  return object(
    'networking.k8s.io/v1',
    'Ingress',
    {
      ...spec,
      rules: [
        {
          host: 'shop.example.com',
          http: {
            paths: Object.entries(paths).map(([path, name]) => ({
              path,
              pathType: 'Prefix',
              backend: { service: { name, port: { number: 80 } } },
            })),
          },
        },
      ],
    },
    annotations,
  )
}

export const ACTION = 'alb.ingress.kubernetes.io/actions.web-split'

/** An Ingress of the AWS controller whose one backend is an action. */
export function albIngress(targetGroups: JsonMap[], forward: JsonMap = {}): KubeObject {
  const action = { type: 'forward', forwardConfig: { targetGroups, ...forward } }
  return ingress({ '/': 'web-split' }, { [ACTION]: JSON.stringify(action) }, { ingressClassName: 'alb' })
}

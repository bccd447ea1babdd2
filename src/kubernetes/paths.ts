import type { Resource } from './kinds.ts'

export type Query = Record<string, string | number | boolean | undefined>

/** `?a=b&c=d`, or nothing; undefined, false and '' are left out. */
export function queryText(query: Query): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== false && value !== '')
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** Path of a collection, e.g. `/apis/apps/v1/namespaces/shop/deployments`; all namespaces when none is given. */
export function collectionPath({ apiVersion, plural, namespaced }: Resource, namespace: string | undefined): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  return namespaced && namespace ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}` : `${root}/${plural}`
}

export function objectPath(resource: Resource, namespace: string | undefined, name: string): string {
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`
}

/**
 * Path through the API server's proxy to a pod or Service. `scheme:name:port` is the form that the server reads
 * (apimachinery `util/net.SplitSchemeNamePort`).
 */
export function proxyPath(
  target: { kind: 'Pod' | 'Service'; namespace: string; name: string; port?: string | number; scheme?: string },
  path: string,
): string {
  const { scheme = '', name, port = '' } = target
  const address = scheme !== '' || port !== '' ? `${scheme === '' ? '' : `${scheme}:`}${name}:${port}` : name
  const plural = target.kind === 'Pod' ? 'pods' : 'services'
  const rest = path.startsWith('/') ? path : `/${path}`
  return `/api/v1/namespaces/${encodeURIComponent(target.namespace)}/${plural}/${address}/proxy${rest}`
}

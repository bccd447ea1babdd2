import type { KubeObject } from '../shared/objects.ts'

/** `web`, `web.shop`, `web.shop.svc` or with the cluster's domain. */
export function isHost(host: string, service: string, { metadata: { namespace = '' } }: KubeObject): boolean {
  if (host === service) return true
  const [name, home, svc, ...domain] = host.split('.')
  return (
    name === service &&
    home === namespace &&
    (svc === undefined || svc === 'svc') &&
    (domain.length === 0 || domain.join('.').startsWith('cluster.'))
  )
}

/** The same form of host for another Service. */
export function renamed(host: unknown, to: string): string {
  const [, ...rest] = String(host).split('.')
  return [to, ...rest].join('.')
}

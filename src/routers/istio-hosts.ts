import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { mapAt, mapsIn, type Side, type Split, textOf } from './router.ts'

export const PROTOCOLS = ['http', 'tcp', 'tls'] as const

/** `web`, `web.shop`, `web.shop.svc` or with the cluster's domain. */
export function isHost(host: string, service: string, { metadata: { namespace = '' } }: KubeObject): boolean {
  const full = `${service}.${namespace}.svc`
  return [service, `${service}.${namespace}`, full].includes(host) || host.startsWith(`${full}.`)
}

/** The same form of host for another Service. */
export function renamed(host: unknown, to: string): string {
  const [, ...rest] = String(host).split('.')
  return [to, ...rest].join('.')
}

export function rulesOf(object: KubeObject, protocol: (typeof PROTOCOLS)[number]): JsonMap[] {
  return mapsIn(mapAt(object, 'spec')[protocol])
}

export function hostsOf(rule: JsonMap): string[] {
  return mapsIn(rule['route']).map(hostOf)
}

export function hostOf(destination: JsonMap): string {
  return textOf(mapAt(destination, 'destination')['host'])
}

export function destinationsOf(object: KubeObject): string[] {
  return PROTOCOLS.flatMap((protocol) => rulesOf(object, protocol).flatMap(hostsOf))
}

export function sideOf(rule: JsonMap, split: Split, object: KubeObject): Side | undefined {
  return split.sides.find(({ stable }) => hostsOf(rule).some((host) => isHost(host, stable, object)))
}

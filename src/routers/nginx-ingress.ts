import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { mapAt, mapsIn, type ObjectKind, type Split, textOf } from './router.ts'

export const INGRESS: ObjectKind = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }
export const PREFIX = 'nginx.ingress.kubernetes.io'
export const LEGACY_CLASS = 'kubernetes.io/ingress.class'

/** What its annotation check lets through where no pattern is meant. Source: BasicCharsRegex of ingress-nginx. */
export const PLAIN = /^[A-Za-z0-9\-._~/:]+$/

export function annotationsOf({ metadata }: KubeObject): Record<string, string> {
  return metadata.annotations ?? {}
}

export function classOf(object: KubeObject): string {
  const named = mapAt(object, 'spec')['ingressClassName']
  return typeof named === 'string' ? named : (annotationsOf(object)[LEGACY_CLASS] ?? '')
}

export function prefixOf({ prefix }: Split): string {
  return prefix ?? PREFIX
}

export function isCanary(object: KubeObject, prefix: string): boolean {
  return annotationsOf(object)[`${prefix}/canary`] === 'true'
}

export function serviceOf(path: JsonMap): unknown {
  return mapAt(path, 'backend', 'service')['name']
}

/** `host path` of every path that leads to a Service. */
export function pathsTo(object: KubeObject, service: string): string[] {
  return placesOf(object).flatMap(({ place, path }) => (serviceOf(path) === service ? [place] : []))
}

export function placesOf(object: KubeObject): { place: string; path: JsonMap }[] {
  return mapsIn(mapAt(object, 'spec')['rules']).flatMap((rule) =>
    mapsIn(mapAt(rule, 'http')['paths']).map((path) => ({
      place: `${textOf(rule['host'])} ${textOf(path['path'], '/')}`,
      path,
    })),
  )
}

export function canaryIngressName({ metadata }: KubeObject): string {
  return `${metadata.name ?? ''}-canary`
}

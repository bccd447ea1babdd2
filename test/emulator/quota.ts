import type { Json, JsonMap, KubeObject } from '../../src/shared/objects.ts'
import type { Resource } from './resources.ts'
import type { Store } from './store.ts'
import { mapAt, mapsAt, textAt, plainText } from './values.ts'

const UNITS: Record<string, number> = {
  '': 1,
  m: 0.001,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

export function quantity(value: Json | undefined): number {
  const [, number = '0', unit = ''] = /^([\d.]+)([A-Za-z]*)$/.exec(plainText(value)) ?? []
  return Number(number) * (UNITS[unit] ?? 1)
}

/** `pods`, `requests.cpu`, `count/deployments.apps` … as a quota counts one object. */
function usageOf(resource: Resource, object: KubeObject, name: string): number {
  const counted = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
  if (name === `count/${counted}`) return 1
  if (resource.group === '' && name === resource.plural) return resource.key === '/pods' && finished(object) ? 0 : 1
  if (resource.key !== '/pods' || finished(object)) return 0
  const [kind, what] = name.startsWith('limits.')
    ? ['limits', name.slice(7)]
    : ['requests', name.startsWith('requests.') ? name.slice(9) : name]
  if (what !== 'cpu' && what !== 'memory') return 0
  return mapsAt(object, 'spec', 'containers').reduce(
    (sum, container) => sum + quantity(mapAt(container, 'resources', kind ?? '')[what]),
    0,
  )
}

function finished(object: KubeObject): boolean {
  const phase = textAt(object, 'status', 'phase')
  return phase === 'Succeeded' || phase === 'Failed'
}

/** What a namespace uses of each name of a quota. */
export function usage(store: Store, resources: Resource[], namespace: string, names: string[]): Record<string, number> {
  const used: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]))
  for (const resource of resources)
    for (const object of store.list(resource.key, namespace))
      for (const name of names) used[name] = (used[name] ?? 0) + usageOf(resource, object, name)
  return used
}

function text(value: number, like: Json | undefined): string {
  const unit = /[A-Za-z]+$/.exec(plainText(like))?.[0] ?? ''
  if (unit !== '' && value !== 0 && Number.isInteger(value / (UNITS[unit] ?? 1)))
    return `${value / (UNITS[unit] ?? 1)}${unit}`
  return Number.isInteger(value) ? String(value) : `${Math.round(value * 1000)}m`
}

/** Why a new object may not be created, if a quota forbids it. */
export function quotaRefusal(store: Store, resource: Resource, object: KubeObject): string | undefined {
  for (const quota of store.list('/resourcequotas', object.metadata.namespace ?? '')) {
    const hard: JsonMap = mapAt(quota, 'spec', 'hard')
    const names = Object.keys(hard)
      .filter((name) => usageOf(resource, object, name) > 0)
      .sort()
    if (names.length === 0) continue
    const used = usage(store, [resource], object.metadata.namespace ?? '', names)
    const over = names.filter((name) => (used[name] ?? 0) + usageOf(resource, object, name) > quantity(hard[name]))
    if (over.length === 0) continue
    const list = (value: (name: string) => string): string => over.map((name) => `${name}=${value(name)}`).join(',')
    return `exceeded quota: ${quota.metadata.name ?? ''}, requested: ${list((name) =>
      text(usageOf(resource, object, name), hard[name]),
    )}, used: ${list((name) => text(used[name] ?? 0, hard[name]))}, limited: ${list((name) => plainText(hard[name]))}`
  }
  return undefined
}

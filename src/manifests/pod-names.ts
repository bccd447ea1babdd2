import type { Json, PodTemplate } from '../shared/objects.ts'
import { listOf, valueAt } from './workload.ts'

/** An object of its own namespace that a pod template calls by name. */
export interface PodName {
  kind: 'ConfigMap' | 'Secret' | 'PersistentVolumeClaim' | 'ServiceAccount'
  name: string
  /** what the pod wants of it: without env or volume a container does not start, without pull it may */
  use: 'env' | 'volume' | 'pull' | 'account'
  /** the pod does without it */
  optional: boolean
  /** where the name stands, below the template */
  path: (string | number)[]
}

type Found = Omit<PodName, 'use' | 'path'> & { at: (string | number)[] }

/** Source: the API reference of EnvFromSource, EnvVarSource, Volume and VolumeProjection. */
const ENV_FROM = [
  { kind: 'ConfigMap', field: 'configMapRef', key: 'name' },
  { kind: 'Secret', field: 'secretRef', key: 'name' },
] as const
const ENV = [
  { kind: 'ConfigMap', field: 'configMapKeyRef', key: 'name' },
  { kind: 'Secret', field: 'secretKeyRef', key: 'name' },
] as const
const VOLUME = [
  { kind: 'ConfigMap', field: 'configMap', key: 'name' },
  { kind: 'Secret', field: 'secret', key: 'secretName' },
  { kind: 'PersistentVolumeClaim', field: 'persistentVolumeClaim', key: 'claimName' },
] as const
const PROJECTED = [
  { kind: 'ConfigMap', field: 'configMap', key: 'name' },
  { kind: 'Secret', field: 'secret', key: 'name' },
] as const

type Sources = readonly { kind: PodName['kind']; field: string; key: string }[]

function sourcesIn(value: Json | undefined, sources: Sources): Found[] {
  return sources.flatMap(({ kind, field, key }): Found[] => {
    const name = valueAt(value, [field, key])
    if (typeof name !== 'string' || name === '') return []
    return [{ kind, name, optional: valueAt(value, [field, 'optional']) === true, at: [field, key] }]
  })
}

/** Every object of the namespace that a template names, in the order of its fields; the same one as often as it stands there. */
export function podNames({ spec }: PodTemplate): PodName[] {
  const names: PodName[] = []
  const note = (use: PodName['use'], under: (string | number)[], found: readonly Found[]): void => {
    for (const { at, ...rest } of found) names.push({ ...rest, use, path: ['spec', ...under, ...at] })
  }
  for (const field of ['containers', 'initContainers'] as const)
    (spec[field] ?? []).forEach((container, index) => {
      const under = [field, index]
      listOf(container.env).forEach((each, at) =>
        note('env', [...under, 'env', at, 'valueFrom'], sourcesIn(valueAt(each, ['valueFrom']), ENV)),
      )
      listOf(container.envFrom).forEach((each, at) => note('env', [...under, 'envFrom', at], sourcesIn(each, ENV_FROM)))
    })
  listOf(spec.volumes).forEach((volume, index) => {
    note('volume', ['volumes', index], sourcesIn(volume, VOLUME))
    listOf(valueAt(volume, ['projected', 'sources'])).forEach((source, at) =>
      note('volume', ['volumes', index, 'projected', 'sources', at], sourcesIn(source, PROJECTED)),
    )
  })
  listOf(spec['imagePullSecrets']).forEach((each, at) => {
    const name = valueAt(each, ['name'])
    if (typeof name !== 'string' || name === '') return
    note('pull', ['imagePullSecrets', at], [{ kind: 'Secret', name, optional: false, at: ['name'] }])
  })
  const account = spec['serviceAccountName']
  if (typeof account === 'string' && account !== '')
    note('account', [], [{ kind: 'ServiceAccount', name: account, optional: false, at: ['serviceAccountName'] }])
  return names
}

export interface ConfigRefs {
  /** names, sorted, each once */
  configMaps: string[]
  secrets: string[]
}

/** ConfigMaps and Secrets that a template reads by env, envFrom and volumes (projected ones too), in all its containers. */
export function configRefs(template: PodTemplate): ConfigRefs {
  const read = podNames(template).filter(({ use }) => use === 'env' || use === 'volume')
  const of = (kind: PodName['kind']): string[] =>
    [...new Set(read.filter((each) => each.kind === kind).map(({ name }) => name))].sort()
  return { configMaps: of('ConfigMap'), secrets: of('Secret') }
}

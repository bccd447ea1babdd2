import { type PodName, podNames } from '../manifests/pod-names.ts'
import { groupOf, listOf, templatePathOf, valueAt } from '../manifests/workload.ts'
import { type Json, type KubeObject, keyOf, type ObjectRef, type PodTemplate, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput, ReleaseObject } from './input.ts'
import { findingAt, isUnchanged, notVerified, templatesOf, title } from './subject.ts'

/** Kubernetes puts these into every namespace by itself. */
const ALWAYS = ['ConfigMap/kube-root-ca.crt', 'ServiceAccount/default']

/** What pods of the release call by name and cannot do without, and the release does not bring: each once. */
export function namedOutside(objects: readonly ReleaseObject[]): ObjectRef[] {
  const brought = new Set(objects.map(({ object }) => keyOf(refOf(object))))
  const found = templatesOf({ objects }).flatMap(({ object, template }) =>
    podNames(template)
      .filter((name) => !name.optional && !ALWAYS.includes(`${name.kind}/${name.name}`))
      .map((name) => refIn(object, name))
      .filter((ref) => !brought.has(keyOf(ref))),
  )
  return [...new Map(found.map((ref) => [keyOf(ref), ref])).values()]
}

function refIn({ metadata: { namespace } }: KubeObject, { kind, name }: PodName): ObjectRef {
  return { apiVersion: 'v1', kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

/** config-missing: pods wait for ever for an object that nobody has and nobody brings. */
export function namedRules(input: PreflightInput): Finding[] {
  const { named } = input
  if (named === undefined) return []
  const wanted = new Set(namedOutside(input.objects).map(keyOf))
  const unread = new Set<string>()
  const findings = templatesOf(input).flatMap(({ released, object, template }) => {
    const told = new Set<string>()
    return podNames(template).flatMap((name): Finding[] => {
      const ref = refIn(object, name)
      const key = keyOf(ref)
      if (!wanted.has(key) || told.has(key) || name.optional) return []
      told.add(key)
      const live = named.get(key)
      if (live === undefined) unread.add(`${ref.kind}/${ref.name}`)
      return live === 'missing' ? missing(input, released, template, name) : []
    })
  })
  return [...findings, ...unreadRules([...unread])]
}

/** What the pod does without it. Sources: the kubelet's sync of containers, volumes and images; the ServiceAccount admission. */
const CONSEQUENCE: Record<PodName['use'], string> = {
  env: 'its container does not start (CreateContainerConfigError)',
  volume: 'its pods wait for ever for the volume',
  pull: 'the image is pulled without it, and a registry that asks who pulls refuses',
  account: 'no pod is made at all',
}

function missing(
  input: PreflightInput,
  released: ReleaseObject,
  template: PodTemplate,
  { kind, name, use, path }: PodName,
): Finding[] {
  const { object } = released
  const maker = makerOf(input, kind, name)
  if (maker !== undefined) return []
  const synced = kind === 'Secret' && hasSecretsStore(template)
  const idle = isUnchanged(input, object) || object.kind === 'CronJob'
  const later = isUnchanged(input, object) ? ' as soon as one starts anew' : ''
  return [
    findingAt(released, [...(templatePathOf(object) ?? []), ...path], {
      id: 'config-missing',
      severity: use === 'pull' || synced || idle ? 'warning' : 'error',
      reason: `${title(object)} names ${kind}/${name}, which is neither in the release nor in the cluster: ${CONSEQUENCE[use]}${later}${synced ? ', unless its secrets store volume makes it' : ''}`,
      mend: `bring ${kind}/${name} with the release, create it first, or correct the name${use === 'env' || (use === 'volume' && kind !== 'PersistentVolumeClaim') ? '; optional: true lets pods start without it' : ''}`,
    }),
  ]
}

/** A controller's object of the release, such as an ExternalSecret or Certificate, that speaks of the name makes it. */
function makerOf({ objects }: PreflightInput, kind: string, name: string): KubeObject | undefined {
  if (kind !== 'Secret' && kind !== 'ConfigMap' && kind !== 'PersistentVolumeClaim') return undefined
  return objects
    .map(({ object }) => object)
    .find((object) => isCustom(object) && (object.metadata.name === name || speaksOf(object['spec'], name)))
}

/** Kinds of Kubernetes itself have no dot in their group, or end in k8s.io. */
function isCustom(object: KubeObject): boolean {
  const group = groupOf(object)
  return group.includes('.') && !group.endsWith('.k8s.io')
}

function speaksOf(value: Json | undefined, name: string): boolean {
  if (Array.isArray(value)) return value.some((each) => speaksOf(each, name))
  if (typeof value !== 'object' || value === null) return value === name
  return Object.values(value).some((each) => speaksOf(each, name))
}

/** The secrets store driver makes Secrets when a pod mounts its volume, not before. */
function hasSecretsStore({ spec }: PodTemplate): boolean {
  return listOf(spec.volumes).some((volume) => valueAt(volume, ['csi', 'driver']) === 'secrets-store.csi.k8s.io')
}

function unreadRules(names: readonly string[]): Finding[] {
  if (names.length === 0) return []
  const shown = `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`
  const kinds = [...new Set(names.map((name) => `${(name.split('/')[0] ?? '').toLowerCase()}s`))]
  return [
    notVerified(
      shown,
      'it is not known whether pods that name them can start',
      `grant get on ${kinds.join(', ')} by these names`,
    ),
  ]
}

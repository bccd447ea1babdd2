import { refuse } from '../shared/errors.ts'
import { keyOf, type KubeObject, nameOf, refOf } from '../shared/objects.ts'
import type { ManifestObject } from './parse.ts'
import { groupKindOf, podTemplateOf, templatePathOf } from './workload.ts'

/** Whether objects of a kind live in a namespace. */
export type Namespaced = (apiVersion: string, kind: string) => boolean

/** Longest name of an app: `headgate-<app>-r<n>` and `<name>-preview` stay below the 63 characters of a DNS label. */
export const MAX_APP_NAME = 40

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const APP_LABELS = ['app.kubernetes.io/part-of', 'app.kubernetes.io/name'] as const
const SERVERS = ['apps/Deployment', 'apps/StatefulSet', 'apps/DaemonSet']

/** Whether a text is a DNS label (RFC 1123): lower-case letters, digits and hyphens, at most `longest` characters. */
export function isDnsLabel(text: string, longest = 63): boolean {
  return text.length <= longest && DNS_LABEL.test(text)
}

/**
 * Name of the app: the input, else the name of the single workload, else the label part-of or name that all workloads
 * share. A pair made by hand (`web-blue` and `web-green`, told apart by the label `color`) is one workload, `web`.
 * Codes: `app-name` (not a DNS label of at most 40 characters), `app-ambiguous`, `no-manifests`, `no-workload`.
 */
export function appName(input: string | undefined, manifests: readonly ManifestObject[]): string {
  const objects = manifests.map(({ object }) => object)
  if (objects.length === 0)
    throw refuse('no-manifests', 'the manifests hold no object', { next: 'Name files that hold some in `manifests`.' })
  if (!objects.some((object) => templatePathOf(object) !== undefined)) {
    throw refuse('no-workload', `the manifests hold no workload, only ${list(objects)}`, {
      next: 'Add the Deployment to `manifests`; without a workload there is nothing to roll out.',
    })
  }
  if (input !== undefined) return validName(input, 'the app name')
  const workloads = workloadsOf(objects)
  const names = new Set(workloads.map(baseName))
  const [single] = names
  if (names.size === 1 && single !== undefined) return validName(single, 'the name of the only workload')
  const label = commonLabel(workloads.length > 0 ? workloads : objects)
  if (label !== undefined) return validName(label.value, `the label ${label.key}`)
  throw refuse(
    'app-ambiguous',
    `which app is this? The manifests hold ${list(workloads.length > 0 ? workloads : objects)}`,
    {
      next: 'Set the input `app`, or give all of them the same label app.kubernetes.io/part-of.',
    },
  )
}

/** Deployments; where there is none, StatefulSets and DaemonSets. */
function workloadsOf(objects: readonly KubeObject[]): KubeObject[] {
  const servers = objects.filter((object) => SERVERS.includes(groupKindOf(object)))
  const deployments = servers.filter((object) => groupKindOf(object) === 'apps/Deployment')
  return deployments.length > 0 ? deployments : servers
}

function baseName(workload: KubeObject): string {
  const name = workload.metadata.name ?? ''
  const color = podTemplateOf(workload)?.metadata?.labels?.['color']
  return color !== undefined && name.endsWith(`-${color}`) ? name.slice(0, -color.length - 1) : name
}

function commonLabel(objects: readonly KubeObject[]): { key: string; value: string } | undefined {
  for (const key of APP_LABELS) {
    const [value, ...others] = new Set(objects.map(({ metadata }) => metadata.labels?.[key]))
    if (value !== undefined && others.length === 0) return { key, value }
  }
  return undefined
}

function validName(name: string, what: string): string {
  if (isDnsLabel(name, MAX_APP_NAME)) return name
  throw refuse('app-name', `${what}, "${name}", is not a DNS label of at most ${MAX_APP_NAME} characters`, {
    next: 'Set the input `app` to lower-case letters, digits and hyphens.',
  })
}

function list(objects: readonly KubeObject[]): string {
  const names = objects.map((object) => nameOf(refOf(object)))
  return names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ')
}

/**
 * The manifests with their namespaces: objects that name none get `namespace`, cluster-scoped ones lose theirs (the server
 * would drop it). Manifests that need no change are the same values. An object written twice is refused (`manifest-twice`).
 */
export function placeInNamespace(
  manifests: readonly ManifestObject[],
  namespace: string,
  namespaced: Namespaced,
): ManifestObject[] {
  const placed = manifests.map((manifest) => {
    const { apiVersion, kind, metadata } = manifest.object
    const { namespace: own, ...rest } = metadata
    if (!namespaced(apiVersion, kind)) return 'namespace' in metadata ? withMetadata(manifest, rest) : manifest
    // An empty or null namespace means the default, as for kubectl.
    return own ? manifest : withMetadata(manifest, { ...rest, namespace })
  })
  refuseTwice(placed)
  return placed
}

function withMetadata(manifest: ManifestObject, metadata: KubeObject['metadata']): ManifestObject {
  return { ...manifest, object: { ...manifest.object, metadata } }
}

function refuseTwice(manifests: readonly ManifestObject[]): void {
  const seen = new Map<string, ManifestObject>()
  for (const manifest of manifests) {
    const ref = refOf(manifest.object)
    const first = seen.get(keyOf(ref))
    if (first === undefined) {
      seen.set(keyOf(ref), manifest)
      continue
    }
    const { file, line } = first.place
    throw refuse('manifest-twice', `${nameOf(ref)} is written twice, first in ${file}, line ${line ?? 1}`, {
      object: ref,
      place: manifest.place,
      next: 'Keep one of the two.',
    })
  }
}

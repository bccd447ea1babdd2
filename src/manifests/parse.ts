import { type Place, refuse } from '../shared/errors.ts'
import type { Json, JsonMap, KubeObject } from '../shared/objects.ts'
import { listOf, mapOf, templatePathOf, valueAt } from './workload.ts'
import { type Path, readYaml } from './yaml.ts'

/** One object of a manifest, and where it is written. */
export interface ManifestObject {
  object: KubeObject
  /** file and line where the object begins */
  place: Place
  /** line and column of a field inside the object, found on demand; the nearest field above it when it is not there */
  placeOf(path: Path): Place
}

/** Something of a document that should become an object. */
interface Candidate {
  value: Json
  place: Place
  placeOf(path: Path): Place
}

/**
 * The objects of a manifest in YAML or JSON, in the order in which they are written: several documents, comments, empty
 * documents, Lists (their items). Nothing in an object is changed, known or not. Refuses with file and line what is not an
 * object of Kubernetes; codes: `manifest-yaml`, `-binary`, `-size`, `-aliases`, `-object`, `-kind`, `-name`, `-kustomization`.
 */
export function parseManifest(text: string, file: string): ManifestObject[] {
  return readYaml(text, file, 'manifest').flatMap(({ value, line, placeOf }) =>
    flatten({ value, place: { file, line }, placeOf }).map(checked),
  )
}

/** A List (`v1/List`, `ConfigMapList` …) is its items, which may be Lists again. Source: kubectl's resource builder. */
function flatten(candidate: Candidate): Candidate[] {
  const list = mapOf(candidate.value)
  const kind = list?.['kind']
  const items = list?.['items']
  if (list === undefined || typeof kind !== 'string' || !kind.endsWith('List') || !Array.isArray(items))
    return [candidate]
  return items.flatMap((value, index) => {
    const placeOf = (path: Path): Place => candidate.placeOf(['items', index, ...path])
    const { file, line } = placeOf([])
    return flatten({ value: typed(value, list, kind), place: { file, ...(line ? { line } : {}) }, placeOf })
  })
}

/** An item of a typed list may leave out what the list's own kind says. */
function typed(item: Json, list: JsonMap, kind: string): Json {
  const map = mapOf(item)
  if (map === undefined || map['kind'] !== undefined || map['apiVersion'] !== undefined || kind === 'List') return item
  return { apiVersion: list['apiVersion'], kind: kind.slice(0, -'List'.length), ...map }
}

function checked({ value, place, placeOf }: Candidate): ManifestObject {
  const map = mapOf(value)
  if (map === undefined) {
    const what = Array.isArray(value) ? 'a list' : 'a plain value'
    throw refuse('manifest-object', `an object of Kubernetes is expected here, and this is ${what}`, { place })
  }
  for (const field of ['apiVersion', 'kind']) requireText(map, field, { value, place, placeOf })
  refuseKustomization(map, place)
  const metadata = mapOf(map['metadata'])
  if (metadata === undefined) throw missing('manifest-name', map, 'metadata.name', place)
  if (metadata['name'] === undefined && metadata['generateName'] !== undefined) {
    throw refuse('manifest-name', `the object has generateName, which cannot be applied twice`, {
      place: placeOf(['metadata', 'generateName']),
      next: 'Give it a name.',
    })
  }
  requireText(map, 'metadata.name', { value, place, placeOf })
  if (metadata['namespace'] !== undefined && metadata['namespace'] !== null)
    requireText(map, 'metadata.namespace', { value, place, placeOf })
  for (const field of ['labels', 'annotations']) requireTexts(metadata, field, placeOf)
  requireLists(map as KubeObject, placeOf)
  return { object: map as KubeObject, place, placeOf: (path) => placeOf(indexed(map, path)) }
}

/** A path whose keyed items, such as `[name="app"]` or `[containerPort=80,protocol="TCP"]`, are found by what they hold. */
function indexed(object: JsonMap, path: Path): Path {
  const found: (string | number)[] = []
  let at: Json | undefined = object
  for (const step of path) {
    const keys = typeof step === 'string' ? [...step.matchAll(KEYED)] : []
    const key = keys.length === 0 ? step : itemWith(at, keys)
    if (key === undefined) break
    found.push(key)
    at = valueAt(at, [key])
  }
  return found
}

/** `[name="app"` and `,protocol="TCP"` */
const KEYED = /[[,](\w+)=(?:"([^"]*)"|([^,\]]*))/g

function itemWith(list: Json | undefined, keys: readonly RegExpExecArray[]): number | undefined {
  const index = listOf(list).findIndex((item) =>
    keys.every(([, name = '', text, plain]) => {
      const value = valueAt(item, [name])
      // What the manifest leaves to the server's default has no say.
      return value === undefined || (typeof value !== 'object' && `${value}` === (text ?? plain))
    }),
  )
  return index < 0 ? undefined : index
}

function missing(code: string, map: JsonMap, field: string, place: Place): Error {
  const kind = typeof map['kind'] === 'string' ? map['kind'] : 'the object'
  return refuse(code, `${kind} has no ${field}`, {
    place,
    next: 'Correct the manifest, or leave the file out of `manifests`.',
  })
}

function requireText(map: JsonMap, field: string, { place, placeOf }: Candidate): void {
  const path = field.split('.')
  const code = path[0] === 'metadata' ? 'manifest-name' : 'manifest-kind'
  const value = path.length === 1 ? map[field] : mapOf(map['metadata'])?.[path[1] ?? '']
  if (value === undefined || value === null || value === '') throw missing(code, map, field, place)
  if (typeof value !== 'string') throw notText(code, field, value, placeOf(path))
}

function notText(code: string, field: string, value: Json, place: Place): Error {
  const what = typeof value === 'object' ? 'a list or mapping' : `the value ${String(value)}`
  const next = typeof value === 'object' ? 'Write a text.' : 'Put the text in quotes.'
  return refuse(code, `${field} must be text, and YAML reads ${what} there`, { place, next })
}

/** Labels and annotations hold texts only; the server refuses everything else without naming a line. */
function requireTexts(metadata: JsonMap, field: string, placeOf: (path: Path) => Place): void {
  const value = metadata[field]
  if (value === undefined || value === null) return
  const map = mapOf(value)
  if (map === undefined) throw notText('manifest-object', `metadata.${field}`, value, placeOf(['metadata', field]))
  for (const [key, text] of Object.entries(map)) {
    if (typeof text === 'string' || text === null || text === undefined) continue
    throw notText('manifest-object', `metadata.${field}.${key}`, text, placeOf(['metadata', field, key]))
  }
}

/** What is walked before the server's dry run has had its say. */
function requireLists(object: KubeObject, placeOf: (path: Path) => Place): void {
  const template = templatePathOf(object)
  const containers = ['containers', 'initContainers'].map((field) => [...(template ?? []), 'spec', field])
  const lists = template === undefined ? [] : [...containers, ['spec', 'selector', 'matchExpressions']]
  for (const path of lists) {
    const value = valueAt(object, path)
    if (value === undefined || value === null) continue
    const wrong = Array.isArray(value) ? value.findIndex((item) => mapOf(item) === undefined) : undefined
    if (wrong === -1) continue
    const [at, what] = wrong === undefined ? [path, 'a list'] : [[...path, wrong], 'a mapping']
    const text = at.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
    throw refuse('manifest-object', `${object.kind}/${object.metadata.name ?? ''}: ${text.slice(1)} must be ${what}`, {
      place: placeOf(at),
      next: 'Correct the indentation or what is written there.',
    })
  }
}

function refuseKustomization(map: JsonMap, place: Place): void {
  const version = map['apiVersion']
  if (typeof version !== 'string' || !version.startsWith('kustomize.config.k8s.io/')) return
  throw refuse('manifest-kustomization', 'a kustomization is no manifest, and kustomize is not run yet', {
    place,
    next: 'Run `kubectl kustomize DIR > manifests.yaml` in a step before, and name that file.',
  })
}

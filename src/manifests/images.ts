import { refuse } from '../shared/errors.ts'
import { nearest } from '../shared/nearest.ts'
import { type Container, type KubeObject, type ObjectRef, refOf } from '../shared/objects.ts'
import { parseReference, repositoryOf } from './references.ts'
import { podTemplateOf, templatePathOf } from './workload.ts'

export interface ImagePlace {
  object: ObjectRef
  /** path of the image inside the object */
  path: (string | number)[]
  container: string
  before: string
  after: string
}

export interface Substituted {
  /** copies where an image changed, the very same objects elsewhere */
  objects: KubeObject[]
  /** image references that were set, each once, in the order of the input */
  used: string[]
  /** every place that an entry stands for, also where the manifest has that image already */
  places: ImagePlace[]
}

/** One entry of the input `images`. */
export interface ImageEntry {
  /** as given */
  text: string
  /** normalised, or a placeholder word as it stands */
  repository: string
  /** what is written into the manifest */
  reference: string
}

/**
 * Reads `repository:tag`, `repository@digest` or `repository=reference`; refuses (`image-reference`) what is none, and a
 * reference that would mean `latest` without saying so.
 */
export function parseImage(text: string): ImageEntry {
  const equals = text.indexOf('=')
  const reference = text.slice(equals + 1).trim()
  const parsed = parseReference(reference)
  const next = 'Write repository:tag, repository@sha256:…, or repository=reference.'
  if (parsed === undefined) throw refuse('image-reference', `"${text}" is not an image reference`, { next })
  if (parsed.tag === undefined && parsed.digest === undefined)
    throw refuse('image-reference', `"${text}" names neither tag nor digest`, { next })
  if (equals < 0) return { text, repository: parsed.repository, reference }
  const left = text.slice(0, equals).trim()
  const name = parseReference(left)
  if (left === '' || name?.digest !== undefined || name?.tag !== undefined)
    throw refuse('image-reference', `"${text}": left of "=" stands a repository, without tag or digest`, { next })
  return { text, repository: repositoryOf(left), reference }
}

/** All entries; two for the same repository are refused (`image-twice`). */
export function parseImages(images: readonly string[]): ImageEntry[] {
  const entries = images.map(parseImage)
  entries.forEach((entry, index) => {
    const other = entries.slice(0, index).find(({ repository }) => repository === entry.repository)
    if (other === undefined) return
    throw refuse(
      'image-twice',
      `"${other.text}" and "${entry.text}" are for the same repository, ${entry.repository}`,
      {
        next: 'Keep one of the two.',
      },
    )
  })
  return entries
}

interface Slot extends Omit<ImagePlace, 'after'> {
  index: number
}

/** Images of an object: containers and init containers of everything that makes pods. Ephemeral containers have no place there. */
function slotsOf(object: KubeObject, index: number): Slot[] {
  const template = podTemplateOf(object)
  if (template === undefined) return []
  const below = [...(templatePathOf(object) ?? []), 'spec']
  const slots = (field: 'initContainers' | 'containers'): Slot[] => {
    const containers: Container[] = Array.isArray(template.spec[field]) ? template.spec[field] : []
    return containers.flatMap((container, at) =>
      typeof container?.image === 'string'
        ? [
            {
              object: refOf(object),
              path: [...below, field, at, 'image'],
              container: container.name,
              before: container.image,
              index,
            },
          ]
        : [],
    )
  }
  return [...slots('initContainers'), ...slots('containers')]
}

/**
 * Sets images in Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs, CronJobs and Pods, wherever the repository is
 * the same as Docker understands it. Tag and digest of the manifest are replaced as a whole. An entry that matches nothing
 * is refused (`image-unmatched`) with the nearest repository of the manifests.
 */
export function substituteImages(objects: readonly KubeObject[], images: readonly string[]): Substituted {
  const entries = parseImages(images)
  const slots = objects.flatMap(slotsOf)
  const places: ImagePlace[] = []
  const changed = new Map<number, KubeObject>()
  for (const entry of entries) {
    const matching = slots.filter(({ before }) => repositoryOf(before) === entry.repository)
    if (matching.length === 0) throw unmatched(entry, slots)
    for (const { index, ...slot } of matching) {
      places.push({ ...slot, after: entry.reference })
      const object = objects[index]
      if (object === undefined || slot.before === entry.reference) continue
      const copy = changed.get(index) ?? structuredClone(object)
      setAt(copy, slot.path, entry.reference)
      changed.set(index, copy)
    }
  }
  return {
    objects: objects.map((object, index) => changed.get(index) ?? object),
    used: entries.map(({ reference }) => reference),
    places,
  }
}

function setAt(object: KubeObject, path: readonly (string | number)[], value: string): void {
  const holder = path.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], object)
  ;(holder as Record<string | number, unknown>)[path.at(-1) ?? ''] = value
}

function unmatched(entry: ImageEntry, slots: readonly Slot[]): Error {
  const asked = entry.text.includes('=')
    ? entry.repository
    : (parseReference(entry.reference)?.name ?? entry.repository)
  const written = [...new Set(slots.map(({ before }) => parseReference(before)?.name ?? before))]
  const near = nearest(asked, written) ?? sameLastPart(asked, written)
  const found =
    written.length === 0 ? 'the manifests have no image' : `the manifests have ${written.slice(0, 5).join(', ')}`
  const hint = near === undefined ? found : `did you mean ${near}?`
  return refuse('image-unmatched', `"${entry.text}" matches no image of the manifests; ${hint}`, {
    next: 'Correct the repository, or write repository=reference to replace another one.',
  })
}

/** The same image in another registry is the likeliest thing meant. */
function sameLastPart(repository: string, candidates: readonly string[]): string | undefined {
  const last = repository.split('/').at(-1)
  return candidates.find((candidate) => candidate.split('/').at(-1) === last)
}

/** What people call a version: the tag, else the first 12 hex digits of the digest, else `latest`. */
export function versionOf(image: string): string {
  const reference = parseReference(image)
  return reference?.tag ?? reference?.digest?.replace(/^[^:]*:/, '').slice(0, 12) ?? 'latest'
}

import type { KubeObject } from '../../src/shared/objects.ts'

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** key of the resource, e.g. `apps/deployments` */
  resource: string
  /** for a deletion the last state, with the revision of the deletion */
  object: KubeObject
  previous: KubeObject | undefined
  revision: number
}

export function objectKey(namespace: string | undefined, name: string | undefined): string {
  return `${namespace ?? ''}/${name ?? ''}`
}

/** Events kept for watches that start in the past; older ones are compacted away. */
const HISTORY = 20_000

/**
 * What etcd is to the real server: objects by key, one revision for all, and the history that watches read from.
 * Stored objects are never changed in place.
 */
export class Store {
  #revision = 100
  #compacted = 0
  readonly #objects = new Map<string, Map<string, KubeObject>>()
  readonly history: Change[] = []
  readonly #listeners = new Set<(change: Change) => void>()

  get revision(): number {
    return this.#revision
  }

  /** Watches from before this revision are gone. */
  get compacted(): number {
    return this.#compacted
  }

  get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(resource)?.get(objectKey(namespace, name))
  }

  /** All objects of a resource, or those of one namespace, in the order of their keys. */
  list(resource: string, namespace?: string): KubeObject[] {
    const all = this.#objects.get(resource)
    if (all === undefined) return []
    const keys = [...all.keys()].filter((key) => namespace === undefined || key.startsWith(`${namespace}/`)).sort()
    return keys.flatMap((key) => all.get(key) ?? [])
  }

  put(resource: string, object: KubeObject): KubeObject {
    const revision = ++this.#revision
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
    const all = this.#objects.get(resource) ?? new Map<string, KubeObject>()
    this.#objects.set(resource, all)
    const key = objectKey(stored.metadata.namespace, stored.metadata.name)
    const previous = all.get(key)
    all.set(key, stored)
    this.#emit({ type: previous === undefined ? 'ADDED' : 'MODIFIED', resource, object: stored, previous, revision })
    return stored
  }

  remove(resource: string, object: KubeObject): KubeObject {
    const revision = ++this.#revision
    const gone = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
    const key = objectKey(object.metadata.namespace, object.metadata.name)
    const previous = this.#objects.get(resource)?.get(key)
    this.#objects.get(resource)?.delete(key)
    this.#emit({ type: 'DELETED', resource, object: gone, previous, revision })
    return gone
  }

  /** Forgets the history: watches and lists from the past get 410. */
  compact(): void {
    this.#compacted = this.#revision
    this.history.length = 0
  }

  /** Changes after `revision`, oldest first. */
  since(revision: number): Change[] {
    return this.history.filter((change) => change.revision > revision)
  }

  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #emit(change: Change): void {
    this.history.push(change)
    if (this.history.length > HISTORY) {
      const cut = this.history.splice(0, HISTORY / 2)
      this.#compacted = cut.at(-1)?.revision ?? this.#compacted
    }
    for (const listener of this.#listeners) listener(change)
  }
}

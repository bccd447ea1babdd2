import type { KubeObject } from '../shared/objects.ts'

const UNSIGNED = /^(0|[1-9]\d*)$/

/**
 * Whether version `a` is newer than `b`; undefined when it cannot be told. Since Kubernetes 1.35 a resourceVersion may be
 * read as an unsigned integer and compared within one resource; before, servers wrote it so without promising it.
 */
export function newer(a: string | undefined, b: string | undefined): boolean | undefined {
  if (a === undefined || b === undefined || !UNSIGNED.test(a) || !UNSIGNED.test(b)) return undefined
  return a.length === b.length ? a > b : a.length > b.length
}

/** Objects by name, of which an older version never replaces a newer one, whatever order they arrive in. */
export class Versions<T extends KubeObject> {
  #objects = new Map<string, T>()
  /** version at which an object was deleted, so that a late answer to an earlier write does not bring it back */
  readonly #gone = new Map<string, string>()
  #items: T[] | undefined

  items(): T[] {
    this.#items ??= [...this.#objects.values()]
    return this.#items
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`)
  }

  /** True when something changed. */
  put(object: T): boolean {
    const key = keyOf(object)
    const { resourceVersion } = object.metadata
    const known = this.#objects.get(key)
    if (known !== undefined && newer(resourceVersion, known.metadata.resourceVersion) === false) return false
    if (newer(resourceVersion, this.#gone.get(key)) === false) return false
    this.#set(key, object)
    return true
  }

  /** The object of a DELETED event carries the version of the deletion. */
  deleted(object: T): boolean {
    const key = keyOf(object)
    const { resourceVersion } = object.metadata
    const known = this.#objects.get(key)
    if (resourceVersion !== undefined) this.#gone.set(key, resourceVersion)
    // A name that was created anew is another object, and newer.
    if (known === undefined || newer(known.metadata.resourceVersion, resourceVersion) === true) return false
    this.#set(key, undefined)
    return true
  }

  drop(namespace: string, name: string): boolean {
    if (this.get(namespace, name) === undefined) return false
    this.#set(`${namespace}/${name}`, undefined)
    return true
  }

  /** A whole list of a version: what it lacks is gone, but for what was written after it. */
  reset(items: T[], version: string): void {
    const later = this.items().filter((each) => newer(each.metadata.resourceVersion, version) === true)
    this.#objects = new Map(items.map((each) => [keyOf(each), each]))
    this.#items = undefined
    this.#gone.clear()
    for (const each of later) this.put(each)
  }

  #set(key: string, object: T | undefined): void {
    this.#items = undefined
    if (object === undefined) {
      this.#objects.delete(key)
      return
    }
    this.#objects.set(key, object)
    this.#gone.delete(key)
  }
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`
}

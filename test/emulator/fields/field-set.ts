import type { JsonMap } from '../../../src/shared/objects.ts'
import type { Type } from '../schema/schema.ts'
import { canonical, isMap } from '../values.ts'

/**
 * A set of field paths as managedFields stores it. A path is made of elements: `f:name` for a field, `k:{…}` for an
 * item of a list with keys, `v:…` for an item of a set. A node is a member of the set when `self` is true.
 */
export class FieldSet {
  self = false
  readonly children = new Map<string, FieldSet>()

  static of(...paths: string[][]): FieldSet {
    const set = new FieldSet()
    for (const path of paths) set.insert(path)
    return set
  }

  static fromJson(json: JsonMap): FieldSet {
    const set = new FieldSet()
    for (const [key, value] of Object.entries(json)) {
      if (key === '.') {
        set.self = true
        continue
      }
      const child = FieldSet.fromJson(isMap(value) ? value : {})
      if (!isMap(value) || Object.keys(value).length === 0) child.self = true
      set.children.set(key, child)
    }
    return set
  }

  /** The form of `fieldsV1`; the root itself is never a member. */
  toJson(): JsonMap {
    const json: JsonMap = {}
    if (this.self && this.children.size > 0) json['.'] = {}
    for (const key of [...this.children.keys()].sort()) json[key] = this.children.get(key)?.toJson()
    return json
  }

  /** The node at a path, made where it is missing. */
  node([element, ...rest]: readonly string[]): FieldSet {
    if (element === undefined) return this
    let next = this.children.get(element)
    if (next === undefined) {
      next = new FieldSet()
      this.children.set(element, next)
    }
    return next.node(rest)
  }

  /** Only while the set is being built. */
  insert(path: readonly string[]): void {
    this.node(path).self = true
  }

  get(element: string): FieldSet | undefined {
    return this.children.get(element)
  }

  get empty(): boolean {
    if (this.self) return false
    for (const child of this.children.values()) if (!child.empty) return false
    return true
  }

  has([element, ...rest]: readonly string[]): boolean {
    if (element === undefined) return this.self
    return this.children.get(element)?.has(rest) === true
  }

  // Sets are not changed once they are built, so results may share branches with what they are made of.

  union(other: FieldSet): FieldSet {
    const result = new FieldSet()
    result.self = this.self || other.self
    for (const [key, child] of this.children) {
      const second = other.children.get(key)
      result.children.set(key, second === undefined ? child : child.union(second))
    }
    for (const [key, child] of other.children) if (!this.children.has(key)) result.children.set(key, child)
    return result
  }

  difference(other: FieldSet): FieldSet {
    const result = new FieldSet()
    result.self = this.self && !other.self
    for (const [key, child] of this.children) {
      const second = other.children.get(key)
      const left = second === undefined ? child : child.difference(second)
      if (left.self || left.children.size > 0) result.children.set(key, left)
    }
    return result
  }

  intersection(other: FieldSet): FieldSet {
    const result = new FieldSet()
    result.self = this.self && other.self
    for (const [key, child] of this.children) {
      const second = other.children.get(key)
      if (second === undefined) continue
      const both = child.intersection(second)
      if (both.self || both.children.size > 0) result.children.set(key, both)
    }
    return result
  }

  /** Without the paths of `other` and everything below them. */
  without(other: FieldSet): FieldSet {
    const result = new FieldSet()
    result.self = this.self && !other.self
    for (const [key, child] of this.children) {
      const cut = other.children.get(key)
      if (cut?.self) continue
      const kept = cut === undefined ? child : child.without(cut)
      if (!kept.empty) result.children.set(key, kept)
    }
    return result
  }

  /** Struct fields on the way to a member become members too. */
  withNamedFields(type: Type): FieldSet {
    const result = new FieldSet()
    result.self = this.self
    for (const [element, child] of this.children) {
      const named = element.startsWith('f:') && type.kind === 'struct' && type.fields.has(element.slice(2))
      const copy = child.withNamedFields(childType(type, element))
      if (named && !child.empty) copy.self = true
      result.children.set(element, copy)
    }
    return result
  }

  /** Every member as a list of path elements, sorted. */
  *paths(prefix: readonly string[] = []): Generator<string[]> {
    if (this.self) yield [...prefix]
    for (const key of [...this.children.keys()].sort()) {
      const child = this.children.get(key)
      if (child !== undefined) yield* child.paths([...prefix, key])
    }
  }
}

export const UNTYPED: Type = { kind: 'untyped', atomic: false }

export function childType(type: Type, element: string): Type {
  switch (type.kind) {
    case 'struct':
      return type.fields.get(element.slice(2))?.type ?? UNTYPED
    case 'map':
      return type.value
    case 'list':
      return type.item
    case 'untyped':
    case 'scalar':
      return type
  }
}

/** A path as error messages write it: `.spec.template.spec.containers[name="app"].image`. */
export function pathText(path: readonly string[]): string {
  return path
    .map((element) => {
      const rest = element.slice(2)
      if (element.startsWith('f:')) return `.${rest}`
      if (element.startsWith('v:')) return `[=${rest}]`
      const keys: unknown = JSON.parse(rest)
      const pairs = typeof keys === 'object' && keys !== null ? Object.entries(keys) : []
      return `[${pairs.map(([key, value]) => `${key}=${canonical(value)}`).join(',')}]`
    })
    .join('')
}

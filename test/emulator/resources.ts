import type { Json, JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { BUILTIN_KINDS, type Kind } from './kinds.ts'
import { type Field, structNamed, type Type, typeOf } from './schema/schema.ts'
import { isMap, mapAt, mapsAt, textAt } from './values.ts'

/** A kind as the API server serves it. */
export interface Resource extends Kind {
  apiVersion: string
  type: Type
  /** one key per set of stored objects, e.g. `apps/deployments` */
  key: string
  custom: boolean
  /** columns that a CustomResourceDefinition adds to tables */
  columns: { name: string; type: string; path: string }[]
}

function groupVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

/** All resources, built-in and registered. */
export class Resources {
  readonly #byPath = new Map<string, Resource>()

  constructor() {
    for (const kind of BUILTIN_KINDS) this.#add(kind, typeOf(kind.group, kind.version, kind.kind), false)
  }

  #add(kind: Kind, type: Type, custom: boolean, columns: Resource['columns'] = []): Resource {
    // Both APIs of events show the same objects.
    const key = kind.plural === 'events' ? '/events' : `${kind.group}/${kind.plural}`
    const resource = { ...kind, apiVersion: groupVersion(kind.group, kind.version), type, key, custom, columns }
    this.#byPath.set(`${resource.apiVersion}/${kind.plural}`, resource)
    return resource
  }

  /** Serves the kinds of a CustomResourceDefinition. */
  register(definition: KubeObject): Resource[] {
    const names = mapAt(definition, 'spec', 'names')
    const kind = textAt(names, 'kind') ?? ''
    return mapsAt(definition, 'spec', 'versions')
      .filter((version) => version['served'] === true)
      .map((version) => {
        const subresources = mapAt(version, 'subresources')
        return this.#add(
          {
            group: textAt(definition, 'spec', 'group') ?? '',
            version: textAt(version, 'name') ?? '',
            kind,
            plural: textAt(names, 'plural') ?? '',
            singular: textAt(names, 'singular') ?? kind.toLowerCase(),
            shortNames: stringsOf(names['shortNames']),
            categories: stringsOf(names['categories']),
            namespaced: textAt(definition, 'spec', 'scope') !== 'Cluster',
            subresources: isMap(subresources['scale']) ? ['scale'] : [],
            hasStatus: isMap(subresources['status']),
          },
          customType(kind, version['schema']),
          true,
          mapsAt(version, 'additionalPrinterColumns').map((column) => ({
            name: textAt(column, 'name') ?? '',
            type: textAt(column, 'type') ?? 'string',
            path: textAt(column, 'jsonPath') ?? '',
          })),
        )
      })
  }

  unregister(group: string, plural: string): void {
    for (const [path, resource] of this.#byPath)
      if (resource.custom && resource.group === group && resource.plural === plural) this.#byPath.delete(path)
  }

  at(apiVersion: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${apiVersion}/${plural}`)
  }

  ofKind(apiVersion: string, kind: string): Resource | undefined {
    for (const resource of this.#byPath.values())
      if (resource.kind === kind && resource.apiVersion === apiVersion) return resource
    return undefined
  }

  /** By what people type: plural, singular, short name, kind; with or without group. */
  named(name: string): Resource {
    const [word = '', ...group] = name.toLowerCase().split('.')
    for (const resource of this.#byPath.values()) {
      if (group.length > 0 && resource.group !== group.join('.')) continue
      const names = [resource.plural, resource.singular, resource.kind.toLowerCase(), ...resource.shortNames]
      if (names.includes(word)) return resource
    }
    throw new Error(`no resource ${name}`)
  }

  get all(): Resource[] {
    return [...this.#byPath.values()]
  }
}

function stringsOf(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

function field(type: Type, presence: Field['presence'] = 'pointer'): Field {
  return { type, presence, retainKeys: false }
}

/** The type of a custom kind from its OpenAPI schema; metadata is that of every object. */
function customType(name: string, schema: Json | undefined): Type {
  const scalar: Type = { kind: 'scalar', scalar: 'string' }
  const openApi = mapAt(schema, 'openAPIV3Schema')
  const root = schemaType(name, { ...openApi, type: 'object' })
  const fields = new Map<string, Field>([
    ['apiVersion', field(scalar)],
    ['kind', field(scalar)],
    ['metadata', field(structNamed('meta.v1.ObjectMeta'), 'always')],
  ])
  if (root.kind === 'struct') for (const [key, value] of root.fields) if (!fields.has(key)) fields.set(key, value)
  const open = root.kind !== 'struct' || root.open
  return { kind: 'struct', name, short: name, fields, atomic: false, open }
}

function schemaType(name: string, schema: JsonMap): Type {
  if (schema['x-kubernetes-int-or-string'] === true) return { kind: 'scalar', scalar: 'int-or-string' }
  const properties = schema['properties']
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true
  const atomic = schema['x-kubernetes-map-type'] === 'atomic'
  switch (schema['type']) {
    case 'object': {
      const additional = schema['additionalProperties']
      if (isMap(additional)) return { kind: 'map', value: schemaType(name, additional), atomic }
      if (!isMap(properties)) return { kind: 'untyped', atomic: false }
      const fields = new Map<string, Field>()
      for (const [key, value] of Object.entries(properties))
        if (isMap(value)) fields.set(key, field(schemaType(key, value)))
      return { kind: 'struct', name, short: name, fields, atomic, open }
    }
    case 'array':
      return {
        kind: 'list',
        item: schemaType(name, mapAt(schema, 'items')),
        relation:
          schema['x-kubernetes-list-type'] === 'map'
            ? 'map'
            : schema['x-kubernetes-list-type'] === 'set'
              ? 'set'
              : 'atomic',
        keys: stringsOf(schema['x-kubernetes-list-map-keys']),
      }
    case 'integer':
      return { kind: 'scalar', scalar: 'int64' }
    case 'number':
      return { kind: 'scalar', scalar: 'number' }
    case 'boolean':
      return { kind: 'scalar', scalar: 'bool' }
    case 'string':
      return { kind: 'scalar', scalar: 'string' }
    default:
      return { kind: 'untyped', atomic: false }
  }
}

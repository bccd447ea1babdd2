/**
 * Writes `kubernetes.txt`, the compact schema of the built-in kinds, from what Kubernetes publishes:
 *
 *     node test/emulator/schema/generate.ts SWAGGER_JSON API_DIR APIMACHINERY_DIR APIEXTENSIONS_DIR > kubernetes.txt
 *
 * The OpenAPI document knows types, list keys and patch strategies, but not which fields Go leaves out when they are
 * zero (`omitempty` without a pointer). That decides what a GET returns after `paused: false`, so it is read from the
 * Go structs. The format is explained in `schema.ts`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILTIN_KINDS } from '../kinds.ts'

interface Property {
  $ref?: string
  type?: string
  format?: string
  items?: Property
  properties?: Record<string, Property>
  additionalProperties?: Property
  'x-kubernetes-list-type'?: string
  'x-kubernetes-list-map-keys'?: string[]
  'x-kubernetes-map-type'?: string
  'x-kubernetes-patch-merge-key'?: string
  'x-kubernetes-patch-strategy'?: string
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[]
}

const [swaggerFile = '', apiDir = '', machineryDir = '', extensionsDir = ''] = process.argv.slice(2)
const definitions: Record<string, Property> = JSON.parse(readFileSync(swaggerFile, 'utf8')).definitions

const SCALARS: Record<string, string> = {
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'time',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'int-or-string',
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'any',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'any',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': 'any',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps': 'any',
}

/** Fields by Go struct, in order: `name → '' (pointer) | '?' (left out when zero) | '!' (always written)`. */
function goStructs(dir: string, prefix: string, found: Map<string, Map<string, string>>): void {
  for (const file of readdirSync(dir).filter((name) => /^(types.*|.*_types)\.go$/.test(name))) {
    const text = readFileSync(join(dir, file), 'utf8')
    for (const [, name = '', body = ''] of text.matchAll(/^type (\w+) struct \{\n(.*?)^\}/gms)) {
      const fields = new Map<string, string>()
      for (const [, type = '', tag = ''] of body.matchAll(/^\t(?:\w+\s+)?([\w.*[\]]+)\s+`[^`]*?json:"([^"]*)"/gm)) {
        const [json = '', ...flags] = tag.split(',')
        if (flags.includes('inline') || json === '') fields.set(`@${prefix}.${type}`, '')
        else fields.set(json, presence(type, flags))
      }
      found.set(`${prefix}.${name}`, fields)
    }
  }
}

function presence(type: string, flags: string[]): string {
  if (type.startsWith('*')) return ''
  if (flags.includes('omitzero')) return '?'
  return flags.includes('omitempty') ? '!?' : '!'
}

const structs = new Map<string, Map<string, string>>()
for (const kind of BUILTIN_KINDS) {
  const [group, version = 'v1'] = kind.group === '' ? ['core', kind.version] : [kind.group.split('.')[0], kind.version]
  const dir = group === 'apiextensions' ? join(extensionsDir, 'pkg/apis/apiextensions') : join(apiDir, group ?? '')
  goStructs(join(dir, version), `${group}.${version}`, structs)
}
goStructs(join(machineryDir, 'pkg/apis/meta/v1'), 'meta.v1', structs)

function shortName(name: string): string {
  const parts = name.split('.')
  return parts.slice(-3).join('.')
}

function typeText(property: Property, pending: string[]): string {
  if (property.$ref !== undefined) {
    const name = property.$ref.replace('#/definitions/', '')
    const scalar = SCALARS[name]
    if (scalar !== undefined) return scalar
    pending.push(name)
    return shortName(name)
  }
  if (property.type === 'array') return `[]${typeText(property.items ?? {}, pending)}`
  if (property.type === 'object' && property.additionalProperties !== undefined)
    return `{}${typeText(property.additionalProperties, pending)}`
  if (property.type === 'integer') return property.format ?? 'int64'
  if (property.type === 'string') return 'string'
  if (property.type === 'boolean') return 'bool'
  if (property.type === 'number') return 'number'
  return 'any'
}

function fieldText(name: string, property: Property, suffix: string, pending: string[]): string {
  const attributes: string[] = []
  const type = typeText(property, pending)
  const list = property['x-kubernetes-list-type']
  if (list === 'map') attributes.push(`map=${(property['x-kubernetes-list-map-keys'] ?? []).join(',')}`)
  if (list === 'set') attributes.push('set')
  if (property['x-kubernetes-map-type'] === 'atomic') attributes.push('atomic')
  const strategy = (property['x-kubernetes-patch-strategy'] ?? '').split(',')
  if (strategy.includes('merge')) attributes.push(`merge=${property['x-kubernetes-patch-merge-key'] ?? ''}`)
  if (strategy.includes('retainKeys')) attributes.push('retainKeys')
  // A struct is never empty in Go's eyes, so omitempty does not leave it out.
  const canBeZero = /^(string|int32|int64|bool|number|time|quantity|any|int-or-string)$|^(\[\]|\{\})/.test(type)
  const mark = suffix === '!?' ? (canBeZero ? '?' : '!') : suffix
  return ` ${name}${mark} ${type}${attributes.map((a) => ` ${a}`).join('')}`
}

function goOrder(name: string, properties: string[]): Map<string, string> {
  const order = new Map<string, string>()
  const visit = (struct: string): void => {
    for (const [field, mark] of structs.get(struct) ?? []) {
      if (!field.startsWith('@')) order.set(field, mark)
      else if (structs.has(field.slice(1))) visit(field.slice(1))
      else if (field.includes('metav1.')) visit(`meta.v1.${field.split('metav1.')[1] ?? ''}`)
    }
  }
  visit(name)
  for (const property of properties) if (!order.has(property)) order.set(property, '')
  return order
}

const roots = new Map<string, string>()
for (const [name, definition] of Object.entries(definitions))
  for (const gvk of definition['x-kubernetes-group-version-kind'] ?? [])
    roots.set(`${gvk.group}/${gvk.version}/${gvk.kind}`, name)

const pending: string[] = []
for (const kind of BUILTIN_KINDS) {
  const name = roots.get(`${kind.group}/${kind.version}/${kind.kind}`)
  if (name === undefined) throw new Error(`no definition of ${kind.group}/${kind.version} ${kind.kind}`)
  pending.push(name)
}
const done = new Map<string, string>()
while (pending.length > 0) {
  const name = pending.shift() ?? ''
  if (done.has(name)) continue
  const definition = definitions[name] ?? {}
  const properties = definition.properties ?? {}
  const atomic = definition['x-kubernetes-map-type'] === 'atomic' ? ' atomic' : ''
  const lines = [`${shortName(name)}${atomic}`]
  const order = goOrder(shortName(name), Object.keys(properties))
  for (const [field, mark] of order) {
    const property = properties[field]
    if (property !== undefined) lines.push(fieldText(field, property, mark, pending))
  }
  done.set(name, lines.join('\n'))
}
process.stdout.write(`${[...done.values()].sort().join('\n')}\n`)

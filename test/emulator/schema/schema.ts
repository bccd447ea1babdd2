/**
 * The types of the API: what a field may hold, which lists are merged by key, what Go writes and leaves out.
 *
 * `kubernetes.txt` holds one block per type. Its head is the name, with `atomic` when the whole value has one owner.
 * Then one line per field: `name[mark] type [attributes]`, where
 * - mark `?`: left out when zero, `!`: always written, none: a pointer, written when set
 * - type: scalar, another type, `[]T` or `{}T`
 * - attributes: `map=a,b` and `set` (list types of server-side apply; a list without is atomic), `atomic`,
 *   `merge=key` and `retainKeys` (strategic merge patch)
 */
import { readFileSync } from 'node:fs'

export type ScalarName = 'string' | 'int32' | 'int64' | 'number' | 'bool' | 'time' | 'quantity' | 'int-or-string'

export type Type =
  | { kind: 'scalar'; scalar: ScalarName }
  | { kind: 'struct'; name: string; short: string; fields: Map<string, Field>; atomic: boolean; open: boolean }
  | { kind: 'map'; value: Type; atomic: boolean }
  | { kind: 'list'; item: Type; relation: 'atomic' | 'set' | 'map'; keys: string[] }
  /** no schema: one owner for all (`atomic`), or an owner per field as custom resources without a schema have it */
  | { kind: 'untyped'; atomic: boolean }

export interface Field {
  type: Type
  presence: 'pointer' | 'omit-zero' | 'always'
  /** strategic merge patch: lists are merged; by this key, or as a set of scalars when it is empty */
  mergeKey?: string
  retainKeys: boolean
  /** what a missing key of a list item counts as */
  keyDefault?: string
}

const SCALARS = new Set<string>(['string', 'int32', 'int64', 'number', 'bool', 'time', 'quantity', 'int-or-string'])

/** Kubernetes publishes these defaults for list keys only in its other OpenAPI document. */
const KEY_DEFAULTS: Record<string, string> = {
  'core.v1.ContainerPort.protocol': 'TCP',
  'core.v1.ServicePort.protocol': 'TCP',
}

type Struct = Extract<Type, { kind: 'struct' }>

function isScalar(name: string): name is ScalarName {
  return SCALARS.has(name)
}

class Parser {
  readonly structs = new Map<string, Struct>()

  struct(name: string): Struct {
    const known = this.structs.get(name)
    if (known !== undefined) return known
    const short = name.split('.').at(-1) ?? name
    const made: Struct = { kind: 'struct', name, short, fields: new Map(), atomic: false, open: false }
    this.structs.set(name, made)
    return made
  }

  type(text: string, attributes: string[]): Type {
    if (text.startsWith('[]')) {
      const keys = attributes.find((a) => a.startsWith('map='))?.slice(4)
      const relation = keys !== undefined ? 'map' : attributes.includes('set') ? 'set' : 'atomic'
      return { kind: 'list', item: this.type(text.slice(2), []), relation, keys: keys?.split(',') ?? [] }
    }
    if (text.startsWith('{}'))
      return { kind: 'map', value: this.type(text.slice(2), []), atomic: attributes.includes('atomic') }
    if (text === 'any') return { kind: 'untyped', atomic: true }
    return isScalar(text) ? { kind: 'scalar', scalar: text } : this.struct(text)
  }

  field(line: string, owner: Struct): void {
    const [head = '', type = '', ...attributes] = line.trim().split(' ')
    const [, name = '', mark = ''] = /^(.*?)([?!]?)$/.exec(head) ?? []
    const merge = attributes.find((a) => a.startsWith('merge='))?.slice(6)
    const keyDefault = KEY_DEFAULTS[`${owner.name}.${name}`]
    owner.fields.set(name, {
      type: this.type(type, attributes),
      presence: mark === '?' ? 'omit-zero' : mark === '!' ? 'always' : 'pointer',
      retainKeys: attributes.includes('retainKeys'),
      ...(merge === undefined ? {} : { mergeKey: merge }),
      ...(keyDefault === undefined ? {} : { keyDefault }),
    })
  }
}

function parse(text: string): Map<string, Struct> {
  const parser = new Parser()
  let owner: Struct | undefined
  for (const line of text.split('\n')) {
    if (line === '') continue
    if (line.startsWith(' ')) {
      if (owner !== undefined) parser.field(line, owner)
      continue
    }
    const [name = '', atomic] = line.split(' ')
    owner = parser.struct(name)
    owner.atomic = atomic === 'atomic'
  }
  return parser.structs
}

const structs = parse(readFileSync(new URL('./kubernetes.txt', import.meta.url), 'utf8'))

/** The type of a built-in kind: `typeOf('apps', 'v1', 'Deployment')`. */
export function typeOf(group: string, version: string, kind: string): Type {
  const short = group === '' ? 'core' : (group.split('.')[0] ?? group)
  const found = structs.get(`${short}.${version}.${kind}`)
  if (found === undefined) throw new Error(`no schema of ${group}/${version} ${kind}`)
  return found
}

export function structNamed(name: string): Type {
  const found = structs.get(name)
  if (found === undefined) throw new Error(`no type ${name}`)
  return found
}

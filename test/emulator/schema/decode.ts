import type { Json, JsonMap } from '../../../src/shared/objects.ts'
import { isMap } from '../values.ts'
import type { Field, ScalarName, Type } from './schema.ts'

export interface Decoded {
  value: JsonMap
  /** paths of fields that the type does not have, e.g. `spec.replicaz` */
  unknown: string[]
}

/** A value that Go could not read into its struct: the whole request is refused. */
export class DecodeError extends Error {
  /** Go's name of the type that was wanted */
  readonly type: string
  constructor(message: string, type: string) {
    super(message)
    this.type = type
  }
}

/**
 * What Go keeps of a JSON object when it reads it into its struct and writes it again: unknown fields go, nulls go,
 * zero values go where the field is not a pointer, and structs that are values are always there. Every object that
 * enters the store passes here, so that `paused: false` reads back as it does from Kubernetes: not at all.
 *
 * @param wrap integers that are too large wrap around, as they do in a strategic merge patch
 */
export function decode(type: Type, value: JsonMap, wrap = false): Decoded {
  const reader = new Reader(type, wrap)
  const decoded = reader.read(type, value, '')
  return { value: isMap(decoded) ? decoded : {}, unknown: reader.unknown }
}

type Struct = Extract<Type, { kind: 'struct' }>

class Reader {
  readonly unknown: string[] = []
  readonly #wrap: boolean
  /** where the value being read lies */
  readonly #path: (string | number)[] = []

  readonly #root: Type

  constructor(root: Type, wrap: boolean) {
    this.#root = root
    this.#wrap = wrap
  }

  /** @param owner Go's name of the struct that the value lies in */
  read(type: Type, value: Json, owner: string): Json {
    switch (type.kind) {
      case 'scalar':
        return this.#scalar(type.scalar, value, owner)
      case 'struct':
        return this.#struct(type, value, owner)
      case 'map':
        return this.#map(type.value, value, owner)
      case 'list':
        if (!Array.isArray(value)) throw this.#mismatch(value, goName(type), owner)
        return value.map((item, i) => this.#below(i, type.item, item, owner))
      case 'untyped':
        return value
    }
  }

  #struct(type: Struct, value: Json, owner: string): JsonMap {
    if (!isMap(value)) throw this.#mismatch(value, goName(type), owner)
    const result: JsonMap = {}
    for (const [key, field] of type.fields) {
      const item = this.#field(field, key, value[key], type.short)
      if (item !== undefined) result[key] = item
    }
    for (const key in value) {
      if (type.fields.has(key) || value[key] === undefined) continue
      if (type.open) result[key] = value[key]
      else this.unknown.push(pathText([...this.#path, key]))
    }
    return result
  }

  #below(step: string | number, type: Type, value: Json, owner: string): Json {
    this.#path.push(step)
    const result = this.read(type, value, owner)
    this.#path.pop()
    return result
  }

  #field(field: Field, key: string, value: Json | undefined, owner: string): Json | undefined {
    const item = value === undefined || value === null ? undefined : this.#below(key, field.type, value, owner)
    if (field.presence === 'pointer') return item
    if (field.presence === 'always') return item ?? this.#zero(field.type)
    return item === undefined || isZero(item) ? undefined : item
  }

  /** Go's sentence about a value of the wrong type: it names fields, not items and keys. */
  #mismatch(value: Json, type: string, owner: string): DecodeError {
    const field = this.#fieldPath().join('.')
    const message = `json: cannot unmarshal ${goValue(value, type)} into Go struct field ${owner}.${field} of type ${type}`
    return new DecodeError(message, type)
  }

  #fieldPath(): string[] {
    const names: string[] = []
    let type: Type | undefined = this.#root
    for (const step of this.#path) {
      if (type?.kind === 'struct' && typeof step === 'string') {
        names.push(step)
        type = type.fields.get(step)?.type
      } else type = type?.kind === 'list' ? type.item : type?.kind === 'map' ? type.value : undefined
    }
    return names
  }

  #zero(type: Type): Json {
    switch (type.kind) {
      case 'struct':
        return this.#struct(type, {}, '')
      case 'scalar':
        return type.scalar === 'bool' ? false : type.scalar === 'string' ? '' : type.scalar.startsWith('int') ? 0 : null
      case 'map':
      case 'list':
      case 'untyped':
        return null
    }
  }

  #map(valueType: Type, value: Json, owner: string): JsonMap {
    if (!isMap(value)) throw this.#mismatch(value, `map[string]${goName(valueType)}`, owner)
    const result: JsonMap = {}
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue
      // encoding/json reads a null map value as the zero value of its type
      if (item === null) result[key] = valueType.kind === 'scalar' && valueType.scalar === 'string' ? '' : null
      else result[key] = this.#below(key, valueType, item, owner)
    }
    return result
  }

  #scalar(scalar: ScalarName, value: Json, owner: string): Json {
    switch (scalar) {
      case 'string':
        if (typeof value !== 'string') throw this.#mismatch(value, 'string', owner)
        return value
      case 'bool':
        if (typeof value !== 'boolean') throw this.#mismatch(value, 'bool', owner)
        return value
      case 'int32':
      case 'int64':
        return this.#integer(scalar, value, owner)
      case 'number':
        if (typeof value !== 'number') throw this.#mismatch(value, 'float64', owner)
        return value
      case 'quantity':
        return quantity(value)
      case 'int-or-string':
        if (typeof value !== 'number' && typeof value !== 'string')
          throw this.#mismatch(value, 'intstr.IntOrString', owner)
        return value
      case 'time':
        if (typeof value !== 'string') throw this.#mismatch(value, 'Time', owner)
        return value
    }
  }

  #integer(scalar: 'int32' | 'int64', value: Json, owner: string): Json {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw this.#mismatch(value, scalar, owner)
    const limit = scalar === 'int32' ? 2 ** 31 : 2 ** 63
    const fits = value < limit && value >= -limit
    if (!fits && this.#wrap && scalar === 'int32') return Number(BigInt.asIntN(32, BigInt(value)))
    if (!fits || (typeof value === 'number' && !Number.isInteger(value))) throw this.#mismatch(value, scalar, owner)
    return value
  }
}

function isZero(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (isMap(value)) return Object.keys(value).length === 0
  return value === '' || value === 0 || value === false || value === null
}

/** Canonical form of the quantities that people write most: plain numbers, and thousandths of cores. */
function quantity(value: Json): Json {
  if (typeof value !== 'string' && typeof value !== 'number') return value
  const text = String(value)
  const [, whole = '', fraction = '', suffix = ''] = /^(\d+)(?:\.(\d{1,3}))?([A-Za-z]*)$/.exec(text) ?? []
  if (fraction !== '' && suffix === '') return `${Number(whole) * 1000 + Number(fraction.padEnd(3, '0'))}m`
  if (suffix === 'm' && Number(whole) % 1000 === 0) return String(Number(whole) / 1000)
  if (suffix === 'Mi' && Number(whole) % 1024 === 0 && whole !== '0') return `${Number(whole) / 1024}Gi`
  return text
}

function pathText(path: (string | number)[]): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('')
}

function goValue(value: Json, type: string): string {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number' || typeof value === 'bigint')
    return type.startsWith('int') ? `number ${value}` : 'number'
  return Array.isArray(value) ? 'array' : 'object'
}

/** How Go names a type: `v1.PodSpec`. */
function goName(type: Type): string {
  switch (type.kind) {
    case 'struct':
      return type.name.split('.').slice(-2).join('.')
    case 'scalar':
      return type.scalar
    case 'list':
      return `[]${goName(type.item)}`
    case 'map':
      return `map[string]${goName(type.value)}`
    case 'untyped':
      return 'interface {}'
  }
}

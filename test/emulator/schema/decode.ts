import type { Json, JsonMap } from '../../../src/shared/objects.ts'
import { isMap } from '../values.ts'
import type { Field, ScalarName, Type } from './schema.ts'

export interface Decoded {
  value: JsonMap
  /** paths of fields that the type does not have, e.g. `spec.replicaz` */
  unknown: string[]
}

/** A value that Go could not read into its struct: the whole request is refused. */
export class DecodeError extends Error {}

/**
 * What Go keeps of a JSON object when it reads it into its struct and writes it again: unknown fields go, nulls go,
 * zero values go where the field is not a pointer, and structs that are values are always there. Every object that
 * enters the store passes here, so that `paused: false` reads back as it does from Kubernetes: not at all.
 */
export function decode(type: Type, value: JsonMap): Decoded {
  const unknown: string[] = []
  const decoded = read(type, value, '', unknown)
  return { value: isMap(decoded) ? decoded : {}, unknown }
}

function read(type: Type, value: Json, path: string, unknown: string[]): Json {
  switch (type.kind) {
    case 'scalar':
      return readScalar(type.scalar, value, path)
    case 'struct':
      return readStruct(type, value, path, unknown)
    case 'map':
      return readMap(type.value, value, path, unknown)
    case 'list':
      if (!Array.isArray(value)) throw mismatch(value, path, '[]')
      return value.map((item, i) => read(type.item, item, `${path}[${i}]`, unknown))
    case 'untyped':
      return value
  }
}

function readStruct(type: Extract<Type, { kind: 'struct' }>, value: Json, path: string, unknown: string[]): JsonMap {
  if (!isMap(value)) throw mismatch(value, path, type.name)
  const result: JsonMap = {}
  for (const [name, field] of type.fields) {
    const item = readField(field, value[name], path === '' ? name : `${path}.${name}`, unknown)
    if (item !== undefined) result[name] = item
  }
  for (const name in value) {
    if (type.fields.has(name) || value[name] === undefined) continue
    if (type.open) result[name] = value[name]
    else unknown.push(path === '' ? name : `${path}.${name}`)
  }
  return result
}

function readField(field: Field, value: Json | undefined, path: string, unknown: string[]): Json | undefined {
  const item = value === undefined || value === null ? undefined : read(field.type, value, path, unknown)
  if (field.presence === 'pointer') return item
  if (field.presence === 'always') return item ?? zeroOf(field.type, unknown)
  return item === undefined || isZero(item) ? undefined : item
}

function isZero(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0
  if (isMap(value)) return Object.keys(value).length === 0
  return value === '' || value === 0 || value === false || value === null
}

function zeroOf(type: Type, unknown: string[]): Json {
  switch (type.kind) {
    case 'struct':
      return readStruct(type, {}, '', unknown)
    case 'scalar':
      return type.scalar === 'bool' ? false : type.scalar === 'string' ? '' : type.scalar.startsWith('int') ? 0 : null
    case 'map':
    case 'list':
    case 'untyped':
      return null
  }
}

function readMap(valueType: Type, value: Json, path: string, unknown: string[]): JsonMap {
  if (!isMap(value)) throw mismatch(value, path, 'map[string]')
  const result: JsonMap = {}
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue
    // encoding/json reads a null map value as the zero value of its type
    if (item === null) result[key] = valueType.kind === 'scalar' && valueType.scalar === 'string' ? '' : null
    else result[key] = read(valueType, item, `${path}.${key}`, unknown)
  }
  return result
}

function readScalar(scalar: ScalarName, value: Json, path: string): Json {
  switch (scalar) {
    case 'string':
      if (typeof value !== 'string') throw mismatch(value, path, 'string')
      return value
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(value, path, 'bool')
      return value
    case 'int32':
    case 'int64':
      return readInteger(scalar, value, path)
    case 'number':
      if (typeof value !== 'number') throw mismatch(value, path, 'float64')
      return value
    case 'quantity':
      return readQuantity(value)
    case 'int-or-string':
      if (typeof value !== 'number' && typeof value !== 'string') throw mismatch(value, path, 'intstr.IntOrString')
      return value
    case 'time':
      if (typeof value !== 'string') throw mismatch(value, path, 'Time')
      return value
  }
}

function readInteger(scalar: 'int32' | 'int64', value: Json, path: string): Json {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw mismatch(value, path, scalar)
  const limit = scalar === 'int32' ? 2 ** 31 : 2 ** 63
  if (value >= limit || value < -limit || (typeof value === 'number' && !Number.isInteger(value)))
    throw mismatch(value, path, scalar)
  return value
}

/** Canonical form of the quantities that people write most: plain numbers, and thousandths of cores. */
function readQuantity(value: Json): Json {
  const text = String(value)
  const [, whole = '', fraction = '', suffix = ''] = /^(\d+)(?:\.(\d{1,3}))?([A-Za-z]*)$/.exec(text) ?? []
  if (fraction !== '' && suffix === '') return `${Number(whole) * 1000 + Number(fraction.padEnd(3, '0'))}m`
  if (suffix === 'm' && Number(whole) % 1000 === 0) return String(Number(whole) / 1000)
  if (suffix === 'Mi' && Number(whole) % 1024 === 0 && whole !== '0') return `${Number(whole) / 1024}Gi`
  return text
}

/** Go's sentence about a value of the wrong type. */
function mismatch(value: Json, path: string, type: string): DecodeError {
  const what =
    typeof value === 'string'
      ? 'string'
      : typeof value === 'boolean'
        ? 'bool'
        : Array.isArray(value)
          ? 'array'
          : isMap(value)
            ? 'object'
            : `number ${String(value)}`
  const field = path.replaceAll(/\[\d+\]/g, '')
  const short = /^[a-z]+\.v\d\w*\.(\w+)$/.exec(type)?.[1]
  return new DecodeError(
    `json: cannot unmarshal ${what} into Go struct field .${field} of type ${short === undefined ? type : type.replace(/^core\./, '')}`,
  )
}

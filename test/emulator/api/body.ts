/** Bodies of requests: content types, decoding, what becomes of unknown fields. */
import { load } from 'js-yaml'
import { parseJson } from '../../../src/shared/json.ts'
import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ApiError, badRequest, invalid, invalidValue } from '../errors.ts'
import type { Resource } from '../resources.ts'
import { DecodeError, decode } from '../schema/decode.ts'
import { asObject, isMap } from '../values.ts'
import type { ApiRequest } from './request.ts'

export function parseBody(text: string, contentType: string): Json {
  try {
    const value: unknown = contentType.includes('yaml') && !/^\s*[{[]/.test(text) ? load(text) : parseJson(text)
    return value as Json
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${contentType}): ${error instanceof Error ? error.message : ''}`,
    )
  }
}

export function contentTypeOf(request: ApiRequest): string {
  return (request.headers['content-type'] ?? 'application/json').split(';')[0]?.trim() ?? ''
}

/** The media type does not fit the request. */
export function unsupportedMediaType(supported: string[]): ApiError {
  return new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`,
  )
}

export function readObject(request: ApiRequest, resource: Resource): JsonMap {
  const type = contentTypeOf(request)
  if (!['application/json', 'application/yaml', ''].includes(type))
    throw unsupportedMediaType(['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'])
  const value = parseBody(request.body, type)
  if (!isMap(value)) throw badRequest('the request body is no object')
  const { apiVersion, kind } = value
  if (typeof kind === 'string' && kind !== resource.kind)
    throw badRequest(
      `${kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: no kind "${kind}" is registered`,
    )
  if (typeof apiVersion === 'string' && apiVersion !== resource.apiVersion)
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${resource.apiVersion})`,
    )
  return value
}

export interface Read {
  object: KubeObject
  warnings: string[]
}

/** An object through the eyes of its type. */
export function decodeObject(resource: Resource, value: JsonMap, validation: string, isPatch = false): Read {
  const typedMeta = { apiVersion: resource.apiVersion, kind: resource.kind }
  try {
    const { value: decoded, unknown } = decode(resource.type, value)
    if (unknown.length > 0 && validation === 'Strict') throw strict(resource, value, unknown, isPatch)
    const warnings = validation === 'Ignore' ? [] : unknown.map((path) => `unknown field "${path}"`)
    return { object: asObject({ ...decoded, ...typedMeta }), warnings }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    const message = error.message.replace('Go struct field .', `Go struct field ${resource.kind}.`)
    throw badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${message}`,
    )
  }
}

function strict(resource: Resource, value: JsonMap, unknown: string[], isPatch: boolean): ApiError {
  const list = unknown.map((path) => `unknown field "${path}"`).join(', ')
  if (!isPatch)
    return badRequest(
      `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: strict decoding error: ${list}`,
    )
  const patch = { ...invalidValue('patch', '', `strict decoding error: ${list}`) }
  void value
  return invalid('', '', '', [patch])
}

export function warningHeader(warnings: string[]): Record<string, string> {
  if (warnings.length === 0) return {}
  return { warning: warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(', ') }
}

/** Bodies of requests: content types, decoding, what becomes of unknown fields. */
import { load } from 'js-yaml'
import { parseJson, stringifyJson } from '../../../src/shared/json.ts'
import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ApiError, badRequest, invalid, invalidValue } from '../errors.ts'
import type { Resource } from '../resources.ts'
import { DecodeError, decode } from '../schema/decode.ts'
import { asObject, goMap, isMap } from '../values.ts'
import type { ApiRequest } from './request.ts'

/** @param what the kind that the body should hold, for the message */
export function parseBody(text: string, contentType: string, what: string): Json {
  try {
    const value: unknown = contentType.includes('yaml') && !/^\s*[{[]/.test(text) ? load(text) : parseJson(text)
    return value as Json
  } catch {
    const why = `couldn't get version/kind; json parse error: unexpected end of JSON input (${text.slice(0, 100)})`
    throw badRequest(`the object provided is unrecognized (must be of type ${what}): ${why}`)
  }
}

export function contentTypeOf(request: ApiRequest): string {
  return (request.headers['content-type'] ?? 'application/json').split(';')[0]?.trim() ?? ''
}

export function readObject(request: ApiRequest, resource: Resource): JsonMap {
  const type = contentTypeOf(request)
  if (!['application/json', 'application/yaml', ''].includes(type)) {
    const accepted = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'
    const message = `the body of the request was in an unknown format - accepted media types include: ${accepted}`
    throw new ApiError(415, 'UnsupportedMediaType', message)
  }
  const value = parseBody(request.body, type, resource.kind)
  if (!isMap(value)) throw badRequest('the request body is no object')
  const { apiVersion, kind } = value
  if (typeof kind === 'string' && kind !== resource.kind) throw badRequest(wrongKind(resource, kind))
  if (typeof apiVersion === 'string' && apiVersion !== resource.apiVersion)
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${resource.apiVersion})`,
    )
  return value
}

function wrongKind(resource: Resource, kind: string): string {
  const group = resource.group === '' ? 'core' : (resource.group.split('.')[0] ?? '')
  return `${kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: converting (${resource.version}.${kind}) to (${group}.${resource.kind}): unknown conversion`
}

export interface Read {
  object: KubeObject
  warnings: string[]
}

/** Where an object comes from: a strategic merge patch is quoted in refusals as Go prints it. */
export type Source = { kind: 'object' | 'patch' } | { kind: 'strategic'; patch: JsonMap }

/** An object through the eyes of its type. */
export function decodeObject(
  resource: Resource,
  value: JsonMap,
  validation: string,
  source: Source = { kind: 'object' },
): Read {
  const about = `${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}`
  const refuse = (detail: string): ApiError =>
    source.kind === 'object'
      ? badRequest(`${about}: ${detail}`)
      : invalid('', '', '', [invalidValue('patch', stringifyJson(value), detail)])
  try {
    const { value: decoded, unknown } = decode(resource.type, value, source.kind === 'strategic')
    const lines = unknown.map((path) => `unknown field "${path}"`)
    if (unknown.length > 0 && validation === 'Strict') throw refuse(`strict decoding error: ${lines.join(', ')}`)
    const object = asObject({ ...decoded, apiVersion: resource.apiVersion, kind: resource.kind })
    return { object, warnings: validation === 'Ignore' ? [] : lines }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    if (source.kind !== 'strategic') throw refuse(error.message)
    const detail = `unrecognized type: ${error.type}`
    throw invalid('', '', '', [invalidValue('patch', goMap(source.patch), detail)])
  }
}

export function warningHeader(warnings: string[]): Record<string, string> {
  if (warnings.length === 0) return {}
  return { warning: warnings.map((text) => `299 - ${JSON.stringify(text)}`).join(', ') }
}

/** Refusals as Kubernetes words them. */
import type { JsonMap } from '../../src/shared/objects.ts'
import type { Kind } from './kinds.ts'

/** A refusal with its `Status` body. */
export class ApiError extends Error {
  readonly code: number
  readonly reason: string
  readonly details: JsonMap | undefined
  readonly headers: Record<string, string>
  constructor(code: number, reason: string, message: string, details?: JsonMap, headers: Record<string, string> = {}) {
    super(message)
    this.code = code
    this.reason = reason
    this.details = details
    this.headers = headers
  }

  status(): JsonMap {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    }
  }
}

/** `deployments.apps`, the way messages name a resource. */
export function resourceName(kind: Kind): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
}

function detailsOf(kind: Kind, name: string, more: JsonMap = {}): JsonMap {
  return { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.plural, ...more }
}

export function notFound(kind: Kind, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${resourceName(kind)} "${name}" not found`, detailsOf(kind, name))
}

export function alreadyExists(kind: Kind, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${resourceName(kind)} "${name}" already exists`, detailsOf(kind, name))
}

export function conflict(kind: Kind, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${resourceName(kind)} "${name}": ${why}`
  return new ApiError(409, 'Conflict', message, detailsOf(kind, name))
}

export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message)
}

export function forbidden(kind: Kind, name: string, why: string): ApiError {
  const object = name === '' ? resourceName(kind) : `${resourceName(kind)} "${name}"`
  return new ApiError(403, 'Forbidden', `${object} is forbidden: ${why}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.plural,
  })
}

export function internal(message: string): ApiError {
  return new ApiError(500, '', message)
}

export interface FieldError {
  reason: 'Required' | 'Invalid' | 'NotSupported' | 'Forbidden' | 'Duplicate' | 'NotFound' | 'TooLong' | 'TypeInvalid'
  field: string
  message: string
}

export function required(field: string, detail = ''): FieldError {
  return { reason: 'Required', field, message: `Required value${detail === '' ? '' : `: ${detail}`}` }
}

export function invalidValue(field: string, value: unknown, detail: string): FieldError {
  return { reason: 'Invalid', field, message: `Invalid value: ${JSON.stringify(value)}: ${detail}` }
}

export function notSupported(field: string, value: unknown, supported: string[]): FieldError {
  const list = supported.map((item) => JSON.stringify(item)).join(', ')
  return {
    reason: 'NotSupported',
    field,
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`,
  }
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { reason: 'Forbidden', field, message: `Forbidden: ${detail}` }
}

export function duplicateValue(field: string, value: unknown): FieldError {
  return { reason: 'Duplicate', field, message: `Duplicate value: ${JSON.stringify(value)}` }
}

/** The 422 about an object that breaks the rules of its kind. */
export function invalid(group: string, kindName: string, name: string, errors: FieldError[]): ApiError {
  const lines = errors.map((error) => `${error.field}: ${error.message}`)
  const text = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`
  const qualified = group === '' ? kindName : `${kindName}.${group}`
  return new ApiError(422, 'Invalid', `${qualified} "${name}" is invalid: ${text}`, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    ...(kindName === '' ? {} : { kind: kindName }),
    causes: errors.map(({ reason, message, field }) => ({ reason: `FieldValue${reason}`, message, field })),
  })
}

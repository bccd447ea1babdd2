import type { JsonMap } from '../shared/objects.ts'
import { ApiError, type ApiErrorCause, type ApiErrorKind, NEVER_SENT } from './errors.ts'

export interface Answered {
  status: number
  headers: Record<string, string>
  body: string
}

/** Reads a failed answer: a JSON `Status`, or the plain text that an unknown API group is answered with. */
export function apiError(request: { method: string; path: string }, answer: Answered): ApiError {
  return statusError(request, answer.status, statusOf(answer.body), answer.body, answer.headers['retry-after'])
}

/** The same for a `Status` object that came inside a watch; its own code counts. */
export function eventError(request: { method: string; path: string }, status: JsonMap): ApiError {
  const code = typeof status['code'] === 'number' ? status['code'] : 500
  return statusError(request, code, status, '', undefined)
}

interface Status {
  kind?: string
  message?: string
  reason?: string
  details?: {
    name?: string
    causes?: { reason?: string; message?: string; field?: string }[]
    retryAfterSeconds?: number
  }
}

function statusOf(body: string): Status | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    const status = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Status
    return status.kind === 'Status' ? status : undefined
  } catch {
    return undefined
  }
}

function statusError(
  request: { method: string; path: string },
  code: number,
  status: Status | undefined,
  text: string,
  retryAfter: string | undefined,
): ApiError {
  const causes = (status?.details?.causes ?? []).map(causeOf)
  const message = status?.message ?? text.trim().slice(0, 500)
  const seconds = Number(retryAfter ?? status?.details?.retryAfterSeconds ?? Number.NaN)
  return new ApiError({
    status: code,
    kind: kindOf(code, status, message, causes, request.method),
    ...(status?.reason === undefined ? {} : { reason: status.reason }),
    message: message === '' ? `HTTP ${code}` : message,
    causes,
    request: { method: request.method, path: request.path },
    ...(Number.isFinite(seconds) ? { retryAfterMs: Math.max(0, seconds * 1_000) } : {}),
  })
}

const OWNER = /^conflict with "([^"]*)"/

function causeOf(cause: { reason?: string; message?: string; field?: string }): ApiErrorCause {
  const message = cause.message ?? ''
  const manager = cause.reason === 'FieldManagerConflict' ? OWNER.exec(message)?.[1] : undefined
  return {
    message,
    ...(cause.field === undefined ? {} : { field: cause.field }),
    ...(manager === undefined ? {} : { manager }),
  }
}

/** Seen on Kubernetes 1.36 for strict and for server-side-apply requests. */
const UNKNOWN_FIELD = /field not declared in schema|unknown field "|strict decoding error|failed to create typed patch/

/** What a failing JSON-patch `test` is answered with: it says nothing of its own and names no cause. */
const FAILED_TEST = /^the server rejected our request due to an error in our request|testing value .* failed/

function kindOf(
  code: number,
  status: Status | undefined,
  message: string,
  causes: ApiErrorCause[],
  method: string,
): ApiErrorKind {
  if (UNKNOWN_FIELD.test(message) && (code === 500 || code === 400 || code === 422)) return 'unknown-field'
  switch (code) {
    case 401:
      return 'unauthorized'
    case 403:
      return 'forbidden'
    case 404:
      return 'not-found'
    case 409:
      if (status?.reason === 'AlreadyExists') return 'exists'
      return causes.some((cause) => cause.manager !== undefined) ? 'conflict' : 'stale'
    case 410:
      return 'gone'
    case 422:
      return method === 'PATCH' && causes.length === 0 && FAILED_TEST.test(message) ? 'stale' : 'invalid'
    case 408:
    case 504:
      return 'timeout'
    case 429:
      return 'too-many'
    default:
      return code >= 500 ? 'server' : 'invalid'
  }
}

const SENTENCES: Record<string, string> = {
  ECONNREFUSED: 'nothing listens at that address (connection refused)',
  ENOTFOUND: 'its name cannot be resolved',
  EAI_AGAIN: 'its name cannot be resolved right now',
  ETIMEDOUT: 'it did not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'it did not answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'it accepted the request but did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'its answer stopped in the middle',
  ECONNRESET: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by the authority that the kubeconfig names',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by the authority that the kubeconfig names',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by the authority that the kubeconfig names',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not signed by the authority that the kubeconfig names',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
}

/** The first system or TLS code in a chain of causes (AggregateError included). */
export function networkCode(error: unknown): string | undefined {
  for (let depth = 0, at = error; depth < 6 && typeof at === 'object' && at !== null; depth++) {
    const { code, cause, errors } = at as { code?: unknown; cause?: unknown; errors?: unknown[] }
    if (typeof code === 'string' && code !== 'UND_ERR') return code
    at = cause ?? errors?.[0]
  }
  return undefined
}

/** A request that got no answer, with the reason in words. */
export function unreachable(request: { method: string; path: string }, error: unknown, server?: string): ApiError {
  const code = networkCode(error)
  const why = SENTENCES[code ?? ''] ?? (error instanceof Error ? error.message : String(error))
  const kind =
    code !== undefined && /TIMEOUT|TIMEDOUT/.test(code) && !NEVER_SENT.includes(code) ? 'timeout' : 'unreachable'
  const message = `the API server gave no answer: ${why}${code === undefined ? '' : ` (${code})`}`
  const path = { method: request.method, path: request.path }
  const known = { ...(code === undefined ? {} : { reason: code }), ...(server === undefined ? {} : { server }) }
  return new ApiError({ status: 0, kind, message, request: path, ...known }, { cause: error })
}

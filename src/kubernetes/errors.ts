import { type Evidence, type Failure, failureOf } from '../shared/errors.ts'
import { nameOf, type ObjectRef } from '../shared/objects.ts'

export type ApiErrorKind =
  /** fields owned by another field manager; `causes` name field and manager */
  | 'conflict'
  /** the object changed since it was read: 409 without causes, or 422 of a failing JSON-patch `test` */
  | 'stale'
  /** 409 AlreadyExists */
  | 'exists'
  | 'not-found'
  | 'forbidden'
  | 'unauthorized'
  | 'invalid'
  /** a field that the schema does not know: server-side apply answers it with HTTP 500, others with 400 */
  | 'unknown-field'
  | 'too-many'
  /** 410: the resourceVersion or continue token is too old */
  | 'gone'
  | 'timeout'
  | 'server'
  /** no answer came at all */
  | 'unreachable'

export interface ApiErrorCause {
  field?: string
  message: string
  /** field manager that owns the field (conflicts only) */
  manager?: string
}

export interface ApiErrorDetails {
  status: number
  kind: ApiErrorKind
  reason?: string
  message: string
  causes?: ApiErrorCause[]
  request: { method: string; path: string }
  /** what the server asked to wait, in milliseconds */
  retryAfterMs?: number
  /** which server it was, for people; told where no answer came */
  server?: string
}

/** An answer of the API server that is not a success, or no answer at all (status 0). */
export class ApiError extends Error {
  readonly status: number
  readonly kind: ApiErrorKind
  readonly reason: string | undefined
  readonly causes: ApiErrorCause[]
  readonly request: { method: string; path: string }
  readonly retryAfterMs: number | undefined
  readonly server: string | undefined

  constructor(details: ApiErrorDetails, options?: { cause?: unknown }) {
    super(details.message, options)
    this.name = 'ApiError'
    this.status = details.status
    this.kind = details.kind
    this.reason = details.reason
    this.causes = details.causes ?? []
    this.request = details.request
    this.retryAfterMs = details.retryAfterMs
    this.server = details.server
  }
}

/** Codes after which the request cannot have reached the server, so that even a create may be sent again. */
export const NEVER_SENT = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]

/** True when the request behind this error was certainly not carried out. */
export function neverSent(error: ApiError): boolean {
  return error.status === 0 && NEVER_SENT.includes(error.reason ?? '')
}

const PATH =
  /^\/(?:api\/([^/]+)|apis\/([^/]+)\/([^/]+))(?:\/namespaces\/([^/]+)(?=\/))?\/([^/?]+)(?:\/([^/?]+))?(?:\/([^/?]+))?/

/** What a request was about, read from its path: for sentences only. */
function about(path: string): string {
  const match = PATH.exec(path)
  if (match === null) return path.split('?')[0] ?? path
  const [, , group, , namespace, resource, name] = match
  const what = `${resource}${group === undefined ? '' : `.${group}`}${name === undefined ? '' : `/${name}`}`
  return namespace === undefined ? what : `${what} in namespace ${namespace}`
}

/** `deployments.apps is forbidden: User "x" cannot list resource "deployments" in API group "apps" in the namespace "c"`. */
const DENIED =
  /User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)"| at the cluster scope)?/

/**
 * An API error as a failure that a person can act on. Other errors pass through {@link failureOf}.
 * `kind` is `refused` where nothing can have been written and only input, rights or credentials help.
 */
export function explain(error: unknown, object?: ObjectRef): Failure {
  if (!(error instanceof ApiError)) return failureOf(error)
  const subject = object === undefined ? about(error.request.path) : nameOf(object)
  return { ...sentence(error, subject), ...(object === undefined ? {} : { object }), evidence: [answer(error)] }
}

function answer(error: ApiError): Evidence {
  const { method, path } = error.request
  const status =
    error.status === 0 ? 'no answer' : `HTTP ${error.status}${error.reason === undefined ? '' : ` ${error.reason}`}`
  return { title: 'answer', lines: [`${method} ${path.split('?')[0]}: ${status}`, error.message.slice(0, 1_000)] }
}

function sentence(error: ApiError, subject: string): Failure {
  switch (error.kind) {
    case 'unauthorized':
      return {
        kind: 'refused',
        code: 'unauthorized',
        message: 'the cluster does not accept the credentials: they are wrong or have expired',
        next: 'renew the token or certificate in the kubeconfig (a login step earlier in the job may have too short a lifetime)',
      }
    case 'forbidden':
      return forbidden(error, subject)
    case 'conflict':
      return conflict(error, subject)
    case 'stale':
      return {
        kind: 'failed',
        code: 'stale',
        message: `${subject} was changed by someone else in the meantime`,
        next: 'run the command again; if it happens again, look for another tool that writes this object',
      }
    case 'exists':
      return { kind: 'failed', code: 'exists', message: `${subject} exists already` }
    case 'not-found':
      return notFound(error, subject)
    case 'invalid':
    case 'unknown-field':
      return invalid(error, subject)
    case 'too-many':
      return server(error, 'too-many', 'the API server asks to slow down, and went on asking')
    case 'gone':
      return server(error, 'gone', 'the API server has forgotten the version that was asked for')
    case 'timeout':
      return {
        ...server(error, 'api-timeout', `the API server did not answer in time about ${subject}`),
        kind: 'timeout',
      }
    case 'server':
      return server(error, 'api-server', `the API server failed on ${subject}: ${error.message}`)
    case 'unreachable':
      return {
        kind: neverSent(error) ? 'refused' : 'failed',
        code: 'unreachable',
        message: `the cluster${error.server === undefined ? '' : ` at ${error.server}`} cannot be reached: ${error.message.replace('the API server gave no answer: ', '')}`,
        next: 'check the server address of the kubeconfig and whether this runner may reach it (network, VPN, proxy, allow-list)',
      }
  }
}

function server(error: ApiError, code: string, message: string): Failure {
  const webhook = /failed calling webhook "([^"]+)"/.exec(error.message)?.[1]
  const next =
    webhook === undefined
      ? 'try again; if it stays, look at the health of the API server'
      : `look at the admission webhook ${webhook}`
  return { kind: 'failed', code, message, next }
}

function forbidden(error: ApiError, subject: string): Failure {
  const match = DENIED.exec(error.message)
  if (match === null) {
    const message = `the cluster forbids ${error.request.method} of ${subject}: ${error.message}`
    return {
      kind: 'refused',
      code: 'forbidden',
      message,
      next: 'change what the message names, or have the policy changed',
    }
  }
  const [, user, verb, resource, group, namespace] = match
  const full = group === '' ? resource : `${resource}.${group}`
  const where = namespace === undefined ? 'at the cluster scope' : `in namespace ${namespace}`
  return {
    kind: 'refused',
    code: 'forbidden',
    message: `the right to ${verb} ${full} ${where} is missing for user ${user}`,
    next: `give ${user} the verb ${verb} on ${full} (the command rbac prints the least Role)`,
  }
}

function conflict(error: ApiError, subject: string): Failure {
  const owned = error.causes.filter(
    (cause): cause is ApiErrorCause & { manager: string } => cause.manager !== undefined,
  )
  const managers = [...new Set(owned.map((cause) => cause.manager))]
  const fields = owned.map((cause) => `${cause.field ?? '(field)'} is owned by ${cause.manager}`)
  return {
    kind: 'refused',
    code: 'conflict',
    message: `${subject}: ${fields.slice(0, 5).join(', ')}${fields.length > 5 ? ` and ${fields.length - 5} more` : ''}`,
    next: `leave the field out of the manifest, or accept it by name: take-over: [${managers.join(', ')}]`,
  }
}

function notFound(error: ApiError, subject: string): Failure {
  // An API group or version that is not served is answered with plain text, not with a Status.
  if (error.reason === undefined)
    return {
      kind: 'refused',
      code: 'unknown-kind',
      message: `the cluster does not serve ${subject}`,
      next: 'check the apiVersion of the manifest, and whether its CustomResourceDefinition is installed',
    }
  const namespace = /^namespaces "([^"]+)" not found/.exec(error.message)?.[1]
  if (namespace !== undefined)
    return {
      kind: 'refused',
      code: 'no-namespace',
      message: `namespace ${namespace} does not exist`,
      next: 'create it, add it to the manifests, or correct the input namespace',
    }
  return { kind: 'failed', code: 'not-found', message: `${subject} does not exist` }
}

function invalid(error: ApiError, subject: string): Failure {
  const causes = error.causes.map((cause) => `${cause.field === undefined ? '' : `${cause.field}: `}${cause.message}`)
  const what = causes.length > 0 ? causes.slice(0, 5).join('; ') : error.message
  if (error.kind === 'unknown-field') return unknownField(error, subject)
  const message = `the cluster refuses ${subject}: ${what}`
  return { kind: 'refused', code: 'invalid', message, next: 'correct the manifest' }
}

function unknownField(error: ApiError, subject: string): Failure {
  const declared = /(\.[^\s:]+): field not declared in schema/.exec(error.message)?.[1]
  const strict = [...error.message.matchAll(/unknown field "([^"]+)"/g)].map(([, field]) => `.${field}`)
  const fields = declared === undefined ? strict : [declared]
  const message =
    fields.length > 0
      ? `${subject} has a field that the cluster does not know: ${fields.join(', ')}`
      : `${subject} does not have the shape that the cluster expects: ${error.message}`
  return { kind: 'refused', code: 'unknown-field', message, next: 'correct the spelling of the field in the manifest' }
}

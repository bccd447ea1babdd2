/** Reads the API server's audit log: what was asked, by whom. */
import { readFileSync, statSync } from 'node:fs'

export interface AuditedRequest {
  /** when it came in, RFC 3339 with microseconds */
  at: string
  /** when it was answered */
  answered: string
  user: string
  userAgent: string
  verb: string
  /** path and query */
  uri: string
  /** `deployments`, `pods/log`, or empty for paths that are no resource */
  resource: string
  namespace: string
  name: string
  status: number
}

export interface AuditFilter {
  user?: string
  /** part of the user agent */
  userAgent?: string
  /** keep watches, which are left out because their number depends on time */
  watches?: boolean
  /** keep requests for Leases, which are renewed by the clock */
  leases?: boolean
  /** keep discovery, health and version: whatever is no resource */
  nonResource?: boolean
}

interface Line {
  stage: string
  requestReceivedTimestamp: string
  stageTimestamp: string
  user?: { username?: string }
  impersonatedUser?: { username?: string }
  userAgent?: string
  verb: string
  requestURI: string
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string }
  responseStatus?: { code?: number }
}

function toRequest(line: Line): AuditedRequest {
  const { resource = '', subresource, namespace = '', name = '' } = line.objectRef ?? {}
  return {
    at: line.requestReceivedTimestamp,
    answered: line.stageTimestamp,
    user: line.impersonatedUser?.username ?? line.user?.username ?? '',
    userAgent: line.userAgent ?? '',
    verb: line.verb,
    uri: line.requestURI,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    namespace,
    name,
    status: line.responseStatus?.code ?? 0,
  }
}

function wanted(request: AuditedRequest, filter: AuditFilter): boolean {
  if (filter.user !== undefined && request.user !== filter.user) return false
  if (filter.userAgent !== undefined && !request.userAgent.includes(filter.userAgent)) return false
  if (request.verb === 'watch' && filter.watches !== true) return false
  if (request.resource === 'leases' && filter.leases !== true) return false
  return request.resource !== '' || filter.nonResource !== false
}

export class AuditLog {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  /** Where the log ends now; requests after it are those of whatever runs next. */
  mark(): number {
    return statSync(this.#file).size
  }

  /** Requests answered since `mark`, in the order of their ends. */
  since(mark: number, filter: AuditFilter = {}): AuditedRequest[] {
    const text = readFileSync(this.#file).subarray(mark).toString('utf8')
    // The last line may still be under way.
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line)
      .filter((line) => line.stage === 'ResponseComplete')
      .map(toRequest)
      .filter((request) => wanted(request, filter))
  }

  /** The same, counted by `verb resource`. */
  count(mark: number, filter: AuditFilter = {}): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { verb, resource, uri } of this.since(mark, filter)) {
      const key = `${verb} ${resource === '' ? (uri.split('?')[0] ?? '') : resource}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  }
}

import { GitHub as Octokit, getOctokitOptions } from '@actions/github/lib/utils'
import { retry } from '@octokit/plugin-retry'
import { throttling } from '@octokit/plugin-throttling'

export interface GitHubOptions {
  token: string
  /** `GITHUB_API_URL` */
  apiUrl: string
  /** one line per retry or limit, for the debug log */
  log?: (text: string) => void
}

/** A limit that lifts within this many seconds is waited for; a longer one costs the report, never the rollout's time. */
const LONGEST_WAIT_S = 10
/** Asking again would not help; limits (403, 429) are left to the throttling, which knows how long they last. */
const NOT_AGAIN = [400, 401, 403, 404, 410, 413, 422, 429, 451]
/** ms for one answer with its body; without it a server that accepts and is silent holds the process for minutes. */
const PATIENCE_MS = 10_000
/** Entries of a page, the most that GitHub gives. */
export const PAGE = 100

export type Connection = ReturnType<typeof connect>

/** Octokit, which retries what is worth it and keeps the API's pace. Nothing is asked before it is used. */
export function connect(options: GitHubOptions) {
  const log = options.log ?? (() => undefined)
  const wait =
    (what: string) =>
    (seconds: number, request: { method: string; url: string }, _octokit: unknown, retries: number): boolean => {
      const again = retries < 2 && seconds <= LONGEST_WAIT_S
      log(`${what} of GitHub at ${request.method} ${request.url}: ${again ? 'again' : 'given up,'} after ${seconds} s`)
      return again
    }
  // The part of the toolkit below `getOctokit`, whose own module reads the event file as soon as it is loaded.
  const own = getOctokitOptions(options.token, {
    baseUrl: options.apiUrl,
    userAgent: 'headgate',
    log: { debug: log, info: log, warn: log, error: log },
    retry: { retries: 2, doNotRetry: NOT_AGAIN },
    throttle: {
      id: options.apiUrl,
      onRateLimit: wait('rate limit'),
      onSecondaryRateLimit: wait('secondary rate limit'),
    },
  })
  return new (Octokit.plugin(impatient, retry, throttling))(own)
}

/** The innermost of the plugins: each try has its own time, and what is spent in the queue does not count. */
function impatient({ hook }: Pick<InstanceType<typeof Octokit>, 'hook'>): void {
  hook.wrap('request', async (request, options) => {
    // Every hook was bound to these options before the first was called, so they are changed in place.
    options.request = { ...options.request, signal: AbortSignal.timeout(PATIENCE_MS) }
    const response = await request(options)
    // A body that breaks off is read as an empty text, and an empty text as an empty list.
    if (response.status === 200 && (response.data as unknown) === '') throw new Error('the answer broke off')
    return response
  })
}

export function split(repository: string): { owner: string; repo: string } {
  const [owner = '', repo = ''] = repository.split('/')
  return { owner, repo }
}

/** Asks by GraphQL; rejects as REST does. */
export async function query<T>(octokit: Connection, text: string, variables: Record<string, unknown>): Promise<T> {
  try {
    return await octokit.graphql<T>(text, variables)
  } catch (error) {
    throw withStatus(error)
  }
}

const STATUS_OF_TYPE: Record<string, number> = {
  FORBIDDEN: 403,
  INSUFFICIENT_SCOPES: 403,
  NOT_FOUND: 404,
  RATE_LIMITED: 429,
}

/** GraphQL answers 200 and says in the body what was wrong. */
function withStatus(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('errors' in error) || !Array.isArray(error.errors)) return error
  const [first] = error.errors as { type?: unknown }[]
  const type = String(first?.type)
  return Object.assign(new Error(`GraphQL: ${type}`), { status: STATUS_OF_TYPE[type] ?? 422 })
}

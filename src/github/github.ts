import { GitHub as Octokit, getOctokitOptions } from '@actions/github/lib/utils'
import { retry } from '@octokit/plugin-retry'
import { throttling } from '@octokit/plugin-throttling'
import type { GitHub, IssueComment } from './api.ts'
import { deliveryApi, split } from './delivery.ts'

export interface GitHubOptions {
  token: string
  /** `GITHUB_API_URL` */
  apiUrl: string
  /** one line per retry or limit, for the debug log */
  log?: (text: string) => void
}

/** A limit that lifts within this many seconds is waited for; a longer one costs the report, never the rollout's time. */
const LONGEST_WAIT_S = 10
const PAGE = 100
/** Asking again would not help; limits (403, 429) are left to the throttling, which knows how long they last. */
const NOT_AGAIN = [400, 401, 403, 404, 410, 413, 422, 429, 451]

export type Connection = ReturnType<typeof connect>

/** GitHub through octokit, which retries what is worth it and keeps the API's pace. Nothing is asked before it is used. */
export function openGitHub(options: GitHubOptions): GitHub {
  const octokit = connect(options)
  return {
    ...deliveryApi(octokit),
    comments: (repository, pullRequest) => commentsOf(octokit, repository, pullRequest),
    comment: async (repository, id) =>
      commentFrom((await octokit.rest.issues.getComment({ ...split(repository), comment_id: id })).data),
    createComment: async (repository, pullRequest, body) => {
      const { data } = await octokit.rest.issues.createComment({
        ...split(repository),
        issue_number: pullRequest,
        body,
        // A lost answer does not say that nothing was created; the next write looks for the marker first.
        request: { retries: 0 },
      })
      return commentFrom(data)
    },
    updateComment: async (repository, id, body) =>
      commentFrom((await octokit.rest.issues.updateComment({ ...split(repository), comment_id: id, body })).data),
    own: (comments) => own(octokit, comments),
    pullRequestsOf: async (repository, sha) => {
      const { data } = await octokit.rest.repos.listPullRequestsAssociatedWithCommit({
        ...split(repository),
        commit_sha: sha,
        per_page: PAGE,
      })
      return data.map(({ number, state }) => ({ number, state: state === 'open' ? 'open' : 'closed' }))
    },
  }
}

function connect(options: GitHubOptions) {
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
  return new (Octokit.plugin(retry, throttling))(own)
}

async function* commentsOf(octokit: Connection, repository: string, pullRequest: number): AsyncIterable<IssueComment> {
  const pages = octokit.paginate.iterator(octokit.rest.issues.listComments, {
    ...split(repository),
    issue_number: pullRequest,
    per_page: PAGE,
  })
  for await (const { data } of pages) for (const comment of data) yield commentFrom(comment)
}

interface RawComment {
  id: number
  node_id: string
  body?: string | undefined
  html_url: string
  user: { login: string; type: string } | null
}

function commentFrom(raw: RawComment): IssueComment {
  return {
    id: raw.id,
    nodeId: raw.node_id,
    body: raw.body ?? '',
    url: raw.html_url,
    author: { login: raw.user?.login ?? '', bot: raw.user?.type === 'Bot' },
  }
}

interface OwnAnswer {
  nodes: ({ databaseId?: number; isMinimized?: boolean; viewerDidAuthor?: boolean } | null)[]
}

const OWN = `query ($ids: [ID!]!) {
  nodes(ids: $ids) { ... on IssueComment { databaseId isMinimized viewerDidAuthor } }
}`

/** REST tells neither who asks nor what is minimised, so the few comments in question are looked up by GraphQL. */
async function own(octokit: Connection, comments: readonly IssueComment[]): Promise<IssueComment[]> {
  if (comments.length === 0) return []
  const { nodes } = await octokit.graphql<OwnAnswer>(OWN, { ids: comments.slice(0, PAGE).map(({ nodeId }) => nodeId) })
  const ids = new Set<number>()
  for (const node of nodes)
    if (node?.viewerDidAuthor === true && node.isMinimized !== true && node.databaseId !== undefined)
      ids.add(node.databaseId)
  return comments.filter(({ id }) => ids.has(id))
}

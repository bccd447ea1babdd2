import type { GitHub, IssueComment } from './api.ts'
import { connect, type Connection, type GitHubOptions, PAGE, query, split } from './connection.ts'
import { deliveryApi } from './delivery.ts'

/** GitHub as the rest of the program sees it. Nothing is asked before it is used. */
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
      return data.map(({ number, state, merged_at: merged, head }) => ({
        number,
        state: state === 'open' ? 'open' : 'closed',
        merged: typeof merged === 'string',
        ...(head.repo === null ? {} : { from: head.repo.full_name }),
      }))
    },
  }
}

async function* commentsOf(octokit: Connection, repository: string, pullRequest: number): AsyncIterable<IssueComment> {
  const pages = octokit.paginate.iterator(octokit.rest.issues.listComments, {
    ...split(repository),
    issue_number: pullRequest,
    per_page: PAGE,
  })
  for await (const { data } of pages) {
    if (!Array.isArray(data)) throw new Error('this is no list of comments')
    for (const comment of data) yield commentFrom(comment)
  }
}

interface RawComment {
  id: number
  node_id: string
  body?: string | undefined
  html_url: string
  issue_url: string
  user: { login: string; type: string } | null
}

/** Throws for an answer that is none: a body that broke off is empty, and a proxy says what it likes. */
function commentFrom(raw: Partial<RawComment>): IssueComment {
  if (typeof raw.id !== 'number' || raw.node_id === undefined || raw.html_url === undefined)
    throw new Error('this is no comment')
  return {
    id: raw.id,
    nodeId: raw.node_id,
    body: raw.body ?? '',
    url: raw.html_url,
    pullRequest: Number(raw.issue_url?.split('/').at(-1)),
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
  // The newest: whoever forges the marker many times must not hide it.
  const { nodes } = await query<OwnAnswer>(octokit, OWN, { ids: comments.slice(-PAGE).map(({ nodeId }) => nodeId) })
  const ids = new Set<number>()
  for (const node of nodes)
    if (node?.viewerDidAuthor === true && node.isMinimized !== true && node.databaseId !== undefined)
      ids.add(node.databaseId)
  return comments.filter(({ id }) => ids.has(id))
}

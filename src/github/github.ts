import type { GitHub, IssueComment } from './api.ts'
import { connect, type Connection, type GitHubOptions, PAGE, split } from './connection.ts'
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
      return data.map(({ number, state }) => ({ number, state: state === 'open' ? 'open' : 'closed' }))
    },
  }
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

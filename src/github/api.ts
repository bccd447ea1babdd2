export interface IssueComment {
  id: number
  /** GraphQL's id of the same comment */
  nodeId: string
  body: string
  /** page of the comment */
  url: string
  author: { login: string; bot: boolean }
}

export interface PullRequest {
  number: number
  state: 'open' | 'closed'
}

/**
 * What Headgate asks of GitHub. Every method rejects with an error whose `status` is the HTTP status, or without one
 * when no answer came. A repository is `owner/name`.
 */
export interface GitHub {
  /** oldest first; pages are asked for one at a time, as far as the reader goes */
  comments(repository: string, pullRequest: number): AsyncIterable<IssueComment>
  comment(repository: string, id: number): Promise<IssueComment>
  createComment(repository: string, pullRequest: number, body: string): Promise<IssueComment>
  updateComment(repository: string, id: number, body: string): Promise<IssueComment>
  /** of these comments, the ones that the token's owner wrote and that nobody has minimised */
  own(comments: readonly IssueComment[]): Promise<IssueComment[]>
  pullRequestsOf(repository: string, sha: string): Promise<PullRequest[]>
}

/** The HTTP status of a failed request; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined
  return typeof error.status === 'number' ? error.status : undefined
}

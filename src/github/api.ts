export interface IssueComment {
  id: number
  /** GraphQL's id of the same comment */
  nodeId: string
  body: string
  /** page of the comment */
  url: string
  /** number of what it hangs on */
  pullRequest: number
  author: { login: string; bot: boolean }
}

export interface PullRequest {
  number: number
  state: 'open' | 'closed'
  merged: boolean
  /** `owner/name` of where its commits come from; undefined where that was deleted */
  from?: string
}

/** GitHub's words for where a deployment stands. */
export type DeploymentState = 'in_progress' | 'pending' | 'success' | 'failure' | 'error' | 'inactive'

export interface Deployment {
  id: number
  sha: string
  /** login name of who made it, without `[bot]` */
  creator: string
  /** as it was given, parsed where it is JSON */
  payload: unknown
  /** of its newest status, in lower case; undefined before the first */
  state?: string
  logUrl?: string
}

export interface NewDeployment {
  sha: string
  task: 'deploy' | 'rollback'
  environment: string
  /** at most 140 characters, here and below */
  description: string
  payload: object
  /** absent: GitHub's own defaults */
  transient?: boolean
  production?: boolean
}

export interface DeploymentStatus {
  state: DeploymentState
  description: string
  logUrl?: string
  environmentUrl?: string
}

export interface CommitStatus {
  state: 'pending' | 'success' | 'failure' | 'error'
  context: string
  description: string
  targetUrl?: string
}

/** Who approved a job of a run, and for which environments. */
export interface Approval {
  login: string
  environments: string[]
}

/*
 * What Headgate asks of GitHub. Every method rejects with an error whose `status` is the HTTP status, or without one
 * when no answer came. A repository is `owner/name`.
 */

export interface CommentApi {
  /** oldest first; pages are asked for one at a time, as far as the reader goes */
  comments(repository: string, pullRequest: number): AsyncIterable<IssueComment>
  comment(repository: string, id: number): Promise<IssueComment>
  createComment(repository: string, pullRequest: number, body: string): Promise<IssueComment>
  updateComment(repository: string, id: number, body: string): Promise<IssueComment>
  /** of these comments, the ones that the token's owner wrote and that nobody has minimised */
  own(comments: readonly IssueComment[]): Promise<IssueComment[]>
  pullRequestsOf(repository: string, sha: string): Promise<PullRequest[]>
}

export interface DeploymentApi {
  /** newest first, each with its newest status; pages as above */
  deployments(repository: string, environment: string): AsyncIterable<Deployment>
  /** its id */
  createDeployment(repository: string, deployment: NewDeployment): Promise<number>
  addDeploymentStatus(repository: string, id: number, status: DeploymentStatus): Promise<void>
}

export interface CommitStatusApi {
  addCommitStatus(repository: string, sha: string, status: CommitStatus): Promise<void>
}

export interface RunApi {
  /** approvals of the jobs of a run, the oldest first; refusals are left out */
  approvals(repository: string, runId: string): Promise<Approval[]>
}

export type GitHub = CommentApi & DeploymentApi & CommitStatusApi & RunApi

/** The HTTP status of a failed request; undefined when there was no answer, for which octokit makes up a 500. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined
  if (error instanceof Error && 'request' in error && !('response' in error && error.response !== undefined))
    return undefined
  return typeof error.status === 'number' ? error.status : undefined
}

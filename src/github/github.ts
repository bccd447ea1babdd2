export interface IssueComment {
  id: number
  nodeId: string
  body: string
  url: string
  author: { login: string; bot: boolean }
}

export interface PullRequest {
  number: number
  state: 'open' | 'closed'
}

/** What Headgate asks of GitHub. Every method rejects with octokit's RequestError (`status` holds the HTTP status). */
export interface GitHub {
  /** pages are asked for one at a time, as far as the reader goes */
  comments(repository: string, pullRequest: number): AsyncIterable<IssueComment>
  comment(repository: string, id: number): Promise<IssueComment>
  createComment(repository: string, pullRequest: number, body: string): Promise<IssueComment>
  updateComment(repository: string, id: number, body: string): Promise<IssueComment>
  /** of these comments, the ones that the token's owner wrote and that nobody has minimised */
  own(comments: readonly IssueComment[]): Promise<IssueComment[]>
  pullRequestsOf(repository: string, sha: string): Promise<PullRequest[]>
}

export interface GitHubOptions {
  token: string
  /** `GITHUB_API_URL` */
  apiUrl: string
  /** one line per retry or limit, for the debug log */
  log?: (text: string) => void
}

/** Loads octokit on the first call, so that no GitHub code runs before the first cluster request. */
export async function openGitHub(options: GitHubOptions): Promise<GitHub> {
  throw new Error(`not connected to ${options.apiUrl}`)
}

export interface FakeComment {
  id: number
  nodeId: string
  pullRequest: number
  login: string
  bot: boolean
  body: string
  /** every body it had, the present one last */
  history: string[]
  minimized: boolean
}

export interface FakeDeployment {
  id: number
  environment: string
  sha: string
  task: string
  payload: unknown
  creator: string
  transient: boolean
  production: boolean
  /** what it was created with */
  input: Record<string, unknown>
  /** oldest first */
  statuses: Record<string, unknown>[]
}

export interface FakeStatus {
  sha: string
  state: string
  context: string
  description: string
  target_url?: string
}

export interface FakeApproval {
  state: 'approved' | 'rejected'
  login: string
  environments: string[]
}

export interface StartOptions {
  /** default: any free one */
  port?: number
  /** requests with another token get 401; absent: any token will do */
  token?: string
  /** `owner/name` in addresses, default `acme/shop` */
  repository?: string
  /** who the token belongs to, default `github-actions[bot]` */
  viewer?: string
  /** numbers that exist, default: every one */
  pulls?: number[]
  locked?: number[]
  /** the token of a fork: may read, may not write */
  readOnly?: boolean
  /** permissions that the token lacks */
  denied?: ('deployments' | 'statuses' | 'actions')[]
  /** commits that are not there */
  missingCommits?: string[]
  /** by run */
  approvals?: Record<string, FakeApproval[]>
  /** what the REST API begins with, such as `/api/v3` of an enterprise server; GraphQL is then at `/api/graphql` */
  basePath?: string
  /** of the repository itself and not merged, unless said otherwise */
  pullsOfCommit?: Record<string, { number: number; state?: 'open' | 'closed'; merged?: true; from?: string }[]>
}

export interface GitHubState {
  readonly token: string | undefined
  readonly viewer: string
  readonly readOnly: boolean
  readonly locked: ReadonlySet<number>
  readonly pullsOfCommit: NonNullable<StartOptions['pullsOfCommit']>
  readonly denied: ReadonlySet<string>
  readonly missingCommits: ReadonlySet<string>
  readonly approvals: Readonly<Record<string, FakeApproval[]>>
  comments: FakeComment[]
  deployments: FakeDeployment[]
  statuses: FakeStatus[]
  url(): string
  hasPull(number: number): boolean
  addComment(comment: Partial<FakeComment> & { pullRequest: number; body: string }): FakeComment
  addDeployment(deployment: Partial<FakeDeployment>): FakeDeployment
  /** the comment as the REST API shows it */
  raw(comment: FakeComment): Record<string, unknown>
}

/** What the stand-in remembers. */
export function createState(options: StartOptions, url: () => string): GitHubState {
  let ids = 1_000
  const repository = options.repository ?? 'acme/shop'
  const state: GitHubState = {
    token: options.token,
    viewer: options.viewer ?? 'github-actions[bot]',
    readOnly: options.readOnly ?? false,
    locked: new Set(options.locked),
    denied: new Set(options.denied),
    missingCommits: new Set(options.missingCommits),
    approvals: options.approvals ?? {},
    pullsOfCommit: options.pullsOfCommit ?? {},
    comments: [],
    deployments: [],
    statuses: [],
    url,
    hasPull: (number) => options.pulls?.includes(number) ?? true,
    addComment: (comment) => {
      const id = ++ids
      const made: FakeComment = {
        id,
        nodeId: `IC_${id}`,
        login: 'somebody',
        bot: false,
        minimized: false,
        history: [comment.body],
        ...comment,
      }
      state.comments.push(made)
      return made
    },
    addDeployment: (deployment) => {
      const made: FakeDeployment = {
        id: ++ids,
        environment: 'production',
        sha: '',
        task: 'deploy',
        payload: '',
        creator: 'github-actions',
        transient: false,
        production: false,
        input: {},
        statuses: [],
        ...deployment,
      }
      state.deployments.push(made)
      return made
    },
    raw: (comment) => ({
      id: comment.id,
      node_id: comment.nodeId,
      body: comment.body,
      html_url: `https://github.example/${repository}/pull/${comment.pullRequest}#issuecomment-${comment.id}`,
      issue_url: `https://api.github.example/repos/${repository}/issues/${comment.pullRequest}`,
      user: { login: comment.login, type: comment.bot ? 'Bot' : 'User' },
    }),
  }
  return state
}

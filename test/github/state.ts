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
  statuses: Record<string, unknown>[]
  [key: string]: unknown
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
  pullsOfCommit?: Record<string, { number: number; state?: 'open' | 'closed' }[]>
}

export interface GitHubState {
  readonly token: string | undefined
  readonly viewer: string
  readonly readOnly: boolean
  readonly locked: ReadonlySet<number>
  readonly pullsOfCommit: NonNullable<StartOptions['pullsOfCommit']>
  comments: FakeComment[]
  deployments: FakeDeployment[]
  url(): string
  hasPull(number: number): boolean
  addComment(comment: Partial<FakeComment> & { pullRequest: number; body: string }): FakeComment
  addDeployment(input: Record<string, unknown>): FakeDeployment
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
    pullsOfCommit: options.pullsOfCommit ?? {},
    comments: [],
    deployments: [],
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
    addDeployment: (input) => {
      const made: FakeDeployment = { environment: '', ...input, id: ++ids, statuses: [] }
      state.deployments.push(made)
      return made
    },
    raw: (comment) => ({
      id: comment.id,
      node_id: comment.nodeId,
      body: comment.body,
      html_url: `https://github.example/${repository}/pull/${comment.pullRequest}#issuecomment-${comment.id}`,
      user: { login: comment.login, type: comment.bot ? 'Bot' : 'User' },
    }),
  }
  return state
}

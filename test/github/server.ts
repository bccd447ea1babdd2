import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, forbidden, type Handler, notFound } from './answers.ts'
import { deliveryRoutes, listDeployments } from './deliveries.ts'
import {
  createState,
  type FakeComment,
  type FakeDeployment,
  type FakeStatus,
  type GitHubState,
  type StartOptions,
} from './state.ts'

export type { FakeComment, FakeDeployment, StartOptions } from './state.ts'

export interface LoggedRequest {
  method: string
  /** path and query, as sent, without the API's base path */
  path: string
  status: number
  body: string
  at: number
}

/** The next `times` requests that match get this answer instead of their own. */
export interface Fault {
  /** `POST`, or any method when absent */
  method?: string
  /** matched against path and query */
  path?: RegExp
  status: number
  headers?: Record<string, string>
  message?: string
  /** default: for ever */
  times?: number
  /** the request is carried out, only its answer is lost */
  after?: boolean
  /** cut the connection instead of answering */
  drop?: boolean
  /** take the request and never answer */
  hang?: boolean
}

export interface FakeGitHub {
  /** for `GITHUB_API_URL` */
  url: string
  /** comments of a pull request (default: of all), oldest first */
  comments(pullRequest?: number): FakeComment[]
  deployments(): FakeDeployment[]
  /** commit statuses, oldest first */
  statuses(): FakeStatus[]
  /** puts somebody else's deployment there */
  addDeployment(deployment: Partial<FakeDeployment>): FakeDeployment
  requests(): LoggedRequest[]
  /** puts somebody else's comment there */
  addComment(comment: Partial<FakeComment> & { pullRequest: number; body: string }): FakeComment
  deleteComment(id: number): void
  minimize(id: number): void
  fail(fault: Fault): void
  heal(): void
  close(): Promise<void>
}

/** A stand-in for GitHub's API on loopback: what Headgate uses of it, with pages, limits and faults on order. */
export async function startGitHub(options: StartOptions = {}): Promise<FakeGitHub> {
  const requests: LoggedRequest[] = []
  let faults: Fault[] = []
  let url = ''
  const state = createState(options, () => url)
  const server = createServer((request, response) => {
    void serve(request, response, state, () => faults, requests, options.basePath ?? '').catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    )
  })
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  url = `http://127.0.0.1:${port}${options.basePath ?? ''}`
  return {
    url,
    comments: (pullRequest) =>
      state.comments.filter((comment) => pullRequest === undefined || comment.pullRequest === pullRequest),
    deployments: () => state.deployments,
    statuses: () => state.statuses,
    addDeployment: (deployment) => state.addDeployment(deployment),
    requests: () => requests,
    addComment: (comment) => state.addComment(comment),
    deleteComment: (id) => void (state.comments = state.comments.filter((comment) => comment.id !== id)),
    minimize: (id) =>
      state.comments.filter((comment) => comment.id === id).forEach((comment) => (comment.minimized = true)),
    fail: (fault) => void faults.push({ ...fault }),
    heal: () => void (faults = []),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  state: GitHubState,
  faults: () => Fault[],
  requests: LoggedRequest[],
  basePath: string,
): Promise<void> {
  const body = await textOf(request)
  const method = request.method ?? 'GET'
  const path = withoutBase(request.url ?? '/', basePath)
  const fault = faults().find((each) => matches(each, method, path))
  if (fault?.times !== undefined) fault.times--
  const before = fault !== undefined && fault.after !== true
  const own = before ? undefined : answer(state, method, path, body, request.headers.authorization)
  const sent: Answer = fault === undefined ? (own ?? { status: 500 }) : faultAnswer(fault)
  requests.push({ method, path, status: sent.status, body, at: Date.now() })
  if (fault?.drop === true) return void response.destroy()
  if (fault?.hang === true) return
  response.writeHead(sent.status, { 'content-type': 'application/json; charset=utf-8', ...sent.headers })
  response.end(sent.body === undefined ? '' : JSON.stringify(sent.body))
}

/** An enterprise server has GraphQL beside the REST API, not below it. */
function withoutBase(path: string, basePath: string): string {
  if (basePath === '') return path
  if (path === `${basePath.replace(/\/v3$/, '')}/graphql`) return '/graphql'
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : `/outside${path}`
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function matches(fault: Fault, method: string, path: string): boolean {
  if (fault.times !== undefined && fault.times <= 0) return false
  return (fault.method === undefined || fault.method === method) && (fault.path === undefined || fault.path.test(path))
}

function faultAnswer(fault: Fault): Answer {
  return {
    status: fault.status,
    body: { message: fault.message ?? 'Fault on order', documentation_url: '' },
    ...(fault.headers === undefined ? {} : { headers: fault.headers }),
  }
}

function answer(state: GitHubState, method: string, path: string, body: string, token: string | undefined): Answer {
  if (state.token !== undefined && token !== `token ${state.token}` && token !== `Bearer ${state.token}`)
    return { status: 401, body: { message: 'Bad credentials' } }
  const { pathname, searchParams } = new URL(path, 'http://github.test')
  const input = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>)
  for (const [route, handler] of routes(state)) {
    const [verb, pattern = ''] = route.split(' ')
    const match =
      verb === method ? new RegExp(`^${pattern.replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`).exec(pathname) : null
    if (match !== null) return handler({ ...match.groups }, input, searchParams)
  }
  return notFound
}

function routes(state: GitHubState): [string, Handler][] {
  const repo = '/repos/{owner}/{repo}'
  return [
    [`GET ${repo}/issues/{number}/comments`, ({ number }, _input, query) => listComments(state, Number(number), query)],
    // Links to further pages name the repository by number, as GitHub's do.
    [
      'GET /repositories/1/issues/{number}/comments',
      ({ number }, _input, query) => listComments(state, Number(number), query),
    ],
    [`POST ${repo}/issues/{number}/comments`, ({ number }, input) => createComment(state, Number(number), input)],
    [
      `GET ${repo}/issues/comments/{id}`,
      ({ id }) => withComment(state, id, (comment) => ({ status: 200, body: state.raw(comment) })),
    ],
    [`PATCH ${repo}/issues/comments/{id}`, ({ id }, input) => updateComment(state, id, input)],
    [
      `GET ${repo}/commits/{sha}/pulls`,
      ({ sha = '', owner, repo: name }) => ({
        status: 200,
        body: (state.pullsOfCommit[sha] ?? []).map(({ number, state: is = 'open', merged, from }) => ({
          number,
          state: is,
          merged_at: merged === true ? '2026-11-22T09:00:00Z' : null,
          head: { repo: { full_name: from ?? `${owner}/${name}` } },
        })),
      }),
    ],
    ...deliveryRoutes(state, repo),
    ['POST /graphql', (_match, input) => graphql(state, input)],
  ]
}

function listComments(state: GitHubState, number: number, query: URLSearchParams): Answer {
  if (!state.hasPull(number)) return notFound
  const size = Math.min(100, Number(query.get('per_page') ?? 30))
  const page = Number(query.get('page') ?? 1)
  const all = state.comments.filter((comment) => comment.pullRequest === number)
  const slice = all.slice((page - 1) * size, page * size)
  const last = Math.max(1, Math.ceil(all.length / size))
  const at = (index: number, rel: string): string =>
    `<${state.url()}/repositories/1/issues/${number}/comments?per_page=${size}&page=${index}>; rel="${rel}"`
  const links = page < last ? [at(page + 1, 'next'), at(last, 'last')] : []
  return {
    status: 200,
    body: slice.map((comment) => state.raw(comment)),
    ...(links.length === 0 ? {} : { headers: { link: links.join(', ') } }),
  }
}

function createComment(state: GitHubState, number: number, input: Record<string, unknown>): Answer {
  if (!state.hasPull(number)) return notFound
  if (state.readOnly) return forbidden
  if (state.locked.has(number))
    return { status: 403, body: { message: 'Unable to create comment because issue is locked.' } }
  const body = typeof input['body'] === 'string' ? input['body'] : ''
  if (tooLong(body)) return invalid
  return {
    status: 201,
    body: state.raw(state.addComment({ pullRequest: number, body, login: state.viewer, bot: true })),
  }
}

const invalid: Answer = {
  status: 422,
  body: { message: 'Validation Failed', errors: ['body is too long (maximum is 65536 characters)'] },
}

function tooLong(body: string): boolean {
  return body === '' || body.length > 65_536
}

function withComment(state: GitHubState, id: string | undefined, act: (comment: FakeComment) => Answer): Answer {
  const comment = state.comments.find((each) => String(each.id) === id)
  return comment === undefined ? notFound : act(comment)
}

function updateComment(state: GitHubState, id: string | undefined, input: Record<string, unknown>): Answer {
  return withComment(state, id, (comment) => {
    if (state.readOnly) return forbidden
    const body = typeof input['body'] === 'string' ? input['body'] : ''
    if (tooLong(body)) return invalid
    comment.body = body
    comment.history.push(body)
    return { status: 200, body: state.raw(comment) }
  })
}

/** The two questions that Headgate asks by GraphQL; the first: which of these comments are mine and not minimised. */
function graphql(state: GitHubState, input: Record<string, unknown>): Answer {
  const query = input['query']
  if (typeof query === 'string' && query.includes('deployments(')) return listDeployments(state, input)
  const variables = input['variables'] as { ids?: string[] } | undefined
  const nodes = (variables?.ids ?? []).map((nodeId) => {
    const comment = state.comments.find((each) => each.nodeId === nodeId)
    if (comment === undefined) return null
    return { databaseId: comment.id, isMinimized: comment.minimized, viewerDidAuthor: comment.login === state.viewer }
  })
  return { status: 200, body: { data: { nodes } } }
}

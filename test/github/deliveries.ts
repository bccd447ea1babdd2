import { type Answer, forbidden, type Handler, notFound } from './answers.ts'
import type { FakeDeployment, GitHubState } from './state.ts'

/** Deployments, commit statuses and approvals, with the rules of GitHub that Headgate has to live with. */
export function deliveryRoutes(state: GitHubState, repo: string): [string, Handler][] {
  return [
    [`POST ${repo}/deployments`, (_match, input) => createDeployment(state, input)],
    [`POST ${repo}/deployments/{id}/statuses`, ({ id }, input) => addStatus(state, Number(id), input)],
    [`POST ${repo}/statuses/{sha}`, ({ sha = '' }, input) => addCommitStatus(state, sha, input)],
    [`GET ${repo}/actions/runs/{id}/approvals`, ({ id = '' }) => approvals(state, id)],
  ]
}

function invalid(message: string): Answer {
  return { status: 422, body: { message } }
}

function lacks(state: GitHubState, right: string): boolean {
  return state.readOnly || state.denied.has(right)
}

function createDeployment(state: GitHubState, input: Record<string, unknown>): Answer {
  if (lacks(state, 'deployments')) return forbidden
  const { ref, environment, task, payload, description } = input as {
    ref: string
    environment: string
    task: string
    payload: unknown
    description: string
  }
  if (state.missingCommits.has(ref)) return invalid(`No ref found for: ${ref}`)
  if (description.length > 140) return invalid('description is too long (maximum is 140 characters)')
  // What it defaults to would merge the default branch in, and wait for every check of the commit.
  if (input['auto_merge'] !== false || !Array.isArray(input['required_contexts']))
    return { status: 409, body: { message: 'Conflict: Commit status checks failed for the default branch' } }
  const made = state.addDeployment({
    sha: ref,
    environment,
    task,
    payload,
    input,
    creator: state.viewer.replace('[bot]', ''),
    transient: input['transient_environment'] === true,
    production: input['production_environment'] === true || environment === 'production',
  })
  return { status: 201, body: { id: made.id } }
}

const STATES = ['error', 'failure', 'inactive', 'in_progress', 'queued', 'pending', 'success']

function addStatus(state: GitHubState, id: number, input: Record<string, unknown>): Answer {
  const deployment = state.deployments.find((each) => each.id === id)
  if (deployment === undefined) return notFound
  if (lacks(state, 'deployments')) return forbidden
  const { state: word = '', description = '' } = input as Record<string, string>
  if (!STATES.includes(word)) return invalid('state is not included in the list')
  if (description.length > 140) return invalid('description is too long')
  deployment.statuses.push(input)
  if (word === 'success' && input['auto_inactive'] !== false) endOthers(state, deployment)
  return { status: 201, body: { id: deployment.statuses.length } }
}

/** What GitHub does by itself unless it is told not to. */
function endOthers(state: GitHubState, { id, environment }: FakeDeployment): void {
  for (const other of state.deployments)
    if (other.id !== id && other.environment === environment && !other.transient && !other.production)
      other.statuses.push({ state: 'inactive', description: 'by GitHub itself' })
}

function addCommitStatus(state: GitHubState, sha: string, input: Record<string, unknown>): Answer {
  if (lacks(state, 'statuses')) return forbidden
  if (state.missingCommits.has(sha)) return invalid(`No commit found for SHA: ${sha}`)
  const { state: word, context, description, target_url: url } = input as Record<string, string>
  if (!['error', 'failure', 'pending', 'success'].includes(word ?? '')) return invalid('state is not included')
  if ((description ?? '').length > 140) return invalid('description is too long (maximum is 140 characters)')
  state.statuses.push({
    sha,
    state: word ?? '',
    context: context ?? '',
    description: description ?? '',
    ...(url === undefined ? {} : { target_url: url }),
  })
  return { status: 201, body: { id: state.statuses.length } }
}

function approvals(state: GitHubState, run: string): Answer {
  if (lacks(state, 'actions')) return forbidden
  const body = (state.approvals[run] ?? []).map(({ state: word, login, environments }) => ({
    state: word,
    comment: '',
    user: { login },
    environments: environments.map((name) => ({ name })),
  }))
  return { status: 200, body }
}

/** Newest first, with the newest status of each; GraphQL says in the body what was wrong. */
export function listDeployments(state: GitHubState, input: Record<string, unknown>): Answer {
  if (state.denied.has('deployments'))
    return {
      status: 200,
      body: { data: null, errors: [{ type: 'FORBIDDEN', message: 'Resource not accessible by integration' }] },
    }
  const { environment, after } = input['variables'] as { environment: string; after: string | null }
  const all = state.deployments.filter((each) => each.environment === environment).toReversed()
  const from = Number(after ?? 0)
  const until = from + 100
  const nodes = all.slice(from, until).map((each) => {
    const last = each.statuses.at(-1)
    return {
      databaseId: each.id,
      commitOid: each.sha,
      payload: typeof each.payload === 'string' ? each.payload : JSON.stringify(each.payload),
      creator: { login: each.creator },
      latestStatus:
        last === undefined ? null : { state: String(last['state']).toUpperCase(), logUrl: last['log_url'] ?? null },
    }
  })
  const pageInfo = { hasNextPage: until < all.length, endCursor: String(until) }
  return { status: 200, body: { data: { repository: { deployments: { nodes, pageInfo } } } } }
}

import type { Approval, CommitStatusApi, Deployment, DeploymentApi, RunApi } from './api.ts'
import { type Connection, PAGE, query, split } from './connection.ts'

/** Deployments, commit statuses and approvals through octokit. */
export function deliveryApi(octokit: Connection): DeploymentApi & CommitStatusApi & RunApi {
  return {
    deployments: (repository, environment) => deploymentsOf(octokit, repository, environment),
    createDeployment: async (repository, { sha, task, environment, description, payload, transient, production }) => {
      const { data } = await octokit.rest.repos.createDeployment({
        ...split(repository),
        ref: sha,
        task,
        environment,
        description,
        payload: { ...payload },
        auto_merge: false,
        required_contexts: [],
        ...(transient === undefined ? {} : { transient_environment: transient }),
        ...(production === undefined ? {} : { production_environment: production }),
        // A lost answer does not say that nothing was created; the next try looks for it first.
        request: { retries: 0 },
      })
      if (!('id' in data)) throw Object.assign(new Error('no deployment was made'), { status: 422 })
      return data.id
    },
    addDeploymentStatus: async (repository, id, { state, description, logUrl, environmentUrl }) => {
      await octokit.rest.repos.createDeploymentStatus({
        ...split(repository),
        deployment_id: id,
        state,
        description,
        // GitHub's own rule ends the deployments of every app of the environment, but none in production.
        auto_inactive: false,
        ...(logUrl === undefined ? {} : { log_url: logUrl }),
        ...(environmentUrl === undefined ? {} : { environment_url: environmentUrl }),
      })
    },
    addCommitStatus: async (repository, sha, { state, context, description, targetUrl }) => {
      await octokit.rest.repos.createCommitStatus({
        ...split(repository),
        sha,
        state,
        context,
        description,
        ...(targetUrl === undefined ? {} : { target_url: targetUrl }),
      })
    },
    approvals: (repository, runId) => approvalsOf(octokit, repository, runId),
  }
}

interface DeploymentsAnswer {
  repository: {
    deployments: {
      nodes: (DeploymentNode | null)[]
      pageInfo: { hasNextPage: boolean; endCursor: string | null }
    }
  } | null
}

interface DeploymentNode {
  databaseId: number | null
  commitOid: string
  payload: string | null
  creator: { login: string } | null
  latestStatus: { state: string; logUrl: string | null } | null
}

const DEPLOYMENTS = `query ($owner: String!, $repo: String!, $environment: String!, $after: String) {
  repository(owner: $owner, name: $repo) {
    deployments(environments: [$environment], first: ${PAGE}, after: $after, orderBy: { field: CREATED_AT, direction: DESC }) {
      nodes { databaseId commitOid payload creator { login } latestStatus { state logUrl } }
      pageInfo { hasNextPage endCursor }
    }
  }
}`

/** By REST each deployment would cost one more request for its status. */
async function* deploymentsOf(octokit: Connection, repository: string, environment: string): AsyncIterable<Deployment> {
  for (let after: string | null = null; ; ) {
    const page: DeploymentsAnswer = await query(octokit, DEPLOYMENTS, { ...split(repository), environment, after })
    const { nodes = [], pageInfo } = page.repository?.deployments ?? {}
    for (const node of nodes) if (node !== null && node.databaseId !== null) yield deploymentFrom(node, node.databaseId)
    if (pageInfo?.hasNextPage !== true) return
    after = pageInfo.endCursor
  }
}

function deploymentFrom({ commitOid, payload, creator, latestStatus }: DeploymentNode, id: number): Deployment {
  return {
    id,
    sha: commitOid,
    creator: (creator?.login ?? '').replace(/\[bot\]$/, ''),
    payload: parsed(payload),
    ...(latestStatus === null ? {} : { state: latestStatus.state.toLowerCase() }),
    ...(latestStatus?.logUrl ? { logUrl: latestStatus.logUrl } : {}),
  }
}

/** JSON, which some servers have put into JSON once more. */
function parsed(payload: unknown): unknown {
  if (typeof payload !== 'string') return payload
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'string' && value !== payload ? parsed(value) : value
  } catch {
    return payload
  }
}

async function approvalsOf(octokit: Connection, repository: string, runId: string): Promise<Approval[]> {
  const { data } = await octokit.rest.actions.getReviewsForRun({ ...split(repository), run_id: Number(runId) })
  return data.flatMap(({ state, user, environments }) =>
    state === 'approved' && user !== null
      ? [{ login: user.login, environments: environments.map(({ name }) => name ?? '') }]
      : [],
  )
}

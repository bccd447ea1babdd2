import type { RunSource } from '../rollout/settings.ts'
import type { Deployment, DeploymentApi } from './api.ts'

/** What makes a deployment ours, and tells whose it is. */
export interface Payload {
  app: string
  rollout: number
  cluster: string
  namespace: string
}

/** Found on GitHub. */
export interface Found {
  own?: number
  /** of the job that this run is */
  ofJob: boolean
  older: number[]
}

/** One page of an environment without Headgate's, or with many apps, has 100; what is older is not looked for. */
const MOST_READ = 300

export interface Wanted {
  environment: string
  /** numbers of rollouts begin again where a record was deleted: the commit has to be the same as well */
  sha: string
  payload: Payload
  /** its id, where it is known */
  id?: number
}

/**
 * The deployment of one rollout in its environment, and those of the app before it. One page is read as a rule: it ends at
 * the one that has served until now. Rejects as {@link DeploymentApi} does.
 */
export async function findDeployment(github: DeploymentApi, source: RunSource, wanted: Wanted): Promise<Found> {
  const found: Found = { ofJob: false, older: [] }
  let read = 0
  for await (const deployment of github.deployments(source.repository, wanted.environment)) {
    const payload = payloadOf(deployment)
    if (payload === undefined) found.ofJob ||= isOfJob(deployment, source)
    else if (isOwn(deployment, payload, wanted)) {
      found.own ??= deployment.id
      // The newest come first.
      found.older = []
    } else if (sameApp(payload, wanted.payload)) {
      if (isOpen(deployment)) found.older.push(deployment.id)
      // It has ended those before it.
      if (deployment.state === 'success') break
    }
    if (++read >= MOST_READ) break
  }
  return found
}

function isOwn({ id, sha }: Deployment, payload: Payload, wanted: Wanted): boolean {
  if (wanted.id !== undefined) return id === wanted.id
  return sameApp(payload, wanted.payload) && payload.rollout === wanted.payload.rollout && sha === wanted.sha
}

function payloadOf({ payload }: Deployment): Payload | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined
  const given = payload as Partial<Payload>
  return typeof given.app === 'string' && typeof given.rollout === 'number' ? (given as Payload) : undefined
}

function sameApp(a: Payload, b: Payload): boolean {
  return a.app === b.app && a.cluster === b.cluster && a.namespace === b.namespace
}

/** A vanished run may have left one that is still under way. */
function isOpen({ state = '' }: Deployment): boolean {
  return ['success', 'in_progress', 'pending', 'queued'].includes(state)
}

/**
 * GitHub makes one by itself for a job with `environment:`. One of another job of this run, such as the approval before it,
 * has ended by now.
 */
function isOfJob({ creator, state = '', logUrl = '' }: Deployment, { runId }: RunSource): boolean {
  const running = ['in_progress', 'queued', 'waiting', 'pending'].includes(state)
  return running && creator === 'github-actions' && runId !== '' && `${logUrl}/`.includes(`/actions/runs/${runId}/`)
}

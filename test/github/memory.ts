import type {
  CommitStatus,
  CommitStatusApi,
  Deployment,
  DeploymentApi,
  DeploymentStatus,
  NewDeployment,
} from '../../src/github/api.ts'
import type { Clock } from '../../src/shared/clock.ts'

interface Kept extends Deployment {
  made?: NewDeployment
  statuses: DeploymentStatus[]
}

/** Deployments and commit statuses in memory: what GitHub was told, and what it should fail with. */
export class MemoryDeliveries implements DeploymentApi, CommitStatusApi {
  readonly list: Kept[] = []
  readonly commits: (CommitStatus & { sha: string })[] = []
  /** one word or two per request, in order */
  readonly calls: string[] = []
  /** the error that a call gets; `after` it was carried out when the answer is lost */
  fail: (call: string) => unknown = () => undefined
  lose: (call: string) => boolean = () => false
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** somebody else's, or of an earlier run */
  add(deployment: Partial<Kept>): Kept {
    const made: Kept = {
      id: this.list.length + 1,
      sha: '',
      creator: 'github-actions',
      payload: '',
      statuses: [],
      ...deployment,
    }
    this.list.push(made)
    return made
  }

  /** states that a deployment has been given */
  statesOf(id: number): string[] {
    return this.list.find((each) => each.id === id)?.statuses.map(({ state }) => state) ?? []
  }

  async *deployments(_repository: string, environment: string): AsyncIterable<Deployment> {
    await this.#call(`list ${environment}`)
    yield* this.list.toReversed()
  }

  async createDeployment(_repository: string, made: NewDeployment): Promise<number> {
    await this.#call(`create ${made.environment}`)
    const { id } = this.add({ made, sha: made.sha, payload: made.payload })
    this.#lost(`create ${made.environment}`)
    return id
  }

  async addDeploymentStatus(_repository: string, id: number, status: DeploymentStatus): Promise<void> {
    await this.#call(`${status.state} ${id}`)
    const found = this.list.find((each) => each.id === id)
    if (found === undefined) throw failure(404)
    found.statuses.push(status)
    found.state = status.state
    if (status.logUrl !== undefined) found.logUrl = status.logUrl
    this.#lost(`${status.state} ${id}`)
  }

  async addCommitStatus(_repository: string, sha: string, status: CommitStatus): Promise<void> {
    await this.#call(`commit ${status.state}`)
    this.commits.push({ sha, ...status })
  }

  async #call(name: string): Promise<void> {
    this.calls.push(name)
    await this.#clock.sleep(100)
    const error = this.fail(name)
    if (error !== undefined) throw error
  }

  #lost(call: string): void {
    if (this.lose(call)) throw failure(502)
  }
}

export function failure(status: number, message = 'no'): Error {
  return Object.assign(new Error(message), { status })
}

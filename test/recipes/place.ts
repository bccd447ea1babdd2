import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import type { KubeObject } from '../../src/shared/objects.ts'
import { type Run, Workspace } from '../cluster/e2e/runner.ts'
import { Emulator } from '../emulator/emulator.ts'
import type { Listening } from '../emulator/server.ts'
import { type FakeGitHub, startGitHub } from '../github/server.ts'
import type { Value } from './expression.ts'
import { FastClock } from './fast-clock.ts'
import { Groups } from './groups.ts'
import { type Decision, dispatched, type JobResult, runJobs, type StepResult } from './jobs.ts'
import { type Repository, startRepository } from './people.ts'
import { EXAMPLES, readWorkflow } from './workflow.ts'

const REPOSITORY = 'shop/echo-version'
/** Brought the commit that the tests push. */
export const PULL_REQUEST = 12
const OLD = 'gihyodocker/echo-version:0.1.0'
const RIGHTS = { ann: 'write', root: 'admin', reader: 'read', stranger: 'none' }

/** An event that starts a workflow. */
export interface Trigger {
  event: 'push' | 'workflow_dispatch' | 'repository_dispatch' | 'issue_comment' | 'schedule' | 'pull_request'
  payload?: { [name: string]: Value }
  /** what was entered into the form of a dispatch */
  inputs?: Record<string, string | boolean>
  sha?: string
  secrets?: Record<string, string>
}

let lastRunId = 5_000

/** A workflow under way. */
export class WorkflowRun {
  readonly runId = ++lastRunId
  readonly actions: Run[] = []
  jobs: Promise<Record<string, JobResult>> = Promise.resolve({})
  cancelled = false
  #told: (() => void)[] = []

  started(action: Run): void {
    this.actions.push(action)
    for (const tell of this.#told.splice(0)) tell()
  }

  /** Resolves when the first process of the action says so. */
  async says(what: RegExp): Promise<void> {
    while (this.actions.length === 0) await new Promise<void>((resolve) => this.#told.push(resolve))
    await this.actions[0]?.says(what)
  }

  /** As the button does: SIGINT to what runs. */
  cancel(): void {
    this.cancelled = true
    for (const action of this.actions) action.kill('SIGINT')
  }

  async job(name: string): Promise<JobResult> {
    const job = (await this.jobs)[name]
    if (job === undefined) throw new Error(`no job ${name}`)
    return job
  }

  async step(job: string, name: string): Promise<StepResult> {
    const { steps } = await this.job(job)
    const step = steps.find((each) => each.name === name)
    if (step === undefined) throw new Error(`no step ${name} was run, but ${steps.map((each) => each.name).join(', ')}`)
    return step
  }

  /** All that its actions have said. */
  get log(): string {
    return this.actions.map(({ log }) => log).join('\n')
  }
}

/** A repository on GitHub with its cluster, both of whose time runs fast. */
export class Place {
  readonly clock = new FastClock()
  readonly emulator = new Emulator({
    clock: this.clock,
    requestDelay: [0, 0],
    // The image of the app with a command of its own, which ends.
    behaviour: (_image, _pod, { name }) => (name === 'migrate' ? { runMs: 1_000, exitCode: 0 } : undefined),
  })
  readonly decisions: Record<string, Decision> = {}
  readonly #groups = new Groups()
  readonly #workspaces: Workspace[] = []
  github!: FakeGitHub
  people!: Repository
  #server!: Listening

  /** With the sample app in the cluster, running version 0.1.0 or another image. */
  async open({ app = true, image = OLD, readOnly = false, manifests = 'k8s' } = {}): Promise<this> {
    this.#server = await this.emulator.listen()
    const pullsOfCommit = { merged: [{ number: PULL_REQUEST }], newer: [{ number: PULL_REQUEST + 1 }] }
    this.github = await startGitHub({ repository: REPOSITORY, token: 'gh-token', pullsOfCommit, readOnly })
    this.people = await startRepository(this.github, RIGHTS)
    if (app) await this.#furnish(manifests, image)
    return this
  }

  /** The app, brought there with `kubectl apply` before there was Headgate. */
  async #furnish(manifests: string, image: string): Promise<void> {
    const text = readFileSync(join(EXAMPLES, manifests, 'echo-version.yaml'), 'utf8').replaceAll(OLD, image)
    const objects = loadAll(text) as KubeObject[]
    for (const object of objects) {
      const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(object) }
      const metadata = { ...object.metadata, namespace: 'default', annotations }
      this.emulator.create({ ...object, metadata }, 'kubectl-client-side-apply')
    }
    const wanted = objects.reduce(
      (sum, { spec }) => sum + ((spec as { replicas?: number } | undefined)?.replicas ?? 0),
      0,
    )
    while (this.pods(image) < wanted) await this.clock.sleep(1_000)
  }

  async close(): Promise<void> {
    await Promise.all(this.#workspaces.map((each) => each.remove()))
    await this.people.close()
    await this.github.close()
    await this.#server.close()
  }

  start(file: string, trigger: Trigger): WorkflowRun {
    const workflow = readWorkflow(file)
    if (!(trigger.event in workflow.on)) throw new Error(`${file} does not start on ${trigger.event}`)
    const run = new WorkflowRun()
    const { event, sha = 'merged' } = trigger
    const secrets = trigger.secrets ?? { KUBECONFIG: this.#server.kubeconfig }
    const inputs = event === 'workflow_dispatch' ? dispatched(workflow, trigger.inputs ?? {}) : {}
    const payload = trigger.payload ?? {}
    const github = {
      event: payload,
      event_name: event,
      sha,
      token: 'gh-token',
      api_url: this.people.url,
      repository: REPOSITORY,
    }
    run.jobs = runJobs(
      workflow,
      { github, inputs, secrets },
      {
        groups: this.#groups,
        decisions: this.decisions,
        workspace: () => this.#workspace(),
        env: () => ({
          ...this.clock.environment(),
          GITHUB_API_URL: this.people.url,
          GITHUB_EVENT_NAME: event,
          GITHUB_SHA: sha,
          GITHUB_REPOSITORY: REPOSITORY,
          GITHUB_WORKFLOW_REF: `${REPOSITORY}/.github/workflows/${file}@refs/heads/main`,
        }),
        event: payload,
        runId: run.runId,
        cancelled: () => run.cancelled,
        started: (action) => run.started(action),
      },
    )
    return run
  }

  /** A push of a commit, whose image has the commit as its tag. */
  push(file: string, sha = 'merged'): WorkflowRun {
    return this.start(file, { event: 'push', sha })
  }

  dispatch(file: string, inputs: Record<string, string | boolean>): WorkflowRun {
    return this.start(file, { event: 'workflow_dispatch', inputs, sha: 'main' })
  }

  #workspace(): Workspace {
    const workspace = new Workspace('')
    this.#workspaces.push(workspace)
    return workspace
  }

  /** Ready pods of an image, or of the image of a commit. */
  pods(image: string): number {
    const full = image.includes(':') ? image : `gihyodocker/echo-version:${image}`
    return this.emulator.list('pods', 'default').filter((pod) => {
      const { spec, status, metadata } = pod as KubeObject & {
        spec: { containers: { image: string }[] }
        status?: { conditions?: { type: string; status: string }[] }
      }
      const ready = status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true
      return ready && metadata.deletionTimestamp === undefined && spec.containers[0]?.image === full
    }).length
  }

  /** Pods of the version before. */
  get old(): number {
    return this.pods(OLD)
  }

  get #record(): string {
    const map = this.emulator.get('configmaps', 'default', 'headgate-echo-version') as
      | { data?: Record<string, string> }
      | undefined
    return map?.data?.['record'] ?? '{"phase":"none"}'
  }

  get phase(): string {
    return (JSON.parse(this.#record) as { phase: string }).phase
  }

  /** Puts another text in the place of the first one like it in the record. */
  rewrite(before: string, after: string): void {
    const record = this.#record.replace(before, after)
    this.emulator.patch('configmaps', 'default', 'headgate-echo-version', { data: { record } })
  }

  get comment(): string {
    return this.github.comments(PULL_REQUEST).at(-1)?.body ?? ''
  }
}

/** A test with a place of its own, so that it may wait beside others. */
export function inPlace(
  test: (place: Place) => Promise<void>,
  options: Parameters<Place['open']>[0] = {},
): () => Promise<void> {
  return async () => {
    const place = await new Place().open(options)
    try {
      await test(place)
    } finally {
      await place.close()
    }
  }
}

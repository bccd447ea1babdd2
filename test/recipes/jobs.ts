/** Runs the jobs of a workflow: needs, conditions, environments, concurrency, steps and called workflows. */
import type { Run, Workspace } from '../cluster/e2e/runner.ts'
import { filledIn, holds, type Scope, textOf, type Value } from './expression.ts'
import type { Groups } from './groups.ts'
import { type StepEnd, type StepRun, startScript, startUses } from './steps.ts'
import { type Job, readWorkflow, type Step, type Workflow } from './workflow.ts'

export type Decision = 'approve' | 'reject' | 'wait'
type Texts = Record<string, string>

/** What jobs meet around them. */
export interface Around {
  groups: Groups
  /** what the reviewers of an environment say; one that is not named has none */
  decisions: Record<string, Decision>
  workspace(): Workspace
  /** environment of each process */
  env: () => Texts
  event: object
  runId: number
  cancelled: () => boolean
  /** told of each process of the action when it starts */
  started(action: Run): void
}

export interface StepResult extends StepEnd {
  name: string
}

export interface JobResult {
  /** `waiting`: for the reviewers of its environment, or for a job that does */
  result: 'success' | 'failure' | 'cancelled' | 'skipped' | 'waiting'
  outputs: Texts
  steps: StepResult[]
  /** jobs of a called workflow */
  jobs?: Record<string, JobResult>
}

type Contexts = Scope['contexts']

/** All jobs of a workflow, each begun when those that it needs are over. */
export async function runJobs(
  workflow: Workflow,
  contexts: Contexts,
  around: Around,
): Promise<Record<string, JobResult>> {
  const jobs = new Map<string, Promise<JobResult>>()
  for (const [name, job] of Object.entries(workflow.jobs)) {
    const needs = [job.needs ?? []].flat()
    const before = needs.map((each) => jobs.get(each) ?? Promise.reject(new Error(`${name} needs ${each} before it`)))
    jobs.set(name, runJob(job, needs, before, contexts, around))
  }
  const ended = await Promise.all([...jobs].map(async ([name, job]) => [name, await job] as const))
  return Object.fromEntries(ended)
}

const nothing = (result: JobResult['result']): JobResult => ({ result, outputs: {}, steps: [] })

async function runJob(
  job: Job,
  names: string[],
  before: Promise<JobResult>[],
  outer: Contexts,
  around: Around,
): Promise<JobResult> {
  const ended = await Promise.all(before)
  if (ended.some(({ result }) => result === 'waiting')) return nothing('waiting')
  const needs = Object.fromEntries(
    names.map((name, index) => [name, { result: ended[index]?.result ?? '', outputs: ended[index]?.outputs ?? {} }]),
  )
  const failed = ended.some(({ result }) => result !== 'success')
  const status = around.cancelled() ? 'cancelled' : failed ? 'failure' : 'success'
  const scope: Scope = { contexts: { ...outer, needs }, status }
  if (!holds(job.if, scope)) return nothing('skipped')
  // GitHub asks for approval first; then the job takes its place in the group.
  const { environment } = job
  const place = typeof environment === 'object' ? environment.name : environment
  const decision = place === undefined ? undefined : around.decisions[filledIn(place, scope)]
  if (decision === 'wait') return nothing('waiting')
  if (decision === 'reject') return nothing('failure')
  const { concurrency } = job
  if (concurrency === undefined) return act(job, scope, around)
  const group = filledIn(concurrency.group, scope)
  if ((await around.groups.enter(group, concurrency)) === 'cancelled') return nothing('cancelled')
  try {
    return await act(job, scope, around)
  } finally {
    around.groups.leave(group)
  }
}

function act(job: Job, { contexts }: Scope, around: Around): Promise<JobResult> {
  const scope: Scope = { contexts, status: around.cancelled() ? 'cancelled' : 'success' }
  return job.uses === undefined ? runSteps(job, scope, around) : callWorkflow(job, job.uses, scope, around)
}

async function callWorkflow(job: Job, uses: string, scope: Scope, around: Around): Promise<JobResult> {
  const [, file] = /^\.\/\.github\/workflows\/([\w-]+\.yml)$/.exec(uses) ?? []
  if (file === undefined) throw new Error(`${uses} is not below examples/workflows`)
  const workflow = readWorkflow(file)
  const call = workflow.on.workflow_call
  for (const [name, each] of Object.entries(workflow.jobs)) mayHave(name, each, job.permissions ?? {})
  const given = textsOf(job.with, scope)
  const declared = call?.inputs ?? {}
  const unknown = Object.keys(given).filter((name) => declared[name] === undefined)
  if (unknown.length > 0) throw new Error(`${file} has no input ${unknown.join(', ')}`)
  const inputs = Object.fromEntries(
    Object.entries(declared).map(([name, { required, default: fallback = '' }]) => {
      if (required === true && given[name] === undefined) throw new Error(`${file} requires the input ${name}`)
      return [name, given[name] ?? fallback]
    }),
  )
  const { github = null } = scope.contexts
  const jobs = await runJobs(workflow, { github, inputs, secrets: textsOf(job.secrets, scope) }, around)
  const results = Object.values(jobs).map(({ result }) => result)
  const worst = (['failure', 'cancelled', 'waiting'] as const).find((each) => results.includes(each))
  const ends: Value = Object.fromEntries(Object.entries(jobs).map(([name, { outputs }]) => [name, { outputs }]))
  const outputs = Object.entries(call?.outputs ?? {}).map(([name, { value }]) => [
    name,
    filledIn(value, { contexts: { jobs: ends }, status: 'success' }),
  ])
  return { result: worst ?? 'success', outputs: Object.fromEntries(outputs), steps: [], jobs }
}

/** GitHub does not start a called workflow that asks for more than its caller has. */
function mayHave(name: string, { permissions = {} }: Job, callers: Texts): void {
  for (const [right, level] of Object.entries(permissions))
    if (callers[right] !== level && callers[right] !== 'write')
      throw new Error(`job ${name} asks for ${right}: ${level}, which its caller does not give`)
}

async function runSteps(job: Job, { contexts, status: first }: Scope, around: Around): Promise<JobResult> {
  const workspace = around.workspace()
  const jobEnv = textsOf(job.env, { contexts, status: first })
  const steps: { [id: string]: Value } = {}
  const results: StepResult[] = []
  const posts: NonNullable<StepRun['post']>[] = []
  let status: Scope['status'] = first
  for (const step of job.steps ?? []) {
    const scope: Scope = { contexts: { ...contexts, env: jobEnv, steps, job: { status } }, status }
    if (!holds(step.if, scope)) {
      if (step.id !== undefined) steps[step.id] = { outcome: 'skipped', outputs: {} }
      continue
    }
    const run = startStep(step, scope, jobEnv, workspace, around)
    if (run.action !== undefined) around.started(run.action)
    if (run.post !== undefined) posts.unshift(run.post)
    const end = await run.done
    results.push({ name: step.id ?? step.name ?? step.uses ?? 'run', ...end })
    if (step.id !== undefined) steps[step.id] = { outcome: end.conclusion, outputs: end.outputs }
    if (around.cancelled()) status = 'cancelled'
    else if (end.conclusion !== 'success') status = 'failure'
  }
  for (const post of posts) await post()
  const scope: Scope = { contexts: { ...contexts, steps }, status }
  return { result: status, outputs: textsOf(job.outputs, scope), steps: results }
}

function startStep(step: Step, scope: Scope, jobEnv: Texts, workspace: Workspace, around: Around): StepRun {
  const given = {
    inputs: { ...(step.uses === undefined ? {} : { 'github-token': 'gh-token' }), ...textsOf(step.with, scope) },
    env: { ...jobEnv, ...textsOf(step.env, scope) },
    options: { event: around.event, env: around.env(), runId: around.runId },
  }
  if (step.uses !== undefined) return startUses(step.uses, workspace, given)
  // Text that others write must never be put into a script: it would be run.
  if (step.run?.includes('${{') === true) throw new Error('an expression stands in a script')
  return startScript(step.run ?? '', workspace, given)
}

function textsOf(values: Record<string, string | number | boolean> | undefined, scope: Scope): Texts {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, filledIn(String(value), scope)]))
}

/** What the form of a dispatch makes of what was entered. Throws for what GitHub refuses. */
export function dispatched(workflow: Workflow, entered: Record<string, string | boolean>): { [name: string]: Value } {
  const declared = workflow.on.workflow_dispatch?.inputs
  if (declared === undefined) throw new Error("Workflow does not have 'workflow_dispatch' trigger")
  const unknown = Object.keys(entered).filter((name) => declared[name] === undefined)
  if (unknown.length > 0) throw new Error(`Unexpected inputs provided: ${unknown.join(', ')}`)
  return Object.fromEntries(
    Object.entries(declared).map(([name, { type, options, default: fallback }]) => {
      const value = entered[name] ?? fallback ?? ''
      if (options !== undefined && !options.includes(textOf(value))) throw new Error(`${name} has no such choice`)
      return [name, type === 'boolean' ? value === true || value === 'true' : value]
    }),
  )
}

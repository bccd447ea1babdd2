import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Place } from '../shared/errors.ts'
import type { Json } from '../shared/objects.ts'
import { parseJson } from '../shared/json.ts'
import { nearest } from '../shared/nearest.ts'
import { valueAt } from '../manifests/workload.ts'
import type { RunSource } from '../rollout/settings.ts'
import { operatingWorkflow, workflowFile } from './operating.ts'
import { INPUTS, isInputName, type RawInputs } from './inputs.ts'
import type { Problem } from './problems.ts'
import type { Environment } from './variables.ts'

/** The only view of the process environment that the rest of the program gets. */
export interface RunContext {
  raw: RawInputs
  /** inputs whose names are typos; refused before anything else is read */
  typos: Problem[]
  source: RunSource
  /** directory that manifests are read from */
  workspace: string
  /** directory for report and plan */
  tempDir: string
  /** `GITHUB_API_URL` */
  apiUrl: string
  /** the runner was asked for debug output */
  debug: boolean
  /** path of the file that the job summary is appended to, on a runner */
  summaryFile?: string
  /** colours are wanted: not on a runner that forbids them, not with NO_COLOR */
  color: boolean
  env: (name: string) => string | undefined
  /** what a process that a check starts may see: all but the inputs and the runner's own tokens */
  childEnv: Environment
}

const SERVER = 'https://github.com'
const API = 'https://api.github.com'

/**
 * Inputs and run of a GitHub Action: INPUT_* (upper case, dashes stay), GITHUB_* and the event file. An INPUT_ that is near
 * to one of ours is a typo: the runner itself only warns about inputs that an action does not have. Never throws, so that
 * every run ends with an outcome.
 */
export async function readAction(env: Environment): Promise<RunContext> {
  const { workspace, ...rest } = contextOf(env, env['GITHUB_WORKSPACE'] ?? '.')
  const { raw, typos } = inputsOf(env)
  const problems = await Promise.all(typos.map((typo) => typoProblem(env, workspace, typo)))
  const source = await sourceOf(env, await eventOf(env), workspace)
  return { raw, typos: problems, source, workspace, ...rest }
}

/** What action and command line see in the same way. */
export function contextOf(env: Environment, workspace: string): Omit<RunContext, 'raw' | 'typos' | 'source'> {
  const summaryFile = env['GITHUB_STEP_SUMMARY']
  return {
    workspace,
    tempDir: env['RUNNER_TEMP'] ?? tmpdir(),
    apiUrl: env['GITHUB_API_URL'] ?? API,
    debug: env['RUNNER_DEBUG'] === '1',
    ...(summaryFile === undefined || summaryFile === '' ? {} : { summaryFile }),
    color: env['NO_COLOR'] === undefined || env['NO_COLOR'] === '',
    env: (name) => env[name],
    childEnv: Object.fromEntries(Object.entries(env).filter(([name]) => !/^(INPUT_|STATE_|ACTIONS_)/.test(name))),
  }
}

interface Typo {
  name: string
  near: string
}

function inputsOf(env: Environment): { raw: RawInputs; typos: Typo[] } {
  const raw: RawInputs = {}
  const typos: Typo[] = []
  const names = INPUTS.map((input) => input.name)
  for (const [key, value = ''] of Object.entries(env)) {
    if (!key.startsWith('INPUT_') || value.trim() === '') continue
    const name = key.slice('INPUT_'.length).toLowerCase()
    if (isInputName(name)) raw[name] = value.trim()
    const near = isInputName(name) ? undefined : nearest(name, names)
    if (near !== undefined) typos.push({ name, near })
  }
  return { raw, typos }
}

async function typoProblem(env: Environment, workspace: string, { name, near }: Typo): Promise<Problem> {
  const place = await placeOfInput(env, workspace, name)
  const message = `unknown input "${name}"; did you mean ${near}?`
  return place === undefined ? { message } : { message, place }
}

/** The line of the checked out workflow that gives the input; undefined where it cannot be told. */
async function placeOfInput(env: Environment, workspace: string, name: string): Promise<Place | undefined> {
  const file = workflowFile(env)
  if (file === undefined) return undefined
  const text = await readFile(join(workspace, file), 'utf8').catch(() => '')
  const lines = text.split('\n').map((line) => line.toLowerCase().trimStart())
  const line = lines.findIndex((each) => [`${name}:`, `"${name}":`, `'${name}':`].some((key) => each.startsWith(key)))
  return line < 0 ? undefined : { file, line: line + 1 }
}

async function eventOf(env: Environment): Promise<Json> {
  const path = env['GITHUB_EVENT_PATH']
  if (path === undefined || path === '') return null
  try {
    return parseJson(await readFile(path, 'utf8')) as Json
  } catch {
    // The event only says which pull request this is; without it the commit is asked for.
    return null
  }
}

/** The run, from the variables that every runner sets. A pull request's own commit and branch, not the merge made for it. */
export async function sourceOf(env: Environment, event: Json, workspace: string): Promise<RunSource> {
  const serverUrl = env['GITHUB_SERVER_URL'] ?? SERVER
  const repository = env['GITHUB_REPOSITORY'] ?? ''
  const runId = env['GITHUB_RUN_ID'] ?? ''
  const attempt = wholeOf(env['GITHUB_RUN_ATTEMPT'], 1)
  const head = valueAt(event, ['pull_request', 'head', 'sha'])
  const pullRequest = pullRequestOf(event)
  const page = `${serverUrl}/${repository}/actions/runs/${runId}/attempts/${attempt}`
  return {
    repository,
    sha: typeof head === 'string' ? head : (env['GITHUB_SHA'] ?? ''),
    ref: env['GITHUB_HEAD_REF'] || env['GITHUB_REF_NAME'] || '',
    runId,
    attempt,
    runNumber: wholeOf(env['GITHUB_RUN_NUMBER'], 0),
    runUrl: repository === '' || runId === '' ? '' : page,
    actor: env['GITHUB_TRIGGERING_ACTOR'] || env['GITHUB_ACTOR'] || '',
    ...(pullRequest === undefined ? {} : { pullRequest }),
    ...(await operatingWorkflow(env, workspace)),
    serverUrl,
  }
}

function wholeOf(text: string | undefined, fallback: number): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : fallback
}

/** Number of the event's pull request; a comment's issue is one when it says so. */
function pullRequestOf(event: Json): number | undefined {
  const issue =
    valueAt(event, ['issue', 'pull_request']) === undefined ? undefined : valueAt(event, ['issue', 'number'])
  const number = valueAt(event, ['pull_request', 'number']) ?? issue
  return typeof number === 'number' ? number : undefined
}

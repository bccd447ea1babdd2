/** Runs the bundled action as a GitHub runner does: a process of its own, files for what it hands back, then `post`. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

export interface Job {
  /** the number that GitHub counts runs by */
  run: number
  inputs: Record<string, string>
  /** the payload of the event that started the run */
  event: object
  eventName: string
  actor: string
}

export interface Workplace {
  /** file that the runner starts: main, and post after it */
  entry: (name: 'main' | 'post') => string
  workspace: string
  /** a folder of the demo's own */
  temp: string
  apiUrl: string
  repository: string
  sha: string
}

export interface JobResult {
  exitCode: number
  outputs: Record<string, string>
  summary: string
  /** first line of a log to the end of main, ms */
  ms: number
}

/** A job that hangs fails the demo instead of keeping it. */
const LONGEST_MS = 60_000

export async function runJob(place: Workplace, job: Job, line: (text: string) => void): Promise<JobResult> {
  const folder = mkdtempSync(path.join(place.temp, `run-${job.run}-`))
  const file = (name: string): string => path.join(folder, name)
  for (const name of ['output', 'state', 'summary', 'env', 'path']) writeFileSync(file(name), '')
  writeFileSync(file('event.json'), JSON.stringify(job.event))
  mkdirSync(file('temp'))
  const env = {
    // Nothing of this machine's own settings: no kubeconfig, no tokens, no proxies.
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_API_URL: place.apiUrl,
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: place.repository,
    GITHUB_WORKFLOW: 'Deploy',
    GITHUB_WORKFLOW_REF: `${place.repository}/.github/workflows/deploy.yml@refs/heads/main`,
    GITHUB_WORKSPACE: place.workspace,
    GITHUB_RUN_ID: `${9_000 + job.run}`,
    GITHUB_RUN_NUMBER: `${job.run}`,
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_SHA: place.sha,
    GITHUB_REF_NAME: 'main',
    GITHUB_ACTOR: job.actor,
    GITHUB_EVENT_NAME: job.eventName,
    GITHUB_EVENT_PATH: file('event.json'),
    GITHUB_OUTPUT: file('output'),
    GITHUB_STATE: file('state'),
    GITHUB_STEP_SUMMARY: file('summary'),
    GITHUB_ENV: file('env'),
    GITHUB_PATH: file('path'),
    RUNNER_TEMP: file('temp'),
    ...Object.fromEntries(Object.entries(job.inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
  }
  const started = performance.now()
  const exitCode = await runScript(place.entry('main'), env, place.workspace, line)
  const ms = performance.now() - started
  const state = Object.entries(readPairs(file('state'))).map(([name, value]) => [`STATE_${name}`, value])
  await runScript(place.entry('post'), { ...env, ...Object.fromEntries(state) }, place.workspace, line)
  return { exitCode, outputs: readPairs(file('output')), summary: readFileSync(file('summary'), 'utf8'), ms }
}

function runScript(
  script: string,
  env: Record<string, string>,
  cwd: string,
  line: (text: string) => void,
): Promise<number> {
  const child = spawn(process.execPath, [script], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: LONGEST_MS })
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', line)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve(code ?? -1))
  })
}

/** `name<<MARK`, lines, `MARK`: how a step hands values to the runner. */
function readPairs(file: string): Record<string, string> {
  const text = readFileSync(file, 'utf8')
  const pairs = [...text.matchAll(/^(.+?)<<(.+)\n([\s\S]*?)\n?^\2$/gm)]
  return Object.fromEntries(pairs.map(([, name = '', , value = '']) => [name, value]))
}

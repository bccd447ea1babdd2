/** Runs one step as a runner does: the bundled action, a shell script, or a checkout. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionResult, Run, RunOptions, Workspace } from '../cluster/e2e/runner.ts'
import { EXAMPLES } from './workflow.ts'

export interface StepEnd {
  conclusion: 'success' | 'failure' | 'cancelled'
  outputs: Record<string, string>
  log: string
  summary: string
}

export interface StepRun {
  done: Promise<StepEnd>
  /** the action's own process, where the step has one */
  action?: Run
  /** what the runner does for this step when the job is over */
  post?: () => Promise<ActionResult>
}

export interface Given {
  inputs: Record<string, string>
  /** `env:` of workflow, job and step */
  env: Record<string, string>
  options: RunOptions
}

const DONE: StepEnd = { conclusion: 'success', outputs: {}, log: '', summary: '' }

export function startUses(uses: string, workspace: Workspace, given: Given): StepRun {
  const { inputs, options, env } = given
  if (uses.startsWith('actions/checkout@')) {
    for (const folder of ['k8s', 'config', 'migration', 'blue-green-by-hand'])
      cpSync(join(EXAMPLES, folder), workspace.path(folder), { recursive: true })
    cpSync(join(EXAMPLES, 'workflows'), workspace.path('.github/workflows'), { recursive: true })
    return { done: Promise.resolve(DONE) }
  }
  if (!uses.startsWith('OWNER/headgate@')) throw new Error(`nobody knows here what ${uses} does`)
  const all = { ...options, env: { ...options.env, ...env } }
  const action = workspace.action(inputs, all)
  const ended = action.done
  return {
    action,
    done: ended.then(({ exitCode, outputs, log, summary }) => ({ conclusion: endOf(exitCode), outputs, log, summary })),
    post: async () => workspace.post(inputs, await ended, all).done,
  }
}

/** As the runner takes a step's end; 130 is what the action says when it was cancelled. */
function endOf(exitCode: number | null): StepEnd['conclusion'] {
  if (exitCode === 0) return 'success'
  return exitCode === 130 || exitCode === null ? 'cancelled' : 'failure'
}

/** A script, with the shell that GitHub takes where none is named. It sees nothing of this process's environment. */
export function startScript(script: string, workspace: Workspace, { env, options }: Given): StepRun {
  const folder = mkdtempSync(join(workspace.folder, 'script-'))
  const file = (name: string, text = ''): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const own = {
    PATH: process.env['PATH'],
    HOME: workspace.path('home'),
    GITHUB_OUTPUT: file('output'),
    GITHUB_STEP_SUMMARY: file('summary'),
    RUNNER_TEMP: folder,
    ...options.env,
    NODE_OPTIONS: undefined,
    ...env,
  }
  mkdirSync(workspace.path('work'), { recursive: true })
  const cwd = workspace.path('work')
  const child = spawn('bash', ['-e', file('script.sh', script)], { env: own, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
  const done = new Promise<StepEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      resolve({
        conclusion: code === 0 ? 'success' : 'failure',
        outputs: pairsIn(readFileSync(own.GITHUB_OUTPUT, 'utf8')),
        log,
        summary: readFileSync(own.GITHUB_STEP_SUMMARY, 'utf8'),
      }),
    )
  })
  return { done }
}

/** `name=value`, one a line. */
function pairsIn(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '')
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

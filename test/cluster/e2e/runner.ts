/**
 * Starts the bundled action as a GitHub runner does: inputs and files in the environment, nothing of this process's own,
 * and real signals. Also the command line, from the same bundle.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Manifest } from './world.ts'

const DIST = join(import.meta.dirname, '../../../dist')
/** Nobody listens there: without a token no request goes to GitHub, and one that does must not leave the machine. */
const NO_GITHUB = 'http://127.0.0.1:9'
const REPOSITORY = 'shop/echo-version'
const MOST_MS = 180_000

/** Programs as they were when the test began: a build that is made meanwhile must not change what is tested. */
let bundle: string | undefined
function program(name: 'main' | 'post' | 'cli'): string {
  if (bundle === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'headgate-bundle-'))
    cpSync(DIST, folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
    bundle = folder
  }
  return join(bundle, `${name}.js`)
}

export type Inputs = Readonly<Record<string, string>>

/** A later run has a greater id; one job's steps, and a re-run, share it. */
export interface RunOptions {
  runId?: number
  attempt?: number
  /** default: the one of the workspace */
  kubeconfig?: string
  /** payload of the event that started the run */
  event?: object
  /** more of the environment, e.g. GITHUB_API_URL of a stand-in */
  env?: Readonly<Record<string, string>>
}

export interface ActionResult {
  exitCode: number | null
  /** the signal that ended it, when it did not end by itself */
  signal: NodeJS.Signals | null
  outputs: Record<string, string>
  state: Record<string, string>
  log: string
  summary: string
  /** milliseconds from its start to its end */
  ms: number
  runId: number
}

let lastRunId = 1_000

/** A job's checkout with its manifests, and the files that the runner gives. */
export class Workspace {
  readonly folder: string
  readonly #kubeconfig: string
  readonly #running = new Set<Run>()
  #runs = 0

  constructor(kubeconfig: string) {
    this.folder = mkdtempSync(join(tmpdir(), 'headgate-workspace-'))
    this.#kubeconfig = kubeconfig
    mkdirSync(join(this.folder, 'home'))
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Objects as one file of several documents. */
  write(name: string, objects: readonly Manifest[]): string {
    return this.writeText(name, objects.map((object) => JSON.stringify(object, undefined, 2)).join('\n---\n'))
  }

  writeText(name: string, text: string): string {
    const path = this.path(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  /** The main step of the action. */
  action(inputs: Inputs, options: RunOptions = {}): Run {
    const runId = options.runId ?? ++lastRunId
    const folder = this.path(`run-${++this.#runs}`)
    mkdirSync(folder)
    for (const file of ['output', 'state', 'summary']) writeFileSync(join(folder, file), '')
    writeFileSync(join(folder, 'event.json'), JSON.stringify(options.event ?? {}))
    const given = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])
    const env = { ...this.#environment(folder, runId, options), ...Object.fromEntries(given) }
    return this.#start(new Run(program('main'), [], env, folder, runId))
  }

  /** The post step of a main step that has ended, one way or the other. */
  post(inputs: Inputs, main: ActionResult, options: RunOptions = {}): Run {
    const state = Object.entries(main.state).map(([name, value]) => [`STATE_${name}`, value])
    const folder = this.path(`run-${++this.#runs}-post`)
    mkdirSync(folder)
    for (const file of ['output', 'state', 'summary']) writeFileSync(join(folder, file), '')
    writeFileSync(join(folder, 'event.json'), '{}')
    const given = Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])
    const env = {
      ...this.#environment(folder, main.runId, options),
      ...Object.fromEntries([...given, ...state]),
    }
    return this.#start(new Run(program('post'), [], env, folder, main.runId))
  }

  /** The command line, as a person or another build server starts it. */
  cli(args: readonly string[], options: RunOptions = {}): Run {
    const folder = this.path(`run-${++this.#runs}`)
    mkdirSync(folder)
    const { PATH, HOME, KUBECONFIG } = this.#environment(folder, 0, options)
    return this.#start(new Run(program('cli'), args, { PATH, HOME, KUBECONFIG, USER: 'tester' }, this.folder, 0))
  }

  #start(run: Run): Run {
    this.#running.add(run)
    void run.done.finally(() => this.#running.delete(run))
    return run
  }

  #environment(folder: string, runId: number, { attempt = 1, kubeconfig, env = {} }: RunOptions): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      HOME: this.path('home'),
      CI: 'true',
      NO_COLOR: '1',
      KUBECONFIG: kubeconfig ?? this.#kubeconfig,
      GITHUB_ACTIONS: 'true',
      GITHUB_ACTOR: 'tester',
      GITHUB_API_URL: NO_GITHUB,
      GITHUB_EVENT_NAME: 'push',
      GITHUB_EVENT_PATH: join(folder, 'event.json'),
      GITHUB_OUTPUT: join(folder, 'output'),
      GITHUB_REF_NAME: 'main',
      GITHUB_REPOSITORY: REPOSITORY,
      GITHUB_RUN_ATTEMPT: String(attempt),
      GITHUB_RUN_ID: String(runId),
      GITHUB_RUN_NUMBER: String(runId),
      GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
      GITHUB_STATE: join(folder, 'state'),
      GITHUB_STEP_SUMMARY: join(folder, 'summary'),
      GITHUB_WORKFLOW: 'deliver',
      GITHUB_WORKSPACE: this.folder,
      RUNNER_TEMP: folder,
      ...env,
    }
  }

  /** Ends what still runs, and removes the folder. */
  async remove(): Promise<void> {
    for (const run of this.#running) run.kill('SIGKILL')
    await Promise.all([...this.#running].map((run) => run.done))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** One process of ours, under way or ended. */
export class Run {
  readonly done: Promise<ActionResult>
  readonly runId: number
  readonly #child: ChildProcess
  readonly #watchers = new Set<() => void>()
  #log = ''

  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv, folder: string, runId: number) {
    this.runId = runId
    const started = Date.now()
    const cwd = env['GITHUB_WORKSPACE'] ?? folder
    const child = spawn(process.execPath, [file, ...args], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    const timer = setTimeout(() => child.kill('SIGKILL'), MOST_MS)
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text
        for (const watcher of this.#watchers) watcher()
      })
    this.done = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (exitCode, signal) => {
        clearTimeout(timer)
        // A test may name a file that is none.
        const read = (file = ''): string =>
          statSync(file, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(file, 'utf8') : ''
        resolve({
          exitCode,
          signal,
          outputs: readPairs(read(env['GITHUB_OUTPUT'])),
          state: readPairs(read(env['GITHUB_STATE'])),
          summary: read(env['GITHUB_STEP_SUMMARY']),
          log: this.#log,
          ms: Date.now() - started,
          runId,
        })
      })
    })
  }

  get log(): string {
    return this.#log
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Waits until its log says this so often; rejects when it ends before. Resolves with the milliseconds since 1970. */
  async says(what: RegExp, times = 1): Promise<number> {
    const every = new RegExp(what, `${what.flags.replace('g', '')}g`)
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    const look = (): void => {
      if ((this.#log.match(every)?.length ?? 0) >= times) resolve(Date.now())
    }
    this.#watchers.add(look)
    const ended = async (): Promise<void> => {
      await this.done
      look()
      reject(new Error(`it ended without saying ${what} ${times} times:\n${this.#log}`))
    }
    ended().catch(reject)
    look()
    try {
      return await promise
    } finally {
      this.#watchers.delete(look)
    }
  }
}

/** `name<<delimiter`, the value, the delimiter: how outputs and state are written for a runner. */
function readPairs(text: string): Record<string, string> {
  const pairs: Record<string, string> = {}
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const [, name, delimiter] = /^([^<=]+)<<(.+)$/.exec(lines[at] ?? '') ?? []
    if (name === undefined || delimiter === undefined) continue
    const end = lines.indexOf(delimiter, at + 1)
    pairs[name] = lines.slice(at + 1, end).join('\n')
    at = end
  }
  return pairs
}

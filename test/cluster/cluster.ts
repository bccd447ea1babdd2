/**
 * A real Kubernetes in a network namespace of its own: etcd, API server, controller manager, scheduler and kube-proxy as
 * they are released, and a test kubelet whose pods are HTTP servers.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject } from '../../src/shared/objects.ts'
import { AuditLog } from './audit.ts'
import { binariesFolder } from './build.ts'
import { Client } from './client.ts'
import { type RunOptions, runInside, spawnInside } from './inside.ts'
import { API_SERVER, type Keys, kubeconfig, makeKeys, tokenOf, USERS } from './keys.ts'
import { AUDIT_LOG, kubeconfigFile, type PartOptions, REGISTRY_FILE } from './layout.ts'
import { assertNamespace, createNamespace, processesInside, removeNamespace } from './network.ts'
import { commandLine, FIRST_PARTS, PARTS, type Part } from './parts.ts'
import { Processes, signal, startStamp } from './processes.ts'

const PREFIX = 'headgate-cluster-'
const STATE = 'cluster.json'

/** What is written down, so that another process can use and end the cluster. */
interface State {
  namespace: string
  binaries: string
  traffic?: string
  keys: Keys
  options: PartOptions
  /** the process that will end the cluster; absent for one that is kept until somebody ends it by hand */
  owner?: { pid: number; stamp: string }
}

export interface StartOptions extends PartOptions {
  /** folder of the built programs; default: where `build.ts` puts them */
  binaries?: string
  /** what `traffic.ts` has fetched; without it there is no Traefik */
  traffic?: string
  /** default: a new folder below the temporary folder */
  folder?: string
  /** the cluster outlives this process */
  keep?: boolean
  say?: (line: string) => void
}

export class Cluster {
  readonly folder: string
  readonly namespace: string
  readonly audit: AuditLog
  readonly #state: State
  readonly #processes: Processes

  constructor(folder: string, state: State) {
    this.folder = folder
    this.namespace = state.namespace
    this.audit = new AuditLog(join(folder, AUDIT_LOG))
    this.#state = state
    this.#processes = new Processes(folder, state.namespace)
  }

  get kubectl(): string {
    return join(this.#state.binaries, 'kubectl')
  }

  /** Folder of Traefik and the definitions of traffic routers. */
  get traffic(): string {
    const { traffic } = this.#state
    if (traffic === undefined) throw new Error('this cluster was started without Traefik')
    return traffic
  }

  /** File for `admin`, `observer`, or `deployer` and `stranger`, which have no rights but those that a test grants. */
  kubeconfig(user = 'admin'): string {
    return kubeconfigFile(this.folder, user)
  }

  /** A client for this process; works inside the namespace only. */
  client(user = 'admin', userAgent = 'test-harness'): Client {
    return new Client({
      server: API_SERVER,
      token: tokenOf(user),
      authorityFile: this.#state.keys.authority,
      userAgent,
    })
  }

  pid(part: Part): number | undefined {
    return this.#processes.pid(part)
  }

  logFile(part: Part): string {
    return this.#processes.logFile(part)
  }

  logTail(part: Part, lines?: number): string {
    return this.#processes.logTail(part, lines)
  }

  startPart(part: Part): void {
    const { binaries, traffic, keys, options } = this.#state
    const { command, args, env } = commandLine(part, { folder: this.folder, binaries, traffic, keys, options })
    this.#processes.start(part, command, args, { ...process.env, ...env })
  }

  stopPart(part: Part, how: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    return this.#processes.stop(part, how)
  }

  async restartPart(part: Part, how: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.stopPart(part, how)
    this.startPart(part)
  }

  /** Freezes (`SIGSTOP`) or wakes (`SIGCONT`) a part: a cluster that is slow rather than gone. */
  signalPart(part: Part, name: 'SIGSTOP' | 'SIGCONT'): void {
    const pid = this.pid(part)
    if (pid !== undefined) signal(pid, name)
  }

  /** From now on the image has this digest wherever it is pulled: a tag that somebody moved. */
  moveTag(image: string, digest: string): void {
    const file = join(this.folder, REGISTRY_FILE)
    const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {}
    writeFileSync(`${file}.new`, JSON.stringify({ ...known, [image]: digest }))
    renameSync(`${file}.new`, file)
  }

  /** Runs a program in the foreground inside the namespace; resolves with its exit code. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<number> {
    return runInside(this.namespace, command, args, options)
  }

  /** Output of kubectl as administrator; rejects when it fails. For programs outside of the namespace. */
  async kubectlOutput(...args: string[]): Promise<string> {
    return this.output(this.kubectl, [`--kubeconfig=${this.kubeconfig()}`, ...args])
  }

  /** What a program inside of the namespace writes; rejects when it fails. */
  async output(command: string, args: readonly string[]): Promise<string> {
    const child = spawnInside(this.namespace, command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const out: string[] = []
    child.stdout?.setEncoding('utf8').on('data', (text: string) => out.push(text))
    const errors: string[] = []
    child.stderr?.setEncoding('utf8').on('data', (text: string) => errors.push(text))
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw new Error(`${basename(command)} ${args.join(' ')}: ${errors.join('')}`)
    return out.join('')
  }

  /** Ends every part by its pid, then the namespace; the folder goes too. */
  async stop(): Promise<void> {
    // Nothing is kept, so nobody needs time to tidy up.
    await Promise.all([...PARTS].reverse().map((part) => this.#processes.stop(part, 'SIGKILL')))
    for (const pid of processesInside(this.namespace)) if (pid !== process.pid) signal(pid, 'SIGKILL')
    removeNamespace(this.namespace)
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Waits for something about a part; ends at once when the part died. */
  async waitFor(what: string, part: Part, timeoutMs: number, test: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (!(await test().catch(() => false))) {
      if (this.pid(part) === undefined) throw new Error(`${part} ended while starting:\n${this.logTail(part)}`)
      if (Date.now() > deadline) throw new Error(`${what} took more than ${timeoutMs} ms:\n${this.logTail(part)}`)
      await sleep(50)
    }
  }
}

function readState(folder: string): State | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, STATE), 'utf8')) as State
  } catch {
    return undefined
  }
}

/** A cluster that another process has started. */
export function openCluster(folder: string): Cluster {
  const state = readState(folder)
  if (state === undefined) throw new Error(`there is no cluster in ${folder}`)
  assertNamespace(state.namespace)
  return new Cluster(folder, state)
}

/** Clusters whose owner was killed before it could end them. */
async function endAbandoned(say: (line: string) => void): Promise<void> {
  for (const entry of readdirSync(tmpdir())) {
    const folder = join(tmpdir(), entry)
    const state = entry.startsWith(PREFIX) ? readState(folder) : undefined
    if (state?.owner === undefined || startStamp(state.owner.pid) === state.owner.stamp) continue
    say(`ending the cluster that an earlier run left in ${folder}`)
    await new Cluster(folder, state).stop()
  }
}

/** Starts etcd and makes the keys at the same time, then the rest. */
async function prepare(folder: string, options: StartOptions): Promise<State> {
  const namespace = `headgate-${process.pid}-${randomBytes(2).toString('hex')}`
  const { binaries = binariesFolder(), traffic, folder: _folder, keep, say: _say, ...rest } = options
  const keysFolder = join(folder, 'keys')
  mkdirSync(keysFolder, { recursive: true, mode: 0o700 })
  const keys = await makeKeys(keysFolder)
  for (const { id } of USERS)
    writeFileSync(kubeconfigFile(folder, id), kubeconfig(keys.authority, id, tokenOf(id)), { mode: 0o600 })
  const owner = keep === true ? {} : { owner: { pid: process.pid, stamp: startStamp(process.pid) ?? '' } }
  const router = traffic === undefined ? {} : { traffic }
  const state: State = { namespace, binaries, ...router, keys, options: rest, ...owner }
  // Written before the namespace exists: whatever happens from here on, somebody can find and end it.
  writeFileSync(join(folder, STATE), JSON.stringify(state))
  return state
}

async function untilUsable(cluster: Cluster, say: (line: string) => void, started: number): Promise<void> {
  const seconds = (): string => `${((Date.now() - started) / 1_000).toFixed(1)}s`
  const ask = (...args: string[]): Promise<string> => cluster.kubectlOutput('get', ...args)
  cluster.startPart('etcd')
  cluster.startPart('apiserver')
  await cluster.waitFor('the API server', 'apiserver', 60_000, async () => (await ask('--raw', '/readyz')) === 'ok')
  say(`API server ready after ${seconds()}`)
  for (const part of FIRST_PARTS) cluster.startPart(part)
  await cluster.waitFor('the node', 'kubelet', 60_000, async () => {
    const node = JSON.parse(await ask('node', 'node1', '-o', 'json')) as KubeObject & Node
    const ready = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')
    return ready === true && (node.spec?.taints ?? []).length === 0
  })
  // Pods are refused in a namespace until its default account exists.
  await cluster.waitFor('the controllers', 'controller-manager', 60_000, async () => {
    await ask('serviceaccount', 'default', '--namespace', 'default')
    return true
  })
  say(`cluster usable after ${seconds()}`)
}

interface Node {
  spec?: { taints?: unknown[] }
  status?: { conditions?: { type: string; status: string }[] }
}

export function clusterFolder(name: string): string {
  return join(tmpdir(), `${PREFIX}${name}`)
}

/** Starts a cluster and waits until pods can run in it; nothing is left when that fails. */
export async function startCluster(options: StartOptions = {}): Promise<Cluster> {
  const say = options.say ?? (() => {})
  const started = Date.now()
  await endAbandoned(say)
  const folder = options.folder ?? clusterFolder(`${process.pid}-${randomBytes(3).toString('hex')}`)
  if (readState(folder) !== undefined) throw new Error(`there is a cluster in ${folder} already`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const cluster = new Cluster(folder, await prepare(folder, options))
  try {
    createNamespace(cluster.namespace)
    await untilUsable(cluster, say, started)
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

/** Runs programs inside a cluster's network namespace. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { assertNamespace, namespaceFile } from './network.ts'

const PROXY_VARIABLE = /^(https?|all|no)_proxy$/i

/** The environment without proxies: nothing inside can reach one, and clients would send cluster requests there. */
export function withoutProxies(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !PROXY_VARIABLE.test(name)))
}

export function spawnInside(
  namespace: string,
  command: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  assertNamespace(namespace)
  // nsenter, not `ip netns exec`: that one also remounts /sys and hides the control groups. It becomes the program
  // itself, so the child's pid is the program's.
  return spawn('nsenter', [`--net=${namespaceFile(namespace)}`, command, ...args], {
    ...options,
    env: withoutProxies(options.env ?? process.env),
  })
}

/** How a program ended, as a shell says it. */
export async function exitCode(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)))
  })
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv
  /** ends the program when aborted */
  signal?: AbortSignal
}

/** Runs a program in the foreground inside; resolves with its exit code. */
export async function runInside(
  namespace: string,
  command: string,
  args: readonly string[],
  { env = process.env, signal }: RunOptions = {},
): Promise<number> {
  const child = spawnInside(namespace, command, args, { stdio: 'inherit', env })
  const end = (): boolean => child.kill('SIGTERM')
  signal?.addEventListener('abort', end, { once: true })
  try {
    return await exitCode(child)
  } finally {
    signal?.removeEventListener('abort', end)
  }
}

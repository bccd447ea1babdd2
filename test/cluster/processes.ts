/**
 * Background processes that outlive the one that started them: known by pid and start time, so that a pid which the
 * system has given to somebody else is never signalled.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { spawnInside } from './inside.ts'

/**
 * A zombie whose threads have all ended as well. The first thread of a killed program can be a zombie while others are
 * still closing its sockets.
 */
function isWhollyDead(pid: number, state: string | undefined): boolean {
  return state === 'Z' && readdirSync(`/proc/${pid}/task`).length <= 1
}

/** Start time in clock ticks since boot; undefined when the process is gone (a zombie counts as gone). */
export function startStamp(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in brackets and may hold anything, so count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return isWhollyDead(pid, fields[0]) ? undefined : fields[19]
  } catch {
    return undefined
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // Gone in the meantime.
  }
}

export class Processes {
  readonly #folder: string
  readonly #namespace: string

  /** Logs and pid files are kept below `folder`. */
  constructor(folder: string, namespace: string) {
    this.#folder = folder
    this.#namespace = namespace
    for (const name of ['log', 'pid']) mkdirSync(join(folder, name), { recursive: true })
  }

  logFile(name: string): string {
    return join(this.#folder, 'log', `${name}.log`)
  }

  /** The last lines of a log, for messages. */
  logTail(name: string, lines = 15): string {
    try {
      return readFileSync(this.logFile(name), 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } catch {
      return '(no log)'
    }
  }

  #pidFile(name: string): string {
    return join(this.#folder, 'pid', name)
  }

  /** Pid of a running process of that name. */
  pid(name: string): number | undefined {
    let text: string
    try {
      text = readFileSync(this.#pidFile(name), 'utf8')
    } catch {
      return undefined
    }
    const [pid, stamp] = text.trim().split(' ')
    return startStamp(Number(pid)) === stamp ? Number(pid) : undefined
  }

  start(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
    if (this.pid(name) !== undefined) return
    const log = openSync(this.logFile(name), 'a')
    try {
      const child = spawnInside(this.#namespace, command, args, { stdio: ['ignore', log, log], detached: true, env })
      child.unref()
      if (child.pid === undefined) throw new Error(`${name}: ${command} did not start`)
      writeFileSync(this.#pidFile(name), `${child.pid} ${startStamp(child.pid) ?? 'gone'}\n`)
    } finally {
      closeSync(log)
    }
  }

  /** Ends one process and waits until it is gone; SIGKILL after `patienceMs`. */
  async stop(name: string, how: NodeJS.Signals = 'SIGTERM', patienceMs = 5_000): Promise<void> {
    const pid = this.pid(name)
    if (pid === undefined) return
    signal(pid, how)
    const deadline = Date.now() + patienceMs
    let killed = how === 'SIGKILL'
    while (this.pid(name) === pid) {
      if (!killed && Date.now() > deadline) {
        signal(pid, 'SIGKILL')
        killed = true
      }
      await sleep(20)
    }
    rmSync(this.#pidFile(name), { force: true })
  }
}

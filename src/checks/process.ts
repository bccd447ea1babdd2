import { spawn } from 'node:child_process'
import type { CommandEnd, CommandRequest } from './asker.ts'

const KEPT_LINES = 20
const LINE_LENGTH = 500
/** From a polite end to a hard one. */
const GRACE_MS = 5_000
/** For what is still in the pipe when the shell has ended: a child in a session of its own may hold it open for ever. */
const DRAIN_MS = 500

/**
 * Runs a command in the runner's shell, in a process group of its own, so that what it started ends with it. Keeps the last
 * lines of what it prints. Rejects when the shell itself cannot be started.
 * @param base environment of the runner; what the request says is added
 */
export function processRunner(
  base: Record<string, string | undefined>,
  cwd: string,
): (request: CommandRequest) => Promise<CommandEnd> {
  return ({ run, env, timeoutMs, signal }) =>
    new Promise((resolve, reject) => {
      const child = spawn('sh', ['-c', run], {
        cwd,
        env: { ...base, ...env },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const output = new Tail()
      let late = false
      const end = (): void => {
        endGroup(child.pid, 'SIGTERM')
        setTimeout(() => endGroup(child.pid, 'SIGKILL'), GRACE_MS).unref()
      }
      const timer = setTimeout(() => {
        late = true
        end()
      }, timeoutMs)
      if (signal.aborted) end()
      signal.addEventListener('abort', end, { once: true })
      child.stdout.on('data', (data: Buffer) => output.add(data.toString('utf8')))
      child.stderr.on('data', (data: Buffer) => output.add(data.toString('utf8')))
      child.on('error', reject)
      child.on('exit', (exitCode, killedBy) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        const done = (): void => {
          clearTimeout(drained)
          endGroup(child.pid, 'SIGTERM')
          child.stdout.destroy()
          child.stderr.destroy()
          resolve({ exitCode, ...(killedBy === null ? {} : { killedBy }), late, lines: output.lines() })
        }
        const drained = setTimeout(done, DRAIN_MS)
        child.on('close', done)
      })
    })
}

function endGroup(pid: number | undefined, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended by itself.
  }
}

/** The last lines, each of bounded length. */
class Tail {
  #kept: string[] = []
  #open = ''

  add(text: string): void {
    const parts = `${this.#open}${text}`.split('\n')
    this.#open = (parts.pop() ?? '').slice(0, LINE_LENGTH)
    this.#kept = [...this.#kept, ...parts.map((line) => line.slice(0, LINE_LENGTH))].slice(-KEPT_LINES)
  }

  lines(): string[] {
    return [...this.#kept, this.#open].filter((line) => line.trim() !== '').slice(-KEPT_LINES)
  }
}

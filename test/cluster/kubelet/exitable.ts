/** What can run in a container and end, by itself or because it is told to. */
import { randomBytes } from 'node:crypto'
import type { Behaviour } from './behaviour.ts'
import type { ContainerSpec, Terminated } from './types.ts'
import { timestamp } from './types.ts'

export interface ProgramContext {
  container: ContainerSpec
  behaviour: Behaviour
  /** address of the pod */
  address: string
  pod: string
  environment: Record<string, string>
  /** `server` runs until it is told to end, `task` ends by itself */
  role: 'server' | 'task'
  /** listens on 8080 when it names no port: only the first container of a pod */
  mayUseDefaultPort: boolean
  write: (line: string) => void
}

export abstract class Exitable {
  readonly id = randomBytes(32).toString('hex')
  readonly startedAt = Date.now()
  readonly exited: Promise<void>
  protected readonly context: ProgramContext
  #resolve: () => void = () => {}
  #end: { code: number; reason: string; at: number } | undefined

  constructor(context: ProgramContext) {
    this.context = context
    this.exited = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  get running(): boolean {
    return this.#end === undefined
  }

  /** The state `terminated` of the container status. */
  get terminated(): Terminated {
    const { code, reason, at } = this.#end ?? { code: 137, reason: 'Error', at: Date.now() }
    const startedAt = timestamp(this.startedAt)
    return { exitCode: code, reason, startedAt, finishedAt: timestamp(at), containerID: `process://${this.id}` }
  }

  /** SIGTERM. */
  abstract terminate(): Promise<void>

  /** Ends at once; 137 is SIGKILL. */
  exit(code: number, lastWords?: string, reason = code === 0 ? 'Completed' : 'Error'): void {
    if (this.#end !== undefined) return
    if (lastWords !== undefined) this.context.write(lastWords)
    this.#end = { code, reason, at: Date.now() }
    this.release()
    this.#resolve()
  }

  protected abstract release(): void
}

/** Ends by itself, and listens on nothing. */
export class Task extends Exitable {
  readonly #timer: NodeJS.Timeout

  constructor(context: ProgramContext, afterMs: number, code: number, lastWords: string, reason?: string) {
    super(context)
    this.#timer = setTimeout(() => this.exit(code, lastWords, reason), afterMs)
  }

  async terminate(): Promise<void> {
    if (this.context.behaviour.text('shutdown') !== 'ignore') this.exit(143, 'terminated')
  }

  protected release(): void {
    clearTimeout(this.#timer)
  }
}

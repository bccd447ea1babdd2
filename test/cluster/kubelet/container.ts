/** The life of one container: pulled, configured, started, probed, started again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Behaviour } from './behaviour.ts'
import { type Configuration, MissingConfiguration } from './configuration.ts'
import type { PodEvents } from './events.ts'
import { imageId } from './images.ts'
import type { ContainerLog } from './logs.ts'
import { askHttp, type ProbeTarget, runProbe } from './probes.ts'
import { type Program, startProgram } from './program.ts'
import type { BoundPod, ContainerSpec, ProbeSpec, State } from './types.ts'
import { timestamp } from './types.ts'

/** What a container needs to know of the pod around it. */
export interface Surroundings {
  pod: () => BoundPod
  address: string
  events: PodEvents
  configuration: Configuration
  registryFile: string
  crashBackoffSeconds: number
  /** the status is to be written */
  changed: () => void
  /** aborted when nothing may be started any more */
  ending: AbortSignal
}

export type Role = 'init' | 'sidecar' | 'main'

const LONGEST_BACKOFF_SECONDS = 300
const RETRY_CONFIGURATION_MS = 1_000
/** A container that ran for so long starts again without a pause. */
const FORGIVEN_AFTER_MS = 600_000

export class ContainerRunner {
  readonly spec: ContainerSpec
  readonly role: Role
  readonly log: ContainerLog
  state: State
  lastState: State = {}
  ready = false
  started = false
  /** nothing more will be started */
  finished = false
  restarts: number
  image = ''
  readonly #around: Surroundings
  readonly #behaviour: Behaviour
  #program: Program | undefined

  constructor(spec: ContainerSpec, role: Role, log: ContainerLog, around: Surroundings, restarts: number) {
    this.spec = spec
    this.role = role
    this.log = log
    this.restarts = restarts
    this.#around = around
    this.#behaviour = new Behaviour(around.pod, spec)
    const { initContainers = [] } = around.pod().spec
    const waitsForInit = role === 'main' && initContainers.length > 0
    this.state = { waiting: { reason: waitsForInit ? 'PodInitializing' : 'ContainerCreating' } }
  }

  get id(): string | undefined {
    return this.#program === undefined ? undefined : `process://${this.#program.id}`
  }

  get alive(): boolean {
    return this.#program?.running === true
  }

  #pause(ms: number): Promise<unknown> {
    return sleep(ms, undefined, { signal: this.#around.ending }).catch(() => {})
  }

  get #ending(): boolean {
    return this.#around.ending.aborted
  }

  #wait(reason: string, message?: string): void {
    this.state = { waiting: { reason, ...(message === undefined ? {} : { message }) } }
    this.#around.changed()
  }

  /** Resolves when the container will not be started again. */
  async run(): Promise<void> {
    if (await this.#pull()) await this.#keepRunning()
    this.finished = true
    this.#around.changed()
  }

  /** False when the pod ended before the image came. */
  async #pull(): Promise<boolean> {
    const { events, registryFile, crashBackoffSeconds } = this.#around
    const { image, name } = this.spec
    for (let pause = crashBackoffSeconds; !this.#ending; pause = Math.min(LONGEST_BACKOFF_SECONDS, pause * 2)) {
      events.record('Normal', 'Pulling', `Pulling image "${image}"`, name)
      await this.#pause(this.#behaviour.number('pull-ms', 50))
      if (this.#ending) return false
      if (!this.#behaviour.is('missing')) {
        this.image = imageId(image, registryFile, this.#behaviour.text('image-id'))
        events.record('Normal', 'Pulled', `Successfully pulled image "${image}"`, name)
        return true
      }
      const why = `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`
      events.record('Warning', 'Failed', `Failed to pull image "${image}": ${why}`, name)
      events.record('Warning', 'Failed', 'Error: ErrImagePull', name)
      this.#wait('ErrImagePull', why)
      await this.#pause(1_000)
      if (this.#ending) return false
      events.record('Normal', 'BackOff', `Back-off pulling image "${image}"`, name)
      events.record('Warning', 'Failed', 'Error: ImagePullBackOff', name)
      this.#wait('ImagePullBackOff', `Back-off pulling image "${image}": ErrImagePull: ${why}`)
      await this.#pause(pause * 1_000)
    }
    return false
  }

  /** The environment, as soon as all that it is made of exists. */
  async #environment(): Promise<Record<string, string> | undefined> {
    const { configuration, pod, address, events } = this.#around
    while (!this.#ending) {
      try {
        return await configuration.environment(pod(), this.spec, address)
      } catch (error) {
        if (error instanceof MissingConfiguration) {
          events.record('Warning', 'Failed', `Error: ${error.message}`, this.spec.name)
          this.#wait('CreateContainerConfigError', error.message)
        }
        await this.#pause(RETRY_CONFIGURATION_MS)
      }
    }
    return undefined
  }

  #start(environment: Record<string, string>): Program {
    const pod = this.#around.pod()
    const isJob = pod.metadata.ownerReferences?.some(({ kind }) => kind === 'Job') === true
    const isTask = this.role === 'init' || (this.role === 'main' && isJob)
    const program = startProgram({
      container: this.spec,
      behaviour: this.#behaviour,
      address: this.#around.address,
      pod: pod.metadata.name,
      environment,
      role: isTask ? 'task' : 'server',
      mayUseDefaultPort: pod.spec.containers[0]?.name === this.spec.name,
      write: (line) => this.log.write(line),
    })
    this.#program = program
    this.#around.events.record('Normal', 'Started', `Started container ${this.spec.name}`, this.spec.name)
    this.state = { running: { startedAt: timestamp(program.startedAt) } }
    this.started = this.spec.startupProbe === undefined
    this.ready = this.role !== 'init' && this.started && this.spec.readinessProbe === undefined
    this.#around.changed()
    return program
  }

  async #keepRunning(): Promise<void> {
    let backoff = 0
    while (!this.#ending) {
      const environment = await this.#environment()
      if (environment === undefined || this.#ending) return
      const program = this.#start(environment)
      const probing = new AbortController()
      void this.#probe(program, probing.signal)
      await program.exited
      probing.abort()
      const failed = program.terminated.exitCode !== 0
      this.started = false
      this.ready = this.role === 'init' && !failed
      this.state = { terminated: program.terminated }
      this.#around.changed()
      if (this.#ending || !this.#mayRestart(failed)) return
      if (Date.now() - program.startedAt > FORGIVEN_AFTER_MS) backoff = 0
      await this.#backOff(program, backoff)
      if (this.#ending) return
      this.lastState = { terminated: program.terminated }
      this.log.rotate()
      this.restarts++
      backoff = backoff === 0 ? this.#around.crashBackoffSeconds : Math.min(LONGEST_BACKOFF_SECONDS, backoff * 2)
    }
  }

  #mayRestart(failed: boolean): boolean {
    if (this.role === 'sidecar') return true
    const policy = this.#around.pod().spec.restartPolicy ?? 'Always'
    if (this.role === 'init') return failed && policy !== 'Never'
    return policy === 'Always' || (policy === 'OnFailure' && failed)
  }

  /** The first restart comes at once, later ones after a growing pause. */
  async #backOff(program: Program, seconds: number): Promise<void> {
    if (seconds === 0) return void (await this.#pause(100))
    const { name, namespace, uid } = this.#around.pod().metadata
    const where = `${name}_${namespace}(${uid})`
    this.lastState = { terminated: program.terminated }
    const message = `Back-off restarting failed container ${this.spec.name} in pod ${where}`
    this.#around.events.record('Warning', 'BackOff', message, this.spec.name)
    const waiting = `back-off ${seconds}s restarting failed container=${this.spec.name} pod=${where}`
    this.#wait('CrashLoopBackOff', waiting)
    await this.#pause(seconds * 1_000)
  }

  async #probe(program: Program, signal: AbortSignal): Promise<void> {
    if (this.role === 'init') return
    const { startupProbe, livenessProbe, readinessProbe, name } = this.spec
    const target: ProbeTarget = {
      address: this.#around.address,
      container: this.spec,
      behaviour: this.#behaviour,
    }
    const ask = (kind: string, probe: ProbeSpec, verdict: (good: boolean) => boolean): Promise<void> => {
      const failed = (why: string): void =>
        this.#around.events.record('Warning', 'Unhealthy', `${kind} probe failed: ${why}`, name)
      return runProbe(target, probe, { failed, verdict }, signal)
    }
    const restart = (kind: string): boolean => {
      if (this.#around.pod().metadata.deletionTimestamp !== undefined) return true
      const message = `Container ${name} failed ${kind} probe, will be restarted`
      this.#around.events.record('Normal', 'Killing', message, name)
      program.exit(137, `killed: ${kind} probe`)
      return true
    }
    if (startupProbe !== undefined)
      await ask('Startup', startupProbe, (good) => {
        if (!good) return restart('startup')
        this.started = true
        this.ready = readinessProbe === undefined
        this.#around.changed()
        return true
      })
    if (signal.aborted) return
    if (livenessProbe !== undefined) void ask('Liveness', livenessProbe, (good) => (good ? false : restart('liveness')))
    if (readinessProbe !== undefined)
      void ask('Readiness', readinessProbe, (good) => {
        if (this.ready === good) return false
        this.ready = good
        this.#around.changed()
        return false
      })
  }

  /** preStop, then SIGTERM; resolves when the program has ended. The pod kills what outlives the grace period. */
  async end(graceMs: number): Promise<void> {
    const program = this.#program
    if (program === undefined || !program.running) return
    const stopped = Promise.race([program.exited, sleep(graceMs)])
    await Promise.race([this.#preStop(graceMs), stopped])
    if (program.running) void program.terminate()
    await Promise.race([program.exited, stopped])
  }

  async #preStop(graceMs: number): Promise<void> {
    const hook = this.spec.lifecycle?.preStop
    if (hook?.sleep !== undefined) await sleep(hook.sleep.seconds * 1_000)
    if (hook?.exec !== undefined) {
      // There is no shell; the one command that people put here is sleep.
      const seconds = /\bsleep\s+(\d+(?:\.\d+)?)/.exec((hook.exec.command ?? []).join(' '))?.[1]
      await sleep(Number(seconds ?? 0) * 1_000)
    }
    if (hook?.httpGet !== undefined) {
      const target = { address: this.#around.address, container: this.spec, behaviour: this.#behaviour }
      const why = await askHttp(target, hook.httpGet, graceMs)
      if (why !== undefined)
        this.#around.events.record('Warning', 'FailedPreStopHook', `PreStopHook failed: ${why}`, this.spec.name)
    }
  }

  kill(): void {
    this.#program?.exit(137, 'killed')
    if (this.#program !== undefined && this.state.running !== undefined)
      this.state = { terminated: this.#program.terminated }
    this.ready = false
    this.started = false
  }
}

/** One container: its process, probes and restarts. */
import type { Container, ContainerState, Probe } from '../../../src/shared/objects.ts'
import { mapAt, numberAt, plainText, timestamp } from '../values.ts'
import { App } from './app.ts'
import type { PodBehaviour, PodHttpAnswer, PodHttpRequest } from './behaviour.ts'
import { BACKOFF_MS, configure, LONGEST_BACKOFF_MS, pull } from './images.ts'
import type { PodHost } from './pod-host.ts'
import { type ContainerLife, digestOf, imageIdOf } from './pod-status.ts'
import { probeVerdict } from './probes.ts'

export const START_MS = 20
const SHUTDOWN_MS = 20
const INIT_MS = 10
/** A probe takes its time, so that a pod is seen running before it is ready. */
const PROBE_MS = 5
/** A process that ran so long starts its back-off anew. */
const STABLE_MS = 600_000

export class ContainerRun {
  readonly life: ContainerLife
  readonly #host: PodHost
  readonly #init: boolean
  /** counts anew with every start of the process */
  #app: App
  /** ends the running process */
  #exit: ((code: number, reason?: string) => void) | undefined

  constructor(host: PodHost, life: ContainerLife, init: boolean) {
    this.#host = host
    this.life = life
    this.#init = init
    this.#app = new App(life.container.image ?? '')
  }

  get #container(): Container {
    return this.life.container
  }

  /** From the pull of the image to the last exit of the process. */
  async run(): Promise<void> {
    const { life } = this
    const host = this.#host
    if (!(await pull(host, life)) || !(await configure(host, life))) return
    for (let wait = 0; ; wait = Math.min(LONGEST_BACKOFF_MS, wait === 0 ? BACKOFF_MS : wait * 2)) {
      const code = await this.#process()
      if (host.stop.aborted || !this.#restarts(code)) return
      if (host.node.world.clock.now() - life.startedAt > STABLE_MS) wait = 0
      await this.#backOff(wait)
      if (host.stop.aborted) return
      life.restarts++
    }
  }

  #restarts(code: number): boolean {
    const ofPod = plainText(this.#host.pod.spec['restartPolicy']) || 'Always'
    const policy =
      this.#init && ofPod !== 'Never' ? 'OnFailure' : this.#init ? ofPod : (this.#container.restartPolicy ?? ofPod)
    return policy === 'Always' || (policy === 'OnFailure' && code !== 0)
  }

  async #backOff(wait: number): Promise<void> {
    const { life } = this
    const host = this.#host
    if (wait === 0) {
      await host.sleep(100)
      life.lastState = life.state
      return
    }
    const { name = '', namespace = '', uid = '' } = host.pod.metadata
    const pod = `${name}_${namespace}(${uid})`
    const message = `back-off ${wait / 1_000}s restarting failed container=${life.container.name} pod=${pod}`
    life.lastState = life.state
    life.state = { waiting: { reason: 'CrashLoopBackOff', message } }
    host.report()
    const text = `Back-off restarting failed container ${life.container.name} in pod ${pod}`
    host.event('Warning', 'BackOff', text, life.container)
    await host.sleep(wait)
  }

  // --- the process

  /** One run, until it ends by itself or is killed; the answer is its exit code. */
  async #process(): Promise<number> {
    const host = this.#host
    const behaviour = host.behaviour(this.#container)
    await host.sleep(behaviour.startMs ?? START_MS)
    if (host.stop.aborted) return 0
    const running = new AbortController()
    this.#started(behaviour)
    await host.node.real?.open(host.pod, this.#container, (request) => this.http(request))
    host.event('Normal', 'Created', 'Container created', this.#container)
    host.event('Normal', 'Started', 'Container started', this.#container)
    host.report()
    void this.#probes(running.signal)
    const [code, reason] = await this.#ending(behaviour)
    running.abort()
    this.#ended(behaviour, code, reason)
    return code
  }

  #started(behaviour: PodBehaviour): void {
    const { life } = this
    const { container } = life
    const host = this.#host
    const now = host.node.world.clock.now()
    this.#app = new App(container.image ?? '')
    life.startedAt = now
    life.containerID = `containerd://${digestOf(`${host.pod.metadata.uid ?? ''}${container.name}${life.restarts}`)}`
    life.imageID = behaviour.imageID ?? imageIdOf(container.image ?? '')
    life.state = { running: { startedAt: timestamp(now) } }
    if (life.restarts > 0) life.previousLogs = life.logs
    life.logs = [...(behaviour.logs ?? [`version ${(container.image ?? '').split(':').at(-1) ?? ''} listening`])]
    life.started = container.startupProbe === undefined
    life.ready = life.started && container.readinessProbe === undefined && !this.#init
  }

  #ending(behaviour: PodBehaviour): Promise<[code: number, reason: string | undefined]> {
    const after = behaviour.crashAfterMs ?? behaviour.runMs ?? (this.#init ? INIT_MS : undefined)
    const code = behaviour.exitCode ?? (behaviour.crashAfterMs === undefined ? 0 : 1)
    const reason = behaviour.oomKilled === true ? 'OOMKilled' : behaviour.endReason
    return new Promise((resolve) => {
      const end = (exitCode: number, why?: string): void => {
        cancel()
        this.#exit = undefined
        resolve([exitCode, why])
      }
      const cancel =
        after === undefined ? (): void => {} : this.#host.node.world.clock.timer(after, () => end(code, reason))
      this.#exit = end
    })
  }

  #ended(behaviour: PodBehaviour, code: number, reason: string | undefined): void {
    const { life } = this
    const host = this.#host
    host.node.real?.close(host.pod, life.container, true)
    if (!host.terminating) life.logs.push(...(behaviour.lastWords ?? []))
    life.ready = !host.terminating && code === 0 && this.#init
    life.started = false
    const terminated: NonNullable<ContainerState['terminated']> & { startedAt: string; containerID: string } = {
      exitCode: code,
      reason: reason ?? (code === 0 ? 'Completed' : 'Error'),
      ...(behaviour.endMessage === undefined ? {} : { message: behaviour.endMessage }),
      startedAt: timestamp(life.startedAt),
      finishedAt: timestamp(host.node.world.clock.now()),
      containerID: life.containerID,
    }
    life.state = { terminated }
    if (!host.terminating) host.report()
  }

  /** Ends the process from outside. */
  kill(code: number, lastWords: string[] = []): void {
    if (this.#exit === undefined) return
    this.life.logs.push(...lastWords)
    this.#exit(code)
  }

  /** preStop, SIGTERM, and SIGKILL when the grace period is over. */
  async shutDown(end: number): Promise<void> {
    const host = this.#host
    const { clock } = host.node.world
    if (this.#exit === undefined) return
    host.event('Normal', 'Killing', `Stopping container ${this.#container.name}`, this.#container)
    const left = (): number => Math.max(0, end - clock.now())
    await clock.sleep(Math.min(preStopMs(this.#container), left()))
    const { shutdownMs = SHUTDOWN_MS, ignoreSigterm = false } = host.behaviour(this.#container)
    host.node.real?.close(host.pod, this.#container, false)
    // What is left of the grace period, but two seconds at least.
    const most = Math.max(2_000, left())
    const killed = ignoreSigterm || shutdownMs > most
    await clock.sleep(killed ? most : shutdownMs)
    this.kill(killed ? 137 : 0)
  }

  /** The app's answer; undefined when no process listens. */
  http(request: PodHttpRequest): PodHttpAnswer | undefined {
    const { life } = this
    if (life.state.running === undefined) return undefined
    const behaviour = this.#host.behaviour(life.container)
    const now = this.#host.node.world.clock.now()
    const ready = probeVerdict(behaviour, life.startedAt, now, undefined) === undefined
    return this.#app.answer(behaviour, this.#host.pod, ready, request)
  }

  // --- probes

  async #probes(signal: AbortSignal): Promise<void> {
    const { life } = this
    const { startupProbe, readinessProbe, livenessProbe } = life.container
    if (startupProbe !== undefined) {
      if (!(await this.#untilUp('Startup', startupProbe, signal))) return
      life.started = true
      life.ready = readinessProbe === undefined
      this.#host.report()
    }
    if (readinessProbe !== undefined) void this.#readiness(readinessProbe, signal)
    const { livenessFails } = this.#host.behaviour(life.container)
    if (livenessFails !== undefined) void this.#dies(livenessFails, signal)
    if (livenessProbe !== undefined && this.#host.node.real !== undefined) void this.#liveness(livenessProbe, signal)
  }

  /** Until the first success; false when the process was killed for its failures. */
  async #untilUp(kind: string, probe: Probe, signal: AbortSignal): Promise<boolean> {
    const host = this.#host
    await host.sleep((probe.initialDelaySeconds ?? 0) * 1_000, signal)
    for (let failures = 0; !signal.aborted; ) {
      const verdict = await this.#probe(probe)
      if (signal.aborted) return false
      if (verdict === undefined) return true
      host.event('Warning', 'Unhealthy', `${kind} probe failed: ${verdict}`, this.#container)
      if (++failures >= (probe.failureThreshold ?? 3)) {
        const text = `Container ${this.#container.name} failed ${kind.toLowerCase()} probe, will be restarted`
        host.event('Normal', 'Killing', text, this.#container)
        this.kill(137)
        return false
      }
      await host.sleep((probe.periodSeconds ?? 10) * 1_000, signal)
    }
    return false
  }

  async #readiness(probe: Probe, signal: AbortSignal): Promise<void> {
    const { life } = this
    const host = this.#host
    const [enough, tooMany] = [numberAt(probe, 'successThreshold') ?? 1, probe.failureThreshold ?? 3]
    await host.sleep((probe.initialDelaySeconds ?? 0) * 1_000, signal)
    for (let good = 0, bad = 0; !signal.aborted; ) {
      const verdict = await this.#probe(probe)
      if (signal.aborted) return
      good = verdict === undefined ? good + 1 : 0
      bad = verdict === undefined ? 0 : bad + 1
      if (verdict !== undefined)
        host.event('Warning', 'Unhealthy', `Readiness probe failed: ${verdict}`, this.#container)
      const ready = good >= enough ? true : bad >= tooMany ? false : life.ready
      if (ready !== life.ready) {
        life.ready = ready
        if (!host.terminating) host.report()
      }
      // In virtual time a probe that succeeded goes on succeeding until a test says otherwise.
      if (life.ready && verdict === undefined && host.node.real === undefined) await either(host.poked, signal)
      else await host.sleep((probe.periodSeconds ?? 10) * 1_000, signal)
    }
  }

  async #dies(answer: string, signal: AbortSignal): Promise<void> {
    const host = this.#host
    for (let failures = 0; failures < 3; failures++) {
      await host.sleep(1_000, signal)
      if (signal.aborted) return
      host.event('Warning', 'Unhealthy', `Liveness probe failed: ${answer}`, this.#container)
    }
    const text = `Container ${this.#container.name} failed liveness probe, will be restarted`
    host.event('Normal', 'Killing', text, this.#container)
    this.kill(137)
  }

  async #liveness(probe: Probe, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.#untilUp('Liveness', probe, signal)))
      await this.#host.sleep((probe.periodSeconds ?? 10) * 1_000, signal)
  }

  /** Why a probe fails; undefined when it succeeds. */
  async #probe(probe: Probe): Promise<string | undefined> {
    const { real, world } = this.#host.node
    if (real !== undefined) return real.probe(this.#host.pod, this.#container, probe)
    await this.#host.sleep(PROBE_MS)
    return probeVerdict(this.#host.behaviour(this.#container), this.life.startedAt, world.clock.now(), probe)
  }
}

function either(a: AbortSignal, b: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [a, b]) signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function preStopMs(container: Container): number {
  const hook = mapAt(container, 'lifecycle', 'preStop')
  const seconds = numberAt(hook, 'sleep', 'seconds')
  if (seconds !== undefined) return seconds * 1_000
  const command = mapAt(hook, 'exec')['command']
  if (!Array.isArray(command)) return 0
  return Number(/sleep[ ,]+"?(\d+(?:\.\d+)?)/.exec(command.map(plainText).join(' '))?.[1] ?? 0) * 1_000
}

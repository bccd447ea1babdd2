/** One pod on its node, from its binding to its end. */
import type { Container, JsonMap, Pod } from '../../../src/shared/objects.ts'
import { Writer } from '../controllers/machinery.ts'
import { ApiError } from '../errors.ts'
import { clone, equal, mapsAt, numberAt, timestamp, typed } from '../values.ts'
import type { PodBehaviour, PodHttpAnswer, PodHttpRequest } from './behaviour.ts'
import { ContainerRun, START_MS } from './container-run.ts'
import { PULL_MS } from './images.ts'
import type { Node, PodHost } from './pod-host.ts'
import { newLife, type PodLife, podStatus } from './pod-status.ts'

export class PodWorker implements PodHost {
  readonly node: Node
  readonly #writer: Writer
  readonly #stop = new AbortController()
  readonly #life: PodLife
  readonly #init: ContainerRun[]
  readonly #containers: ContainerRun[]
  #poke = new AbortController()
  #terminating = false
  #dropped = false

  constructor(node: Node, pod: Pod) {
    this.node = node
    this.#writer = new Writer(node.world, 'kubelet')
    const now = timestamp(node.world.clock.now())
    const initContainers = (pod.spec.initContainers ?? []).map(newLife)
    const containers = pod.spec.containers.map(newLife)
    const initialized = initContainers.length === 0
    if (!initialized) for (const life of containers) life.state = { waiting: { reason: 'PodInitializing' } }
    this.#life = {
      pod,
      containers,
      initContainers,
      initialized,
      podIP: '',
      hostIP: node.hostIP,
      startTime: now,
      ended: false,
      now,
    }
    this.#init = initContainers.map((life) => new ContainerRun(this, life, life.container.restartPolicy !== 'Always'))
    this.#containers = containers.map((life) => new ContainerRun(this, life, false))
  }

  // --- what the containers need

  get pod(): Pod {
    return this.#life.pod
  }

  get stop(): AbortSignal {
    return this.#stop.signal
  }

  get terminating(): boolean {
    return this.#terminating
  }

  get poked(): AbortSignal {
    return this.#poke.signal
  }

  behaviour(container: Container): PodBehaviour {
    return this.node.behaviour(container.image ?? '', this.pod, container)
  }

  /** The behaviour of the pod as a whole is that of its first container. */
  #said(): PodBehaviour | undefined {
    const [first] = this.pod.spec.containers
    return first === undefined ? undefined : this.behaviour(first)
  }

  sleep(ms: number, signal: AbortSignal = this.stop): Promise<void> {
    return this.node.world.clock.sleep(ms, signal)
  }

  event(type: 'Normal' | 'Warning', reason: string, message: string, container: Container): void {
    if (this.#dropped) return
    this.node.recorder.event(this.pod, type, reason, message, `spec.containers{${container.name}}`)
  }

  report(): void {
    if (this.#dropped) return
    const { world } = this.node
    const resource = world.objects.resources.named('pods')
    const { namespace, name = '', uid } = this.pod.metadata
    const stored = world.objects.store.get(resource.key, namespace, name)
    if (stored === undefined || stored.metadata.uid !== uid) return
    this.#life.pod = typed<Pod>(stored)
    this.#life.now = timestamp(world.clock.now())
    const status = withForeign(podStatus(this.#life), this.#said()?.podStatus?.(this.pod))
    if (equal(stored['status'], status)) return
    try {
      this.#life.pod = typed<Pod>(this.#writer.update(resource, { ...clone(stored), status }, 'status'))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
    }
  }

  // --- life

  async start(): Promise<void> {
    this.report()
    for (const { type = 'Warning', reason, message } of this.#said()?.events ?? [])
      this.node.recorder.event(this.pod, type, reason, message)
    await this.sleep(1)
    if (this.stop.aborted) return
    this.#life.podIP = this.node.nextIP()
    for (const run of this.#init) if (!(await this.#initialize(run))) return
    if (!this.#life.initialized) {
      this.#life.initialized = true
      for (const life of this.#life.containers) life.state = { waiting: { reason: 'ContainerCreating' } }
      this.report()
    }
    await Promise.all(this.#containers.map((run) => run.run()))
  }

  /** Runs an init container until it succeeded; a sidecar only until it started. */
  async #initialize(run: ContainerRun): Promise<boolean> {
    if (run.life.container.restartPolicy === 'Always') {
      void run.run()
      await this.sleep(PULL_MS + START_MS)
      return !this.stop.aborted
    }
    await run.run()
    return !this.stop.aborted && run.life.state.terminated?.exitCode === 0
  }

  /** Looks at the behaviour again at once. */
  poke(): void {
    this.#poke.abort()
    this.#poke = new AbortController()
  }

  update(pod: Pod): void {
    this.#life.pod = pod
    if (this.#terminating) return
    if (pod.metadata.deletionTimestamp === undefined) this.report()
    else void this.#terminate()
  }

  // --- doors for others

  #runOf(container: string): ContainerRun | undefined {
    return [...this.#init, ...this.#containers].find((run) => run.life.container.name === container)
  }

  http(container: Container, request: PodHttpRequest): PodHttpAnswer | undefined {
    return this.#runOf(container.name)?.http(request)
  }

  logs(container: string, previous: boolean): string[] | undefined {
    const life = this.#runOf(container)?.life
    if (life === undefined || life.startedAt === 0) return undefined
    return previous ? life.previousLogs : life.logs
  }

  /** Ends the processes, as a crash does. */
  crash(code: number, lastWords: string[]): void {
    for (const run of this.#containers) run.kill(code, lastWords)
  }

  // --- the end

  async #terminate(): Promise<void> {
    this.#terminating = true
    const { clock } = this.node.world
    const grace = numberAt(this.pod, 'metadata', 'deletionGracePeriodSeconds') ?? 30
    const end = clock.now() + grace * 1_000
    await Promise.all(this.#containers.map((run) => run.shutDown(end)))
    this.#kill()
    await clock.sleep(1)
    this.#life.ended = true
    for (const life of this.#life.containers) {
      life.ready = false
      if (life.state.terminated === undefined && life.startedAt > 0)
        life.state = { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } }
    }
    this.report()
    this.#writer.delete(this.node.world.objects.resources.named('pods'), this.pod, { gracePeriodSeconds: 0 })
  }

  #kill(): void {
    this.#stop.abort()
    for (const run of [...this.#init, ...this.#containers]) run.kill(137)
  }

  /** The pod is gone from the API: nothing more is written. */
  drop(): void {
    this.#dropped = true
    this.#terminating = true
    this.#kill()
    for (const { container } of this.#life.containers) this.node.real?.close(this.pod, container, true)
  }
}

/** A condition that somebody else writes stands in place of the kubelet's own. */
function withForeign(status: JsonMap, foreign: JsonMap | undefined): JsonMap {
  if (foreign === undefined) return status
  const theirs = mapsAt(foreign, 'conditions')
  const own = mapsAt(status, 'conditions').filter(({ type }) => !theirs.some((each) => each['type'] === type))
  return { ...status, ...foreign, conditions: [...own, ...theirs] }
}

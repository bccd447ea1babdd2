/** One pod on its node: images, processes, probes, restarts, and the end. */
import type { Container, ContainerState, Pod, Probe } from '../../../src/shared/objects.ts'
import { type Recorder, type World, Writer } from '../controllers/machinery.ts'
import { ApiError } from '../errors.ts'
import { clone, equal, isMap, mapAt, numberAt, textAt, timestamp, typed, plainText } from '../values.ts'
import { answerOf, type Behaviour, type PodBehaviour, type PodHttpAnswer, type PodHttpRequest } from './behaviour.ts'
import { type ContainerLife, digestOf, imageIdOf, newLife, phaseOf, type PodLife, podStatus } from './pod-status.ts'
import { probeVerdict } from './probes.ts'
import type { RealServers } from './real-servers.ts'

const PULL_MS = 50
const START_MS = 20
const SHUTDOWN_MS = 20
const BACKOFF_MS = 10_000
const LONGEST_BACKOFF_MS = 300_000
/** A process that ran so long starts its back-off anew. */
const STABLE_MS = 600_000

export interface Node {
  world: World
  recorder: Recorder
  behaviour: Behaviour
  hostIP: string
  nextIP: () => string
  real: RealServers | undefined
}

export class PodWorker {
  readonly #node: Node
  readonly #writer: Writer
  readonly #stop = new AbortController()
  readonly #life: PodLife
  /** wakes probes early when a test changes what a pod does */
  #poke = new AbortController()
  readonly #exits = new Map<ContainerLife, (code: number, reason?: string) => void>()
  #terminating = false
  #dropped = false

  constructor(node: Node, pod: Pod) {
    this.#node = node
    this.#writer = new Writer(node.world, 'kubelet')
    const now = timestamp(node.world.clock.now())
    this.#life = {
      pod,
      containers: pod.spec.containers.map(newLife),
      initContainers: (pod.spec.initContainers ?? []).map(newLife),
      initialized: (pod.spec.initContainers ?? []).length === 0,
      podIP: '',
      hostIP: node.hostIP,
      startTime: now,
      ended: false,
      now,
    }
    if (!this.#life.initialized)
      for (const life of this.#life.containers) life.state = { waiting: { reason: 'PodInitializing' } }
  }

  get pod(): Pod {
    return this.#life.pod
  }

  start(): void {
    void this.#run()
  }

  #behaviour(container: Container): PodBehaviour {
    return this.#node.behaviour(container.image ?? '', this.pod, container)
  }

  #sleep(ms: number, signal: AbortSignal = this.#stop.signal): Promise<void> {
    return this.#node.world.clock.sleep(ms, signal)
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string, container?: Container): void {
    if (this.#dropped) return
    this.#node.recorder.event(
      this.pod,
      type,
      reason,
      message,
      container === undefined ? undefined : `spec.containers{${container.name}}`,
    )
  }

  /** Writes the status when it differs from what is stored. */
  #report(): void {
    if (this.#dropped) return
    const { world } = this.#node
    const resource = world.objects.resources.named('pods')
    const { namespace, name = '', uid } = this.pod.metadata
    const stored = world.objects.store.get(resource.key, namespace, name)
    if (stored === undefined || stored.metadata.uid !== uid) return
    this.#life.pod = typed<Pod>(stored)
    this.#life.now = timestamp(world.clock.now())
    const status = podStatus(this.#life)
    if (equal(stored['status'], status)) return
    try {
      this.#life.pod = typed<Pod>(this.#writer.update(resource, { ...clone(stored), status }, 'status'))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
    }
  }

  async #run(): Promise<void> {
    this.#report()
    await this.#sleep(1)
    if (this.#stopped) return
    this.#life.podIP = this.#node.nextIP()
    for (const life of this.#life.initContainers) if (!(await this.#init(life))) return
    if (!this.#life.initialized) {
      this.#life.initialized = true
      for (const life of this.#life.containers) life.state = { waiting: { reason: 'ContainerCreating' } }
      this.#report()
    }
    await Promise.all(this.#life.containers.map((life) => this.#container(life)))
  }

  /** Runs an init container until it succeeded; a sidecar only until it started. */
  async #init(life: ContainerLife): Promise<boolean> {
    if (life.container.restartPolicy === 'Always') {
      void this.#container(life)
      await this.#sleep(PULL_MS + START_MS)
      return !this.#stopped
    }
    await this.#container(life, true)
    return !this.#stopped && life.state.terminated?.exitCode === 0
  }

  // --- a container's life

  async #container(life: ContainerLife, init = false): Promise<void> {
    if (!(await this.#pull(life))) return
    if (!(await this.#configured(life))) return
    let wait = 0
    for (;;) {
      const code = await this.#process(life, init)
      if (this.#stopped) return
      const policy = init
        ? this.pod.spec['restartPolicy'] === 'Never'
          ? 'Never'
          : 'OnFailure'
        : (life.container.restartPolicy ?? this.pod.spec['restartPolicy'] ?? 'Always')
      if (policy === 'Never' || (policy === 'OnFailure' && code === 0)) return
      if (this.#node.world.clock.now() - life.startedAt > STABLE_MS) wait = 0
      await this.#backOff(life, wait)
      if (this.#stopped) return
      wait = Math.min(LONGEST_BACKOFF_MS, wait === 0 ? BACKOFF_MS : wait * 2)
      life.restarts++
    }
  }

  async #backOff(life: ContainerLife, wait: number): Promise<void> {
    if (wait === 0) {
      await this.#sleep(100)
      life.lastState = life.state
      return
    }
    const { name = '', namespace = '', uid = '' } = this.pod.metadata
    const where = `${life.container.name} pod=${name}_${namespace}(${uid})`
    life.lastState = life.state
    life.state = {
      waiting: {
        reason: 'CrashLoopBackOff',
        message: `back-off ${wait / 1_000}s restarting failed container=${where}`,
      },
    }
    this.#report()
    this.#event(
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${life.container.name} in pod ${name}_${namespace}(${uid})`,
      life.container,
    )
    await this.#sleep(wait)
  }

  async #pull(life: ContainerLife): Promise<boolean> {
    const image = life.container.image ?? ''
    for (let wait = BACKOFF_MS; !this.#stopped; wait = Math.min(LONGEST_BACKOFF_MS, wait * 2)) {
      const { imagePull, pullMs = PULL_MS } = this.#behaviour(life.container)
      if (imagePull === 'invalid-name') return this.#invalidName(life)
      this.#event('Normal', 'Pulling', `Pulling image "${image}"`, life.container)
      await this.#sleep(pullMs)
      if (this.#stopped) return false
      if (imagePull === undefined) {
        this.#event(
          'Normal',
          'Pulled',
          `Successfully pulled image "${image}" in ${pullMs}ms (${pullMs}ms including waiting). Image size: 12345678 bytes.`,
          life.container,
        )
        return true
      }
      await this.#pullFailed(life, pullError(image, imagePull), wait)
    }
    return false
  }

  async #pullFailed(life: ContainerLife, message: string, wait: number): Promise<void> {
    const image = life.container.image ?? ''
    life.state = { waiting: { reason: 'ErrImagePull', message } }
    this.#report()
    this.#event('Warning', 'Failed', `Failed to pull image "${image}": ${message}`, life.container)
    this.#event('Warning', 'Failed', 'Error: ErrImagePull', life.container)
    await this.#sleep(1_000)
    if (this.#stopped) return
    life.state = {
      waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${image}": ErrImagePull: ${message}` },
    }
    this.#report()
    this.#event('Normal', 'BackOff', `Back-off pulling image "${image}"`, life.container)
    this.#event('Warning', 'Failed', 'Error: ImagePullBackOff', life.container)
    await this.#sleep(wait)
  }

  #invalidName(life: ContainerLife): false {
    const image = life.container.image ?? ''
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`
    life.state = { waiting: { reason: 'InvalidImageName', message } }
    this.#report()
    this.#event('Warning', 'InspectFailed', message, life.container)
    this.#event('Warning', 'Failed', 'Error: InvalidImageName', life.container)
    return false
  }

  async #configured(life: ContainerLife): Promise<boolean> {
    while (!this.#stopped) {
      const message =
        this.#behaviour(life.container).createContainerConfigError ?? this.#missingReference(life.container)
      if (message === undefined) return true
      life.state = { waiting: { reason: 'CreateContainerConfigError', message } }
      this.#report()
      this.#event('Warning', 'Failed', `Error: ${message}`, life.container)
      await this.#sleep(BACKOFF_MS)
    }
    return false
  }

  /** A ConfigMap or Secret that the environment names and that is not there. */
  #missingReference(container: Container): string | undefined {
    const { store } = this.#node.world.objects
    const references = [
      ...(container.envFrom ?? []).flatMap((item) => [
        ['configmap', item['configMapRef']],
        ['secret', item['secretRef']],
      ]),
      ...(container.env ?? []).flatMap((item) => [
        ['configmap', mapAt(item, 'valueFrom')['configMapKeyRef']],
        ['secret', mapAt(item, 'valueFrom')['secretKeyRef']],
      ]),
    ] as const
    for (const [kind, reference] of references) {
      if (typeof kind !== 'string' || !isMap(reference) || reference['optional'] === true) continue
      const name = textAt(reference, 'name') ?? ''
      const found = store.get(kind === 'secret' ? '/secrets' : '/configmaps', this.pod.metadata.namespace, name)
      if (found === undefined) return `${kind} "${name}" not found`
      const key = textAt(reference, 'key')
      if (key !== undefined && mapAt(found, 'data')[key] === undefined)
        return `couldn't find key ${key} in ${kind === 'secret' ? 'Secret' : 'ConfigMap'} ${this.pod.metadata.namespace ?? ''}/${name}`
    }
    return undefined
  }

  /** One run of the process, until it ends by itself or is killed. */
  async #process(life: ContainerLife, init: boolean): Promise<number> {
    const behaviour = this.#behaviour(life.container)
    await this.#sleep(behaviour.startMs ?? START_MS)
    if (this.#stopped) return 0
    const { clock } = this.#node.world
    const running = new AbortController()
    life.startedAt = clock.now()
    life.containerID = `containerd://${digestOf(`${this.pod.metadata.uid ?? ''}${life.container.name}${life.restarts}`)}`
    life.imageID = behaviour.imageID ?? imageIdOf(life.container.image ?? '')
    life.state = { running: { startedAt: timestamp(clock.now()) } }
    if (life.restarts > 0) life.previousLogs = life.logs
    life.logs = [...(behaviour.logs ?? [`version ${(life.container.image ?? '').split(':').at(-1) ?? ''} listening`])]
    life.started = life.container.startupProbe === undefined
    life.ready = life.started && life.container.readinessProbe === undefined && !init
    await this.#node.real?.open(this.pod, life.container, (request) => this.http(life.container, request))
    this.#event('Normal', 'Created', `Container created`, life.container)
    this.#event('Normal', 'Started', `Container started`, life.container)
    this.#report()
    void this.#probes(life, running.signal)
    const [code, reason] = await this.#exit(life, behaviour, init)
    running.abort()
    this.#ended(life, behaviour, code, reason)
    return code
  }

  #exit(
    life: ContainerLife,
    behaviour: PodBehaviour,
    init: boolean,
  ): Promise<[code: number, reason: string | undefined]> {
    const { clock } = this.#node.world
    return new Promise((resolve) => {
      const after = behaviour.crashAfterMs ?? behaviour.runMs ?? (init ? 10 : undefined)
      const code = behaviour.exitCode ?? (behaviour.crashAfterMs === undefined ? 0 : 1)
      const cancel =
        after === undefined
          ? (): void => {}
          : clock.timer(after, () => done(code, behaviour.oomKilled === true ? 'OOMKilled' : undefined))
      const done = (exitCode: number, reason?: string): void => {
        cancel()
        this.#exits.delete(life)
        resolve([exitCode, reason])
      }
      this.#exits.set(life, done)
    })
  }

  #ended(life: ContainerLife, behaviour: PodBehaviour, code: number, reason: string | undefined): void {
    const { clock } = this.#node.world
    this.#node.real?.close(this.pod, life.container, true)
    if (!this.#terminating) life.logs.push(...(behaviour.lastWords ?? []))
    life.ready = !this.#terminating && code === 0 && this.#life.initContainers.includes(life)
    life.started = false
    const terminated: NonNullable<ContainerState['terminated']> & { startedAt: string; containerID: string } = {
      exitCode: code,
      reason: reason ?? (code === 0 ? 'Completed' : 'Error'),
      startedAt: timestamp(life.startedAt),
      finishedAt: timestamp(clock.now()),
      containerID: life.containerID,
    }
    life.state = { terminated }
    if (!this.#terminating) this.#report()
  }

  // --- probes

  async #probes(life: ContainerLife, signal: AbortSignal): Promise<void> {
    const { startupProbe, readinessProbe, livenessProbe } = life.container
    if (startupProbe !== undefined) {
      const up = await this.#probeLoop(life, 'Startup', startupProbe, signal)
      if (!up) return
      life.started = true
      life.ready = readinessProbe === undefined
      this.#report()
    }
    if (readinessProbe !== undefined) void this.#readiness(life, readinessProbe, signal)
    if (livenessProbe !== undefined && this.#node.real !== undefined) void this.#liveness(life, livenessProbe, signal)
  }

  /** Until the first success; false when the process was killed for it. */
  async #probeLoop(life: ContainerLife, kind: string, probe: Probe, signal: AbortSignal): Promise<boolean> {
    await this.#sleep((probe.initialDelaySeconds ?? 0) * 1_000, signal)
    for (let failures = 0; !signal.aborted; ) {
      const verdict = await this.#probe(life, probe)
      if (signal.aborted) return false
      if (verdict === undefined) return true
      this.#event('Warning', 'Unhealthy', `${kind} probe failed: ${verdict}`, life.container)
      if (++failures >= (probe.failureThreshold ?? 3)) {
        this.#event(
          'Normal',
          'Killing',
          `Container ${life.container.name} failed ${kind.toLowerCase()} probe, will be restarted`,
          life.container,
        )
        this.#exits.get(life)?.(137)
        return false
      }
      await this.#sleep((probe.periodSeconds ?? 10) * 1_000, signal)
    }
    return false
  }

  async #readiness(life: ContainerLife, probe: Probe, signal: AbortSignal): Promise<void> {
    await this.#sleep((probe.initialDelaySeconds ?? 0) * 1_000, signal)
    let [good, bad] = [0, 0]
    while (!signal.aborted) {
      const verdict = await this.#probe(life, probe)
      if (signal.aborted) return
      if (verdict === undefined) [good, bad] = [good + 1, 0]
      else {
        ;[good, bad] = [0, bad + 1]
        this.#event('Warning', 'Unhealthy', `Readiness probe failed: ${verdict}`, life.container)
      }
      const next =
        good >= (numberAt(probe, 'successThreshold') ?? 1)
          ? true
          : bad >= (probe.failureThreshold ?? 3)
            ? false
            : life.ready
      if (next !== life.ready) {
        life.ready = next
        if (!this.#terminating) this.#report()
      }
      // In virtual time a probe that succeeded goes on succeeding until a test says otherwise.
      if (life.ready && this.#node.real === undefined) await this.#poked(signal)
      else await this.#sleep((probe.periodSeconds ?? 10) * 1_000, signal)
    }
  }

  #poked(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => resolve()
      this.#poke.signal.addEventListener('abort', done, { once: true })
      signal.addEventListener('abort', done, { once: true })
    })
  }

  async #liveness(life: ContainerLife, probe: Probe, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.#probeLoop(life, 'Liveness', probe, signal)))
      await this.#sleep((probe.periodSeconds ?? 10) * 1_000, signal)
  }

  /** Why a probe fails; undefined when it succeeds. */
  async #probe(life: ContainerLife, probe: Probe): Promise<string | undefined> {
    if (this.#node.real !== undefined) return this.#node.real.probe(this.pod, life.container, probe)
    return probeVerdict(this.#behaviour(life.container), life.startedAt, this.#node.world.clock.now(), probe)
  }

  // --- doors for others

  /** Looks at the behaviour again at once. */
  poke(): void {
    this.#poke.abort()
    this.#poke = new AbortController()
  }

  update(pod: Pod): void {
    this.#life.pod = pod
    if (pod.metadata.deletionTimestamp !== undefined && !this.#terminating) void this.#terminate()
    else if (!this.#terminating) this.#report()
  }

  /** The app's answer; undefined when no process listens. */
  http(container: Container, request: PodHttpRequest): PodHttpAnswer | undefined {
    const life = this.#life.containers.find(
      (item) => item.container === container || item.container.name === container.name,
    )
    if (life === undefined || life.state.running === undefined) return undefined
    const behaviour = this.#behaviour(life.container)
    const ready = probeVerdict(behaviour, life.startedAt, this.#node.world.clock.now(), undefined) === undefined
    return answerOf(behaviour, life.container.image ?? '', this.pod, ready, request)
  }

  logs(container: string, previous: boolean): string[] | undefined {
    const life = [...this.#life.initContainers, ...this.#life.containers].find(
      (item) => item.container.name === container,
    )
    if (life === undefined) return undefined
    if (previous)
      return life.state.running === undefined && life.lastState === undefined ? undefined : life.previousLogs
    return life.startedAt === 0 ? undefined : life.logs
  }

  /** Ends a container's process, as a crash does. */
  crash(code: number, lastWords: string[]): void {
    for (const [life, exit] of this.#exits) {
      life.logs.push(...lastWords)
      exit(code)
    }
  }

  // --- the end

  async #terminate(): Promise<void> {
    this.#terminating = true
    const { clock } = this.#node.world
    const grace = numberAt(this.pod, 'metadata', 'deletionGracePeriodSeconds') ?? 30
    const end = clock.now() + grace * 1_000
    await Promise.all(this.#life.containers.map((life) => this.#shutDown(life, end)))
    this.#stop.abort()
    for (const exit of this.#exits.values().toArray()) exit(137)
    await clock.sleep(1)
    this.#life.ended = true
    for (const life of this.#life.containers) {
      life.ready = false
      if (life.state.terminated === undefined && life.startedAt > 0)
        life.state = { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } }
    }
    this.#report()
    const resource = this.#node.world.objects.resources.named('pods')
    this.#writer.delete(resource, this.pod, { gracePeriodSeconds: 0 })
  }

  async #shutDown(life: ContainerLife, end: number): Promise<void> {
    const { clock } = this.#node.world
    const exit = this.#exits.get(life)
    if (exit === undefined) return
    this.#event('Normal', 'Killing', `Stopping container ${life.container.name}`, life.container)
    const left = (): number => Math.max(0, end - clock.now())
    await clock.sleep(Math.min(preStopMs(life.container), left()))
    const { shutdownMs = SHUTDOWN_MS, ignoreSigterm = false } = this.#behaviour(life.container)
    this.#node.real?.close(this.pod, life.container, false)
    // What is left of the grace period, but two seconds at least.
    const most = Math.max(2_000, left())
    const killed = ignoreSigterm || shutdownMs > most
    await clock.sleep(killed ? most : shutdownMs)
    exit(killed ? 137 : 0)
  }

  /** The pod is gone from the API: nothing more is written. */
  drop(): void {
    this.#dropped = true
    this.#terminating = true
    this.#stop.abort()
    for (const exit of this.#exits.values().toArray()) exit(137)
    for (const life of this.#life.containers) this.#node.real?.close(this.pod, life.container, true)
  }

  get phase(): string {
    return phaseOf(this.#life)
  }
}

function preStopMs(container: Container): number {
  const hook = mapAt(container, 'lifecycle', 'preStop')
  const seconds = numberAt(hook, 'sleep', 'seconds')
  if (seconds !== undefined) return seconds * 1_000
  const command = mapAt(hook, 'exec')['command']
  if (!Array.isArray(command)) return 0
  return Number(/sleep[ ,]+"?(\d+(?:\.\d+)?)/.exec(command.map(plainText).join(' '))?.[1] ?? 0) * 1_000
}

function pullError(image: string, kind: 'not-found' | 'denied' | 'rate-limited'): string {
  const head = `failed to pull and unpack image "${image}": failed to resolve reference "${image}":`
  switch (kind) {
    case 'not-found':
      return `${head} ${image}: not found`
    case 'denied':
      return `${head} pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`
    case 'rate-limited':
      return `${head} unexpected status from HEAD request: 429 Too Many Requests - toomanyrequests: You have reached your pull rate limit`
  }
}

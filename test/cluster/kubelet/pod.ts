/** The life of one pod on this node, from the moment it is bound to the node until it is gone. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Condition } from '../../../src/shared/objects.ts'
import { type Client, STRATEGIC_PATCH } from '../client.ts'
import type { Addresses } from './addresses.ts'
import { Configuration } from './configuration.ts'
import { ContainerRunner, type Role, type Surroundings } from './container.ts'
import { PodEvents } from './events.ts'
import { ContainerLog } from './logs.ts'
import type { KubeletSettings } from './settings.ts'
import { podStatus } from './status.ts'
import type { BoundPod, ContainerSpec } from './types.ts'
import { timestamp } from './types.ts'

export interface Node {
  client: Client
  settings: KubeletSettings
  addresses: Addresses
  say: (line: string) => void
}

const DEFAULT_GRACE_SECONDS = 30
const MOUNT_RETRY_MS = 1_000

export class PodWorker {
  readonly #node: Node
  readonly #uid: string
  readonly #path: string
  readonly #events: PodEvents
  readonly #configuration: Configuration
  readonly #ending = new AbortController()
  readonly #conditions: Map<string, Condition>
  readonly #startTime = timestamp()
  readonly #logs = new Map<string, ContainerLog>()
  readonly #init: ContainerRunner[]
  readonly #main: ContainerRunner[]
  #pod: BoundPod
  #address: string | undefined
  #initialized = false
  #terminating = false
  #ended = false
  #gone = false
  #writing: Promise<void> = Promise.resolve()
  #writeIsDue = false

  constructor(pod: BoundPod, node: Node) {
    this.#pod = pod
    this.#node = node
    const { namespace, name, uid } = pod.metadata
    this.#uid = uid
    this.#path = `/api/v1/namespaces/${namespace}/pods/${name}`
    this.#events = new PodEvents(node.client, node.settings.node, pod)
    this.#configuration = new Configuration(node.client, namespace)
    this.#conditions = new Map((pod.status?.conditions ?? []).map((condition) => [condition.type, condition]))
    // A pod keeps its address when the kubelet is started again: the API refuses to merge another one in.
    this.#address = pod.spec.hostNetwork === true ? node.settings.nodeAddress : node.addresses.take(pod.status?.podIP)
    const around = this.#surroundings(this.#address)
    const runner = (spec: ContainerSpec, role: Role): ContainerRunner => {
      const log = new ContainerLog()
      this.#logs.set(spec.name, log)
      const before = pod.status?.containerStatuses?.find((status) => status.name === spec.name)?.restartCount
      return new ContainerRunner(spec, role, log, around, before === undefined ? 0 : before + 1)
    }
    this.#init = (pod.spec.initContainers ?? []).map((spec) =>
      runner(spec, spec.restartPolicy === 'Always' ? 'sidecar' : 'init'),
    )
    this.#main = pod.spec.containers.map((spec) => runner(spec, 'main'))
  }

  get namespace(): string {
    return this.#pod.metadata.namespace
  }

  get name(): string {
    return this.#pod.metadata.name
  }

  /** The container's log and why there is nothing to read yet, if so. */
  log(container: string): { log: ContainerLog; waiting: string | undefined; alive: boolean } | undefined {
    const log = this.#logs.get(container)
    const runner = [...this.#init, ...this.#main].find(({ spec }) => spec.name === container)
    if (log === undefined || runner === undefined) return undefined
    const never = runner.id === undefined
    return { log, waiting: never ? (runner.state.waiting?.reason ?? 'waiting') : undefined, alive: runner.alive }
  }

  #surroundings(address: string): Surroundings {
    return {
      pod: () => this.#pod,
      address,
      events: this.#events,
      configuration: this.#configuration,
      registryFile: this.#node.settings.registryFile,
      crashBackoffSeconds: this.#node.settings.crashBackoffSeconds,
      changed: () => this.#writeStatus(),
      ending: this.#ending.signal,
    }
  }

  async run(): Promise<void> {
    if (this.#pod.metadata.deletionTimestamp !== undefined) return this.#terminate()
    this.#writeStatus()
    if (!(await this.#mountVolumes())) return
    for (const runner of this.#init) if (!(await this.#initialize(runner))) return
    this.#initialized = true
    await Promise.all(this.#main.map((runner) => runner.run()))
  }

  /** False when the pod ended first. */
  async #mountVolumes(): Promise<boolean> {
    for (const volume of this.#pod.spec.volumes ?? [])
      for (;;) {
        if (this.#ending.signal.aborted) return false
        const why = await this.#configuration.mountFailure(volume)
        if (why === undefined) break
        this.#events.record('Warning', 'FailedMount', why)
        await sleep(MOUNT_RETRY_MS, undefined, { signal: this.#ending.signal }).catch(() => {})
      }
    return true
  }

  /** Runs one init container to its end, or a sidecar until it has started. */
  async #initialize(runner: ContainerRunner): Promise<boolean> {
    const running = runner.run()
    if (runner.role === 'init') await running
    while (runner.role === 'sidecar' && !runner.started && !this.#ending.signal.aborted) await sleep(20)
    const failed = runner.role === 'init' && runner.state.terminated?.exitCode !== 0
    return !failed && !this.#ending.signal.aborted
  }

  /** The object changed in the cluster. */
  update(pod: BoundPod): void {
    const gates = (which: BoundPod): string => {
      const types = (which.spec.readinessGates ?? []).map(({ conditionType }) => conditionType)
      return JSON.stringify(which.status?.conditions?.filter(({ type }) => types.includes(type)))
    }
    const before = this.#pod
    this.#pod = pod
    if (gates(before) !== gates(pod) || before.metadata.generation !== pod.metadata.generation) this.#writeStatus()
    if (pod.metadata.deletionTimestamp !== undefined && !this.#terminating) void this.#terminate()
  }

  /** The object is gone from the cluster: whatever still runs, ends now. */
  drop(): void {
    this.#gone = true
    this.#terminating = true
    this.#ending.abort()
    for (const runner of [...this.#main, ...this.#init]) runner.kill()
    if (this.#pod.spec.hostNetwork !== true && this.#address !== undefined) this.#node.addresses.giveBack(this.#address)
  }

  async #terminate(): Promise<void> {
    this.#terminating = true
    const graceMs = (this.#pod.metadata.deletionGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1_000
    const deadline = Date.now() + graceMs
    const sidecars = this.#init.filter(({ role }) => role === 'sidecar')
    for (const { spec } of this.#main) this.#events.record('Normal', 'Killing', `Stopping container ${spec.name}`)
    // Containers that wait for an image, a restart or their configuration stop waiting; running ones are not touched.
    this.#ending.abort()
    if (graceMs > 0) {
      await Promise.all(this.#main.map((runner) => runner.end(graceMs)))
      await Promise.all(sidecars.map((runner) => runner.end(Math.max(0, deadline - Date.now()))))
    }
    for (const runner of [...this.#main, ...this.#init]) runner.kill()
    await sleep(10) // the runners notice the ends of their programs
    this.#ended = true
    this.#writeStatus()
    await this.#writing
    await this.#deleteObject()
  }

  async #deleteObject(): Promise<void> {
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      gracePeriodSeconds: 0,
      preconditions: { uid: this.#uid },
    }
    for (let attempt = 0; attempt < 60 && !this.#gone; attempt++) {
      const status = await this.#node.client.ask('DELETE', this.#path, { body }).then(
        (answer) => answer.status,
        () => 0,
      )
      if (status > 0 && status < 500 && status !== 429) return
      await sleep(500)
    }
  }

  /** Writes the status soon; changes that come meanwhile go into one write. */
  #writeStatus(): void {
    if (this.#writeIsDue || this.#gone) return
    this.#writeIsDue = true
    this.#writing = this.#writing.then(() => this.#writeNow())
  }

  async #writeNow(): Promise<void> {
    for (let attempt = 0; attempt < 20 && !this.#gone; attempt++) {
      this.#writeIsDue = false
      const status = podStatus({
        pod: this.#pod,
        init: this.#init,
        main: this.#main,
        initialized: this.#initialized,
        ended: this.#ended,
        address: this.#address,
        nodeAddress: this.#node.settings.nodeAddress,
        startTime: this.#startTime,
        conditions: this.#conditions,
      })
      for (const condition of status.conditions) this.#conditions.set(condition.type, condition)
      try {
        const body = { metadata: { uid: this.#uid }, status }
        const answer = await this.#node.client.ask('PATCH', `${this.#path}/status`, { body, type: STRATEGIC_PATCH })
        if (answer.status < 300 || answer.status === 404 || answer.status === 409) return
        this.#node.say(`status of ${this.#path}: ${answer.status} ${answer.text.slice(0, 300)}`)
      } catch (error) {
        this.#node.say(`status of ${this.#path}: ${error instanceof Error ? error.message : String(error)}`)
      }
      await sleep(300)
    }
  }
}

/** The scheduler and the one node of the cluster. */
import type { KubeObject, Pod } from '../../../src/shared/objects.ts'
import type { Answer, ApiRequest } from '../api/request.ts'
import type { PodDoor } from '../api/subresources.ts'
import { isFinished } from '../controllers/pods.ts'
import { Queue, Recorder, type World } from '../controllers/machinery.ts'
import { asObject, clone, mapsAt, textAt, timestamp, typed } from '../values.ts'
import type { Behaviour, PodBehaviour } from './behaviour.ts'
import { PodWorker } from './pod-worker.ts'
import type { RealServers } from './real-servers.ts'

const NODE = 'node1'
const HOST_IP = '10.0.0.1'

export class Kubelet implements PodDoor {
  readonly #world: World
  readonly #workers = new Map<string, PodWorker>()
  readonly #recorder: Recorder
  readonly #scheduler: Recorder
  readonly #scheduling: Queue
  readonly #behaviour: Behaviour
  readonly #real: RealServers | undefined
  #addresses = 2

  constructor(world: World, behaviour: Behaviour, real: RealServers | undefined) {
    this.#world = world
    this.#behaviour = behaviour
    this.#real = real
    this.#recorder = new Recorder(world, 'kubelet')
    this.#scheduler = new Recorder(world, 'default-scheduler')
    this.#scheduling = new Queue(world.clock, world.workDelay, (namespace, name) => this.#schedule(namespace, name))
    world.informers.on('/pods', ({ type, object }) => this.#changed(type, typed<Pod>(object)))
  }

  #changed(type: string, pod: Pod): void {
    const uid = pod.metadata.uid ?? ''
    if (type === 'DELETED') {
      this.#workers.get(uid)?.drop()
      this.#workers.delete(uid)
      return
    }
    if (!pod.spec.nodeName) return this.#scheduling.add(pod.metadata.namespace, pod.metadata.name)
    const worker = this.#workers.get(uid)
    if (worker !== undefined) return worker.update(pod)
    if (isFinished(pod) && pod.metadata.deletionTimestamp === undefined) return
    this.#adopt(pod)
  }

  #adopt(pod: Pod): void {
    const worker = new PodWorker(
      {
        world: this.#world,
        recorder: this.#recorder,
        behaviour: this.#behaviour,
        hostIP: HOST_IP,
        nextIP: () => this.#nextIP(),
        real: this.#real,
      },
      pod,
    )
    this.#workers.set(pod.metadata.uid ?? '', worker)
    void worker.start()
    if (pod.metadata.deletionTimestamp !== undefined) worker.update(pod)
  }

  #nextIP(): string {
    const n = this.#addresses++
    return `10.244.${(n >> 8) & 255}.${n & 255}`
  }

  // --- scheduling

  #schedule(namespace: string, name: string): void {
    const { objects } = this.#world
    const found = objects.store.get('/pods', namespace, name)
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return
    const pod = typed<Pod>(found)
    if (pod.spec.nodeName || mapsAt(pod, 'spec', 'schedulingGates').length > 0) return
    const container = pod.spec.containers[0]
    const behaviour = container === undefined ? {} : this.#behaviour(container.image ?? '', pod, container)
    if (behaviour.unschedulable !== undefined) return this.#unschedulable(pod, behaviour.unschedulable, behaviour)
    const now = timestamp(this.#world.clock.now())
    const scheduled = { type: 'PodScheduled', observedGeneration: 1, status: 'True', lastTransitionTime: now }
    const others = mapsAt(pod, 'status', 'conditions').filter((condition) => condition['type'] !== 'PodScheduled')
    // A binding leaves no trace in managedFields.
    objects.store.put(
      '/pods',
      asObject({
        ...pod,
        spec: { ...pod.spec, nodeName: NODE },
        status: { ...pod.status, conditions: [...others, scheduled] },
      }),
    )
    this.#scheduler.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${NODE}`)
  }

  #unschedulable(pod: Pod, message: string, behaviour: PodBehaviour): void {
    const { unschedulableReason: reason = 'Unschedulable', events = [] } = behaviour
    const before = mapsAt(pod, 'status', 'conditions').find((condition) => condition['type'] === 'PodScheduled')
    const { namespace, name } = pod.metadata
    if (textAt(before, 'message') !== message) {
      const now = timestamp(this.#world.clock.now())
      const condition = {
        type: 'PodScheduled',
        observedGeneration: 1,
        status: 'False',
        lastTransitionTime: now,
        reason,
        message,
      }
      const others = mapsAt(pod, 'status', 'conditions').filter((item) => item['type'] !== 'PodScheduled')
      const resource = this.#world.objects.resources.named('pods')
      const next = asObject({
        ...clone<KubeObject>(pod),
        status: { ...pod.status, conditions: [...others, condition] },
      })
      this.#world.objects.update(resource, pod, next, { manager: 'kube-scheduler', subresource: 'status' })
      this.#scheduler.event(pod, 'Warning', 'FailedScheduling', message)
      for (const { type = 'Normal', reason, message } of events) this.#scheduler.event(pod, type, reason, message)
    }
    this.#scheduling.addAfter(namespace, name, 10_000)
  }

  // --- doors

  #worker(pod: KubeObject): PodWorker | undefined {
    return this.#workers.get(pod.metadata.uid ?? '')
  }

  logs(pod: KubeObject, container: string, previous: boolean): string[] | undefined {
    return this.#worker(pod)?.logs(container, previous)
  }

  /** Through the proxy of the API server: straight to the process, without a socket. */
  async http(
    pod: KubeObject,
    port: number,
    request: Pick<ApiRequest, 'path' | 'headers' | 'body'> & { method: string },
  ): Promise<Answer | undefined> {
    const worker = this.#worker(pod)
    if (worker === undefined) return undefined
    const containers = worker.pod.spec.containers
    const container =
      containers.find((item) => item.ports?.some((p) => p.containerPort === port)) ??
      (containers.length === 1 && containers[0]?.ports === undefined ? containers[0] : undefined)
    if (container === undefined) return undefined
    const answer = worker.http(container, request)
    if (answer === undefined) return undefined
    return {
      status: answer.status,
      headers: { 'content-type': 'text/plain', ...answer.headers },
      body: answer.body ?? '',
    }
  }

  /** Looks at the behaviour of all pods again, after a test changed it. */
  poke(): void {
    for (const worker of this.#workers.values()) worker.poke()
  }

  crash(pod: KubeObject, code: number, lastWords: string[]): void {
    this.#worker(pod)?.crash(code, lastWords)
  }
}

export function nodeObject(now: string): KubeObject {
  return asObject({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: NODE,
      labels: { 'kubernetes.io/hostname': NODE, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
    },
    status: {
      capacity: { cpu: '64', memory: '256Gi', pods: '500' },
      allocatable: { cpu: '64', memory: '256Gi', pods: '500' },
      addresses: [{ type: 'InternalIP', address: HOST_IP }],
      nodeInfo: {
        architecture: 'amd64',
        operatingSystem: 'linux',
        kubeletVersion: 'v1.36.3',
        osImage: 'emulator',
        kernelVersion: '6',
        containerRuntimeVersion: 'emulator://1',
        machineID: NODE,
        systemUUID: NODE,
        bootID: NODE,
        kubeProxyVersion: '',
      },
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
    },
  })
}

/** The status of a pod as its kubelet writes it. */
import { createHash } from 'node:crypto'
import type {
  Condition,
  Container,
  ContainerState,
  ContainerStatus,
  JsonMap,
  Pod,
} from '../../../src/shared/objects.ts'
import { mapsAt, textAt, plainText } from '../values.ts'

/** What one container is doing. */
export interface ContainerLife {
  container: Container
  state: ContainerState
  lastState: ContainerState | undefined
  restarts: number
  ready: boolean
  started: boolean
  imageID: string
  containerID: string
  /** Date of the start of the running process, ms */
  startedAt: number
  logs: string[]
  previousLogs: string[] | undefined
}

export function newLife(container: Container): ContainerLife {
  return {
    container,
    state: { waiting: { reason: 'ContainerCreating' } },
    lastState: undefined,
    restarts: 0,
    ready: false,
    started: false,
    imageID: '',
    containerID: '',
    startedAt: 0,
    logs: [],
    previousLogs: undefined,
  }
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The same name gives the same image, as a registry with fixed tags does. */
export function imageIdOf(image: string): string {
  const [name = image, digest] = image.split('@')
  const repository = name.replace(/:[^/:]*$/, '')
  return `docker.io/${repository}@${digest ?? `sha256:${digestOf(image)}`}`
}

function statusOf(life: ContainerLife): ContainerStatus {
  return {
    name: life.container.name,
    image: life.container.image ?? '',
    imageID: life.imageID,
    ready: life.ready,
    started: life.started,
    restartCount: life.restarts,
    state: life.state,
    lastState: life.lastState ?? {},
    ...(life.containerID === '' ? {} : { containerID: life.containerID }),
  }
}

export interface PodLife {
  pod: Pod
  containers: ContainerLife[]
  initContainers: ContainerLife[]
  initialized: boolean
  podIP: string
  hostIP: string
  startTime: string
  /** the processes are gone for good */
  ended: boolean
  now: string
}

export function phaseOf(life: PodLife): string {
  const { containers, pod } = life
  if (!life.initialized) return 'Pending'
  const all = containers.map((item) => item.state)
  const stays = (pod.spec['restartPolicy'] ?? 'Always') === 'Always' && !life.ended
  if (!stays && all.every((state) => state.terminated !== undefined))
    return all.some((state) => (state.terminated?.exitCode ?? 0) !== 0) ? 'Failed' : 'Succeeded'
  const neverRan = containers.some((item) => item.state.waiting !== undefined && item.lastState === undefined)
  return neverRan ? 'Pending' : 'Running'
}

export function podStatus(life: PodLife): JsonMap {
  const { pod } = life
  const phase = phaseOf(life)
  const base: JsonMap = {
    phase,
    hostIP: life.hostIP,
    hostIPs: [{ ip: life.hostIP }],
    startTime: life.startTime,
    observedGeneration: pod.metadata.generation ?? 1,
    qosClass: textAt(pod, 'status', 'qosClass') ?? 'BestEffort',
    conditions: conditionsOf(life, phase),
    containerStatuses: life.containers.map(statusOf),
  }
  if (life.podIP !== '') Object.assign(base, { podIP: life.podIP, podIPs: [{ ip: life.podIP }] })
  if (life.initContainers.length > 0) base['initContainerStatuses'] = life.initContainers.map(statusOf)
  return base
}

const OWN = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']

function conditionsOf(life: PodLife, phase: string): Condition[] {
  const before = mapsAt(life.pod, 'status', 'conditions')
  const generation = life.pod.metadata.generation ?? 1
  const make = (type: string, ok: boolean, reason = '', message = ''): Condition => {
    const status = ok ? 'True' : 'False'
    const old = before.find((condition) => condition['type'] === type)
    const kept = old?.['status'] === status ? textAt(old, 'lastTransitionTime') : undefined
    const why = ok ? {} : { ...(reason === '' ? {} : { reason }), ...(message === '' ? {} : { message }) }
    return { type, observedGeneration: generation, status, lastTransitionTime: kept ?? life.now, ...why }
  }
  const unready = life.containers.filter((item) => !item.ready).map((item) => item.container.name)
  const reason = phase === 'Succeeded' ? 'PodCompleted' : phase === 'Failed' ? 'PodFailed' : 'ContainersNotReady'
  const names = `containers with unready status: [${unready.join(' ')}]`
  const gate = unready.length === 0 ? closedGate(life.pod) : undefined
  const uninitialized = life.initContainers.filter((item) => !item.ready).map((item) => item.container.name)
  const foreign = before
    .filter((condition) => !OWN.includes(textAt(condition, 'type') ?? ''))
    .flatMap((condition) => asCondition(condition))
  return [
    make('PodReadyToStartContainers', !life.ended && life.podIP !== ''),
    make(
      'Initialized',
      life.initialized,
      'ContainersNotInitialized',
      `containers with incomplete status: [${uninitialized.join(' ')}]`,
    ),
    make(
      'Ready',
      unready.length === 0 && gate === undefined,
      gate === undefined ? reason : 'ReadinessGatesNotReady',
      gate ?? names,
    ),
    make('ContainersReady', unready.length === 0, reason, names),
    make('PodScheduled', true),
    ...foreign,
  ]
}

function asCondition(condition: JsonMap): Condition[] {
  const [type, status] = [textAt(condition, 'type'), textAt(condition, 'status')]
  return type === undefined || status === undefined ? [] : [{ ...condition, type, status }]
}

function closedGate(pod: Pod): string | undefined {
  for (const gate of mapsAt(pod, 'spec', 'readinessGates')) {
    const type = textAt(gate, 'conditionType') ?? ''
    const condition = mapsAt(pod, 'status', 'conditions').find((item) => item['type'] === type)
    if (condition === undefined) return `corresponding condition of pod readiness gate "${type}" does not exist.`
    if (condition['status'] !== 'True')
      return `the status of pod readiness gate "${type}" is not "True", but ${plainText(condition['status'])}`
  }
  return undefined
}

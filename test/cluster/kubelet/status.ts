/** The status of a pod, from what its containers do. Pure. */
import type { Condition, JsonMap } from '../../../src/shared/objects.ts'
import type { ContainerRunner } from './container.ts'
import type { BoundPod } from './types.ts'
import { timestamp } from './types.ts'

export interface PodFacts {
  pod: BoundPod
  init: readonly ContainerRunner[]
  main: readonly ContainerRunner[]
  initialized: boolean
  /** the pod was told to end, and all has ended */
  ended: boolean
  address: string | undefined
  nodeAddress: string
  startTime: string
  /** as last written, for the times of transition */
  conditions: ReadonlyMap<string, Condition>
}

function containerStatus(runner: ContainerRunner): JsonMap {
  const { spec, id } = runner
  return {
    name: spec.name,
    image: spec.image,
    imageID: runner.image,
    ready: runner.ready,
    started: runner.started,
    restartCount: runner.restarts,
    state: runner.state,
    lastState: runner.lastState,
    ...(id === undefined ? {} : { containerID: id }),
  }
}

function exitedBadly({ state }: ContainerRunner): boolean {
  return (state.terminated?.exitCode ?? 0) !== 0
}

function phaseOf({ init, main, initialized, ended }: PodFacts): string {
  const initFailed = init.some((runner) => runner.role === 'init' && runner.finished && exitedBadly(runner))
  const over = ended || main.every((runner) => runner.finished && runner.state.terminated !== undefined)
  if (over || initFailed) return initFailed || main.some(exitedBadly) ? 'Failed' : 'Succeeded'
  const neverRan = (runner: ContainerRunner): boolean =>
    runner.state.waiting !== undefined && runner.lastState.terminated === undefined
  return !initialized || main.some(neverRan) ? 'Pending' : 'Running'
}

interface Verdict {
  good: boolean
  reason?: string
  message?: string
}

function readiness(facts: PodFacts, phase: string): { containers: Verdict; pod: Verdict } {
  const waiting = [...facts.init.filter(({ role }) => role === 'sidecar'), ...facts.main].filter(({ ready }) => !ready)
  if (waiting.length > 0) {
    const reasons: Record<string, string> = { Succeeded: 'PodCompleted', Failed: 'PodFailed' }
    const reason = reasons[phase] ?? 'ContainersNotReady'
    const names = waiting.map(({ spec }) => spec.name).join(' ')
    const verdict = { good: false, reason, message: `containers with unready status: [${names}]` }
    return { containers: verdict, pod: verdict }
  }
  const closed = (facts.pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) => facts.pod.status?.conditions?.find(({ type }) => type === conditionType)?.status !== 'True',
  )
  const message = closed
    .map(({ conditionType }) => `corresponding condition of pod readiness gate "${conditionType}" does not exist.`)
    .join(', ')
  const pod = closed.length === 0 ? { good: true } : { good: false, reason: 'ReadinessGatesNotReady', message }
  return { containers: { good: true }, pod }
}

function initialization({ initialized, init }: PodFacts): Verdict {
  if (initialized) return { good: true }
  const names = init.filter(({ ready }) => !ready).map(({ spec }) => spec.name)
  const message = `containers with incomplete status: [${names.join(' ')}]`
  return { good: false, reason: 'ContainersNotInitialized', message }
}

function condition(facts: PodFacts, type: string, { good, reason, message }: Verdict): Condition {
  const status = good ? 'True' : 'False'
  const before = facts.conditions.get(type)
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timestamp()
  const base = { type, status, lastProbeTime: null, observedGeneration: facts.pod.metadata.generation ?? 0 }
  const entry: JsonMap = { ...base, lastTransitionTime, reason: reason ?? null, message: message ?? null }
  return entry as Condition
}

/** The body of a strategic merge patch: null removes what an earlier status said. */
export function podStatus(facts: PodFacts): JsonMap & { phase: string; conditions: Condition[] } {
  const phase = phaseOf(facts)
  const { containers, pod } = readiness(facts, phase)
  const { metadata, status } = facts.pod
  return {
    phase,
    observedGeneration: metadata.generation,
    hostIP: facts.nodeAddress,
    hostIPs: [{ ip: facts.nodeAddress }],
    startTime: facts.startTime,
    qosClass: status?.qosClass,
    ...(facts.address === undefined ? {} : { podIP: facts.address, podIPs: [{ ip: facts.address }] }),
    conditions: [
      condition(facts, 'PodReadyToStartContainers', { good: !facts.ended }),
      condition(facts, 'Initialized', initialization(facts)),
      condition(facts, 'ContainersReady', containers),
      condition(facts, 'Ready', pod),
      condition(facts, 'PodScheduled', { good: true }),
    ],
    ...(facts.init.length === 0 ? {} : { initContainerStatuses: facts.init.map(containerStatus) }),
    containerStatuses: facts.main.map(containerStatus),
  }
}

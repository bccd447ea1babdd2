/**
 * What must be true at every instant of every rollout, whoever dies (recreate aside): the numbered invariants of the
 * product as far as one snapshot can tell them. Pure; the same rules judge the emulator and a real cluster.
 */
import type { Deployment } from '../../src/shared/objects.ts'
import {
  deploymentsBehind,
  isActing,
  isHeld,
  isIn,
  isPinned,
  isPresent,
  isServing,
  nameOfObject,
  podsBehind,
  podsOf,
  type RecordFacts,
  readyEndpoints,
  records,
  type Snapshot,
} from './snapshot.ts'

export interface WorkloadExpectation {
  namespace: string
  /** Deployments that are one workload: one name in place; blue and green, and the one adopted, when separate */
  names: string[]
  /** pods that must serve at every instant, both versions together */
  minServing: number
  /** pods that may be there at once, both versions together */
  maxPods: number
  /** the user's own value, which a hold overwrites; default 0 */
  minReadySeconds?: number
}

export interface ServiceExpectation {
  namespace: string
  name: string
  /** ready endpoints that it must have at every instant */
  minReady: number
}

export interface Expectations {
  workloads: readonly WorkloadExpectation[]
  services: readonly ServiceExpectation[]
}

export type RuleName = 'serving' | 'surplus' | 'dead-end' | 'unlocked' | 'loose-pin'

export interface Violation {
  rule: RuleName
  object: string
  /** one sentence: what is wrong */
  message: string
  /**
   * Milliseconds for which this may be so. 0 where one instant is too long; more where a controller needs two writes
   * for one move, or where an observer sees two kinds of object through two streams.
   */
  graceMs: number
}

const CONTROLLER_GRACE_MS = 2_000
const STREAMS_GRACE_MS = 500

function deploymentsOf(snapshot: Snapshot, { namespace, names }: WorkloadExpectation): Deployment[] {
  return snapshot.deployments.filter(isIn(namespace)).filter(({ metadata }) => names.includes(metadata.name ?? ''))
}

/** Invariant 1: serving pods ≥ what capacity and settings allow. */
function tooFewServing(snapshot: Snapshot, workload: WorkloadExpectation): Violation[] {
  const pods = deploymentsOf(snapshot, workload).flatMap((deployment) => podsOf(snapshot, deployment))
  const serving = pods.filter((pod) => isServing(pod, snapshot.at, workload.minReadySeconds ?? 0)).length
  if (serving >= workload.minServing) return []
  const object = `Deployment ${workload.namespace}/${workload.names.join('+')}`
  const message = `${serving} pods serve, at least ${workload.minServing} must`
  return [{ rule: 'serving', object, message, graceMs: 0 }]
}

/** Invariant 2: pods of both sides ≤ replicas + batch (blue-green: twice the replicas). */
function tooManyPods(snapshot: Snapshot, workload: WorkloadExpectation): Violation[] {
  const pods = deploymentsOf(snapshot, workload).flatMap((deployment) => podsOf(snapshot, deployment))
  const present = pods.filter(isPresent).length
  if (present <= workload.maxPods) return []
  const object = `Deployment ${workload.namespace}/${workload.names.join('+')}`
  const message = `${present} pods are there, at most ${workload.maxPods} may`
  // The Deployment controller counts what it has asked for: a pod that must go can still be there for a moment when its
  // successor comes.
  return [{ rule: 'surplus', object, message, graceMs: CONTROLLER_GRACE_MS }]
}

/** Invariant 3: what users are led to has serving pods. */
function deadEnd(snapshot: Snapshot, expected: ServiceExpectation): Violation[] {
  const service = snapshot.services
    .filter(isIn(expected.namespace))
    .find(({ metadata }) => metadata.name === expected.name)
  const object = `Service ${expected.namespace}/${expected.name}`
  const violation = (message: string): Violation[] => [{ rule: 'dead-end', object, message, graceMs: 0 }]
  if (service === undefined) return violation('it does not exist')
  const selector = JSON.stringify(service.spec.selector ?? {})
  const behind = podsBehind(snapshot, service).filter((pod) => isServing(pod, snapshot.at, 0)).length
  if (behind < expected.minReady)
    return violation(`its selector ${selector} finds ${behind} serving pods, at least ${expected.minReady} must be`)
  const ready = readyEndpoints(snapshot, expected.namespace, expected.name)
  return ready < expected.minReady ? violation(`it has ${ready} ready endpoints of ${expected.minReady}`) : []
}

/** Never pin a Service whose Deployment is neither held nor paused: its next rollout would empty the Service. */
function loosePins(snapshot: Snapshot): Violation[] {
  return snapshot.services.filter(isPinned).flatMap((service) =>
    deploymentsBehind(snapshot, service)
      .filter((deployment) => !isHeld(deployment) && deployment.spec.paused !== true)
      .map((deployment): Violation => {
        const message = `it is bound to one template, and ${nameOfObject(deployment)} is neither held nor paused`
        return { rule: 'loose-pin', object: nameOfObject(service), message, graceMs: STREAMS_GRACE_MS }
      }),
  )
}

function isResting(snapshot: Snapshot, record: RecordFacts): boolean {
  return (record.phase === 'paused' || record.phase === 'stopped') && !isActing(snapshot, record)
}

/** Invariant 4: a resting hold or pin is locked. */
function unlocked(snapshot: Snapshot): Violation[] {
  const namespaces = new Set(
    records(snapshot)
      .filter((record) => isResting(snapshot, record))
      .map(({ namespace }) => namespace),
  )
  const here = snapshot.deployments.filter(({ metadata }) => namespaces.has(metadata.namespace ?? ''))
  const pinned = snapshot.services.filter(isPinned).flatMap((service) => deploymentsBehind(snapshot, service))
  return here
    .filter((deployment) => isHeld(deployment) || pinned.includes(deployment))
    .filter(({ spec }) => spec.paused !== true)
    .map((deployment): Violation => {
      const message = 'its rollout rests, and it is not paused'
      return { rule: 'unlocked', object: nameOfObject(deployment), message, graceMs: STREAMS_GRACE_MS }
    })
}

/** Everything that is wrong at this instant. */
export function violations(snapshot: Snapshot, expectations: Expectations): Violation[] {
  return [
    ...expectations.workloads.flatMap((workload) => tooFewServing(snapshot, workload)),
    ...expectations.workloads.flatMap((workload) => tooManyPods(snapshot, workload)),
    ...expectations.services.flatMap((service) => deadEnd(snapshot, service)),
    ...loosePins(snapshot),
    ...unlocked(snapshot),
  ]
}

/** The deployment controller, step by step as `pkg/controller/deployment` takes them. */
import type { Condition, Deployment, KubeObject, ReplicaSet } from '../../../src/shared/objects.ts'
import { ApiError } from '../errors.ts'
import { selectorMatches } from '../selectors.ts'
import { clone, equal, isMap, parseTime, timestamp, typed } from '../values.ts'
import {
  active,
  byCreation,
  byRevision,
  conditionOf,
  desiredAnnotation,
  type DeploymentStatus,
  hasProgressDeadline,
  hasRevisionHistoryLimit,
  isComplete,
  isProgressing,
  isRollingUpdate,
  isTimedOut,
  maxUnavailable,
  newCondition,
  newReplicas,
  removeCondition,
  replicasOf,
  setCondition,
  specReplicas,
  statusOf,
  statusSum,
  terminatingSum,
} from './deployment-math.ts'
import { DeploymentSets } from './deployment-sets.ts'
import { controllerOf, Queue, type World } from './machinery.ts'

const DEPLOYMENTS = 'apps/deployments'
const SETS = 'apps/replicasets'

export class DeploymentController {
  readonly #world: World
  readonly #queue: Queue
  readonly #sets: DeploymentSets

  constructor(world: World) {
    this.#world = world
    this.#sets = new DeploymentSets(world)
    this.#queue = new Queue(world.clock, world.workDelay, (namespace, name) => this.#sync(namespace, name))
    const { informers } = world
    informers.on(DEPLOYMENTS, ({ object }) => this.#queue.add(object.metadata.namespace, object.metadata.name))
    informers.on(SETS, ({ object }) => {
      const owner = controllerOf(object)
      if (owner?.kind === 'Deployment') this.#queue.add(object.metadata.namespace, owner.name)
    })
    informers.on('/pods', ({ type, object }) => {
      if (type === 'DELETED') this.#podDeleted(object)
    })
  }

  /** Only a Recreate deployment waits for its old pods to be gone. */
  #podDeleted(pod: KubeObject): void {
    const owner = controllerOf(pod)
    const set = owner === undefined ? undefined : this.#world.informers.get(SETS, pod.metadata.namespace, owner.name)
    const deployment = set === undefined ? undefined : controllerOf(set)
    if (deployment !== undefined) this.#queue.add(pod.metadata.namespace, deployment.name)
  }

  async #sync(namespace: string, name: string): Promise<void> {
    const cached = this.#world.informers.get(DEPLOYMENTS, namespace, name)
    if (cached === undefined) return
    const deployment = typed<Deployment>(clone(cached))
    const sets = this.#owned(deployment)
    if (deployment.metadata.deletionTimestamp !== undefined) return this.#syncStatusOnly(deployment, sets)
    await this.#checkPaused(deployment)
    if (deployment.spec.paused === true || (await this.#isScalingEvent(deployment, sets)))
      return this.#scaleAndReport(deployment, sets)
    if (isRollingUpdate(deployment)) await this.#rolling(deployment, sets)
    else await this.#recreate(deployment, sets)
  }

  #owned(deployment: Deployment): ReplicaSet[] {
    const { namespace, uid } = deployment.metadata
    return this.#world.informers
      .list(SETS, namespace)
      .filter((set) => selectorMatches(deployment.spec.selector, set.metadata.labels ?? {}))
      .filter((set) => controllerOf(set)?.uid === uid)
      .map((set) => typed<ReplicaSet>(set))
  }

  #now(): string {
    return timestamp(this.#world.clock.now())
  }

  /** Marks the beginning and end of a pause, so that its time does not count as time without progress. */
  async #checkPaused(deployment: Deployment): Promise<void> {
    if (!hasProgressDeadline(deployment)) return
    const status = (deployment.status ??= {})
    const condition = conditionOf(status, 'Progressing')
    if (condition?.reason === 'ProgressDeadlineExceeded') return
    const marked = condition?.reason === 'DeploymentPaused'
    const paused = deployment.spec.paused === true
    if (paused === marked) return
    const [reason, message] = paused
      ? ['DeploymentPaused', 'Deployment is paused']
      : ['DeploymentResumed', 'Deployment is resumed']
    setCondition(status, newCondition('Progressing', 'Unknown', reason ?? '', message ?? '', this.#now()))
    await this.#sets.updateStatus(deployment)
  }

  async #syncStatusOnly(deployment: Deployment, sets: ReplicaSet[]): Promise<void> {
    const [newSet, old] = await this.#sets.all(deployment, sets, false)
    await this.#report(deployment, this.#calculate([...old, newSet], newSet, deployment))
  }

  /** For scaling events and paused deployments: sizes in proportion, and nothing of the rollout. */
  async #scaleAndReport(deployment: Deployment, sets: ReplicaSet[]): Promise<void> {
    const [newSet, old] = await this.#sets.all(deployment, sets, false)
    await this.#sets.scaleAll(deployment, newSet, old)
    if (deployment.spec.paused === true) await this.#cleanup(deployment, old)
    await this.#report(deployment, this.#calculate([...old, newSet], newSet, deployment))
  }

  async #report(deployment: Deployment, next: DeploymentStatus): Promise<void> {
    if (equal(statusOf(deployment), next)) return
    deployment.status = next
    await this.#sets.updateStatus(deployment)
  }

  async #isScalingEvent(deployment: Deployment, sets: ReplicaSet[]): Promise<boolean> {
    const [newSet, old] = await this.#sets.all(deployment, sets, false)
    return active(present([...old, newSet])).some((set) => {
      const desired = desiredAnnotation(set)
      return desired !== undefined && desired !== replicasOf(deployment)
    })
  }

  // --- rolling update

  async #rolling(deployment: Deployment, sets: ReplicaSet[]): Promise<void> {
    const [newSet, old] = await this.#sets.all(deployment, sets, true)
    if (newSet === undefined) return
    const all = [...old, newSet]
    const changed =
      (await this.#growNew(deployment, all, newSet)) || (await this.#shrinkOld(deployment, all, active(old), newSet))
    if (changed) {
      await this.#syncRolloutStatus(all, newSet, deployment)
      return
    }
    if (isComplete(deployment, statusOf(deployment))) await this.#cleanup(deployment, old)
    await this.#syncRolloutStatus(all, newSet, deployment)
  }

  async #growNew(deployment: Deployment, all: ReplicaSet[], newSet: ReplicaSet): Promise<boolean> {
    if (replicasOf(newSet) === replicasOf(deployment)) return false
    const size =
      replicasOf(newSet) > replicasOf(deployment) ? replicasOf(deployment) : newReplicas(deployment, all, newSet)
    return (await this.#sets.scale(newSet, size, deployment, false)).scaled
  }

  async #shrinkOld(deployment: Deployment, all: ReplicaSet[], old: ReplicaSet[], newSet: ReplicaSet): Promise<boolean> {
    if (specReplicas(old) === 0) return false
    const minAvailable = replicasOf(deployment) - maxUnavailable(deployment)
    const newUnavailable = replicasOf(newSet) - (newSet.status?.availableReplicas ?? 0)
    const room = specReplicas(all) - minAvailable - newUnavailable
    if (room <= 0) return false
    const sorted = [...old].sort(byCreation)
    try {
      const cleaned = await this.#cleanupUnhealthy(deployment, sorted, room)
      if (cleaned === undefined) return false
      return cleaned + (await this.#scaleDownOld(deployment, [...sorted, newSet], sorted)) > 0
    } catch (error) {
      // A conflict ends this round without being one: the change that caused it wakes the controller again.
      if (error instanceof ApiError) return false
      throw error
    }
  }

  /** Takes old pods that are not available anyway; changes the list in place. undefined: give up for this round. */
  async #cleanupUnhealthy(deployment: Deployment, old: ReplicaSet[], most: number): Promise<number | undefined> {
    let total = 0
    for (const [i, set] of old.entries()) {
      if (total >= most) break
      const unhealthy = replicasOf(set) - (set.status?.availableReplicas ?? 0)
      if (replicasOf(set) === 0 || unhealthy === 0) continue
      const count = Math.min(most - total, unhealthy)
      const size = replicasOf(set) - count
      // The status is from before a scaling down.
      if (size > replicasOf(set)) return undefined
      old[i] = (await this.#sets.scale(set, size, deployment, false)).set
      total += count
    }
    return total
  }

  async #scaleDownOld(deployment: Deployment, all: ReplicaSet[], old: ReplicaSet[]): Promise<number> {
    const minAvailable = replicasOf(deployment) - maxUnavailable(deployment)
    const spare = statusSum(all, 'availableReplicas') - minAvailable
    let total = 0
    for (const set of [...old].sort(byCreation)) {
      if (total >= spare) break
      if (replicasOf(set) === 0) continue
      const count = Math.min(replicasOf(set), spare - total)
      await this.#sets.scale(set, replicasOf(set) - count, deployment, false)
      total += count
    }
    return total
  }

  // --- recreate

  async #recreate(deployment: Deployment, sets: ReplicaSet[]): Promise<void> {
    let [newSet, old] = await this.#sets.all(deployment, sets, false)
    let scaled = false
    for (const set of active(old)) scaled = (await this.#sets.scale(set, 0, deployment, false)).scaled || scaled
    if (scaled || this.#oldPodsRunning(deployment, newSet, old)) {
      await this.#syncRolloutStatus([...old, newSet], newSet, deployment)
      return
    }
    if (newSet === undefined) [newSet, old] = await this.#sets.all(deployment, sets, true)
    if (newSet === undefined) return
    await this.#sets.scale(newSet, replicasOf(deployment), deployment, false)
    if (isComplete(deployment, statusOf(deployment))) await this.#cleanup(deployment, old)
    await this.#syncRolloutStatus([...old, newSet], newSet, deployment)
  }

  #oldPodsRunning(deployment: Deployment, newSet: ReplicaSet | undefined, old: ReplicaSet[]): boolean {
    if (statusSum(old, 'replicas') > 0) return true
    const owners = new Set(old.map((set) => set.metadata.uid))
    return this.#world.informers.list('/pods', deployment.metadata.namespace).some((pod) => {
      const owner = controllerOf(pod)?.uid
      const phase = isMap(pod['status']) ? pod['status']['phase'] : undefined
      return owner !== newSet?.metadata.uid && owners.has(owner) && phase !== 'Failed' && phase !== 'Succeeded'
    })
  }

  // --- history

  async #cleanup(deployment: Deployment, old: ReplicaSet[]): Promise<void> {
    if (!hasRevisionHistoryLimit(deployment)) return
    const alive = old.filter((set) => set.metadata.deletionTimestamp === undefined)
    const extra = alive.length - (deployment.spec.revisionHistoryLimit ?? 0)
    for (const set of [...alive].sort(byRevision).slice(0, Math.max(0, extra))) {
      const { status } = set
      const unseen = (set.metadata.generation ?? 0) > (status?.observedGeneration ?? 0)
      if ((status?.replicas ?? 0) === 0 && replicasOf(set) === 0 && !unseen) await this.#sets.delete(set)
    }
  }

  // --- status

  #calculate(
    sets: (ReplicaSet | undefined)[],
    newSet: ReplicaSet | undefined,
    deployment: Deployment,
  ): DeploymentStatus {
    const all = present(sets)
    const available = statusSum(all, 'availableReplicas')
    const unavailable = Math.max(0, specReplicas(all) - available)
    const terminating = terminatingSum(all)
    const numbers = {
      observedGeneration: deployment.metadata.generation ?? 0,
      replicas: statusSum(all, 'replicas'),
      updatedReplicas: statusSum(present([newSet]), 'replicas'),
      readyReplicas: statusSum(all, 'readyReplicas'),
      availableReplicas: available,
      unavailableReplicas: unavailable,
    }
    const status: DeploymentStatus = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0))
    if (terminating !== undefined) status.terminatingReplicas = terminating
    const { collisionCount } = statusRecord(deployment)
    if (typeof collisionCount === 'number') Object.assign(status, { collisionCount })
    status.conditions = [...(statusOf(deployment).conditions ?? [])]
    const enough = available >= replicasOf(deployment) - maxUnavailable(deployment)
    setCondition(
      status,
      enough
        ? newCondition(
            'Available',
            'True',
            'MinimumReplicasAvailable',
            'Deployment has minimum availability.',
            this.#now(),
          )
        : newCondition(
            'Available',
            'False',
            'MinimumReplicasUnavailable',
            'Deployment does not have minimum availability.',
            this.#now(),
          ),
    )
    return status
  }

  async #syncRolloutStatus(
    sets: (ReplicaSet | undefined)[],
    newSet: ReplicaSet | undefined,
    deployment: Deployment,
  ): Promise<void> {
    const next = this.#calculate(sets, newSet, deployment)
    if (!hasProgressDeadline(deployment)) removeCondition(next, 'Progressing')
    const current = conditionOf(statusOf(deployment), 'Progressing')
    const done = (next.replicas ?? 0) === (next.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable'
    if (hasProgressDeadline(deployment) && !done) this.#judgeProgress(deployment, next, newSet, current)
    const failure = failureOf(newSet, present(sets))
    if (failure === undefined) removeCondition(next, 'ReplicaFailure')
    else setCondition(next, failure)
    if (equal(statusOf(deployment), next)) {
      this.#requeueStuck(deployment, next)
      return
    }
    deployment.status = next
    await this.#sets.updateStatus(deployment)
  }

  #judgeProgress(
    deployment: Deployment,
    next: DeploymentStatus,
    newSet: ReplicaSet | undefined,
    current: Condition | undefined,
  ): void {
    const name =
      newSet === undefined
        ? `Deployment "${deployment.metadata.name ?? ''}"`
        : `ReplicaSet "${newSet.metadata.name ?? ''}"`
    const condition = (status: string, reason: string, what: string): Condition =>
      newCondition('Progressing', status, reason, `${name} ${what}`, this.#now())
    if (isComplete(deployment, next))
      setCondition(next, condition('True', 'NewReplicaSetAvailable', 'has successfully progressed.'))
    else if (isProgressing(deployment, next)) {
      const fresh = condition('True', 'ReplicaSetUpdated', 'is progressing.')
      if (current?.status === 'True' && current.lastTransitionTime !== undefined)
        fresh.lastTransitionTime = current.lastTransitionTime
      // Progress with the same reason still renews lastUpdateTime.
      removeCondition(next, 'Progressing')
      setCondition(next, fresh)
    } else if (isTimedOut(deployment, next, this.#world.clock.now()))
      setCondition(next, condition('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'))
  }

  /** Looks again when the deadline will have passed: nothing else would wake the controller. */
  #requeueStuck(deployment: Deployment, next: DeploymentStatus): void {
    const current = conditionOf(statusOf(deployment), 'Progressing')
    if (!hasProgressDeadline(deployment) || current === undefined) return
    if (isComplete(deployment, next) || current.reason === 'ProgressDeadlineExceeded') return
    const deadline = parseTime(current.lastUpdateTime) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1_000
    const after = deadline - this.#world.clock.now()
    const { namespace, name } = deployment.metadata
    this.#queue.addAfter(namespace, name, after < 1_000 ? 5 : after + 1_000)
  }
}

function present(sets: (ReplicaSet | undefined)[]): ReplicaSet[] {
  return sets.filter((set) => set !== undefined)
}

function statusRecord(deployment: Deployment): Record<string, unknown> {
  return { ...deployment.status }
}

function failureOf(newSet: ReplicaSet | undefined, all: ReplicaSet[]): Condition | undefined {
  for (const set of [...present([newSet]), ...all]) {
    const found = set.status?.conditions?.find((condition) => condition.type === 'ReplicaFailure')
    if (found !== undefined) return { ...found, lastUpdateTime: found.lastTransitionTime ?? '' }
  }
  return undefined
}

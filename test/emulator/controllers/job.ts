/** Jobs: pods until enough have succeeded, or too many have failed. */
import type { Condition, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ApiError } from '../errors.ts'
import { finalizersOf } from '../objects.ts'
import { asObject, clone, equal, mapAt, mapsAt, numberAt, parseTime, textAt, timestamp } from '../values.ts'
import { controllerOf, Queue, Recorder, type World, Writer } from './machinery.ts'
import { isActive, isFinished, isReady, isTerminating, phaseOf, podOf } from './pods.ts'

const JOBS = 'batch/jobs'
/** Keeps a pod until it is counted. */
const TRACKING = 'batch.kubernetes.io/job-tracking'
const FIRST_BACKOFF_MS = 10_000
const LONGEST_BACKOFF_MS = 600_000

interface End {
  type: 'Complete' | 'Failed'
  reason: string
  message: string
}

export class JobController {
  readonly #world: World
  readonly #queue: Queue
  readonly #writer: Writer
  readonly #recorder: Recorder

  constructor(world: World) {
    this.#world = world
    this.#writer = new Writer(world, 'kube-controller-manager')
    this.#recorder = new Recorder(world, 'job-controller')
    this.#queue = new Queue(world.clock, world.workDelay, (namespace, name) => this.#sync(namespace, name))
    world.informers.on(JOBS, ({ object }) => this.#queue.add(object.metadata.namespace, object.metadata.name))
    world.informers.on('/pods', ({ object }) => {
      const owner = controllerOf(object)
      if (owner?.kind === 'Job') this.#queue.add(object.metadata.namespace, owner.name)
      else if (finalizersOf(object).includes(TRACKING)) this.#release(object)
    })
  }

  #sync(namespace: string, name: string): void {
    const { objects } = this.#world
    const job = objects.store.get(JOBS, namespace, name)
    const mine = objects.store.list('/pods', namespace).filter((pod) => isOf(pod, name))
    for (const pod of mine) if (isLet(job, pod)) this.#release(pod)
    if (job === undefined || job.metadata.deletionTimestamp !== undefined) return
    if (endOf(job) !== undefined) return this.#expire(job)
    const pods = objects.store.list('/pods', namespace).filter((pod) => controllerOf(pod)?.uid === job.metadata.uid)
    const now = this.#world.clock.now()
    const status: JsonMap = clone(mapAt(job, 'status'))
    const suspended = mapAt(job, 'spec')['suspend'] === true
    if (!suspended && status['startTime'] === undefined) status['startTime'] = timestamp(now)
    const end = this.#judge(job, pods, parseTime(status['startTime']), now)
    const active = pods.filter(isActive)
    if (end !== undefined || suspended)
      for (const pod of active) this.#writer.delete(objects.resources.named('pods'), pod)
    else this.#topUp(job, pods, active, now)
    this.#writeStatus(job, status, end, suspended, now)
  }

  /** Takes the finalizer off a pod that is counted, or that no Job counts any more. */
  #release(pod: KubeObject): void {
    const { objects } = this.#world
    const live = objects.store.get('/pods', pod.metadata.namespace, pod.metadata.name ?? '')
    if (live === undefined || !finalizersOf(live).includes(TRACKING)) return
    const { finalizers: _, ...metadata } = live.metadata
    const left = finalizersOf(live).filter((item) => item !== TRACKING)
    const next = { ...live, metadata: left.length > 0 ? { ...metadata, finalizers: left } : metadata }
    objects.update(objects.resources.named('pods'), live, next, { manager: 'kube-controller-manager' })
  }

  #failures(job: KubeObject, pods: KubeObject[]): number {
    const onFailure = textAt(job, 'spec', 'template', 'spec', 'restartPolicy') === 'OnFailure'
    const failed = pods.filter((pod) => phaseOf(pod) === 'Failed').length
    if (!onFailure) return failed
    const restarts = pods
      .flatMap((pod) => mapsAt(pod, 'status', 'containerStatuses'))
      .map((item) => numberAt(item, 'restartCount') ?? 0)
    return failed + restarts.reduce((sum, count) => sum + count, 0)
  }

  #judge(job: KubeObject, pods: KubeObject[], start: number, now: number): End | undefined {
    // Once decided it stays so while the pods end.
    const decided = mapsAt(job, 'status', 'conditions').find((item) => textAt(item, 'type') === 'FailureTarget')
    if (decided !== undefined)
      return { type: 'Failed', reason: textAt(decided, 'reason') ?? '', message: textAt(decided, 'message') ?? '' }
    const succeeded = pods.filter((pod) => phaseOf(pod) === 'Succeeded').length
    const completions = numberAt(job, 'spec', 'completions')
    const done = completions === undefined ? succeeded > 0 && !pods.some(isActive) : succeeded >= completions
    if (done)
      return { type: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
    if (this.#failures(job, pods) > (numberAt(job, 'spec', 'backoffLimit') ?? 6))
      return { type: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' }
    const deadline = numberAt(job, 'spec', 'activeDeadlineSeconds')
    if (deadline === undefined || start === 0) return undefined
    if (now >= start + deadline * 1_000)
      return { type: 'Failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' }
    this.#queue.addAfter(job.metadata.namespace, job.metadata.name, start + deadline * 1_000 - now)
    return undefined
  }

  #topUp(job: KubeObject, pods: KubeObject[], active: KubeObject[], now: number): void {
    const { namespace, name } = job.metadata
    const succeeded = pods.filter((pod) => phaseOf(pod) === 'Succeeded').length
    const parallelism = numberAt(job, 'spec', 'parallelism') ?? 1
    const completions = numberAt(job, 'spec', 'completions')
    const wanted =
      completions === undefined
        ? succeeded > 0
          ? active.length
          : parallelism
        : Math.min(parallelism, completions - succeeded)
    const failed = pods.filter((pod) => phaseOf(pod) === 'Failed')
    if (active.length >= wanted) return
    const wait = backOffUntil(failed) - now
    if (wait > 0) return this.#queue.addAfter(namespace, name, wait)
    // A pod that is still ending may come back as a failure.
    if (pods.some(isTerminating) && textAt(job, 'spec', 'podReplacementPolicy') === 'Failed') return
    for (let i = active.length; i < wanted; i++) this.#createPod(job)
  }

  #createPod(job: KubeObject): void {
    try {
      const pod = this.#writer.create(
        this.#world.objects.resources.named('pods'),
        podOf(job, mapAt(job, 'spec', 'template'), { finalizers: [TRACKING] }),
      )
      this.#recorder.event(job, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name ?? ''}`)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      this.#recorder.event(job, 'Warning', 'FailedCreate', `Error creating: ${error.message}`)
      throw error
    }
  }

  #writeStatus(job: KubeObject, status: JsonMap, end: End | undefined, suspended: boolean, now: number): void {
    const { objects } = this.#world
    const pods = objects.store
      .list('/pods', job.metadata.namespace)
      .filter((pod) => controllerOf(pod)?.uid === job.metadata.uid)
    const count = (key: string, n: number): void => {
      if (n > 0) status[key] = n
      else delete status[key]
    }
    const active = pods.filter(isActive)
    const failed = pods.filter((pod) => phaseOf(pod) === 'Failed' || (end !== undefined && isTerminating(pod))).length
    count('active', end === undefined ? active.length : 0)
    count(
      'succeeded',
      Math.max(pods.filter((pod) => phaseOf(pod) === 'Succeeded').length, numberAt(status, 'succeeded') ?? 0),
    )
    count('failed', Math.max(failed, numberAt(status, 'failed') ?? 0))
    status['ready'] = end === undefined ? active.filter(isReady).length : 0
    status['terminating'] = pods.filter(
      (pod) => pod.metadata.deletionTimestamp !== undefined && !isFinished(pod),
    ).length
    status['uncountedTerminatedPods'] = {}
    this.#conditions(status, end, suspended, now)
    const live = objects.store.get(JOBS, job.metadata.namespace, job.metadata.name ?? '')
    if (live === undefined || equal(live['status'], status)) return
    if (end !== undefined && numberAt(status, 'terminating') === 0) this.#announce(job, end, status, now)
    this.#writer.update(objects.resources.named('jobs'), asObject({ ...live, status }), 'status')
  }

  #announce(job: KubeObject, end: End, status: JsonMap, now: number): void {
    if (end.type === 'Complete') {
      status['completionTime'] = timestamp(now)
      this.#recorder.event(job, 'Normal', 'Completed', 'Job completed')
    } else this.#recorder.event(job, 'Warning', end.reason, end.message)
  }

  #conditions(status: JsonMap, end: End | undefined, suspended: boolean, now: number): void {
    const at = timestamp(now)
    const make = (type: string, reason: string, message: string, state = 'True'): Condition => ({
      type,
      status: state,
      lastProbeTime: at,
      lastTransitionTime: at,
      reason,
      message,
    })
    const before = mapsAt(status, 'conditions')
    const pause = before.find((condition) => condition['type'] === 'Suspended')
    if (end !== undefined) {
      const first = end.type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget'
      const known = before.some((condition) => condition['type'] === first)
      const decided = known ? before : [...before, make(first, end.reason, end.message)]
      // The end itself is only said when no pod is left running.
      const over = numberAt(status, 'terminating') === 0
      status['conditions'] = over ? [...decided, make(end.type, end.reason, end.message)] : decided
    } else if (suspended !== (pause?.['status'] === 'True') && (suspended || pause !== undefined)) {
      const others = before.filter((condition) => condition !== pause)
      const condition = suspended
        ? make('Suspended', 'JobSuspended', 'Job suspended')
        : make('Suspended', 'JobResumed', 'Job resumed', 'False')
      status['conditions'] = [...others, condition]
      if (suspended) delete status['startTime']
    }
  }

  /** A finished Job with a time to live goes when that is over. */
  #expire(job: KubeObject): void {
    const ttl = numberAt(job, 'spec', 'ttlSecondsAfterFinished')
    const end = endOf(job)
    if (ttl === undefined || end === undefined) return
    const wait = parseTime(end['lastTransitionTime']) + ttl * 1_000 - this.#world.clock.now()
    if (wait > 0) return this.#queue.addAfter(job.metadata.namespace, job.metadata.name, wait)
    this.#writer.delete(this.#world.objects.resources.named('jobs'), job, { propagationPolicy: 'Foreground' })
  }
}

function isOf(pod: KubeObject, job: string): boolean {
  const owner = controllerOf(pod)
  return owner?.kind === 'Job' && owner.name === job
}

/** A pod that need not be kept for counting. */
function isLet(job: KubeObject | undefined, pod: KubeObject): boolean {
  if (job === undefined || job.metadata.uid !== controllerOf(pod)?.uid) return true
  return isFinished(pod) || job.metadata.deletionTimestamp !== undefined
}

function endOf(job: KubeObject): JsonMap | undefined {
  return mapsAt(job, 'status', 'conditions').find(
    (condition) =>
      (condition['type'] === 'Complete' || condition['type'] === 'Failed') && condition['status'] === 'True',
  )
}

/** The next pod waits longer after each failure. */
function backOffUntil(failed: KubeObject[]): number {
  if (failed.length === 0) return 0
  const ends = failed.flatMap((pod) => mapsAt(pod, 'status', 'containerStatuses')).map((item) => parseTime(at(item)))
  return Math.max(...ends) + Math.min(FIRST_BACKOFF_MS * 2 ** (failed.length - 1), LONGEST_BACKOFF_MS)
}

function at(status: JsonMap): string | undefined {
  return textAt(status, 'state', 'terminated', 'finishedAt')
}

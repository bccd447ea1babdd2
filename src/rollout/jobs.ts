import type { CheckVerdict } from '../checks/verdict.ts'
import type { Diagnosis } from '../health/symptom.ts'
import { readiness } from '../health/readiness.ts'
import { LiveList } from '../kubernetes/watch.ts'
import { type Failure, HeadgateError } from '../shared/errors.ts'
import { type Job, keyOf, type Pod, refOf } from '../shared/objects.ts'
import { MOVER } from '../strategies/hold.ts'
import { APP_LABEL } from '../strategies/services.ts'
import { Doctor } from './doctor.ts'
import type { Engine } from './engine.ts'
import { gatherEvidence } from './evidence.ts'
import type { Interruption } from './interrupt.ts'

/** The Job of a step, named after the rollout (and `suffix`), so that every rollout runs its own. */
export function jobOf(manifest: Job, app: string, rollout: number, suffix = ''): Job {
  const labels = { ...manifest.metadata.labels, [APP_LABEL]: app }
  const name = `${manifest.metadata.name ?? ''}-${rollout}${suffix}`
  return { ...manifest, metadata: { ...manifest.metadata, name, labels } }
}

/** Jobs of this rollout: of steps `NAME-<rollout>`, of checks `NAME-<rollout>-c<times>`. */
function isOfRollout(key: string, rollout: number): boolean {
  return new RegExp(`-${rollout}(-c\\d+)?$`).test(key)
}

interface JobOptions {
  /** of its name, behind the number of the rollout */
  suffix?: string
  /** default: the rollout's */
  timeoutMs?: number
  /** aborted when nobody waits for it any more */
  signal?: AbortSignal
}

/**
 * Creates `NAME-<rollout>` from the Job in the release and waits for its end. A Job that is there already (the run before
 * died) is waited for, not run again. Throws HeadgateError with the last log lines when it fails or takes too long.
 */
export async function runJob(engine: Engine, name: string, options: JobOptions = {}): Promise<void> {
  const { book, client, reporter } = engine.o
  const { record } = book
  const { suffix = '', timeoutMs = record.timeoutMs, signal } = options
  const manifest = book.payload.objects.find((object) => object.kind === 'Job' && object.metadata.name === name) as
    | Job
    | undefined
  if (manifest === undefined)
    throw new HeadgateError({
      kind: 'failed',
      code: 'job-missing',
      message: `Job ${name} is not among the release's objects`,
    })
  const job = jobOf(manifest, record.app, record.rollout, suffix)
  const ref = refOf(job)
  if (!record.jobs.includes(keyOf(ref))) await book.save({ jobs: [...record.jobs, keyOf(ref)] })
  const live = await client.get<Job>(ref)
  if (live === undefined) {
    engine.stops.checkpoint()
    await client.create(job, { fieldManager: MOVER })
    reporter.emit({ kind: 'change', text: `Job/${ref.name} started` })
  }
  await awaitJob(engine, ref.name, ref.namespace ?? record.namespace, timeoutMs, signal)
}

/** ms for the pods of a Job to go, so that two of one check never run side by side. */
const GONE_MS = 60_000

/**
 * A Job as a check: each time another one, so that an old verdict is not taken for a new one. One that is late, or was left
 * by a run that died, is ended first.
 */
export async function jobVerdict(
  engine: Engine,
  name: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CheckVerdict> {
  const { jobs, rollout } = engine.o.book.record
  const isOwn = (key: string): boolean => key.includes(`|${name}-${rollout}-c`)
  const number = jobs.filter(isOwn).length + 1
  const end = (why: string): Promise<void> => endJobs(engine, { timeoutMs: GONE_MS, why, isMeant: isOwn })
  try {
    await end('another one takes its place')
    try {
      await runJob(engine, name, { suffix: `-c${number}`, timeoutMs, signal })
    } catch (error) {
      if (error instanceof HeadgateError && error.failure.kind === 'timeout')
        await end(signal.aborted ? 'nobody waits for it any more' : 'it is late')
      throw error
    }
    return { kind: 'pass', text: `Job/${name}-${rollout}-c${number} succeeded`, lines: [] }
  } catch (error) {
    if (!(error instanceof HeadgateError)) throw error
    const { kind, code, message, evidence = [] } = error.failure
    if (kind !== 'timeout' && code !== 'job-failed') throw error
    const lines = evidence.flatMap((each) => each.lines)
    return { kind: kind === 'timeout' ? 'inconclusive' : 'fail', text: message, lines }
  }
}

async function awaitJob(
  engine: Engine,
  name: string,
  namespace: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { client, wake, reporter } = engine.o
  const stop = new AbortController()
  const options = { signal: stop.signal, onChange: wake.notify }
  const jobs = LiveList.open<Job>(client, { apiVersion: 'batch/v1', kind: 'Job' }, namespace, { name }, options)
  const pods = LiveList.open<Pod>(
    client,
    { apiVersion: 'v1', kind: 'Pod' },
    namespace,
    { labelSelector: `job-name=${name}` },
    options,
  )
  const doctor = new Doctor(engine.o, wake.notify)
  const deadline = engine.now + timeoutMs
  try {
    await Promise.all([jobs.ready, pods.ready])
    for (;;) {
      engine.stops.checkpoint()
      if (signal?.aborted === true)
        throw new HeadgateError({
          kind: 'timeout',
          code: 'job-failed',
          message: `Job/${name} was ended before its end`,
        })
      const job = jobs.get(name)
      const state = job === undefined ? undefined : readiness(job)
      if (state?.done === true && state.failure === undefined) return
      const diagnosis = await doctor.examine({ pods: pods.items(), job })
      if (state?.failure !== undefined || diagnosis.fatal !== undefined || engine.now >= deadline)
        throw await jobFailure(engine, name, namespace, diagnosis, state?.failure?.message, engine.now >= deadline)
      reporter.emit({ kind: 'waiting', text: `Job/${name}: ${state?.text ?? 'to start'}` })
      await engine.stops.sleep(Math.min(deadline, diagnosis.nextCheckAt ?? deadline))
    }
  } finally {
    stop.abort()
  }
}

interface Ending {
  timeoutMs: number
  /** for people, as in "ended: it is late" */
  why: string
  /** which of their keys; all by default */
  isMeant?: (key: string) => boolean
  /** what stops the waiting; on the way back only a lost lease does */
  obey?: Interruption['kind'][]
}

/**
 * Ends the Jobs of this rollout that still run, and waits until their pods are gone: two versions must not write at once.
 * Throws HeadgateError `timeout` when one does not end in time; Interrupted: see checkpoint.
 */
export async function endJobs(engine: Engine, ending: Ending): Promise<void> {
  const { timeoutMs, why, isMeant = () => true } = ending
  const { book, client, reporter } = engine.o
  const deadline = engine.now + timeoutMs
  const { jobs, rollout } = book.record
  for (const key of jobs.filter((job) => isOfRollout(job, rollout) && isMeant(job))) {
    const [, , namespace = book.record.namespace, name = ''] = key.split('|')
    const ref = { apiVersion: 'batch/v1', kind: 'Job', namespace, name }
    const live = await client.get<Job>(ref)
    if (live === undefined) continue
    // One that is being deleted has pods for as long as they take to end.
    const leaves = live.metadata.deletionTimestamp !== undefined
    if (!leaves && (readiness(live).done || readiness(live).failure !== undefined)) continue
    if (!leaves) {
      await client.delete(ref, { propagation: 'Foreground' })
      reporter.emit({ kind: 'change', text: `Job/${name} ended: ${why}` })
    }
    await awaitGone(engine, name, namespace, deadline, ending.obey)
  }
}

async function awaitGone(
  engine: Engine,
  name: string,
  namespace: string,
  deadline: number,
  obey: Ending['obey'],
): Promise<void> {
  const { client, wake, reporter } = engine.o
  const stop = new AbortController()
  const options = { signal: stop.signal, onChange: wake.notify }
  const selector = { labelSelector: `job-name=${name}` }
  const pods = LiveList.open<Pod>(client, { apiVersion: 'v1', kind: 'Pod' }, namespace, selector, options)
  try {
    await pods.ready
    while (pods.items().length > 0) {
      engine.stops.checkpoint(obey)
      if (engine.now >= deadline)
        throw new HeadgateError({
          kind: 'timeout',
          code: 'timeout',
          message: `timed out waiting for the pods of Job/${name} to end`,
          object: { apiVersion: 'batch/v1', kind: 'Job', name, namespace },
          next: `kubectl -n ${namespace} get pods -l job-name=${name}; then abort again`,
        })
      reporter.emit({ kind: 'waiting', text: `the pods of Job/${name} to end` })
      await engine.stops.sleep(deadline)
    }
  } finally {
    stop.abort()
  }
}

async function jobFailure(
  engine: Engine,
  name: string,
  namespace: string,
  { fatal, symptoms }: Diagnosis,
  reason: string | undefined,
  late: boolean,
): Promise<HeadgateError> {
  const symptom = fatal ?? symptoms[0]
  const known = symptom === undefined ? undefined : await gatherEvidence(engine.o.client, symptom, 0)
  return new HeadgateError({
    kind: late && reason === undefined && fatal === undefined ? 'timeout' : 'failed',
    code: 'job-failed',
    message: jobMessage(name, known, fatal === undefined && late ? LATE : (reason ?? 'failed')),
    object: { apiVersion: 'batch/v1', kind: 'Job', name, namespace },
    ...(known?.evidence === undefined ? {} : { evidence: known.evidence }),
    next: known?.next ?? `kubectl -n ${namespace} logs job/${name}`,
  })
}

const LATE = 'did not end in time'

/** What the diagnosis says of the Job itself is all there is to say; what it says of a pod is the why. */
function jobMessage(name: string, known: Failure | undefined, what: string): string {
  if (known === undefined) return `Job/${name} ${what}`
  return known.object?.kind === 'Job' && what !== LATE ? known.message : `Job/${name} ${what}: ${known.message}`
}

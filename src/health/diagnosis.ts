import type { Deployment, Job, KubeEvent, Pod, ReplicaSet } from '../shared/objects.ts'
import { crashSign } from './crash.ts'
import { GRACE, type Grace } from './grace.ts'
import { type ContainerRow, containerRows, idOf, type Look, servedKey, type Sign } from './look.ts'
import { unmadeSign, waitingSign } from './container-signs.ts'
import { podSign } from './pod-signs.ts'
import { isTerminating } from './pods.ts'
import { pullSign } from './pull.ts'
import { refusedPodsSign } from './refusal-signs.ts'
import type { Diagnosis, Symptom, SymptomCode, Unexplained } from './symptom.ts'
import { deploymentSigns, jobSign } from './workload-signs.ts'

export interface DiagnosisInput {
  /** pods of the new version (or of the Job) */
  pods: readonly Pod[]
  /** of the new version */
  replicaSet?: ReplicaSet | undefined
  deployment?: Deployment | undefined
  job?: Job | undefined
  /** of the objects above, when they could be read: they sharpen sentences, hardly any verdict rests on them */
  events?: readonly KubeEvent[]
  /** pods of any version are still ending, so that quota may become free */
  draining?: boolean
  /** milliseconds since 1970, by the clock that {@link DiagnosisInput.firstSeen} is kept by */
  now: number
  /**
   * What was seen before: symptom key → milliseconds. The caller keeps one map per rollout (workloads may share it) and
   * passes it again; {@link diagnose} adds what is new and forgets what is over. It is the only memory there is.
   */
  firstSeen: Map<string, number>
  grace?: Partial<Grace>
}

/** What is wrong with a new version, from the status of its objects. Pods that are being deleted are left out. */
export function diagnose(input: DiagnosisInput): Diagnosis {
  const grace: Grace = { ...GRACE, ...input.grace }
  const pods = input.pods.filter((pod) => !isTerminating(pod))
  const look: Look = {
    grace,
    now: input.now,
    memory: input.firstSeen,
    events: input.events ?? [],
    ofJob: input.job !== undefined,
    draining: input.draining === true || (input.deployment?.status?.terminatingReplicas ?? 0) > 0,
  }
  remember(pods, look)
  const signs = [
    ...pods.flatMap((pod) => signsOf(pod, look)),
    ...refusedPodsSign(input.replicaSet, input.deployment, look),
    ...jobSign(input.job, pods, look),
  ]
  signs.push(...deploymentSigns(input.deployment, signs, look))
  const symptoms = signs.map((sign) => timed(sign, look))
  const given = [...input.pods, input.replicaSet, input.deployment, input.job]
  forget(new Set(given.flatMap((object) => (object === undefined ? [] : idOf(object)))), pods, signs, look)
  return conclude(symptoms, input.now)
}

/** All that is wrong with one pod: its containers, or else the pod itself. */
function signsOf(pod: Pod, look: Look): Sign[] {
  const whole = podSign(pod, look)
  if (whole !== undefined) return [whole]
  const signs: Sign[] = []
  for (const row of containerRows(pod)) {
    // It waits for an init container; what is wrong with that one is the cause.
    if (signs.length > 0 && row.status.state?.waiting?.reason === 'PodInitializing') continue
    const sign = containerSign(pod, row, look)
    if (sign !== undefined) signs.push(sign)
  }
  return signs
}

/** What a container waits for now says more than how an earlier start of it ended, unless it passes by itself. */
function containerSign(pod: Pod, row: ContainerRow, look: Look): Sign | undefined {
  const pull = pullSign(pod, row, look)
  if (pull !== undefined) return pull
  const unmade = unmadeSign(pod, row, look)
  if (unmade !== undefined && unmade.fatal !== 'never') return unmade
  return crashSign(pod, row, look) ?? unmade ?? waitingSign(pod, row, look)
}

/** Notes which start of each container was ready, so that a later start is known to be a restart of what had served. */
function remember(pods: readonly Pod[], { memory, now }: Look): void {
  for (const pod of pods) {
    for (const { status } of containerRows(pod)) {
      const key = servedKey(pod, status.name, status.restartCount ?? 0)
      if (status.ready === true && !memory.has(key)) memory.set(key, now)
    }
  }
}

/** A symptom, and from when on it is worth telling. */
interface Timed {
  symptom: Symptom
  toldAt: number
}

function timed({ grace = 0, hiddenFor = 0, ...sign }: Sign, { memory, now }: Look): Timed {
  const since = memory.get(sign.key) ?? now
  memory.set(sign.key, since)
  const fatalAt = sign.fatal === 'after-grace' ? { fatalAt: since + grace } : {}
  return { symptom: { ...sign, since, ...fatalAt }, toldAt: since + hiddenFor }
}

/**
 * Forgets what is over, so that its grace starts anew when it comes back; only of objects that were given, because others
 * may keep the same map. What flickers (a container goes from pulling to waiting and back, from crashed to running and
 * back) is kept until the container is ready.
 */
function forget(owners: ReadonlySet<string>, pods: readonly Pod[], signs: readonly Sign[], { memory }: Look): void {
  const current = new Set(signs.map((sign) => sign.key))
  const rows = pods.flatMap((pod) => containerRows(pod).map((row) => [`${idOf(pod)}/${row.status.name}`, row] as const))
  const known = new Map(rows)
  const refused = signs.some((sign) => sign.depth === 3)
  for (const key of memory.keys()) {
    const [code = '', owner = '', container = ''] = key.split('/')
    if (current.has(key) || !owners.has(owner)) continue
    const row = known.get(`${owner}/${container}`)
    const mark = code === 'served' && row !== undefined
    const flickers = row !== undefined && row.status.ready !== true
    const drain = code === 'quota-draining' && refused
    if (!mark && !flickers && !drain) memory.delete(key)
  }
}

const RANK: Record<Symptom['fatal'], number> = { now: 0, 'after-grace': 1, never: 2 }

function worstFirst(a: Symptom, b: Symptom): number {
  return a.depth - b.depth || RANK[a.fatal] - RANK[b.fatal] || a.since - b.since || a.key.localeCompare(b.key)
}

/** Symptoms behind which a status can hide what only events tell. */
const HIDING: ReadonlySet<SymptomCode> = new Set([
  'starting',
  'volume',
  'sandbox',
  'unschedulable',
  'readiness',
  'startup',
])

function conclude(all: Timed[], now: number): Diagnosis {
  const pending = all.flatMap(({ symptom, toldAt }) => [symptom.fatalAt ?? 0, toldAt]).filter((at) => at > now)
  const symptoms = all
    .filter(({ toldAt }) => toldAt <= now)
    .map(({ symptom }) => symptom)
    .toSorted(worstFirst)
  const fatal = symptoms.find((symptom) => isFatal(symptom, now))
  const unexplained = unexplainedOf(all.map(({ symptom }) => symptom))
  return {
    symptoms,
    ...(fatal === undefined ? {} : { fatal }),
    ...(pending.length === 0 ? {} : { nextCheckAt: Math.min(...pending) }),
    ...(unexplained.length === 0 ? {} : { unexplained }),
  }
}

function unexplainedOf(symptoms: readonly Symptom[]): Unexplained[] {
  const found = new Map<string, Unexplained>()
  for (const { code, object, since } of symptoms.toSorted((a, b) => a.since - b.since))
    if (isHiding(code, object.kind) && !found.has(object.name)) found.set(object.name, { object, since })
  return [...found.values()]
}

/** A Job has no condition for pods that are refused, so its events stay the only source; they may change. */
function isHiding(code: SymptomCode, kind: string): boolean {
  return HIDING.has(code) || (kind === 'Job' && code !== 'job-failed')
}

/** The diagnoses of several workloads as one. */
export function together(diagnoses: readonly Diagnosis[]): Diagnosis {
  const symptoms = diagnoses.flatMap((each) => each.symptoms).toSorted(worstFirst)
  const [fatal] = diagnoses.flatMap((each) => each.fatal ?? []).toSorted(worstFirst)
  const checks = diagnoses.flatMap((each) => each.nextCheckAt ?? [])
  return {
    symptoms,
    ...(fatal === undefined ? {} : { fatal }),
    ...(checks.length === 0 ? {} : { nextCheckAt: Math.min(...checks) }),
  }
}

function isFatal({ fatal, fatalAt }: Symptom, now: number): boolean {
  switch (fatal) {
    case 'now':
      return true
    case 'after-grace':
      return fatalAt !== undefined && fatalAt <= now
    case 'never':
      return false
  }
}

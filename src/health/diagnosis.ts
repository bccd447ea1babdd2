import type { Deployment, Job, KubeEvent, Pod, ReplicaSet } from '../shared/objects.ts'
import { crashSign } from './crash.ts'
import { GRACE, type Grace } from './grace.ts'
import { containerRows, idOf, type Look, servedKey, type Sign } from './look.ts'
import { podSign, waitingSign } from './pod-signs.ts'
import { isTerminating } from './pods.ts'
import { pullSign } from './pull.ts'
import type { Diagnosis, Symptom } from './symptom.ts'
import { deploymentSigns, jobSign, refusedPodsSign } from './workload-signs.ts'

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
    ...jobSign(input.job, pods),
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
    const sign = pullSign(pod, row, look) ?? crashSign(pod, row, look) ?? waitingSign(pod, row, look)
    if (sign !== undefined) signs.push(sign)
  }
  return signs
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

function conclude(all: Timed[], now: number): Diagnosis {
  const pending = all.flatMap(({ symptom, toldAt }) => [symptom.fatalAt ?? 0, toldAt]).filter((at) => at > now)
  const symptoms = all
    .filter(({ toldAt }) => toldAt <= now)
    .map(({ symptom }) => symptom)
    .toSorted(
      (a, b) => a.depth - b.depth || RANK[a.fatal] - RANK[b.fatal] || a.since - b.since || a.key.localeCompare(b.key),
    )
  const fatal = symptoms.find((symptom) => isFatal(symptom, now))
  return {
    symptoms,
    ...(fatal === undefined ? {} : { fatal }),
    ...(pending.length === 0 ? {} : { nextCheckAt: Math.min(...pending) }),
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

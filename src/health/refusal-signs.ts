import type { Deployment, Job, ObjectRef, ReplicaSet } from '../shared/objects.ts'
import { eventsAbout, idOf, lastSeen, type Look, oneLine, type Sign } from './look.ts'
import { conditionOf } from './pods.ts'
import { referenceTo } from './reference.ts'

/** Why the API server does not let pods be made, by the text of its answer. */
interface Refusal {
  code: 'quota' | 'limit-range' | 'pod-security' | 'admission' | 'service-account' | 'create-pod'
  pattern: RegExp
  fatal: 'now' | 'after-grace' | 'never'
  grace?: 'quota' | 'createPod'
  hint: string
}

/** The first that fits counts. */
const REFUSALS: readonly Refusal[] = [
  {
    code: 'quota',
    pattern: /exceeded quota/i,
    fatal: 'after-grace',
    grace: 'quota',
    hint: 'raise the ResourceQuota, lower the requests, or deploy with less surge (capacity: replace)',
  },
  {
    code: 'limit-range',
    pattern: /failed quota.*must specify|(maximum|minimum) .* usage per|max limit to request ratio/i,
    fatal: 'now',
    hint: 'set resources.requests and limits of the container as the namespace asks',
  },
  {
    code: 'pod-security',
    pattern: /violates PodSecurity|unable to validate against any (pod security policy|security context constraint)/i,
    fatal: 'now',
    hint: 'set the securityContext of the pod as the level of the namespace asks',
  },
  {
    code: 'admission',
    pattern: /admission webhook ".*" denied|ValidatingAdmissionPolicy .* denied/i,
    fatal: 'now',
    hint: 'change the pod template as the policy asks',
  },
  {
    code: 'admission',
    pattern: /failed calling webhook/i,
    fatal: 'never',
    hint: 'the admission webhook must come back',
  },
  {
    code: 'service-account',
    pattern: /error looking up service account/i,
    fatal: 'after-grace',
    grace: 'createPod',
    hint: 'add the ServiceAccount to the manifests, or correct serviceAccountName',
  },
  {
    code: 'create-pod',
    pattern: /etcdserver|timeout|timed out|connection refused|too many requests|internal error/i,
    fatal: 'never',
    hint: 'it should pass by itself; look at the API server if it does not',
  },
]

const OTHER: Refusal = {
  code: 'create-pod',
  pattern: /./,
  fatal: 'after-grace',
  grace: 'createPod',
  hint: 'change the pod template as the message asks',
}

/**
 * The ReplicaSet may not make its pods: quota, Pod Security, a policy. Its condition says so; the Deployment's copy is
 * used only when the ReplicaSet is not known, because it may be about an old one.
 */
export function refusedPodsSign(set: ReplicaSet | undefined, deployment: Deployment | undefined, look: Look): Sign[] {
  const owner = set ?? deployment
  const refused = owner === undefined ? undefined : conditionOf(owner, 'ReplicaFailure')
  if (owner === undefined || refused?.status !== 'True') return []
  const object = referenceTo(owner, 'apps/v1', set === undefined ? 'Deployment' : 'ReplicaSet')
  return [refusal(object, idOf(owner), refused.message ?? '', look)]
}

/** A Job has no condition for it: only its events tell that its pods are refused. */
export function refusedByEvent(job: Job, look: Look): Sign | undefined {
  const object = referenceTo(job, 'batch/v1', 'Job')
  const [last] = eventsAbout(job, 'Job', look.events)
    .filter(({ reason }) => reason === 'FailedCreate')
    .toSorted((a, b) => lastSeen(b) - lastSeen(a))
  return last === undefined ? undefined : refusal(object, idOf(job), last.message ?? '', look)
}

function refusal(object: ObjectRef, owner: string, text: string, look: Look): Sign {
  const message = oneLine(text, 700)
  const rule = REFUSALS.find(({ pattern }) => pattern.test(message)) ?? OTHER
  const why = oneLine(message.replace(/^(Error creating: )?pods "[^"]*" is forbidden: /, '')) || 'no reason given'
  const sign = {
    code: rule.code,
    key: `${rule.code}/${owner}`,
    depth: 3 as const,
    object,
    sentence: `${object.kind}/${object.name} may not make its pods: ${why}`,
    hint: rule.hint,
    detail: message,
  }
  if (rule.code === 'quota') return quotaSign(sign, owner, look)
  return { ...sign, fatal: rule.fatal, grace: rule.grace === undefined ? 0 : look.grace[rule.grace] }
}

/** No pod is ending, so nobody makes room. */
const DEADLOCK = 'old pods stay until new ones are ready, so waiting makes no room: '

/**
 * Pods that end give quota back, so that nothing is called fatal while some do. The controller tries again after pauses
 * that double, so its next try comes at the latest after as long as the draining took.
 */
function quotaSign(sign: Omit<Sign, 'fatal'>, owner: string, { draining, memory, now, grace, ofJob }: Look): Sign {
  const drainKey = `quota-draining/${owner}`
  if (draining) {
    if (!memory.has(drainKey)) memory.set(drainKey, now)
    return { ...sign, key: drainKey, fatal: 'never', sentence: `${sign.sentence} (pods that end may make room)` }
  }
  const drained = memory.get(drainKey)
  const waited = drained === undefined ? 0 : (memory.get(sign.key) ?? now) - drained
  return {
    ...sign,
    hint: ofJob ? sign.hint : `${DEADLOCK}${sign.hint}`,
    fatal: 'after-grace',
    grace: Math.max(grace.quota, waited),
  }
}

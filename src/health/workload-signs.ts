import type { Condition, Deployment, Job, ObjectRef, Pod, ReplicaSet } from '../shared/objects.ts'
import { exitMeaning } from './crash.ts'
import { containerRows, idOf, type Look, logOf, oneLine, type Sign } from './look.ts'
import { conditionOf } from './pods.ts'

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

function reference(object: ReplicaSet | Deployment | Job, apiVersion: string, kind: string): ObjectRef {
  const { name = '', namespace } = object.metadata
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) }
}

/**
 * The ReplicaSet may not make its pods: quota, Pod Security, a policy. Its condition says so; the Deployment's copy is
 * used only when the ReplicaSet is not known, because it may be about an old one.
 */
export function refusedPodsSign(set: ReplicaSet | undefined, deployment: Deployment | undefined, look: Look): Sign[] {
  const owner = set ?? deployment
  const refused = owner === undefined ? undefined : conditionOf(owner, 'ReplicaFailure')
  if (owner === undefined || refused?.status !== 'True') return []
  const message = oneLine(refused.message ?? '', 700)
  const rule = REFUSALS.find(({ pattern }) => pattern.test(message)) ?? OTHER
  const object = reference(owner, 'apps/v1', set === undefined ? 'Deployment' : 'ReplicaSet')
  const why = oneLine(message.replace(/^pods "[^"]*" is forbidden: /, '')) || 'no reason given'
  const sign = {
    code: rule.code,
    key: `${rule.code}/${idOf(owner)}`,
    depth: 3 as const,
    object,
    sentence: `${object.kind}/${object.name} may not make its pods: ${why}`,
    hint: rule.hint,
    detail: message,
  }
  if (rule.code === 'quota') return [quotaSign(sign, idOf(owner), look)]
  return [{ ...sign, fatal: rule.fatal, grace: rule.grace === undefined ? 0 : look.grace[rule.grace] }]
}

/**
 * Pods that end give quota back, so that nothing is called fatal while some do. The controller tries again after pauses
 * that double, so its next try comes at the latest after as long as the draining took.
 */
function quotaSign(sign: Omit<Sign, 'fatal'>, owner: string, { draining, memory, now, grace }: Look): Sign {
  const drainKey = `quota-draining/${owner}`
  if (draining) {
    if (!memory.has(drainKey)) memory.set(drainKey, now)
    return { ...sign, key: drainKey, fatal: 'never', sentence: `${sign.sentence} (pods that end may make room)` }
  }
  const drained = memory.get(drainKey)
  const waited = drained === undefined ? 0 : (memory.get(sign.key) ?? now) - drained
  return { ...sign, fatal: 'after-grace', grace: Math.max(grace.quota, waited) }
}

function isTrue(condition: Condition | undefined): boolean {
  return condition?.status === 'True'
}

/** The Job's own verdict; how its last pod ended says why. */
export function jobSign(job: Job | undefined, pods: readonly Pod[]): Sign[] {
  if (job === undefined) return []
  const failed = [conditionOf(job, 'Failed'), conditionOf(job, 'FailureTarget')].find(isTrue)
  if (failed === undefined) return []
  const object = reference(job, 'batch/v1', 'Job')
  const last = lastEnd(pods)
  const reason = failed.reason === undefined ? '' : ` (${failed.reason})`
  const why =
    last === undefined
      ? ''
      : `: container ${last.container} ended with exit code ${last.code} (${exitMeaning(last.code, last.reason).says})`
  const hint =
    failed.reason === 'DeadlineExceeded'
      ? 'raise activeDeadlineSeconds, or let the Job do less'
      : 'look at its last log lines, mend it and deploy again'
  return [
    {
      code: 'job-failed',
      key: `job-failed/${idOf(job)}`,
      depth: 3,
      object,
      fatal: 'now',
      sentence: `Job/${object.name} failed${reason}${why}`,
      hint,
      ...(failed.message === undefined ? {} : { detail: oneLine(failed.message, 700) }),
      ...(last === undefined ? {} : { wantsLogs: logOf(last.pod, last.container, false) }),
    },
  ]
}

function lastEnd(
  pods: readonly Pod[],
): { pod: Pod; container: string; code: number; reason: string; at: string } | undefined {
  return pods
    .flatMap((pod) =>
      containerRows(pod).flatMap(({ status }) => {
        const ended = status.state?.terminated ?? status.lastState?.terminated
        if (ended === undefined || ended.exitCode === 0) return []
        const { exitCode: code, reason = '', finishedAt: at = '' } = ended
        return [{ pod, container: status.name, code, reason, at }]
      }),
    )
    .toSorted((a, b) => b.at.localeCompare(a.at))[0]
}

/** What only the Deployment says: no progress in time, or a controller that does not look. */
export function deploymentSigns(deployment: Deployment | undefined, deeper: readonly Sign[], look: Look): Sign[] {
  if (deployment === undefined) return []
  const object = reference(deployment, 'apps/v1', 'Deployment')
  const common = { depth: 4 as const, object }
  const generation = deployment.metadata.generation ?? 0
  if ((deployment.status?.observedGeneration ?? 0) < generation)
    return [
      {
        ...common,
        code: 'controller',
        key: `controller/${idOf(deployment)}/${generation}`,
        fatal: 'never',
        hiddenFor: look.grace.starting,
        sentence: `Deployment/${object.name} was changed, but its controller has not looked at it`,
        hint: 'look at the controller manager of the cluster',
      },
    ]
  if (conditionOf(deployment, 'Progressing')?.reason !== 'ProgressDeadlineExceeded') return []
  const cause = deeper.toSorted((a, b) => a.depth - b.depth)[0]
  const seconds = deployment.spec.progressDeadlineSeconds ?? 600
  return [
    {
      ...common,
      code: 'no-progress',
      key: `no-progress/${idOf(deployment)}`,
      fatal: 'now',
      sentence: `Deployment/${object.name} made no progress for ${seconds} s${cause === undefined ? '' : `: ${cause.sentence}`}`,
      hint: cause?.hint ?? 'look at its pods and their events',
      ...(cause?.wantsLogs === undefined ? {} : { wantsLogs: cause.wantsLogs }),
    },
  ]
}

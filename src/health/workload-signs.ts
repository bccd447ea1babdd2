import type { Condition, Deployment, Job, Pod } from '../shared/objects.ts'
import { exitMeaning } from './crash.ts'
import { containerRows, idOf, type Look, logOf, oneLine, type Sign } from './look.ts'
import { conditionOf } from './pods.ts'
import { refusedByEvent } from './refusal-signs.ts'
import { referenceTo } from './reference.ts'

function isTrue(condition: Condition | undefined): boolean {
  return condition?.status === 'True'
}

/** The Job's own verdict; how its last pod ended says why. */
export function jobSign(job: Job | undefined, pods: readonly Pod[], look: Look): Sign[] {
  if (job === undefined) return []
  const failed = [conditionOf(job, 'Failed'), conditionOf(job, 'FailureTarget')].find(isTrue)
  if (failed === undefined) return pods.length > 0 || isOver(job) ? [] : [withoutPods(job, look)]
  const object = referenceTo(job, 'batch/v1', 'Job')
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

function isOver(job: Job): boolean {
  return job['spec']?.['suspend'] === true || isTrue(conditionOf(job, 'Complete'))
}

function withoutPods(job: Job, look: Look): Sign {
  const object = referenceTo(job, 'batch/v1', 'Job')
  const unknown: Sign = {
    code: 'starting',
    key: `starting/${idOf(job)}`,
    depth: 3,
    object,
    fatal: 'never',
    hiddenFor: look.grace.starting,
    sentence: `Job/${object.name} has no pods yet`,
    hint: 'look at its events, and at the controller manager of the cluster',
  }
  return refusedByEvent(job, look) ?? unknown
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
  const object = referenceTo(deployment, 'apps/v1', 'Deployment')
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

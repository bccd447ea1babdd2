import { resolvedSurge, resolvedUnavailable } from '../manifests/workload.ts'
import { durationText } from '../shared/duration.ts'
import { keyOf, refOf } from '../shared/objects.ts'
import { minimumOf, scalersOf } from './autoscaling.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { findingAt, replicasOf, title, trafficOf, type Workload, workloadsOf } from './subject.ts'

/** API server's default of progressDeadlineSeconds. */
const DEADLINE_SECONDS = 600

export function podRules(input: PreflightInput): Finding[] {
  return workloadsOf(input).flatMap((workload) => [
    ...unavailableRules(input, workload),
    ...singleRules(input, workload),
    ...deadlineRules(input, workload),
    ...historyRules(workload),
  ])
}

/** max-unavailable: the native rolling update, or the finish of a canary, may take all old pods at once. */
function unavailableRules(input: PreflightInput, { manifest, released, replicas, stepped }: Workload): Finding[] {
  const { strategy } = input
  if (!stepped || (strategy !== 'rolling' && strategy !== 'canary') || replicas === 0) return []
  if (manifest.spec.strategy?.type === 'Recreate') return []
  const unavailable = resolvedUnavailable(manifest.spec, replicas)
  if (unavailable < replicas || (replicas === 1 && strategy === 'canary')) return []
  const named = manifest.spec.strategy?.rollingUpdate?.maxUnavailable
  const surge = resolvedSurge(manifest.spec, replicas)
  return [
    findingAt(released, ['spec', 'strategy', 'rollingUpdate', 'maxUnavailable'], {
      id: 'max-unavailable',
      severity: replicas === 1 ? 'warning' : 'error',
      reason: `maxUnavailable ${named ?? '(default)'} of ${title(manifest)} lets all ${replicas} pods be missing at once (maxSurge is ${surge}): nobody may answer while the new ones start`,
      mend: 'set maxUnavailable to 0 and maxSurge to 1 or more',
    }),
  ]
}

/** replicas-one: a single pod is one node drain away from an outage, rollout or not. */
function singleRules(input: PreflightInput, workload: Workload): Finding[] {
  const { manifest, released, replicas, stepped } = workload
  const scalers = scalersOf(input, manifest)
  const wanted = scalers.length > 0 ? replicas : replicasOf(manifest)
  if (wanted !== 1 || scalers.some((scaler) => minimumOf(scaler) >= 2)) return []
  if (trafficOf(input, workload).length === 0) return []
  const share =
    input.strategy === 'canary' && stepped ? '; a canary of one pod beside it gets half of the requests' : ''
  return [
    findingAt(released, ['spec', 'replicas'], {
      id: 'replicas-one',
      severity: 'warning',
      reason: `${title(manifest)} has one replica: when its pod or node goes, nobody answers${share}`,
      mend: 'set replicas to 2 or more',
    }),
  ]
}

/** deadline: what the API server refuses, or what Kubernetes would say long after Headgate has gone back. */
function deadlineRules(input: PreflightInput, { manifest, released }: Workload): Finding[] {
  const { progressDeadlineSeconds, minReadySeconds = 0 } = manifest.spec
  const deadline = progressDeadlineSeconds ?? DEADLINE_SECONDS
  const at = ['spec', progressDeadlineSeconds === undefined ? 'minReadySeconds' : 'progressDeadlineSeconds']
  if (deadline <= minReadySeconds) {
    // What the server answered to it, good or bad, is the better word.
    const answer = input.dryRuns?.get(keyOf(refOf(manifest)))
    if (answer?.kind === 'ok' || answer?.message.includes('progressDeadlineSeconds') === true) return []
    return [
      findingAt(released, at, {
        id: 'deadline',
        severity: 'error',
        reason: `progressDeadlineSeconds of ${title(manifest)} is ${deadline}${progressDeadlineSeconds === undefined ? ' (default)' : ''} and minReadySeconds ${minReadySeconds}: Kubernetes refuses a deadline that no pod can keep`,
        mend: `set progressDeadlineSeconds to more than ${minReadySeconds}, or minReadySeconds to less`,
      }),
    ]
  }
  if (progressDeadlineSeconds === undefined || deadline * 1_000 <= input.timeoutMs) return []
  return [
    findingAt(released, at, {
      id: 'deadline',
      severity: 'info',
      reason: `progressDeadlineSeconds of ${title(manifest)} is ${deadline}, and a step ends after ${durationText(input.timeoutMs)} (timeout): Kubernetes never gets to say that the rollout does not progress`,
      mend: 'nothing, if the timeout is meant; else raise the timeout, or lower the deadline',
    }),
  ]
}

/** history-zero: nothing is left that `kubectl rollout undo` could go back to. */
function historyRules({ manifest, released }: Workload): Finding[] {
  if (manifest.spec.revisionHistoryLimit !== 0) return []
  return [
    findingAt(released, ['spec', 'revisionHistoryLimit'], {
      id: 'history-zero',
      severity: 'warning',
      reason: `${title(manifest)} keeps no old ReplicaSet (revisionHistoryLimit 0): kubectl rollout undo has nothing to go back to, and the way back by hand is closed when it is needed`,
      mend: 'leave it out (10), or set it to 1 or more; rollback of Headgate works without, from its own record',
    }),
  ]
}

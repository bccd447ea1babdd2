import { listOf, valueAt } from '../manifests/workload.ts'
import { readiness } from '../health/readiness.ts'
import { isResting } from '../strategies/hold.ts'
import { durationText } from '../shared/duration.ts'
import { type Deployment, keyOf, type KubeObject, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { findingAt, isStrict, replicasOf, title, type Workload, workloadsOf } from './subject.ts'

/** What the running workload is like: down, paused or moved by somebody else, or not made for two versions at once. */
export function stateRules(input: PreflightInput): Finding[] {
  return workloadsOf(input).flatMap((workload) => {
    const { live } = workload
    return [
      ...(live === undefined ? colorsLeft(input, workload) : liveRules(input, workload, live)),
      ...strategyRules(input, workload),
      ...volumeRules(input, workload),
    ]
  })
}

/** colors-left: the form with two Deployments serves, and a third one would come beside it. */
function colorsLeft(input: PreflightInput, { manifest, released }: Workload): Finding[] {
  const { name, namespace = '' } = refOf(manifest)
  const colors = [`${name}-blue`, `${name}-green`]
  const serving = (input.lists.deployments ?? []).find(
    (each) =>
      colors.includes(refOf(each).name) &&
      each.metadata.namespace === namespace &&
      replicasOf(each) > 0 &&
      !input.objects.some(({ object }) => keyOf(refOf(object)) === keyOf(refOf(each))),
  )
  if (input.pods === 'separate' || serving === undefined) return []
  return [
    findingAt(released, ['metadata', 'name'], {
      id: 'colors-left',
      severity: 'error',
      reason: `${title(serving)} serves, in two colors, and this release brings ${title(manifest)} beside it: a Service without the color in its selector leads users to both versions at once`,
      mend: 'say pods: separate, as before; to get back to one Deployment, accept colors-left and follow docs/leaving.md',
    }),
  ]
}

/** A rollout of Headgate that is under way explains every odd state of its workloads. */
function isOurs({ record }: PreflightInput, live: Deployment): boolean {
  return isResting(live) || (record !== undefined && !['succeeded', 'aborted'].includes(record.phase))
}

function liveRules(input: PreflightInput, workload: Workload, live: Deployment): Finding[] {
  const { released, manifest, stepped } = workload
  const replicas = replicasOf(live)
  const ready = live.status?.readyReplicas ?? 0
  const findings: Finding[] = []
  if (replicas > 0 && ready === 0)
    findings.push(
      findingAt(released, [], {
        id: 'stable-down',
        severity: 'warning',
        reason: `no pod of ${title(manifest)} serves now (0 of ${replicas}), so there is nothing to protect: the release goes in without steps, and a failure is not undone, because that would bring the outage back`,
        mend: 'deploy the fix; to go back to an earlier release, use rollback',
      }),
    )
  if (input.record === undefined && isResting(live))
    findings.push(
      findingAt(released, [], {
        id: 'record-lost',
        severity: 'error',
        reason: `${title(manifest)} rests in a rollout of Headgate, and there is no record headgate-${input.app} of it: it was deleted, or the app had another name`,
        mend: 'bring the ConfigMap back, or deploy under the name before; else go back by hand: docs/recovery.md, "The record is lost"',
      }),
    )
  if (live.spec.paused === true && !isOurs(input, live))
    findings.push(
      findingAt(released, ['spec', 'paused'], {
        id: 'paused-by-other',
        severity: 'error',
        reason: `${title(manifest)} is paused (spec.paused), and not by Headgate: somebody wants it to stay as it is`,
        mend: `find out who paused it; then kubectl rollout resume deployment/${refOf(manifest).name}`,
      }),
    )
  if (stepped && ready > 0 && isMoving(live) && !isOurs(input, live))
    findings.push(
      findingAt(released, [], {
        id: 'rollout-under-way',
        severity: 'warning',
        reason: `${title(manifest)} is in the middle of another rollout (${readiness(live).text}), so it is not clear which version is the stable one`,
        mend: `it is waited for, at most ${durationText(input.timeoutMs)}; if that one does not come to an end, undo it first`,
      }),
    )
  return findings
}

/** Two versions, or a change that the controller has not seen. A pod that is not ready for itself is no rollout. */
function isMoving(live: Deployment): boolean {
  const { metadata, spec, status = {} } = live
  if (spec.paused === true) return false
  const { updatedReplicas: updated = 0, replicas = 0 } = status
  return status.observedGeneration !== metadata.generation || updated < replicasOf(live) || replicas > updated
}

/** strategy-recreate: the user's own choice says that two versions must not run at once. */
function strategyRules(input: PreflightInput, workload: Workload): Finding[] {
  const { manifest, released, live, stepped } = workload
  const recreate = (manifest.spec.strategy ?? live?.spec.strategy)?.type === 'Recreate'
  if (!recreate || !stepped || input.strategy === 'recreate') return []
  const strict = isStrict(input, workload)
  return [
    findingAt(released, ['spec', 'strategy', 'type'], {
      id: 'strategy-recreate',
      severity: strict ? 'error' : 'warning',
      reason: strict
        ? `${title(manifest)} has strategy Recreate, so its author does not want two versions at once, and ${input.strategy} runs them side by side`
        : `${title(manifest)} has strategy Recreate: all old pods end before the first new one starts, and nobody answers meanwhile`,
      mend: strict
        ? 'use strategy recreate, or set spec.strategy.type to RollingUpdate'
        : 'set spec.strategy.type to RollingUpdate, or use strategy recreate to say so',
    }),
  ]
}

/** read-write-once: a volume that only one pod, or pods of one node, may have. */
function volumeRules(input: PreflightInput, workload: Workload): Finding[] {
  const { manifest, released, template, replicas } = workload
  if (!workload.stepped || input.strategy === 'recreate') return []
  return listOf(template.spec.volumes).flatMap((volume, index): Finding[] => {
    const name = valueAt(volume, ['persistentVolumeClaim', 'claimName'])
    if (typeof name !== 'string') return []
    const claim = claimOf(input, manifest, name)
    const modes = listOf(valueAt(claim, ['spec', 'accessModes']))
    const at = ['spec', 'template', 'spec', 'volumes', index]
    if (modes.includes('ReadWriteOncePod'))
      return [
        findingAt(released, at, {
          id: 'read-write-once-pod',
          severity: 'error',
          reason: `PersistentVolumeClaim/${name} of ${title(manifest)} may be used by one pod at a time (ReadWriteOncePod): a new pod waits for ever beside an old one`,
          mend: 'use strategy recreate',
        }),
      ]
    if (modes.length === 0 || !modes.every((mode) => mode === 'ReadWriteOnce')) return []
    return [
      findingAt(released, at, {
        id: 'read-write-once',
        severity: 'warning',
        reason: `PersistentVolumeClaim/${name} of ${title(manifest)} may be used on one node at a time (ReadWriteOnce): ${replicas > 1 ? 'its pods' : 'old and new pod'} must all fit there, and write side by side`,
        mend: 'use strategy recreate, or a volume with ReadWriteMany',
      }),
    ]
  })
}

function claimOf(input: PreflightInput, manifest: Deployment, name: string): KubeObject | undefined {
  const key = keyOf({ ...refOf(manifest), apiVersion: 'v1', kind: 'PersistentVolumeClaim', name })
  const named = input.named?.get(key)
  return (
    input.live.get(key) ??
    (named === 'missing' ? undefined : named) ??
    input.objects.find(({ object }) => keyOf(refOf(object)) === key)?.object
  )
}

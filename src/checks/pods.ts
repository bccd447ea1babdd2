import type { Pod } from '../shared/objects.ts'
import type { Asker } from './asker.ts'
import type { PodsCheck } from './spec.ts'
import type { CheckVerdict } from './verdict.ts'

/** What the pods of the new version tell of themselves: restarts, and how long they took to be ready. Asks nothing. */
export function measurePods(asker: Asker, check: PodsCheck): CheckVerdict {
  const pods = asker.workloads().flatMap(({ canary }) => canary.pods)
  const verdict = judgePods(pods, check, asker.now(), asker.readySeen)
  for (const pod of pods) if (isReady(pod)) asker.readySeen.add(idOf(pod))
  return verdict
}

/**
 * Pure.
 * @param seen pods that have been ready before: their status only tells since when they are, and a short lapse is no late start
 */
export function judgePods(
  pods: readonly Pod[],
  check: PodsCheck,
  now: number,
  seen: ReadonlySet<string> = new Set(),
): CheckVerdict {
  if (pods.length === 0) return { kind: 'inconclusive', text: 'there is no pod of the new version', lines: [] }
  const facts = pods.map((pod) => ({
    name: pod.metadata.name ?? '',
    restarts: restartsOf(pod),
    readyMs: readyAfter(pod),
    inTime: seen.has(idOf(pod)),
    age: now - Date.parse(pod.metadata.creationTimestamp ?? ''),
  }))
  const lines = facts.map(
    ({ name, restarts, readyMs }) =>
      `Pod/${name}: ${restarts} restarts, ${readyMs === undefined ? 'not ready' : `ready after ${Math.round(readyMs / 1000)} s`}`,
  )
  const restarted = facts.find(({ restarts }) => restarts > check.restarts)
  if (restarted !== undefined)
    return {
      kind: 'fail',
      text: `Pod/${restarted.name} has restarted ${restarted.restarts} times, at most ${check.restarts} are allowed`,
      lines,
    }
  const { readyWithinMs: most = Number.POSITIVE_INFINITY } = check
  const slow = facts.find(({ readyMs, age, inTime }) => !inTime && (readyMs ?? age) > most)
  if (slow !== undefined) {
    const took =
      slow.readyMs === undefined
        ? `is not ready after ${seconds(slow.age)}`
        : `took ${seconds(slow.readyMs)} to be ready`
    return { kind: 'fail', text: `Pod/${slow.name} ${took}, at most ${seconds(most)} are allowed`, lines }
  }
  const waiting = facts.find(({ readyMs }) => readyMs === undefined)
  if (waiting !== undefined) return { kind: 'inconclusive', text: `Pod/${waiting.name} is not ready yet`, lines }
  return {
    kind: 'pass',
    text: `${pods.length === 1 ? '1 pod' : `${pods.length} pods`}, at most ${Math.max(...facts.map(({ restarts }) => restarts))} restarts`,
    lines,
  }
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
}

function idOf({ metadata }: Pod): string {
  return metadata.uid ?? metadata.name ?? ''
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`
}

function restartsOf({ status }: Pod): number {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  return all.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0)
}

/** ms from its creation to its last turn to Ready; undefined while it is not. */
function readyAfter({ metadata, status }: Pod): number | undefined {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready?.status !== 'True') return undefined
  return Date.parse(ready.lastTransitionTime ?? '') - Date.parse(metadata.creationTimestamp ?? '')
}

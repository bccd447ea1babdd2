import type { Client } from '../kubernetes/client.ts'
import { templateEquals } from '../manifests/workload.ts'
import { isServing } from '../health/pods.ts'
import { formatDuration } from '../shared/duration.ts'
import type { Deployment, Pod, ReplicaSet, Service } from '../shared/objects.ts'
import { isHeld, isLocked, lastWriter } from '../strategies/hold.ts'
import { hashOf } from '../strategies/view.ts'
import { HASH_LABEL } from '../strategies/services.ts'
import { undoCommand } from './by-hand.ts'
import { readPayload } from './book.ts'
import type { RolloutRecord, WorkloadRecord } from './record.ts'
import { selectorText } from './world.ts'

export interface StatusLine {
  text: string
  level: 'info' | 'warning'
}

/** What a person wants to know of a rollout that may be resting: what serves, whether it is locked, whether it drifted. */
export async function statusLines(client: Client, record: RolloutRecord, now: number): Promise<StatusLine[]> {
  const info = (text: string): StatusLine => ({ text, level: 'info' })
  const lines = [
    info(
      `app ${record.app} in namespace ${record.namespace}: rollout ${record.rollout}, ${record.strategy}, ${record.phase} for ${formatDuration(now - Date.parse(record.updatedAt))}`,
    ),
  ]
  if (record.reason !== undefined) lines.push(info(`reason: ${record.reason}`))
  for (const workload of record.workloads) lines.push(...(await workloadLines(client, record, workload, now)))
  for (const { name, namespace } of record.services) {
    const service = await client.get<Service>({ apiVersion: 'v1', kind: 'Service', name, namespace })
    const pin = service?.spec.selector?.[HASH_LABEL]
    lines.push(info(`Service/${name}: ${pin === undefined ? 'selects all versions' : `pinned to ${pin}`}`))
  }
  if (!['succeeded', 'aborted'].includes(record.phase)) lines.push(info(`back by hand: ${undoCommand(record)}`))
  return lines
}

async function workloadLines(
  client: Client,
  record: RolloutRecord,
  workload: WorkloadRecord,
  now: number,
): Promise<StatusLine[]> {
  const { name, namespace } = workload
  const deployment = await client.get<Deployment>({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace })
  if (deployment === undefined) return [{ text: `Deployment/${name} does not exist`, level: 'warning' }]
  const options = { labelSelector: selectorText(deployment.spec.selector) }
  const [sets, pods] = await Promise.all([
    client.list<ReplicaSet>({ apiVersion: 'apps/v1', kind: 'ReplicaSet' }, namespace, options),
    client.list<Pod>({ apiVersion: 'v1', kind: 'Pod' }, namespace, options),
  ])
  const counts = sets.items
    .filter((set) => (set.spec.replicas ?? 0) > 0)
    .map((set) => {
      const own = pods.items.filter((pod) => hashOf(pod) === hashOf(set))
      const image = set.spec.template.spec.containers[0]?.image ?? ''
      return `${image} ${own.filter((pod) => isServing(pod, 0, now)).length} of ${set.spec.replicas ?? 0} ready`
    })
  const state = isHeld(deployment)
    ? isLocked(deployment)
      ? ', held and locked'
      : ', held, NOT locked'
    : isLocked(deployment)
      ? ', paused'
      : ''
  const lines: StatusLine[] = [{ text: `Deployment/${name}: ${counts.join(', ') || 'no pods'}${state}`, level: 'info' }]
  const drift = await driftLine(client, record, workload, deployment)
  return drift === undefined ? lines : [...lines, drift]
}

/** While a rollout rests nothing else may apply its Deployment; when somebody did, this says who. */
async function driftLine(
  client: Client,
  record: RolloutRecord,
  workload: WorkloadRecord,
  deployment: Deployment,
): Promise<StatusLine | undefined> {
  if (['succeeded', 'aborted'].includes(record.phase) || workload.mode !== 'steps') return undefined
  const payload = await readPayload(client, record, record.rollout).catch(() => undefined)
  const versions = payload?.versions[`${workload.namespace}/${workload.name}`]
  if (versions === undefined) return undefined
  const { template } = deployment.spec
  if (templateEquals(template, versions.next) || templateEquals(template, versions.stable)) return undefined
  return {
    level: 'warning',
    text: `DRIFT: Deployment/${workload.name} was changed by ${lastWriter(deployment)} while rollout ${record.rollout} rests. abort puts the stable version back`,
  }
}

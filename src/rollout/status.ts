import { type Acting, actingRun } from '../kubernetes/acting.ts'
import type { Client } from '../kubernetes/client.ts'
import { templateEquals } from '../manifests/workload.ts'
import { isServing } from '../health/pods.ts'
import { reasonOf, stepName, weightOf } from '../report/status.ts'
import { type ClusterFlags, commandOf, nextCommand, phraseOf, waysOf } from '../report/way.ts'
import { formatDuration } from '../shared/duration.ts'
import { isAsWanted, type Route } from '../routers/router.ts'
import {
  type Deployment,
  keyOf,
  type KubeObject,
  nameOf,
  type ObjectRef,
  type Pod,
  refOf,
  type ReplicaSet,
  type Service,
} from '../shared/objects.ts'
import { COLOR } from '../strategies/color.ts'
import { isHeld, isLocked, isUndone, lastWriter } from '../strategies/hold.ts'
import { shareOf } from '../strategies/route-writes.ts'
import { hashOf } from '../strategies/view.ts'
import { jsonEquals } from '../shared/json.ts'
import { canaryName, HASH_LABEL } from '../strategies/services.ts'
import { undoCommand } from './by-hand.ts'
import { readPayload } from './book.ts'
import type { RolloutRecord, ServiceRecord, WorkloadRecord } from './record.ts'
import { type Traffic, trafficOf } from './routing.ts'
import { selectorText } from './world.ts'

export interface StatusLine {
  text: string
  level: 'info' | 'warning'
  /** somebody else changed what rests: a promote would be refused */
  drift?: true
}

const OVER = ['succeeded', 'aborted']
const UNDONE = ['aborting', 'aborted', 'failed']

/**
 * What a person wants to know of a rollout that may be resting: where it stands, who is at work on it, what serves,
 * whether it is locked, whether it drifted, and what can be done.
 */
export async function statusLines(
  client: Client,
  record: RolloutRecord,
  now: number,
  cluster?: ClusterFlags,
): Promise<StatusLine[]> {
  const over = OVER.includes(record.phase)
  const where = over ? '' : `, ${stepSentence(record)}`
  const since = formatDuration(now - Date.parse(record.updatedAt))
  const lines = [
    info(
      `app ${record.app} in namespace ${record.namespace}: rollout ${record.rollout}, ${record.strategy}, ${record.phase} for ${since}${where}`,
    ),
  ]
  const acting = await actingRun(client, record, now)
  if (acting !== undefined || !over) lines.push(actingLine(record, acting))
  const reason = reasonOf(record)
  if (reason !== undefined) lines.push(info(`reason: ${reason}`))
  if (UNDONE.includes(record.phase) && record.failure !== undefined)
    lines.push(info(`failure: ${record.failure.message}`))
  for (const workload of record.workloads) {
    const { stableName } = workload
    if (stableName !== undefined)
      lines.push(...(await workloadLines(client, record, { ...workload, name: stableName }, now)))
    lines.push(...(await workloadLines(client, record, workload, now)))
  }
  for (const service of record.services) lines.push(await serviceLine(client, record, service))
  if (record.phase === 'paused' || record.phase === 'stopped') lines.push(...(await canaryLines(client, record)))
  if (!over) lines.push(...(await routeLines(client, record)))
  for (const { id, until, deployments } of record.kept ?? [])
    lines.push(
      info(
        `version ${id} is kept until ${until.slice(0, 16)}Z: ${deployments.map((name) => `Deployment/${name}`).join(', ')}`,
      ),
    )
  const next = nextCommand(record)
  for (const way of waysOf(record))
    if (commandOf(way) !== next) lines.push(info(`${phraseOf(way)}: ${commandOf(way, cluster)}`))
  if (!over) lines.push(info(`back by hand: ${undoCommand(record)}`))
  return lines
}

function info(text: string): StatusLine {
  return { text, level: 'info' }
}

/** Whether a run is at work, as its lease says; a dead one leaves the rollout to the next. */
export function actingLine({ phase }: Pick<RolloutRecord, 'phase'>, acting: Acting | undefined): StatusLine {
  if (acting === undefined) {
    const moving = phase === 'progressing' || phase === 'aborting'
    return {
      text: `no run is at work${moving ? ': the one that was ended before it was done' : ''}`,
      level: moving ? 'warning' : 'info',
    }
  }
  const silent = formatDuration(acting.silentMs)
  if (acting.leftMs > 0) return info(`run ${acting.holder} is at work since ${acting.since}, last heard ${silent} ago`)
  return {
    text: `run ${acting.holder}, at work since ${acting.since}, has died: last heard ${silent} ago`,
    level: 'warning',
  }
}

function stepSentence(record: RolloutRecord): string {
  const { length } = record.steps
  return record.step >= length ? 'finishing' : `step ${record.step + 1} of ${length} (${stepName(record)})`
}

async function serviceLine(client: Client, record: RolloutRecord, service: ServiceRecord): Promise<StatusLine> {
  const { name, namespace } = service
  const live = await client.get<Service>({ apiVersion: 'v1', kind: 'Service', name, namespace })
  if (live === undefined) return { text: `Service/${name} does not exist`, level: 'warning' }
  const pin = live.spec.selector?.[HASH_LABEL]
  const color = live.spec.selector?.[COLOR]
  if (pin === undefined && color !== undefined) return info(`Service/${name}: selects the color ${color}`)
  if (pin === undefined) return info(`Service/${name}: selects all versions`)
  const workload = record.workloads.find((each) => each.name === service.workload)
  // There are two sets, and only the old one's hash is known from the start.
  const version = pin === workload?.stableHash ? workload.stableVersion : workload?.newVersion
  return info(`Service/${name}: pinned to ${version === undefined ? pin : `${version} (${pin})`}`)
}

/** The Services that a share of the requests depends on while it rests, where something is wrong with one. */
async function canaryLines(client: Client, { services, traffic, plan, step }: RolloutRecord): Promise<StatusLine[]> {
  const led = services.filter(({ namespace, name }) => traffic?.services.includes(`${namespace}/${name}`) === true)
  const first = plan.findIndex(({ kind }) => kind === 'weight' || kind === 'mirror')
  if (first < 0 || step <= first) return []
  const lines = await Promise.all(
    led.map(async ({ namespace, name, selector }): Promise<StatusLine[]> => {
      const ref = { apiVersion: 'v1', kind: 'Service', name: canaryName(name), namespace }
      const live = await client.get<Service>(ref)
      const { [HASH_LABEL]: hash, ...own } = live?.spec.selector ?? {}
      if (hash !== undefined && jsonEquals(own, selector)) return []
      const what = live === undefined ? 'does not exist' : `was changed by ${lastWriter(live)}`
      const text = `DRIFT: ${nameOf(ref)} ${what}: requests to the new version are not answered. promote and abort both repair it`
      return [{ text, level: 'warning' }]
    }),
  )
  return lines.flat()
}

/** The share that each route gives the new version, and whether it is as this rollout wrote it. */
async function routeLines(client: Client, record: RolloutRecord): Promise<StatusLine[]> {
  const payload = await readPayload(client, record, record.rollout).catch(() => undefined)
  const traffic = payload === undefined ? undefined : trafficOf(record, payload)
  if (traffic === undefined) return []
  const lines: StatusLine[] = []
  for (const route of traffic.routes) {
    // The objects that carry the share: the route itself, or a second one beside it.
    const carriers = traffic.router.wanted(route, { ...traffic.split, percent: 0, mirror: 0 })
    for (const { apiVersion, kind, metadata } of carriers) {
      const ref = refOf({ apiVersion, kind, metadata })
      lines.push(routeLine(record, traffic, route, ref, await client.get<KubeObject>(ref)))
    }
  }
  return lines
}

function routeLine(
  { rollout, plan, step, phase }: RolloutRecord,
  { router, split }: Traffic,
  route: Route,
  ref: ObjectRef,
  live: KubeObject | undefined,
): StatusLine {
  if (live === undefined) return { text: `${nameOf(ref)} does not exist`, level: 'warning' }
  const share = shareOf(live, rollout)
  const first = plan.findIndex(({ kind }) => kind === 'weight' || kind === 'mirror')
  const begun = phase === 'paused' && first >= 0 && step > first
  if (share === undefined && !begun) return info(`${nameOf(ref)}: carries no share of this rollout`)
  if (share === undefined)
    return {
      text: `DRIFT: ${nameOf(ref)} carries no share of rollout ${rollout} any more: ${lastWriter(live)} has put something else there`,
      level: 'warning',
    }
  const wanted = router.wanted(route, { ...split, ...share }).find((object) => keyOf(refOf(object)) === keyOf(ref))
  const copied = share.mirror === 0 ? '' : `, ${share.mirror}% copied`
  if (wanted === undefined || isAsWanted(live, wanted))
    return info(`${nameOf(ref)}: ${share.percent}% to the new version${copied}`)
  const text = `DRIFT: ${nameOf(ref)} was changed by ${lastWriter(live)} while rollout ${rollout} rests`
  return { text, level: 'warning' }
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
  const lines: StatusLine[] = [
    {
      text: `Deployment/${name}: ${counts.join(', ') || (deployment.spec.replicas === 0 ? scaledToZero(workload) : 'no pods')}${state}`,
      level: 'info',
    },
  ]
  const drift = await driftLine(client, record, workload, deployment)
  return drift === undefined ? lines : [...lines, drift]
}

/** Of two colors one has no pods, and nothing is wrong. */
function scaledToZero({ stableName }: WorkloadRecord): string {
  return stableName === undefined ? 'scaled to 0, nothing serves' : 'scaled to 0'
}

/** New pods stand there by now. */
function hasBegun(record: RolloutRecord): boolean {
  return record.strategy === 'blue-green' || weightOf(record) > 0
}

/** While a rollout rests nothing else may apply its Deployment; when somebody did, this says who. */
async function driftLine(
  client: Client,
  record: RolloutRecord,
  workload: WorkloadRecord,
  deployment: Deployment,
): Promise<StatusLine | undefined> {
  if (OVER.includes(record.phase) || workload.mode !== 'steps') return undefined
  const payload = await readPayload(client, record, record.rollout).catch(() => undefined)
  const versions = payload?.versions[`${workload.namespace}/${workload.name}`]
  if (versions === undefined) return undefined
  const { template } = deployment.spec
  const undone = record.phase === 'paused' && isUndone(deployment, versions.stable) && hasBegun(record)
  if (!undone && (templateEquals(template, versions.next) || templateEquals(template, versions.stable)))
    return undefined
  return {
    level: 'warning',
    drift: true,
    text: `DRIFT: Deployment/${workload.name} was changed by ${lastWriter(deployment)} while rollout ${record.rollout} rests. abort puts the stable version back`,
  }
}

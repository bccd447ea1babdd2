import { gzipSync } from 'node:zlib'
import { lastingContainers, listOf, mapOf, resolvedSurge, resolvedUnavailable, valueAt } from '../manifests/workload.ts'
import { MAX_PAYLOAD_BYTES } from '../rollout/codec.ts'
import { stringifyJson } from '../shared/json.ts'
import type { Container, KubeObject, PodTemplate } from '../shared/objects.ts'
import { canaryName, previewName } from '../strategies/services.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { parseQuantity } from './quantity.ts'
import { countText, findingAt, notVerified, title, trafficOf, type Workload, workloadsOf } from './subject.ts'

export function capacityRules(input: PreflightInput): Finding[] {
  return [...recordRules(input), ...quotaRules(input)]
}

/** record-size: the release must fit beside the record, or no later run could go back to it. */
function recordRules(input: PreflightInput): Finding[] {
  const bytes = input.payloadBytes ?? payloadBytes(input)
  if (bytes <= MAX_PAYLOAD_BYTES) return []
  const sized = input.objects
    .map((released) => ({ released, size: stringifyJson(released.object).length }))
    .toSorted((a, b) => b.size - a.size)
  const [largest] = sized
  const reason = `the release takes ${kilobytes(bytes)} compressed, and at most ${kilobytes(MAX_PAYLOAD_BYTES)} can be kept in the cluster for a later abort or rollback`
  const mend = 'move large data out of ConfigMaps and Secrets, or split the app'
  if (largest === undefined) return [{ id: 'record-size', severity: 'error', reason, mend }]
  const { released, size } = largest
  const rest = { id: 'record-size', severity: 'error' as const, mend }
  return [
    findingAt(released, [], { ...rest, reason: `${reason}; ${title(released.object)} alone has ${kilobytes(size)}` }),
  ]
}

/** Compressing is dear, and only what is large before can be too large after. */
function payloadBytes({ objects }: PreflightInput): number {
  const text = stringifyJson(objects.map(({ object }) => object))
  return text.length <= MAX_PAYLOAD_BYTES ? text.length : gzipSync(text).length
}

function kilobytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_000)} KB`
}

/** Pods that run beside the present ones at some moment of the rollout. */
export function extraPods(input: PreflightInput, { manifest, live, stepped, replicas }: Workload): number {
  if (!stepped) return live === undefined ? replicas : 0
  const growth = Math.max(0, (manifest.spec.replicas ?? replicas) - replicas)
  const surge = resolvedSurge(manifest.spec, replicas)
  switch (input.strategy) {
    case 'recreate':
      return growth
    case 'blue-green':
      return Math.max(replicas, growth)
    case 'canary':
      return Math.max(growth, input.capacity === 'replace' && replicas > 1 ? 0 : Math.min(replicas, Math.max(1, surge)))
    case 'rolling':
      return Math.max(growth, surge)
  }
}

/** quota: the namespace has no room for the pods that run beside the present ones. */
function quotaRules(input: PreflightInput): Finding[] {
  const workloads = workloadsOf(input).filter((workload) => extraPods(input, workload) > 0)
  const { quotas } = input.lists
  if (quotas === undefined)
    return workloads.length === 0
      ? []
      : [
          notVerified(
            'the ResourceQuotas',
            'it is not known whether there is room for the extra pods',
            'grant list on resourcequotas',
          ),
        ]
  const pods = workloads.flatMap((workload) =>
    quotas
      .filter((quota) => quota.metadata.namespace === workload.manifest.metadata.namespace)
      .flatMap((quota) => quotaRule(input, workload, quota)),
  )
  return [...pods, ...quotas.flatMap((quota) => serviceQuota(input, quota))]
}

/** quota: no room for the Services that lead to the new version alone; they come in the middle of the rollout. */
function serviceQuota(input: PreflightInput, quota: KubeObject): Finding[] {
  const nameOf = ownService(input)
  if (nameOf === undefined) return []
  const { namespace } = quota.metadata
  const workloads = workloadsOf(input).filter(
    ({ stepped, manifest }) => stepped && manifest.metadata.namespace === namespace,
  )
  const beside = new Set(workloads.flatMap((workload) => trafficOf(input, workload)).map(({ name }) => nameOf(name)))
  const live = (input.lists.services ?? []).filter(({ metadata }) => metadata.namespace === namespace)
  const wanted = [...beside].filter((name) => live.every(({ metadata }) => metadata.name !== name))
  const [first] = workloads
  if (first === undefined || wanted.length === 0) return []
  return ['services', 'count/services'].flatMap((resource): Finding[] => {
    const hard = parseQuantity(valueAt(quota, ['status', 'hard', resource]))
    const used = parseQuantity(valueAt(quota, ['status', 'used', resource]))
    if (hard === undefined || used === undefined || hard - used >= wanted.length) return []
    return [
      findingAt(first.released, [], {
        id: 'quota',
        severity: 'error',
        reason: `the rollout makes ${wanted.map((name) => `Service/${name}`).join(', ')} to lead to the new version alone, and ${title(quota)} has no room: ${resource} ${used} of ${hard} used`,
        mend: 'raise the quota, or remove a Service that nobody needs',
      }),
    ]
  })
}

/** How the Service is called that a rollout makes beside another; undefined when it makes none. */
function ownService({ strategy, routes = [] }: PreflightInput): ((name: string) => string) | undefined {
  if (strategy === 'blue-green') return previewName
  return strategy === 'canary' && routes.length > 0 ? canaryName : undefined
}

function quotaRule(input: PreflightInput, workload: Workload, quota: KubeObject): Finding[] {
  const extra = extraPods(input, workload)
  const { manifest, released, template, replicas } = workload
  const shortages = shortagesOf(quota, template, extra)
  const [worst] = shortages.toSorted((a, b) => a.fits - b.fits)
  if (worst === undefined) return []
  const scoped =
    listOf(valueAt(quota, ['spec', 'scopes'])).length > 0 || valueAt(quota, ['spec', 'scopeSelector']) !== undefined
  // A rolling update goes on with less room, as long as one pod fits or one may be missing.
  const some = input.strategy === 'rolling' && (worst.fits >= 1 || resolvedUnavailable(manifest.spec, replicas) >= 1)
  const room = worst.fits === 0 ? 'none' : `only ${worst.fits}`
  const other = input.strategy === 'canary' ? ', or set capacity: replace' : ''
  return [
    findingAt(released, [], {
      id: 'quota',
      severity: scoped || some ? 'warning' : 'error',
      reason: `${title(manifest)} needs room for ${countText(extra, 'more pod')} at a time, and ${title(quota)} has it for ${room}: ${worst.resource} ${worst.used} of ${worst.hard} used, ${worst.each} per pod${scoped ? ' (the quota may not count these pods: it has scopes)' : ''}`,
      mend: `raise the quota${other}, or lower the requests`,
    }),
  ]
}

interface Shortage {
  resource: string
  used: string
  hard: string
  each: string
  /** pods for which there is room */
  fits: number
}

function shortagesOf(quota: KubeObject, template: PodTemplate, extra: number): Shortage[] {
  const hard = mapOf(valueAt(quota, ['status', 'hard'])) ?? mapOf(valueAt(quota, ['spec', 'hard'])) ?? {}
  const used = mapOf(valueAt(quota, ['status', 'used'])) ?? {}
  return Object.entries(hard).flatMap(([resource, limit]): Shortage[] => {
    const each = perPod(template, resource)
    const most = parseQuantity(limit)
    const now = parseQuantity(used[resource] ?? 0)
    if (each === undefined || each.amount === 0 || most === undefined || now === undefined) return []
    // A hair of tolerance, because milli-units are not exact in binary.
    const fits = Math.max(0, Math.floor((most - now) / each.amount + 1e-9))
    const text = (value: unknown): string =>
      typeof value === 'string' || typeof value === 'number' ? String(value) : '0'
    return fits >= extra ? [] : [{ resource, used: text(used[resource]), hard: text(limit), each: each.text, fits }]
  })
}

/** What one pod takes of a quota's resource; undefined when it takes none that could be known. */
function perPod(template: PodTemplate, resource: string): { amount: number; text: string } | undefined {
  if (resource === 'pods' || resource === 'count/pods') return { amount: 1, text: '1' }
  const match = /^(?:(requests|limits)\.)?(cpu|memory|ephemeral-storage)$/.exec(resource)
  if (match === null) return undefined
  const [, side = 'requests', what = ''] = match
  const amounts = lastingContainers(template).map((container) => parseQuantity(amountOf(container, side, what)) ?? 0)
  // Other init containers run one after the other before the rest: the largest counts where it is larger than the sum.
  const first = (template.spec.initContainers ?? []).map(
    (container) => parseQuantity(amountOf(container, side, what)) ?? 0,
  )
  const amount = Math.max(
    amounts.reduce((sum, each) => sum + each, 0),
    ...first,
  )
  return { amount, text: what === 'cpu' ? `${Math.round(amount * 1_000)}m` : `${Math.ceil(amount / 2 ** 20)}Mi` }
}

/** A request that is not set equals the limit. Source: core/v1 defaulting. */
function amountOf(container: Container, side: string, what: string): unknown {
  const resources = mapOf(container['resources'])
  const own = valueAt(resources, [side, what])
  return own ?? (side === 'requests' ? valueAt(resources, ['limits', what]) : undefined)
}

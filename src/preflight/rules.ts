import { refuse } from '../shared/errors.ts'
import { nearest } from '../shared/nearest.ts'
import { keyOf } from '../shared/objects.ts'
import { autoscalingRules } from './autoscaling.ts'
import { budgetRules } from './budgets.ts'
import { capacityRules } from './capacity.ts'
import { drainRules } from './drain.ts'
import { dryRunRules, isMisshapen } from './dry-run.ts'
import type { Finding } from './finding.ts'
import { imageRules } from './images.ts'
import type { PreflightInput } from './input.ts'
import { limitRules } from './limits.ts'
import { managerRules } from './managers.ts'
import { namedRules } from './named.ts'
import { podRules } from './pods.ts'
import { probeRules } from './probes.ts'
import { selectorRules } from './selectors.ts'
import { serviceRules } from './services.ts'
import { sharingRules } from './sharing.ts'
import { stateRules } from './state.ts'

const FAMILIES = [
  dryRunRules,
  selectorRules,
  serviceRules,
  stateRules,
  managerRules,
  probeRules,
  drainRules,
  podRules,
  imageRules,
  namedRules,
  sharingRules,
  autoscalingRules,
  budgetRules,
  capacityRules,
  limitRules,
] as const

/** Findings that a person may accept by name, because the rollout can go on with what they warn of. */
const ACCEPTABLE = [
  'service-selector',
  'service-port',
  'service-shared',
  'service-headless',
  'service-balancer',
  'publish-not-ready',
  'probe-missing',
  'probe-same',
  'probe-port',
  'prestop-missing',
  'prestop-short',
  'prestop-budget',
  'max-unavailable',
  'replicas-one',
  'deadline',
  'history-zero',
  'image-latest',
  'image-same',
  'pull-policy',
  'config-missing',
  'hpa-owns-replicas',
  'hpa-drift',
  'hpa-target',
  'pdb-both-sides',
  'pdb-overlap',
  'pdb-blocking',
  'shared-config-changed',
  'stable-down',
  'colors-left',
  'other-manager',
  'rollout-under-way',
  'strategy-recreate',
  'read-write-once',
  'quota',
  'limitrange',
  'pod-security',
  'server-warning',
  'not-verified',
  'route-other',
  'router-notice',
  'check-unreachable',
  'check-counters',
] as const

/** Findings that the cluster, or a later run, would not let pass whatever is accepted here. */
const FINAL = [
  'selector-immutable',
  'selector-template',
  'prestop-version',
  'paused-by-other',
  'record-lost',
  'controlled',
  'read-write-once-pod',
  'preview-name',
  'canary-service',
  'router-needed',
  'route-missing',
  'route-service',
  'routes-several',
  'route-foreign',
  'route-problem',
  'route-not-live',
  'check-query',
  'check-port',
  'record-size',
  'rights',
  'lease',
  'invalid',
  'unknown-field',
  'unknown-kind',
  'no-namespace',
  'conflict',
  'admission',
  'webhook-down',
  'forbidden',
  'dry-run',
] as const

export type FindingId = (typeof ACCEPTABLE)[number] | (typeof FINAL)[number]

const ORDER: Record<Finding['severity'], number> = { error: 0, warning: 1, info: 2 }

/** All findings for a release, errors first, then in the order of families and manifests. Each is told once. */
export function runRules(input: PreflightInput): Finding[] {
  // The other rules read manifests as Kubernetes would; where the server cannot, its word stands alone.
  const readable = ![...(input.dryRuns?.values() ?? [])].some(isMisshapen)
  const once = new Map<string, Finding>()
  for (const finding of (readable ? FAMILIES : [dryRunRules]).flatMap((rules) => rules(input))) {
    const key = `${finding.id}|${finding.object === undefined ? '' : keyOf(finding.object)}|${finding.reason}`
    if (!once.has(key)) once.set(key, finding)
  }
  return [...once.values()].toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity])
}

/**
 * Marks what was accepted by name: errors no longer block, warnings are no longer held up to people. Errors that could be
 * accepted are marked too. Refuses (`accept`) a name that no rule has, with the nearest one, and one that cannot be accepted.
 */
export function applyAcceptance(findings: readonly Finding[], accept: readonly string[]): Finding[] {
  for (const id of accept) if (!isOneOf(ACCEPTABLE, id)) throw notAcceptable(id)
  return findings.map((finding) => {
    if (finding.severity !== 'info' && accept.includes(finding.id)) return { ...finding, accepted: true }
    return finding.severity === 'error' && isOneOf(ACCEPTABLE, finding.id) ? { ...finding, acceptable: true } : finding
  })
}

function notAcceptable(id: string): Error {
  if (isOneOf(FINAL, id))
    return refuse('accept', `finding "${id}" cannot be accepted: the rollout could not go on with it`, {
      next: `Mend it, and remove ${id} from accept.`,
    })
  const near = nearest(id, [...ACCEPTABLE, ...FINAL])
  return refuse('accept', `accept: there is no finding "${id}"${near === undefined ? '' : `; did you mean ${near}?`}`, {
    next: `The findings that can be accepted: ${ACCEPTABLE.join(', ')}.`,
  })
}

function isOneOf(ids: readonly FindingId[], id: string): boolean {
  return ids.some((known) => known === id)
}

/** The findings that refuse a rollout: errors nobody accepted. */
export function blocking(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => finding.severity === 'error' && finding.accepted !== true)
}

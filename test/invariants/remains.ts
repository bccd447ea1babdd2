/**
 * Invariant 6: after an ended rollout there remain only the release's objects, record, payloads and the revision
 * history. Asked once, after the end. Pure.
 */
import type { Deployment, KubeObject } from '../../src/shared/objects.ts'
import {
  HASH_LABEL,
  isActing,
  isHeld,
  isIn,
  isPresent,
  nameOfObject,
  podsOf,
  records,
  replicaSetsOf,
  type Snapshot,
} from './snapshot.ts'

const PAYLOADS_KEPT = 2
const OWN_ANNOTATION = /^headgate\.dev\/(originals|rollout)$/
const ROLLOUT_MANAGER = 'headgate-rollout'
const NO_DEADLINE = 2_147_483_647

function ofDeployment(snapshot: Snapshot, deployment: Deployment): string[] {
  const { metadata, spec } = deployment
  const found: string[] = []
  const own = Object.keys(metadata.annotations ?? {}).filter((key) => OWN_ANNOTATION.test(key))
  if (own.length > 0) found.push(`annotations ${own.join(', ')}`)
  if (metadata.managedFields?.some(({ manager }) => manager === ROLLOUT_MANAGER) === true)
    found.push(`fields owned by ${ROLLOUT_MANAGER}`)
  if (isHeld(deployment)) found.push(`minReadySeconds ${spec.minReadySeconds}`)
  if (spec.progressDeadlineSeconds === NO_DEADLINE) found.push(`progressDeadlineSeconds ${NO_DEADLINE}`)
  if (spec.paused === true) found.push('paused')
  const sets = replicaSetsOf(snapshot, deployment).filter((set) => (set.spec.replicas ?? 0) > 0)
  if (sets.length > 1) found.push(`pods of ${sets.length} templates`)
  const present = podsOf(snapshot, deployment).filter(isPresent).length
  if (present !== (spec.replicas ?? 1)) found.push(`${present} pods instead of ${spec.replicas}`)
  return found.map((what) => `${nameOfObject(deployment)}: ${what}`)
}

function payloads(snapshot: Snapshot, namespace: string, app: string): KubeObject[] {
  const name = new RegExp(`^headgate-${app}-r\\d+$`)
  return [...(snapshot.configMaps ?? []), ...(snapshot.secrets ?? [])]
    .filter(isIn(namespace))
    .filter(({ metadata }) => name.test(metadata.name ?? ''))
}

/** What an ended rollout of the app has left behind, one sentence each. */
export function remains(snapshot: Snapshot, namespace: string, app: string): string[] {
  const found: string[] = []
  const record = records(snapshot).find((candidate) => candidate.app === app && candidate.namespace === namespace)
  if (record === undefined) found.push(`there is no record of ${app}`)
  else if (record.phase !== 'succeeded' && record.phase !== 'aborted') found.push(`the phase is ${record.phase}`)
  if (record !== undefined && isActing(snapshot, record)) found.push('the lease is held')
  for (const deployment of snapshot.deployments.filter(isIn(namespace)))
    found.push(...ofDeployment(snapshot, deployment))
  for (const service of snapshot.services.filter(isIn(namespace))) {
    if (/-(preview|canary)$/.test(service.metadata.name ?? '')) found.push(`${nameOfObject(service)} is still there`)
    if (service.spec.selector?.[HASH_LABEL] !== undefined)
      found.push(`${nameOfObject(service)} is bound to one template`)
  }
  const kept = payloads(snapshot, namespace, app).map(({ metadata }) => metadata.name)
  if (kept.length > PAYLOADS_KEPT) found.push(`payloads ${kept.join(', ')}`)
  return found
}

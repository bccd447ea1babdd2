import { asStored } from '../shared/secrets.ts'
import { configRefs } from '../manifests/pod-names.ts'
import { mapOf } from '../manifests/workload.ts'
import { type JsonMap, keyOf, type KubeObject, refOf } from '../shared/objects.ts'
import { jsonEquals } from '../shared/json.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput, ReleaseObject } from './input.ts'
import { findingAt, isStrict, replicasOf, title, type Workload, workloadsOf } from './subject.ts'

/** shared-config-changed: pods of the old version would read what is meant for the new one. */
export function sharingRules(input: PreflightInput): Finding[] {
  const workloads = workloadsOf(input).filter(({ live }) => live !== undefined && replicasOf(live) > 0)
  return input.objects.flatMap((released) => {
    const { object } = released
    if (object.kind !== 'ConfigMap' && object.kind !== 'Secret') return []
    const users = workloads.filter((workload) => uses(workload, object))
    const keys = users.length === 0 ? [] : changedKeys(input, object)
    return keys.length === 0 ? [] : [sharedFinding(input, released, users, keys)]
  })
}

function sharedFinding(
  input: PreflightInput,
  released: ReleaseObject,
  users: readonly Workload[],
  keys: readonly string[],
): Finding {
  const strict = users.some((workload) => isStrict(input, workload))
  const shown = `${keys.slice(0, 5).join(', ')}${keys.length > 5 ? ` and ${keys.length - 5} more` : ''}`
  const names = users.map(({ manifest }) => title(manifest)).join(', ')
  const { name } = refOf(released.object)
  return findingAt(released, ['data'], {
    id: 'shared-config-changed',
    severity: strict ? 'error' : 'warning',
    reason: `this release changes ${title(released.object)} (${shown}), which running pods of ${names} use: a pod of the old version that restarts, or reads it as a file, gets the new values`,
    mend: `give it a new name per release (${name}-v2) and refer to that${strict ? ', or accept the finding; an abort puts the old values back' : ''}`,
  })
}

function uses({ live, manifest }: Workload, object: KubeObject): boolean {
  if (live === undefined || object.metadata.namespace !== manifest.metadata.namespace) return false
  const { configMaps, secrets } = configRefs(live.spec.template)
  return (object.kind === 'ConfigMap' ? configMaps : secrets).includes(refOf(object).name)
}

/** Names of keys whose value changes, sorted; values themselves are never told. Nothing live: nothing changes. */
function changedKeys(input: PreflightInput, object: KubeObject): string[] {
  const key = keyOf(refOf(object))
  const live = input.live.get(key)
  if (live === undefined) return []
  const answer = input.dryRuns?.get(key)
  const before = contentOf(live)
  const after = contentOf(answer?.kind === 'ok' ? answer.object : object)
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => !jsonEquals(before[name], after[name]))
    .toSorted()
}

/** All data by key, as the API server stores it. */
function contentOf(object: KubeObject): JsonMap {
  const stored = asStored(object)
  return { ...mapOf(stored['binaryData']), ...mapOf(stored['data']) }
}

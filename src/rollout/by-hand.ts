import { stringifyJson } from '../shared/json.ts'
import { COLOR } from '../strategies/color.ts'
import { ORIGINALS, SENTENCE } from '../strategies/hold.ts'
import { HASH_LABEL } from '../strategies/services.ts'
import type { Payload } from './codec.ts'
import type { RolloutRecord, ServiceRecord } from './record.ts'

/** Key of the record's ConfigMap that holds the way back as a shell script. */
export const UNDO_KEY = 'undo'

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function patch(kind: string, namespace: string, name: string, operations: object[]): string {
  return `kubectl -n ${namespace} patch ${kind} ${name} --type=json -p ${quoted(stringifyJson(operations))}`
}

function service(record: ServiceRecord, hash?: string): string {
  const selector = hash === undefined ? record.selector : { ...record.selector, [HASH_LABEL]: hash }
  return patch('service', record.namespace, record.name, [{ op: 'add', path: '/spec/selector', value: selector }])
}

/**
 * The way back to the old version in plain kubectl, for the hour when Headgate cannot be run. Users first, while the old
 * set is whole; once it is being drained the pins come off first, because a Service pinned to an emptied set refuses
 * every request.
 */
export function undoScript(record: RolloutRecord, payload: Payload): string {
  if (record.pods === 'separate') return separateScript(record)
  const lines = ['set -e']
  const draining = record.step >= record.steps.length
  const pinned = record.strategy === 'blue-green' && record.pods === 'in-place'
  if (pinned)
    for (const each of record.services) {
      const hash = record.workloads.find((workload) => workload.name === each.workload)?.stableHash
      lines.push(service(each, draining ? undefined : hash))
    }
  if (pinned) lines.push('sleep 3')
  for (const workload of record.workloads) {
    const versions = payload.versions[`${workload.namespace}/${workload.name}`]
    if (versions === undefined || workload.mode !== 'steps') continue
    const { stable, stableFields, stableType } = versions
    const { maxSurge, maxUnavailable } = stableFields
    const strategy =
      stableType === 'Recreate'
        ? { type: stableType }
        : { type: stableType, rollingUpdate: { maxSurge, maxUnavailable } }
    const down = record.strategy === 'recreate' ? [{ op: 'add', path: '/spec/replicas', value: workload.replicas }] : []
    lines.push(
      patch('deployment', workload.namespace, workload.name, [
        { op: 'replace', path: '/spec/template', value: stable },
        { op: 'add', path: '/spec/minReadySeconds', value: stableFields.minReadySeconds },
        { op: 'add', path: '/spec/progressDeadlineSeconds', value: stableFields.progressDeadlineSeconds },
        { op: 'add', path: '/spec/strategy', value: strategy },
        { op: 'add', path: '/spec/paused', value: false },
        ...down,
      ]),
      `kubectl -n ${workload.namespace} rollout status deployment ${workload.name}`,
    )
  }
  if (pinned && !draining) for (const each of record.services) lines.push(service(each))
  for (const workload of record.workloads)
    if (workload.mode === 'steps')
      lines.push(`kubectl -n ${workload.namespace} annotate deployment ${workload.name} ${ORIGINALS}- ${SENTENCE}-`)
  return `${lines.join('\n')}\n`
}

/** Users to the old Deployment, which is whole until the finish, then the new one to no pods. */
function separateScript(record: RolloutRecord): string {
  const moved = record.workloads.filter(({ stableName }) => stableName !== undefined)
  const up = moved.map(({ namespace, stableName = '', replicas }) =>
    patch('deployment', namespace, stableName, [
      { op: 'add', path: '/spec/paused', value: false },
      { op: 'add', path: '/spec/replicas', value: replicas },
    ]),
  )
  const ready = moved.map(
    ({ namespace, stableName }) => `kubectl -n ${namespace} rollout status deployment ${stableName ?? ''}`,
  )
  const hashOf = (each: ServiceRecord): string | undefined =>
    each.selector[COLOR] === undefined ? moved.find(({ name }) => name === each.workload)?.stableHash : undefined
  const users = record.services.map((each) => service(each, hashOf(each)))
  const away = moved.map(({ namespace, name }) => `kubectl -n ${namespace} scale deployment ${name} --replicas=0`)
  const last = record.services.map((each) => service(each))
  return `${['set -e', ...up, ...ready, ...users, 'sleep 3', ...away, ...last].join('\n')}\n`
}

/** The one line that runs it. */
export function undoCommand(record: RolloutRecord): string {
  return `kubectl -n ${record.namespace} get configmap headgate-${record.app} -o go-template='{{.data.${UNDO_KEY}}}' | sh`
}

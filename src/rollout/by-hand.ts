import { stringifyJson } from '../shared/json.ts'
import { type Deployment, keyOf, type KubeObject, refOf } from '../shared/objects.ts'
import { ORIGINALS, SENTENCE, SPLIT } from '../strategies/annotations.ts'
import { COLOR } from '../strategies/color.ts'
import { APP_LABEL, HASH_LABEL } from '../strategies/services.ts'
import type { Payload } from './codec.ts'
import { routeObjects, trafficOf } from './routing.ts'
import type { RolloutRecord, ServiceRecord, WorkloadRecord } from './record.ts'

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
  const draining = record.step >= record.steps.length
  const pinned = record.strategy === 'blue-green' || record.traffic !== undefined
  const routes = routeLines(record, payload)
  const moved = record.workloads.filter(({ mode }) => mode === 'steps')
  const users = pinned
    ? record.services.map((each) => service(each, draining ? undefined : stableHash(record, each)))
    : []
  const lines = [
    'set -e',
    ...users,
    ...routes.edited,
    ...(pinned ? [`sleep ${settleSeconds(record)}`, ...moved.flatMap(freed)] : []),
    ...moved.flatMap((workload) => workloadLines(record, payload, workload)),
    ...(pinned && !draining ? record.services.map((each) => service(each)) : []),
    ...routes.made,
    ...moved.map(
      ({ namespace, name }) => `kubectl -n ${namespace} annotate deployment ${name} ${ORIGINALS}- ${SENTENCE}-`,
    ),
  ]
  return `${lines.join('\n')}\n`
}

const SETTLE_MS = 3_000

function settleSeconds({ traffic }: RolloutRecord): number {
  return Math.ceil((traffic?.settleMs ?? SETTLE_MS) / 1000)
}

/** The routes as they were; what was made for the new version goes last. */
function routeLines(record: RolloutRecord, payload: Payload): { edited: string[]; made: string[] } {
  const traffic = trafficOf(record, payload)
  if (traffic === undefined) return { edited: [], made: [] }
  const { namespace } = record
  const originals = new Set(traffic.routes.map(({ object }) => keyOf(refOf(object))))
  const made = routeObjects(traffic).filter((object) => !originals.has(keyOf(refOf(object))))
  const gone = (kind: string, name: string): string =>
    `kubectl -n ${namespace} delete ${kind} ${name} --ignore-not-found`
  const edited = [...traffic.before.values()].flatMap((object) => {
    const { name = '', annotations = {}, labels = {} } = object.metadata
    const own = { [SENTENCE]: null, [SPLIT]: null }
    const label = { [APP_LABEL]: labels[APP_LABEL] ?? null }
    const body = stringifyJson({ metadata: { annotations: { ...annotations, ...own }, labels: label } })
    return [
      patch(resourceOf(object), namespace, name, [{ op: 'replace', path: '/spec', value: object['spec'] ?? {} }]),
      `kubectl -n ${namespace} patch ${resourceOf(object)} ${name} --type=merge -p ${quoted(body)}`,
    ]
  })
  const services = traffic.split.sides.map(({ canary }) => gone('service', canary))
  return {
    // What gives the new version its share by itself goes with the routes.
    edited: [...edited, ...made.toReversed().map((object) => gone(resourceOf(object), object.metadata.name ?? ''))],
    made: services,
  }
}

/** `kind.version.group`, which kubectl takes for every kind. */
function resourceOf({ apiVersion, kind }: KubeObject): string {
  const [group = '', version = ''] = apiVersion.split('/')
  return `${kind.toLowerCase()}.${version}.${group}`
}

function stableHash(record: RolloutRecord, { workload }: ServiceRecord): string | undefined {
  return record.workloads.find(({ name }) => name === workload)?.stableHash
}

/**
 * The old ReplicaSet as it was before the switch, so that the old template finds it again. It may never have been kept,
 * or be gone by now.
 */
function freed({ namespace, name, stableHash }: WorkloadRecord): string[] {
  if (stableHash === undefined) return []
  const change = { spec: { template: { metadata: { annotations: { [SENTENCE]: null } } } } }
  return [
    `kubectl -n ${namespace} patch replicaset ${name}-${stableHash} --type=merge -p ${quoted(stringifyJson(change))} || true`,
  ]
}

function workloadLines(
  record: RolloutRecord,
  payload: Payload,
  { namespace, name, replicas }: WorkloadRecord,
): string[] {
  const versions = payload.versions[`${namespace}/${name}`]
  if (versions === undefined) return []
  const { stable, stableFields, stableType: type } = versions
  const { maxSurge, maxUnavailable, minReadySeconds, progressDeadlineSeconds } = stableFields
  const down = record.strategy === 'recreate'
  const strategy = type === 'Recreate' ? { type } : { type, rollingUpdate: { maxSurge, maxUnavailable } }
  const operations = [
    { op: 'replace', path: '/spec/template', value: stable },
    { op: 'add', path: '/spec/minReadySeconds', value: minReadySeconds },
    { op: 'add', path: '/spec/progressDeadlineSeconds', value: progressDeadlineSeconds },
    { op: 'add', path: '/spec/strategy', value: strategy },
    { op: 'add', path: '/spec/paused', value: false },
    ...(down ? [{ op: 'add', path: '/spec/replicas', value: replicas }] : []),
  ]
  return [
    ...(down ? downLines(namespace, name, payload) : []),
    patch('deployment', namespace, name, operations),
    `kubectl -n ${namespace} rollout status deployment ${name}`,
  ]
}

/** Two versions that must never run at once: every pod is gone before the first old one starts. */
function downLines(namespace: string, name: string, { objects }: Payload): string[] {
  const manifest = objects.find(
    (object): object is Deployment =>
      object.kind === 'Deployment' && object.metadata.name === name && object.metadata.namespace === namespace,
  )
  const labels = Object.entries(manifest?.spec.selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const pods = `pod -l ${quoted(labels.join(','))}`
  return [
    `kubectl -n ${namespace} scale deployment ${name} --replicas=0`,
    // To wait where no pod is left is an error for kubectl, and all that is wanted here.
    ...(labels.length === 0
      ? []
      : [
          `kubectl -n ${namespace} wait --for=delete ${pods} --timeout=10m || test -z "$(kubectl -n ${namespace} get ${pods} -o name)"`,
        ]),
  ]
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

import type { HoldFields, WorkloadRecord } from '../../../src/rollout/record.ts'
import type { JsonPatchOperation } from '../../../src/shared/json-patch.ts'
import type {
  Deployment,
  JsonMap,
  KubeObject,
  Pod,
  PodTemplate,
  ReplicaSet,
  Service,
} from '../../../src/shared/objects.ts'
import { SENTENCE } from '../../../src/strategies/annotations.ts'
import { HOLD_DEADLINE_SECONDS, HOLD_MIN_READY_SECONDS } from '../../../src/strategies/hold.ts'
import type { Move } from '../../../src/strategies/move.ts'
import type { ServiceView, Versions, WorkloadView } from '../../../src/strategies/view.ts'

/** ms since 1970; everything in a view is old and settled unless said otherwise */
export const NOW = 1_700_000_000_000

export function template(image: string, labels: Record<string, string> = {}): PodTemplate {
  return { metadata: { labels: { app: 'web', ...labels } }, spec: { containers: [{ name: 'main', image }] } }
}

export const OLD = template('web:1')
export const NEW = template('web:2')

export const FIELDS: HoldFields = {
  minReadySeconds: 0,
  progressDeadlineSeconds: 600,
  maxSurge: '25%',
  maxUnavailable: '25%',
}

export interface SideSpec {
  /** pods asked for */
  wanted: number
  /** of those, Ready; all when not said */
  ready?: number
  terminating?: number
  /** the ReplicaSet is kept from matching its file */
  kept?: boolean
  /** seconds since the pods became Ready */
  readyFor?: number
}

export interface ServiceSpec {
  name?: string
  pin?: 'old' | 'new' | 'elsewhere'
  selector?: Record<string, string>
  /** as it was before the rollout */
  before?: Partial<ServiceView['record']>
  desired?: Service['spec']
  preview?: Record<string, string>
  previewLabels?: Record<string, string>
  previewUid?: string
  /** ms ago */
  changed?: number
  missing?: boolean
}

export interface ViewSpec {
  replicas?: number
  /** template of the live Deployment */
  template?: 'old' | 'new' | PodTemplate
  /** the hold's timing fields, with this surge and unavailable */
  hold?: { maxSurge: number | string; maxUnavailable: number | string }
  fields?: Partial<HoldFields>
  type?: string
  locked?: boolean
  /** the controller has not seen the last change */
  unseen?: boolean
  annotations?: Record<string, string>
  managers?: { manager: string; time: string; subresource?: string }[]
  old?: SideSpec | 'none'
  next?: SideSpec | 'none'
  /** pods of neither version */
  others?: number
  services?: ServiceSpec[]
  versions?: Partial<Versions>
  record?: Partial<WorkloadRecord>
  capacity?: 'keep' | 'replace'
  gone?: boolean
}

const HASHES = { old: 'old1', next: 'new2', others: 'xyz9' }

export function deploymentOf(spec: ViewSpec = {}, name = 'web'): Deployment {
  const { replicas = 3, hold, locked, unseen = false, type = 'RollingUpdate', annotations } = spec
  const held = { minReadySeconds: HOLD_MIN_READY_SECONDS, progressDeadlineSeconds: HOLD_DEADLINE_SECONDS }
  const { maxSurge, maxUnavailable, ...timing } = { ...FIELDS, ...spec.fields, ...(hold ? { ...held, ...hold } : {}) }
  const live =
    spec.template === undefined || spec.template === 'old' ? OLD : spec.template === 'new' ? NEW : spec.template
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace: 'shop',
      generation: 2,
      ...(annotations === undefined ? {} : { annotations }),
      ...(spec.managers === undefined ? {} : { managedFields: spec.managers }),
    },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: live,
      ...timing,
      strategy: type === 'Recreate' ? { type } : { type, rollingUpdate: { maxSurge, maxUnavailable } },
      ...(locked === undefined ? {} : { paused: locked }),
    },
    status: { observedGeneration: unseen ? 1 : 2 },
  }
}

function kept(of: PodTemplate): PodTemplate {
  return { ...of, metadata: { ...of.metadata, annotations: { ...of.metadata?.annotations, [SENTENCE]: 'kept' } } }
}

export function replicaSet(hash: string, of: PodTemplate, side: SideSpec, revision?: string): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `web-${hash}`,
      namespace: 'shop',
      labels: { 'pod-template-hash': hash },
      ...(revision === undefined ? {} : { annotations: { 'deployment.kubernetes.io/revision': revision } }),
    },
    spec: { replicas: side.wanted, selector: {}, template: side.kept === true ? kept(of) : of },
  }
}

export function podsOf(hash: string, { wanted, ready = wanted, terminating = 0, readyFor = 3_600 }: SideSpec): Pod[] {
  const since = new Date(NOW - readyFor * 1_000).toISOString()
  return Array.from({ length: wanted + terminating }, (_, index): Pod => {
    const status = index < ready || index >= wanted ? 'True' : 'False'
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `web-${hash}-${index}`,
        namespace: 'shop',
        labels: { app: 'web', 'pod-template-hash': hash },
        ...(index >= wanted ? { deletionTimestamp: since } : {}),
      },
      spec: { containers: [] },
      status: { conditions: [{ type: 'Ready', status, lastTransitionTime: since }] },
    }
  })
}

function sides(spec: ViewSpec, versions: Versions): Pick<WorkloadView, 'replicaSets' | 'pods'> {
  const old = spec.old ?? { wanted: spec.replicas ?? 3 }
  const next = spec.next ?? 'none'
  const replicaSets: ReplicaSet[] = []
  const pods: Pod[] = []
  for (const [key, side, made] of [
    ['old', old, versions.stable],
    ['next', next, versions.next],
  ] as const) {
    if (side === 'none') continue
    replicaSets.push(replicaSet(HASHES[key], made, side))
    pods.push(...podsOf(HASHES[key], side))
  }
  pods.push(...podsOf(HASHES.others, { wanted: spec.others ?? 0 }))
  return { replicaSets, pods }
}

export function service(name: string, selector: Record<string, string>, more: Partial<Service['spec']> = {}): Service {
  const spec = { selector, ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }], ...more }
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec }
}

export function serviceOf(spec: ServiceSpec = {}): ServiceView {
  const { name = 'web', pin, selector = { app: 'web' }, desired, preview, changed = 60_000, missing = false } = spec
  const hash = { old: HASHES.old, new: HASHES.next, elsewhere: HASHES.others }
  const pinned = pin === undefined ? selector : { ...selector, 'pod-template-hash': hash[pin] }
  const made = preview === undefined ? undefined : service(`${name}-preview`, preview)
  if (made !== undefined) {
    made.metadata.labels = spec.previewLabels ?? { 'headgate.dev/app': 'shop' }
    if (spec.previewUid !== undefined) made.metadata.uid = spec.previewUid
  }
  return {
    record: {
      namespace: 'shop',
      name,
      selector: { app: 'web' },
      workload: 'web',
      ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
      ...spec.before,
    },
    live: missing ? undefined : service(name, pinned),
    desired: desired === undefined ? undefined : { ...service(name, {}), spec: desired },
    preview: made,
    changedAt: NOW - changed,
  }
}

/** A workload at rest on the old version, 3 replicas, unless said otherwise. */
export function viewOf(spec: ViewSpec = {}): WorkloadView {
  const { replicas = 3, gone = false, capacity = 'keep' } = spec
  const versions: Versions = {
    stable: OLD,
    next: NEW,
    stableFields: FIELDS,
    nextFields: FIELDS,
    stableType: 'RollingUpdate',
    nextType: 'RollingUpdate',
    namesMinReady: false,
    ...spec.versions,
  }
  return {
    record: {
      namespace: 'shop',
      name: 'web',
      mode: 'steps',
      replicas,
      pairs: [],
      stableVersion: '1',
      newVersion: '2',
      ...spec.record,
    },
    versions,
    rollout: 7,
    app: 'shop',
    deployment: gone ? undefined : deploymentOf(spec),
    ...sides(spec, versions),
    services: (spec.services ?? []).map(serviceOf),
    now: NOW,
    settleMs: 3_000,
    capacity,
    sentence: 'Headgate moves this object.',
  }
}

/** A move as one line. */
export function said(move: Move | undefined): string {
  if (move === undefined) return 'nothing'
  if (move.kind === 'done') return 'done'
  if (move.kind === 'route') return `route: ${typeof move.to === 'string' ? move.to : `${move.to.percent}%`}`
  return `${move.kind}: ${move.text}`
}

/** The values that a patch writes, by path; a removal is null. */
export function written(move: Move | undefined): Record<string, unknown> {
  if (move?.kind !== 'write' || move.write.verb !== 'patch') throw new Error(`no patch but ${said(move)}`)
  return Object.fromEntries(move.write.operations.map((each) => [each.path, valueOf(each)]))
}

function valueOf(operation: JsonPatchOperation): unknown {
  return operation.op === 'remove' ? null : operation.value
}

/** The object that a move creates. */
export function created(move: Move | undefined): KubeObject & { spec: JsonMap } {
  if (move?.kind !== 'write' || move.write.verb !== 'create') throw new Error(`no creation but ${said(move)}`)
  return move.write.object as KubeObject & { spec: JsonMap }
}

import { isServing } from '../health/pods.ts'
import { versionOf } from '../manifests/images.ts'
import { releaseName } from '../manifests/digest.ts'
import { imagesOf, selects, templateEquals } from '../manifests/workload.ts'
import type { DryRunResult } from '../preflight/input.ts'
import { sameContent } from '../kubernetes/diff.ts'
import { type Deployment, keyOf, type KubeObject, refOf, type Service } from '../shared/objects.ts'
import { pairsFor } from '../strategies/pods.ts'
import { APP_LABEL, HASH_LABEL } from '../strategies/services.ts'
import { stepText } from '../strategies/step.ts'
import { hashOf, replicaSetOf, type Versions } from '../strategies/view.ts'
import type { Payload } from './codec.ts'
import {
  holdFieldsOf,
  RECORD_VERSION,
  type ReleaseRef,
  type RolloutRecord,
  type ServiceRecord,
  type WorkloadRecord,
} from './record.ts'
import type { FoundRoutes } from './find-routes.ts'
import type { Release } from './release.ts'
import type { RunSource, Settings } from './settings.ts'
import { shownIn } from './shown.ts'
import { routesByKey, trafficRecord, withShares } from './draft-traffic.ts'
import { keptRoutes } from './routing.ts'
import type { World } from './world.ts'

export interface DraftInput {
  release: Release
  settings: Settings
  source: RunSource
  command: 'deploy' | 'rollback'
  /** who asked for it and approved it, for a rollback */
  by?: string
  /** record of the rollout before */
  before: RolloutRecord | undefined
  world: World
  live: ReadonlyMap<string, KubeObject>
  dryRuns: ReadonlyMap<string, DryRunResult>
  /** the router that leads to the Services, for a canary */
  routes?: FoundRoutes
  /** ms that a Service change needs */
  settleMs: number
  /** ms since 1970 */
  now: number
}

export interface Draft {
  record: RolloutRecord
  payload: Payload
}

/** Why a workload goes without steps; undefined when it goes through them. */
export function plainReason(
  live: Deployment | undefined,
  dry: Deployment | undefined,
  settings: Settings,
  serving: number,
): string | undefined {
  if (live === undefined) return 'it is new'
  if ((live.spec.replicas ?? 1) === 0 && live.metadata.annotations?.['headgate.dev/originals'] === undefined)
    return 'it has no replicas'
  if (settings.workloads[live.metadata.name ?? ''] !== undefined) return 'the config says so'
  if (dry !== undefined && templateEquals(dry.spec.template, live.spec.template)) return 'its pods do not change'
  if (serving === 0) return 'no pod of it serves, so there is nothing to protect (stable-down)'
  return undefined
}

/** The dry run's answer for an object, when it was a good one. */
export function dryRunOf(dryRuns: ReadonlyMap<string, DryRunResult>, object: KubeObject): KubeObject | undefined {
  const result = dryRuns.get(keyOf(refOf(object)))
  return result?.kind === 'ok' ? result.object : undefined
}

/** Record and payload of a new rollout. Pure but for what it is given. */
export function draftRollout(input: DraftInput): Draft {
  const { release, settings, before, now } = input
  const rollout = (before?.rollout ?? 0) + 1
  const workloads: WorkloadRecord[] = []
  const services: ServiceRecord[] = []
  const versions: Record<string, Versions> = {}
  for (const manifest of release.parts.workloads) {
    const workload = draftWorkload(input, manifest, versions)
    workloads.push(workload)
    if (workload.mode === 'steps') services.push(...draftServices(input, manifest))
  }
  const traffic = trafficRecord(input, rollout, services)
  const routes = traffic === undefined || input.routes === undefined ? {} : { routes: routesByKey(input.routes) }
  const payload: Payload = { ...payloadOf(input, rollout, versions), ...routes }
  const at = new Date(now).toISOString()
  const by = input.by === undefined ? '' : ` by ${input.by}`
  const previousImages = [
    ...new Set(
      workloads
        .flatMap((each) => versions[`${each.namespace}/${each.name}`]?.stable ?? [])
        .flatMap((template) => imagesOf(template)),
    ),
  ]
  const record: RolloutRecord = {
    ...fromSettings(settings),
    ...carriedOver(before),
    version: RECORD_VERSION,
    app: release.app,
    namespace: release.namespace,
    owner: before?.owner === undefined || before.owner === '' ? input.source.repository : before.owner,
    rollout,
    phase: 'progressing',
    command: input.command,
    step: 0,
    release: releaseRef(release, rollout, commitOf(input)),
    previousImages,
    workloads:
      traffic === undefined ? workloads : workloads.map((each) => withShares(each, traffic, services, settings.steps)),
    services,
    ...(traffic === undefined ? {} : { traffic }),
    source: input.source,
    lastRun: input.source,
    startedAt: at,
    updatedAt: at,
    timeline: [{ at, kind: 'started', text: `${input.command} of release ${release.digest.slice(0, 10)}${by}` }],
    payloads: [],
    jobs: before?.jobs ?? [],
  }
  return { record, payload }
}

/** A rollback brings back what was built of another commit than its own run's. */
function commitOf({ command, before, source }: DraftInput): string {
  return command === 'rollback' ? (before?.previous?.sha ?? '') : source.sha
}

function releaseRef(release: Release, rollout: number, sha: string): ReleaseRef {
  return { digest: release.digest, rollout, images: release.images, ...ownId(release), ...(sha === '' ? {} : { sha }) }
}

function payloadOf(input: DraftInput, rollout: number, versions: Record<string, Versions>): Payload {
  const { release, before } = input
  // Rules of kept versions are none of the release's.
  const objects = keptRoutes(
    release.objects.map(({ object }) => object),
    before?.kept ?? [],
    [],
  )
  return {
    version: 1,
    rollout,
    digest: release.digest,
    ...ownId(release),
    objects,
    versions,
    before: changedBefore(input),
    jobs: release.parts.stepJobs.map((job) => job.metadata.name ?? ''),
  }
}

/** Told apart from the digest only where the pods are told it, which changes the digest. */
function ownId({ id, digest }: Release): { id?: string } {
  return id === releaseName(digest) ? {} : { id }
}

function fromSettings(
  settings: Settings,
): Pick<
  RolloutRecord,
  | 'strategy'
  | 'pods'
  | 'capacity'
  | 'steps'
  | 'plan'
  | 'checks'
  | 'timeoutMs'
  | 'onFailure'
  | 'onCancel'
  | 'onFailedJob'
  | 'accept'
  | 'takeOver'
  | 'prune'
> &
  Partial<RolloutRecord> {
  const { strategy, pods, capacity, checks, timeoutMs, onFailure, onCancel, onFailedJob, accept, takeOver, prune } =
    settings
  return {
    strategy,
    pods,
    capacity,
    checks,
    timeoutMs,
    onFailure,
    onCancel,
    onFailedJob,
    accept,
    takeOver,
    prune,
    steps: settings.steps.map(stepText),
    plan: [...settings.steps],
    ...(settings.steps.some(({ kind }) => kind === 'warm-up') ? { warmUp: settings.warmUp } : {}),
    ...inputsOf(settings),
    ...(settings.updateChecker === undefined ? {} : { updateChecker: settings.updateChecker }),
    ...shownIn(settings),
    ...(settings.pullRequest === undefined ? {} : { pullRequest: settings.pullRequest }),
  }
}

/** A rollback is given none. */
function inputsOf({ manifests, images, config }: Settings): Pick<RolloutRecord, 'inputs'> {
  return manifests.length === 0 ? {} : { inputs: { manifests, images, ...(config === undefined ? {} : { config }) } }
}

function carriedOver(before: RolloutRecord | undefined): Partial<RolloutRecord> {
  if (before === undefined) return {}
  return {
    ...(before.serving === undefined ? {} : { serving: before.serving }),
    ...(before.previous === undefined ? {} : { previous: before.previous }),
    ...(before.kept === undefined ? {} : { kept: before.kept }),
  }
}

function draftWorkload(
  { world, dryRuns, settings, release, now }: DraftInput,
  manifest: Deployment,
  versions: Record<string, Versions>,
): WorkloadRecord {
  const { name = '', namespace = '' } = manifest.metadata
  const active = release.active[`${namespace}/${name}`] ?? name
  const { deployment, replicaSets, pods } = world.workload({ namespace, name: active })
  const dry = dryRunOf(dryRuns, manifest) as Deployment | undefined
  const set = deployment === undefined ? undefined : replicaSetOf(replicaSets, deployment.spec.template)
  const hash = set === undefined ? undefined : hashOf(set)
  const serving = pods.filter((pod) => hashOf(pod) === hash && isServing(pod, 0, now)).length
  const plain = plainReason(deployment, dry, settings, serving) !== undefined
  if (!plain && deployment !== undefined && dry !== undefined)
    versions[`${namespace}/${name}`] = versionsOf(deployment, dry, manifest)
  const { replicas = 1 } = plain ? (dry ?? manifest).spec : (deployment ?? manifest).spec
  const weights = settings.steps.flatMap((step) => (step.kind === 'weight' ? [step.percent] : []))
  return {
    namespace,
    name,
    mode: plain ? 'plain' : 'steps',
    ...(active === name ? {} : { stableName: active }),
    ...(hash === undefined ? {} : { stableHash: hash }),
    replicas,
    pairs: plain ? [] : pairsFor(replicas, weights).map(([stable, canary]) => [stable, canary]),
    stableVersion: versionOf(deployment?.spec.template.spec.containers[0]?.image ?? ''),
    newVersion: versionOf(manifest.spec.template.spec.containers[0]?.image ?? ''),
  }
}

function versionsOf(live: Deployment, dry: Deployment, manifest: Deployment): Versions {
  return {
    stable: live.spec.template,
    next: dry.spec.template,
    stableFields: holdFieldsOf(live.spec),
    nextFields: holdFieldsOf(dry.spec),
    stableType: live.spec.strategy?.type ?? 'RollingUpdate',
    nextType: dry.spec.strategy?.type ?? 'RollingUpdate',
    namesMinReady: manifest.spec.minReadySeconds !== undefined,
  }
}

/** Every Service of the namespace that selects the workload's live pods, but the ones that Headgate made. */
export function servicesBehind(world: World, { active }: Pick<Release, 'active'>, manifest: Deployment): Service[] {
  const { name = '', namespace = '' } = manifest.metadata
  const { deployment } = world.workload({ namespace, name: active[`${namespace}/${name}`] ?? name })
  const labels = deployment?.spec.template.metadata?.labels ?? {}
  return world.services(namespace).filter((service) => takesPart(unpinned(service), labels))
}

/** While a rollout rests the Service is pinned to one version, which no template's labels name. */
function unpinned(service: Service): Service {
  const { [HASH_LABEL]: _pin, ...selector } = service.spec.selector ?? {}
  return { ...service, spec: { ...service.spec, selector } }
}

function draftServices({ world, release }: DraftInput, manifest: Deployment): ServiceRecord[] {
  const { name = '', namespace = '' } = manifest.metadata
  return servicesBehind(world, release, manifest).map((service) => ({
    namespace,
    name: service.metadata.name ?? '',
    selector: service.spec.selector ?? {},
    ports: service.spec.ports ?? [],
    workload: name,
  }))
}

export function takesPart(service: Service, labels: Record<string, string>): boolean {
  const selector = service.spec.selector ?? {}
  if (Object.keys(selector).length === 0 || service.spec.type === 'ExternalName') return false
  return service.metadata.labels?.[APP_LABEL] === undefined && selects({ matchLabels: selector }, labels)
}

/**
 * Live objects that the release changes, as they are before it; what an abort puts back. The other color's Deployment
 * always is among them when there is one: an abort must know that this rollout did not make it.
 */
function changedBefore({ release, live, dryRuns }: DraftInput): Record<string, KubeObject> {
  const before: Record<string, KubeObject> = {}
  for (const { object } of release.objects) {
    const key = keyOf(refOf(object))
    const { name = '', namespace = '' } = object.metadata
    const old = live.get(key)
    const dry = dryRunOf(dryRuns, object)
    const colored = object.kind === 'Deployment' && release.active[`${namespace}/${name}`] !== undefined
    if (old === undefined || dry === undefined || (sameContent(old, dry) && !colored)) continue
    const { status: _status, ...rest } = old
    before[key] = rest
  }
  return before
}

/** The ReplicaSets of a Deployment: finding, making, scaling them. */
import type { Deployment, KubeObject, ReplicaSet } from '../../../src/shared/objects.ts'
import { ApiError } from '../errors.ts'
import { canonical, clone, timestamp, typed } from '../values.ts'
import {
  active,
  bySizeNewer,
  bySizeOlder,
  conditionOf,
  DESIRED_REPLICAS,
  equalIgnoreHash,
  findActiveOrLatest,
  findNew,
  hasProgressDeadline,
  HASH_LABEL,
  isRollingUpdate,
  isSaturated,
  MAX_REPLICAS,
  maxRevision,
  maxSurge,
  newCondition,
  newReplicas,
  proportionOf,
  replicasOf,
  REVISION,
  REVISION_HISTORY,
  setCondition,
  specReplicas,
  statusOf,
} from './deployment-math.ts'
import { controllerOf, ownerReference, Recorder, RetryError, SlowWriter, type World } from './machinery.ts'

const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
])
const HISTORY_LIMIT = 2_000

type Sets = [newSet: ReplicaSet | undefined, old: ReplicaSet[]]

export class DeploymentSets {
  readonly #world: World
  readonly #writer: SlowWriter
  readonly #recorder: Recorder

  constructor(world: World) {
    this.#world = world
    this.#writer = new SlowWriter(world, 'kube-controller-manager')
    this.#recorder = new Recorder(world, 'deployment-controller')
  }

  get #setResource() {
    return this.#world.objects.resources.named('replicasets')
  }

  async updateStatus(deployment: Deployment): Promise<void> {
    await this.#writer.update(this.#world.objects.resources.named('deployments'), deployment, 'status')
  }

  async delete(set: ReplicaSet): Promise<void> {
    await this.#writer.delete(this.#setResource, set)
  }

  /** The ReplicaSet of the current template, with its revision brought up to date, and all others. */
  async all(deployment: Deployment, sets: ReplicaSet[], create: boolean): Promise<Sets> {
    const existing = findNew(deployment, sets)
    const old = sets.filter((set) => set.metadata.uid !== existing?.metadata.uid)
    return [await this.#newSet(deployment, existing, old, create), old]
  }

  async #newSet(
    deployment: Deployment,
    existing: ReplicaSet | undefined,
    old: ReplicaSet[],
    create: boolean,
  ): Promise<ReplicaSet | undefined> {
    const revision = String(maxRevision(old) + 1)
    if (existing !== undefined) return this.#adoptRevision(deployment, existing, revision)
    return create ? this.#make(deployment, old, revision) : undefined
  }

  async #adoptRevision(deployment: Deployment, existing: ReplicaSet, revision: string): Promise<ReplicaSet> {
    const copy = clone(existing)
    const changed = setAnnotations(deployment, copy, revision, true)
    const seconds = deployment.spec.minReadySeconds ?? 0
    if (changed || (copy.spec.minReadySeconds ?? 0) !== seconds) {
      copy.spec.minReadySeconds = seconds
      return typed<ReplicaSet>(await this.#writer.update(this.#setResource, copy))
    }
    let update = setRevision(deployment, copy.metadata.annotations?.[REVISION] ?? '')
    const status = (deployment.status ??= {})
    if (hasProgressDeadline(deployment) && conditionOf(status, 'Progressing') === undefined) {
      const message = `Found new replica set "${copy.metadata.name ?? ''}"`
      setCondition(status, newCondition('Progressing', 'True', 'FoundNewReplicaSet', message, this.#now()))
      update = true
    }
    if (update) await this.updateStatus(deployment)
    return copy
  }

  #now(): string {
    return timestamp(this.#world.clock.now())
  }

  async #make(deployment: Deployment, old: ReplicaSet[], revision: string): Promise<ReplicaSet | undefined> {
    const set = newSetOf(deployment)
    set.spec.replicas = newReplicas(deployment, [...old, set], set)
    setAnnotations(deployment, set, revision, false)
    const made = await this.#create(deployment, set)
    if (made.fresh && replicasOf(set) > 0)
      this.#recorder.event(
        deployment,
        'Normal',
        'ScalingReplicaSet',
        `Scaled up replica set ${set.metadata.name ?? ''} from 0 to ${replicasOf(set)}`,
      )
    let update = setRevision(deployment, revision)
    if (made.fresh && hasProgressDeadline(deployment)) {
      const message = `Created new replica set "${set.metadata.name ?? ''}"`
      setCondition(
        (deployment.status ??= {}),
        newCondition('Progressing', 'True', 'NewReplicaSetCreated', message, this.#now()),
      )
      update = true
    }
    if (update) await this.updateStatus(deployment)
    return made.set
  }

  /** A name that is taken already is ours from before the cache knew it, or a collision of hashes. */
  async #create(deployment: Deployment, set: ReplicaSet): Promise<{ set: ReplicaSet; fresh: boolean }> {
    try {
      return { set: typed<ReplicaSet>(await this.#writer.create(this.#setResource, set)), fresh: true }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (error.reason !== 'AlreadyExists') throw await this.#createFailed(deployment, set, error)
      const found = this.#world.informers.get('apps/replicasets', set.metadata.namespace, set.metadata.name ?? '')
      if (found === undefined) throw new RetryError('the cache does not know the ReplicaSet yet')
      const other = typed<ReplicaSet>(found)
      if (
        controllerOf(found)?.uid === deployment.metadata.uid &&
        equalIgnoreHash(deployment.spec.template, other.spec.template)
      )
        return { set: other, fresh: false }
      const status = (deployment.status ??= {})
      Object.assign(status, { collisionCount: collisions(deployment) + 1 })
      await this.updateStatus(deployment)
      throw error
    }
  }

  async #createFailed(deployment: Deployment, set: ReplicaSet, error: ApiError): Promise<ApiError> {
    const message = `Failed to create new replica set "${set.metadata.name ?? ''}": ${error.message}`
    if (hasProgressDeadline(deployment)) {
      setCondition(
        (deployment.status ??= {}),
        newCondition('Progressing', 'False', 'ReplicaSetCreateError', message, this.#now()),
      )
      await this.updateStatus(deployment)
    }
    this.#recorder.event(deployment, 'Warning', 'ReplicaSetCreateError', message)
    return error
  }

  // --- scaling

  /** @param force writes the annotations too when only they are out of date */
  async scale(
    set: ReplicaSet,
    size: number,
    deployment: Deployment,
    force: boolean,
  ): Promise<{ scaled: boolean; set: ReplicaSet }> {
    const before = replicasOf(set)
    if (!force && before === size) return { scaled: false, set }
    const copy = clone(set)
    const stale = setReplicasAnnotations(deployment, copy)
    if (before === size && !stale) return { scaled: false, set }
    copy.spec.replicas = size
    const updated = typed<ReplicaSet>(await this.#writer.update(this.#setResource, copy))
    if (before === size) return { scaled: false, set: updated }
    const way = before < size ? 'up' : 'down'
    this.#recorder.event(
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled ${way} replica set ${set.metadata.name ?? ''} from ${before} to ${size}`,
    )
    return { scaled: true, set: updated }
  }

  /** Scaling of a deployment that is not rolling on: one side gets all, or all sides in proportion. */
  async scaleAll(deployment: Deployment, newSet: ReplicaSet | undefined, old: ReplicaSet[]): Promise<void> {
    const only = findActiveOrLatest(newSet, old)
    if (only !== undefined) {
      if (replicasOf(only) !== replicasOf(deployment)) await this.scale(only, replicasOf(deployment), deployment, false)
      return
    }
    if (isSaturated(deployment, newSet)) {
      for (const set of active(old)) await this.scale(set, 0, deployment, false)
      return
    }
    if (isRollingUpdate(deployment)) await this.#scaleInProportion(deployment, newSet, old)
  }

  async #scaleInProportion(deployment: Deployment, newSet: ReplicaSet | undefined, old: ReplicaSet[]): Promise<void> {
    const all = active(newSet === undefined ? old : [...old, newSet])
    const allowed = replicasOf(deployment) > 0 ? replicasOf(deployment) + maxSurge(deployment) : 0
    const toAdd = allowed - specReplicas(all)
    if (toAdd > 0) all.sort(bySizeNewer)
    else if (toAdd < 0) all.sort(bySizeOlder)
    let added = 0
    const sizes = all.map((set) => {
      const share = toAdd === 0 ? 0 : proportionOf(set, deployment, toAdd, added)
      added += share
      return replicasOf(set) + share
    })
    for (const [i, set] of all.entries()) {
      const size = sizes[i] ?? 0
      // What rounding leaves over falls to the largest.
      await this.scale(set, i === 0 && toAdd !== 0 ? Math.max(0, size + toAdd - added) : size, deployment, true)
    }
  }
}

function collisions(deployment: Deployment): number {
  const status: Record<string, unknown> = { ...statusOf(deployment) }
  return typeof status['collisionCount'] === 'number' ? status['collisionCount'] : 0
}

/** Not the hash that Kubernetes computes (it hashes Go's memory layout), but as long, and as stable. */
export function templateHash(template: Deployment['spec']['template'], collision: number): string {
  const text = `${canonical(template)}${collision === 0 ? '' : collision}`
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  const letters = 'bcdf2456789bcdf0123456789'
  return String(hash >>> 0).replace(/./g, (digit) => letters[Number(digit)] ?? digit)
}

function newSetOf(deployment: Deployment): ReplicaSet {
  const { name = '', namespace } = deployment.metadata
  const hash = templateHash(deployment.spec.template, collisions(deployment))
  const template = clone(deployment.spec.template)
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash }
  template.metadata = { ...template.metadata, labels }
  const selector = clone(deployment.spec.selector)
  selector.matchLabels = { ...selector.matchLabels, [HASH_LABEL]: hash }
  const metadata: KubeObject['metadata'] = {
    name: `${name.slice(0, 252 - hash.length)}-${hash}`,
    labels: { ...labels },
  }
  if (namespace !== undefined) metadata.namespace = namespace
  const owners = ownerReference(deployment)
  if (owners !== undefined) metadata.ownerReferences = owners
  const spec: ReplicaSet['spec'] = {
    replicas: 0,
    minReadySeconds: deployment.spec.minReadySeconds ?? 0,
    selector,
    template,
  }
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec }
}

function setRevision(deployment: Deployment, revision: string): boolean {
  const annotations = (deployment.metadata.annotations ??= {})
  if (annotations[REVISION] === revision) return false
  annotations[REVISION] = revision
  return true
}

/** The annotations that tell a scaling event from a rollout. */
function setReplicasAnnotations(deployment: Deployment, set: ReplicaSet): boolean {
  const annotations = (set.metadata.annotations ??= {})
  const wanted = {
    [DESIRED_REPLICAS]: String(replicasOf(deployment)),
    [MAX_REPLICAS]: String(replicasOf(deployment) + maxSurge(deployment)),
  }
  let changed = false
  for (const [key, value] of Object.entries(wanted)) {
    if (annotations[key] === value) continue
    annotations[key] = value
    changed = true
  }
  return changed
}

/** Copies the Deployment's annotations and raises the revision; true when anything changed. */
function setAnnotations(deployment: Deployment, set: ReplicaSet, revision: string, exists: boolean): boolean {
  const annotations = (set.metadata.annotations ??= {})
  let changed = false
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (NOT_COPIED.has(key) || annotations[key] === value) continue
    annotations[key] = value
    changed = true
  }
  const before = annotations[REVISION]
  if (before !== undefined && !/^-?\d+$/.test(before)) return false
  if (Number(before ?? 0) < Number(revision)) {
    annotations[REVISION] = revision
    changed = true
    if (before !== undefined) keepHistory(annotations, before)
  }
  return (!exists && setReplicasAnnotations(deployment, set)) || changed
}

/** A ReplicaSet that is used again remembers the revisions it had. */
function keepHistory(annotations: Record<string, string>, revision: string): void {
  const history = annotations[REVISION_HISTORY]
  if (!history) {
    annotations[REVISION_HISTORY] = revision
    return
  }
  const list = [...history.split(','), revision]
  while (list.length > 1 && list.join(',').length > HISTORY_LIMIT) list.shift()
  annotations[REVISION_HISTORY] = list.join(',')
}

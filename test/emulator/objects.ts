/** The life of objects behind the API: create, update, delete, with all that the server does on the way. */
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { checkAdmission } from './admission.ts'
import type { EmulatorClock } from './clock.ts'
import {
  alreadyExists,
  type ApiError,
  badRequest,
  conflict,
  internal,
  invalid,
  invalidValue,
  MODIFIED,
  notFound,
} from './errors.ts'
import { trackUpdate, type WriteContext } from './fields/managed-fields.ts'
import { setDefaults } from './kinds/defaults.ts'
import { admitPod } from './kinds/pod-admission.ts'
import {
  allocate,
  hasGeneration,
  needsResourceVersion,
  prepareCreate,
  prepareUpdate,
  resetFields,
} from './kinds/strategy.ts'
import { validateMetadata, validateObject, validateUpdate } from './kinds/validate.ts'
import type { Random } from './random.ts'
import type { Resource, Resources } from './resources.ts'
import { decode } from './schema/decode.ts'
import type { Store } from './store.ts'
import { asObject, clone, equal, isMap, timestamp } from './values.ts'

export interface WriteOptions {
  manager: string
  subresource?: string
  dryRun?: boolean
}

/** A write that admission looks at. */
export interface AdmittedWrite {
  resource: Resource
  object: KubeObject
  manager: string
  subresource: string
}

/** Why a write is refused; undefined when this rule has nothing against it. */
export type AdmissionRule = (write: AdmittedWrite) => ApiError | undefined

export interface DeleteOptions {
  gracePeriodSeconds?: number
  propagationPolicy?: string
  orphanDependents?: boolean
  preconditions?: { uid?: string; resourceVersion?: string }
  dryRun?: boolean
}

const FOREGROUND = 'foregroundDeletion'
const ORPHAN = 'orphan'

export class Objects {
  readonly store: Store
  readonly resources: Resources
  readonly #clock: EmulatorClock
  readonly #random: Random
  /** what a test lets admission refuse, as webhooks and policies do */
  readonly rules = new Set<AdmissionRule>()
  #addresses = 10

  constructor(store: Store, resources: Resources, clock: EmulatorClock, random: Random) {
    this.store = store
    this.resources = resources
    this.#clock = clock
    this.#random = random
  }

  get(resource: Resource, namespace: string | undefined, name: string): KubeObject {
    const found = this.store.get(resource.key, namespace, name)
    if (found === undefined) throw notFound(resource, name)
    return found
  }

  now(): string {
    return timestamp(this.#clock.now())
  }

  /** The context of ownership for a write at this endpoint. */
  context(resource: Resource, options: WriteOptions): WriteContext {
    const subresource = options.subresource ?? ''
    return {
      type: resource.type,
      apiVersion: resource.apiVersion,
      subresource,
      manager: options.manager === '' ? 'unknown' : options.manager,
      time: this.now(),
      ignored: resetFields(resource, subresource),
    }
  }

  /** What an object of this kind is before anybody wrote a field. */
  empty(resource: Resource): KubeObject {
    const { value } = decode(resource.type, {})
    return asObject({ ...value, apiVersion: resource.apiVersion, kind: resource.kind })
  }

  /**
   * @param body decoded
   * @param tracked true when ownership is settled already (server-side apply)
   */
  create(
    resource: Resource,
    namespace: string | undefined,
    body: KubeObject,
    options: WriteOptions,
    tracked = false,
  ): KubeObject {
    const object = clone(body)
    const metadata = object.metadata
    if (resource.namespaced && namespace !== undefined) {
      if (metadata.namespace !== undefined && metadata.namespace !== namespace)
        throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
      metadata.namespace = namespace
    } else if (!resource.namespaced) delete metadata.namespace
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '0')
      throw internal('resourceVersion should not be set on objects to be created')
    for (const key of [
      'uid',
      'creationTimestamp',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'resourceVersion',
      'selfLink',
      'generation',
    ])
      delete metadata[key]
    setDefaults(object)
    if (tracked) return this.#insert(resource, object, options)
    const owned = trackUpdate(this.context(resource, options), this.empty(resource), object, true)
    return this.#insert(resource, owned, options)
  }

  #insert(resource: Resource, object: KubeObject, options: WriteOptions): KubeObject {
    const metadata = object.metadata
    if (!metadata.name && typeof metadata['generateName'] === 'string')
      metadata.name = `${metadata['generateName']}${this.#random.suffix()}`
    metadata.uid = this.#random.uid()
    metadata.creationTimestamp = this.now()
    prepareCreate(resource, object)
    if (resource.key === '/pods') admitPod(this.store, resource, object, () => this.#random.suffix())
    this.#refuse(resource, object, [...validateMetadata(resource, object), ...validateObject(object)])
    allocate(resource, object, () => this.#addresses++)
    this.#admit(resource, object, options)
    checkAdmission(this.store, resource, object)
    const name = metadata.name ?? ''
    if (this.store.get(resource.key, metadata.namespace, name) !== undefined) throw alreadyExists(resource, name)
    const finished = this.#finish(resource, object)
    return options.dryRun === true ? finished : this.store.put(resource.key, finished)
  }

  /** The last look of Go's types on what is stored. */
  #finish(resource: Resource, object: KubeObject): KubeObject {
    const { resourceVersion } = object.metadata
    const value = asObject(decode(resource.type, object).value)
    if (resourceVersion !== undefined) value.metadata.resourceVersion = resourceVersion
    return value
  }

  #admit(resource: Resource, object: KubeObject, { manager, subresource = '' }: WriteOptions): void {
    for (const rule of this.rules) {
      const refusal = rule({ resource, object, manager, subresource })
      if (refusal !== undefined) throw refusal
    }
  }

  #refuse(resource: Resource, object: KubeObject, errors: ReturnType<typeof validateObject>): void {
    if (errors.length > 0) throw invalid(resource.group, resource.kind, object.metadata.name ?? '', errors)
  }

  /**
   * @param next decoded; with `resourceVersion` only that version may be overwritten
   * @param tracked true when ownership is settled already (server-side apply)
   */
  update(resource: Resource, live: KubeObject, body: KubeObject, options: WriteOptions, tracked = false): KubeObject {
    const subresource = options.subresource ?? ''
    const next = clone(body)
    this.#checkMetadata(resource, live, next)
    setDefaults(next)
    const owned = tracked ? next : trackUpdate(this.context(resource, options), live, next, false)
    const metadata: KubeObject['metadata'] = { ...owned.metadata }
    for (const key of [
      'name',
      'namespace',
      'uid',
      'creationTimestamp',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
      'resourceVersion',
      'generateName',
    ]) {
      if (live.metadata[key] === undefined) delete metadata[key]
      else metadata[key] = live.metadata[key]
    }
    const prepared: KubeObject = { ...owned, metadata }
    prepareUpdate(resource, prepared, live, subresource)
    this.#refuse(resource, prepared, [
      ...validateMetadata(resource, prepared),
      ...(subresource === 'status' ? [] : [...validateObject(prepared), ...validateUpdate(prepared, live)]),
    ])
    this.#admit(resource, prepared, options)
    checkAdmission(this.store, resource, prepared, live)
    const finished = this.#finish(resource, prepared)
    if (equal(finished, live)) return live
    if (options.dryRun === true) return finished
    if (live.metadata.deletionTimestamp !== undefined && this.#nothingHolds(resource, finished)) {
      return this.store.remove(resource.key, finished)
    }
    return this.store.put(resource.key, finished)
  }

  #nothingHolds(resource: Resource, object: KubeObject): boolean {
    if (finalizersOf(object).length > 0) return false
    if (resource.key === '/namespaces') return !isMap(object['spec']) || object['spec']['finalizers'] === undefined
    return (
      object.metadata['deletionGracePeriodSeconds'] === undefined || object.metadata['deletionGracePeriodSeconds'] === 0
    )
  }

  #checkMetadata(resource: Resource, live: KubeObject, next: KubeObject): void {
    const name = live.metadata.name ?? ''
    const { uid, resourceVersion } = next.metadata
    if (next.metadata.name !== undefined && next.metadata.name !== name)
      throw badRequest(`the name of the object (${next.metadata.name}) does not match the name on the URL (${name})`)
    if (uid !== undefined && uid !== live.metadata.uid)
      throw conflict(
        resource,
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid ?? ''}`,
      )
    if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== live.metadata.resourceVersion)
      throw conflict(resource, name, MODIFIED)
  }

  /** A review is never stored, but answered like any other created object. */
  reviewed(resource: Resource, body: KubeObject, manager: string): KubeObject {
    if (resource.group === 'authentication.k8s.io')
      return { ...body, metadata: { ...body.metadata, creationTimestamp: this.now() } }
    return trackUpdate(this.context(resource, { manager }), this.empty(resource), body, true)
  }

  /** A PUT of kinds that allow no blind overwrite. */
  requireVersion(resource: Resource, body: KubeObject): void {
    if (!needsResourceVersion(resource) || body.metadata.resourceVersion) return
    const error = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update')
    throw invalid(resource.group, resource.plural, body.metadata.name ?? '', [error])
  }

  /** The object when it lives on for a while, else undefined. */
  delete(resource: Resource, live: KubeObject, options: DeleteOptions = {}): KubeObject | undefined {
    this.#checkPreconditions(resource, live, options)
    const finalizers = this.#deletionFinalizers(resource, live, options)
    const grace = this.#grace(resource, live, options)
    const pending = finalizers.length > 0 || grace > 0 || resource.key === '/namespaces'
    if (options.dryRun === true) return pending ? live : undefined
    if (!pending) {
      this.store.remove(resource.key, live)
      return undefined
    }
    const next = this.#marked(resource, live, finalizers, grace)
    return equal(next, live) ? live : this.store.put(resource.key, next)
  }

  #marked(resource: Resource, live: KubeObject, finalizers: string[], grace: number): KubeObject {
    const metadata = { ...live.metadata }
    if (finalizers.length > 0) metadata['finalizers'] = finalizers
    const current = metadata['deletionGracePeriodSeconds']
    if (metadata.deletionTimestamp === undefined || (typeof current === 'number' && grace < current)) {
      const firstTime = metadata.deletionTimestamp === undefined
      metadata.deletionTimestamp = timestamp(this.#clock.now() + grace * 1_000)
      metadata['deletionGracePeriodSeconds'] = grace
      if (firstTime && hasGeneration(resource)) metadata.generation = (metadata.generation ?? 0) + 1
    }
    if (resource.key !== '/namespaces') return { ...live, metadata }
    delete metadata['deletionGracePeriodSeconds']
    return { ...live, metadata, status: { phase: 'Terminating' } }
  }

  #checkPreconditions(resource: Resource, live: KubeObject, { preconditions = {} }: DeleteOptions): void {
    const name = live.metadata.name ?? ''
    // Here the message names the kind where others name the resource.
    const about = { ...resource, plural: resource.kind }
    const refuse = (what: string, wanted: string, has: string, why: string): ApiError =>
      conflict(
        about,
        name,
        `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${has}). The object might have been ${why}`,
      )
    const { uid, resourceVersion } = preconditions
    if (uid !== undefined && uid !== live.metadata.uid)
      throw refuse('UID', uid, live.metadata.uid ?? '', 'deleted and then recreated')
    const has = live.metadata.resourceVersion ?? ''
    if (resourceVersion !== undefined && resourceVersion !== has)
      throw refuse('ResourceVersion', resourceVersion, has, 'modified')
  }

  #deletionFinalizers(resource: Resource, live: KubeObject, options: DeleteOptions): string[] {
    const current = finalizersOf(live).filter((item) => item !== FOREGROUND && item !== ORPHAN)
    const policy =
      options.propagationPolicy ??
      (options.orphanDependents === true ? 'Orphan' : undefined) ??
      (finalizersOf(live).includes(FOREGROUND)
        ? 'Foreground'
        : finalizersOf(live).includes(ORPHAN)
          ? 'Orphan'
          : undefined) ??
      // The one kind whose first API left dependents behind.
      (resource.key === 'batch/jobs' ? 'Orphan' : 'Background')
    if (policy === 'Foreground') return [...current, FOREGROUND]
    return policy === 'Orphan' ? [...current, ORPHAN] : current
  }

  #grace(resource: Resource, live: KubeObject, options: DeleteOptions): number {
    if (resource.key !== '/pods') return 0
    const spec: JsonMap = isMap(live['spec']) ? live['spec'] : {}
    const phase = isMap(live['status']) ? live['status']['phase'] : undefined
    if (!spec['nodeName'] || phase === 'Succeeded' || phase === 'Failed') return 0
    const own = spec['terminationGracePeriodSeconds']
    const wanted = options.gracePeriodSeconds ?? (typeof own === 'number' ? own : 30)
    const current = live.metadata['deletionGracePeriodSeconds']
    return typeof current === 'number' ? Math.min(current, wanted) : wanted
  }
}

export function finalizersOf(object: KubeObject): string[] {
  const list = object.metadata['finalizers']
  return Array.isArray(list) ? list.filter((item) => typeof item === 'string') : []
}

/** What goes when something else goes: owned objects, namespaces with all in them. */
import type { KubeObject } from '../../../src/shared/objects.ts'
import { finalizersOf } from '../objects.ts'
import type { Resource } from '../resources.ts'
import type { Change } from '../store.ts'
import { asObject } from '../values.ts'
import { Queue, type World } from './machinery.ts'

/** Deletes objects whose owners are gone, and carries out foreground and orphan deletion. */
export class GarbageCollector {
  readonly #world: World
  readonly #queue: Queue
  #byOwner = new Map<string, Set<string>>()
  readonly #refs = new Map<string, { resource: Resource; namespace: string | undefined; name: string }>()

  constructor(world: World) {
    this.#world = world
    this.#queue = new Queue(world.clock, world.workDelay, (uid) => this.#look(uid))
    world.informers.on('*', (change) => this.#changed(change))
  }

  #changed(change: Change): void {
    const { object } = change
    const uid = object.metadata.uid ?? ''
    const resource = this.#world.objects.resources.ofKind(object.apiVersion, object.kind)
    if (resource === undefined) return
    this.#refs.set(uid, { resource, namespace: object.metadata.namespace, name: object.metadata.name ?? '' })
    for (const owner of object.metadata.ownerReferences ?? []) {
      const dependents = this.#byOwner.get(owner.uid) ?? new Set()
      this.#byOwner.set(owner.uid, dependents)
      if (change.type === 'DELETED') dependents.delete(uid)
      else dependents.add(uid)
      this.#queue.add(owner.uid, '')
    }
    if (change.type === 'ADDED' && (object.metadata.ownerReferences ?? []).length > 0) this.#queue.add(uid, '')
    if (change.type === 'DELETED' || object.metadata.deletionTimestamp !== undefined) this.#queue.add(uid, '')
  }

  #stored(uid: string): { resource: Resource; object: KubeObject } | undefined {
    const ref = this.#refs.get(uid)
    if (ref === undefined) return undefined
    const object = this.#world.objects.store.get(ref.resource.key, ref.namespace, ref.name)
    return object?.metadata.uid === uid ? { resource: ref.resource, object } : undefined
  }

  #dependents(uid: string): { resource: Resource; object: KubeObject }[] {
    return [...(this.#byOwner.get(uid) ?? [])]
      .flatMap((dependent) => this.#stored(dependent) ?? [])
      .filter(({ object }) => object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true)
  }

  #look(uid: string): void {
    const own = this.#stored(uid)
    if (own === undefined) {
      for (const dependent of this.#dependents(uid)) this.#ownerGone(dependent, uid)
      this.#byOwner.delete(uid)
      return
    }
    this.#checkOwners(own)
    if (own.object.metadata.deletionTimestamp === undefined) return
    const finalizers = finalizersOf(own.object)
    if (finalizers.includes('orphan')) this.#orphan(own, uid)
    else if (finalizers.includes('foregroundDeletion')) this.#foreground(own, uid)
  }

  /** An object that names an owner which does not exist goes too. */
  #checkOwners({ resource, object }: { resource: Resource; object: KubeObject }): void {
    const owners = object.metadata.ownerReferences ?? []
    if (owners.length === 0) return
    const exists = owners.some((owner) => {
      const kind = this.#world.objects.resources.ofKind(owner.apiVersion, owner.kind)
      if (kind === undefined) return true
      const found = this.#world.objects.store.get(
        kind.key,
        kind.namespaced ? object.metadata.namespace : undefined,
        owner.name,
      )
      return found?.metadata.uid === owner.uid
    })
    if (!exists && object.metadata.deletionTimestamp === undefined)
      this.#world.objects.delete(resource, object, { propagationPolicy: 'Background' })
  }

  #ownerGone({ resource, object }: { resource: Resource; object: KubeObject }, uid: string): void {
    const others = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid)
    if (others.length > 0) this.#withoutOwner(resource, object, uid)
    else if (object.metadata.deletionTimestamp === undefined)
      this.#world.objects.delete(resource, object, { propagationPolicy: 'Background' })
  }

  #withoutOwner(resource: Resource, object: KubeObject, uid: string): void {
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid)
    const { ownerReferences: _, ...rest } = object.metadata
    const metadata = ownerReferences.length > 0 ? { ...rest, ownerReferences } : rest
    this.#world.objects.update(resource, object, { ...object, metadata }, { manager: 'kube-controller-manager' })
  }

  #orphan(own: { resource: Resource; object: KubeObject }, uid: string): void {
    for (const { resource, object } of this.#dependents(uid)) this.#withoutOwner(resource, object, uid)
    this.#removeFinalizer(own, 'orphan')
  }

  #foreground(own: { resource: Resource; object: KubeObject }, uid: string): void {
    const dependents = this.#dependents(uid)
    const blocking = dependents.filter(({ object }) =>
      object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner['blockOwnerDeletion'] === true),
    )
    for (const { resource, object } of dependents)
      if (object.metadata.deletionTimestamp === undefined)
        this.#world.objects.delete(resource, object, { propagationPolicy: 'Foreground' })
    if (blocking.length === 0) this.#removeFinalizer(own, 'foregroundDeletion')
    else this.#queue.addAfter(uid, '', 50)
  }

  #removeFinalizer({ resource, object }: { resource: Resource; object: KubeObject }, name: string): void {
    const finalizers = finalizersOf(object).filter((item) => item !== name)
    const { finalizers: _, ...rest } = object.metadata
    const metadata = finalizers.length > 0 ? { ...rest, finalizers } : rest
    this.#world.objects.update(resource, object, asObject({ ...object, metadata }), {
      manager: 'kube-controller-manager',
    })
  }
}

/** Empties namespaces that are being deleted. New ones get their default ServiceAccount. */
export class NamespaceController {
  readonly #world: World
  readonly #queue: Queue

  constructor(world: World) {
    this.#world = world
    this.#queue = new Queue(world.clock, world.workDelay, (name) => this.#sync(name))
    world.informers.on('/namespaces', ({ object }) => this.#queue.add(object.metadata.name, ''))
  }

  #sync(name: string): void {
    const { objects } = this.#world
    const namespace = objects.store.get('/namespaces', undefined, name)
    if (namespace === undefined) return
    if (namespace.metadata.deletionTimestamp === undefined) return this.#furnish(name)
    let left = 0
    for (const resource of objects.resources.all) {
      if (!resource.namespaced || resource.virtual === true) continue
      for (const object of objects.store.list(resource.key, name)) {
        if (objects.resources.ofKind(object.apiVersion, object.kind)?.key !== resource.key) continue
        objects.delete(resource, object, { propagationPolicy: 'Background' })
      }
      left += objects.store.list(resource.key, name).length
    }
    if (left > 0) return this.#queue.addAfter(name, '', 100)
    if (finalizersOf(namespace).length === 0) objects.store.remove('/namespaces', namespace)
  }

  #furnish(name: string): void {
    const { objects } = this.#world
    if (objects.store.get('/serviceaccounts', name, 'default') !== undefined) return
    const make = (plural: string, object: KubeObject): void => {
      objects.create(objects.resources.named(plural), name, object, { manager: 'kube-controller-manager' })
    }
    make('serviceaccounts', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace: name },
    })
    make('configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-root-ca.crt', namespace: name },
      data: { 'ca.crt': '' },
    })
  }
}

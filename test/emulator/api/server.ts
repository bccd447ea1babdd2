import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ApiError, notFound } from '../errors.ts'
import type { Objects } from '../objects.ts'
import { decodeObject, readObject } from './body.ts'
import { discoveryAnswer } from './discovery.ts'
import { listAnswer, parseRevision, tooLarge } from './lists.ts'
import { openApiAnswer } from './openapi.ts'
import { allowedBy, type Attributes, forbiddenFor, review } from './rbac.ts'
import { type Answer, type ApiRequest, jsonAnswer, parseTarget, type Target, textAnswer } from './request.ts'
import { type PodDoor, Subresources } from './subresources.ts'
import { isTable, tableOf } from './table.ts'
import { viewOf } from './views.ts'
import type { Watches } from './watches.ts'
import { managerOf, Writes } from './writes.ts'
import type { EmulatorClock } from '../clock.ts'
import type { Resources } from '../resources.ts'

/** The API without a wire: one request in, one answer out. */
export class ApiServer {
  readonly #objects: Objects
  readonly #watches: Watches
  readonly #writes: Writes
  readonly #subresources: Subresources
  readonly #clock: EmulatorClock

  constructor(objects: Objects, watches: Watches, pods: PodDoor, clock: EmulatorClock) {
    this.#objects = objects
    this.#watches = watches
    this.#writes = new Writes(objects)
    this.#subresources = new Subresources(objects, pods)
    this.#clock = clock
  }

  async answer(request: ApiRequest): Promise<Answer> {
    try {
      return await this.#route(request)
    } catch (error) {
      if (error instanceof ApiError) return jsonAnswer(error.code, error.status(), error.headers)
      throw error
    }
  }

  async #route(request: ApiRequest): Promise<Answer> {
    if (request.user.name === '') throw new ApiError(401, 'Unauthorized', 'Unauthorized')
    const { resources } = this.#objects
    const target = parseTarget(resources, request)
    if (target === undefined || isDiscovery(request.path)) {
      const answer = discoveryAnswer(resources, request) ?? openApiAnswer(resources, request)
      if (answer !== undefined) return answer
      if (/^\/(version|api|apis|readyz|livez|healthz)\/?$/.test(request.path)) throw methodNotAllowed()
      if (isServedVersion(resources, request.path)) throw unknownResource()
      return textAnswer(404, '404 page not found\n')
    }
    if (target.resource.virtual === true) return this.#review(target, request)
    this.#authorize(target, request)
    if (target.subresource !== '') return this.#subresource(target, request)
    return this.#verb(target, request)
  }

  #attributes(target: Target, verb = target.verb): Attributes {
    const { resource, namespace, name, subresource } = target
    return {
      verb,
      group: resource.group,
      resource: subresource === '' ? resource.plural : `${resource.plural}/${subresource}`,
      namespace: resource.key === '/namespaces' && name !== '' ? name : (namespace ?? ''),
      name: subresource === 'proxy' ? (name.replace(/^https?:/, '').split(':')[0] ?? '') : name,
    }
  }

  #authorize(target: Target, request: ApiRequest, verb = target.verb): void {
    const wanted = this.#attributes(target, verb)
    // A list or watch of one name counts as naming it.
    const field = /(?:^|,)metadata\.name==?([^,]+)/.exec(request.query.get('fieldSelector') ?? '')
    if (wanted.name === '' && field !== null && (verb === 'list' || verb === 'watch')) wanted.name = field[1] ?? ''
    if (allowedBy(this.#objects.store, request.user, wanted) !== undefined) return
    throw forbiddenFor(request.user, { ...wanted, name: target.name === '' ? wanted.name : target.name })
  }

  #review(target: Target, request: ApiRequest): Answer {
    if (request.method !== 'POST') throw methodNotAllowed()
    const { object } = decodeObject(target.resource, readObject(request, target.resource), 'Ignore')
    const tracked = this.#objects.reviewed(target.resource, object, managerOf(request))
    return jsonAnswer(201, review(this.#objects.store, target.resource.kind, tracked, request.user))
  }

  async #verb(target: Target, request: ApiRequest): Promise<Answer> {
    switch (target.verb) {
      case 'get':
        return this.#get(target, request)
      case 'list':
        await this.#waitFor(request)
        return listAnswer(this.#objects.store, target, request, this.#clock.now())
      case 'watch':
        return this.#watches.answer(target, request)
      case 'create':
        if (target.name !== '') throw methodNotAllowed()
        return this.#writes.create(target, request)
      case 'update':
        if (target.name === '') throw methodNotAllowed()
        return this.#writes.update(target, request)
      case 'patch':
        if (target.name === '') throw methodNotAllowed()
        return this.#writes.patch(target, request, () => this.#authorize(target, request, 'create'))
      case 'delete':
        return this.#writes.delete(target, request)
      case 'deletecollection':
        return this.#writes.deleteCollection(target, request)
      default:
        throw methodNotAllowed()
    }
  }

  /** A list at a revision that is still to come waits for it, three seconds at most. */
  async #waitFor(request: ApiRequest): Promise<void> {
    const text = request.query.get('resourceVersion') ?? ''
    if (text === '' || request.query.has('continue')) return
    const revision = parseRevision(text)
    const { store } = this.#objects
    if (revision <= store.revision) return
    await this.#clock.sleep(3_000)
    if (revision > store.revision) throw tooLarge(revision, store.revision)
  }

  #get(target: Target, request: ApiRequest): Answer {
    const { resource, namespace, name } = target
    const found = viewOf(resource, this.#objects.get(resource, namespace, name))
    return jsonAnswer(200, shown(target, request, found, this.#clock.now()))
  }

  async #subresource(target: Target, request: ApiRequest): Promise<Answer> {
    const { resource, subresource } = target
    if (subresource === 'status' && resource.hasStatus) return this.#status(target, request)
    if (!resource.subresources.includes(subresource)) throw unknownResource()
    switch (subresource) {
      case 'scale':
        return this.#subresources.scale(target, request)
      case 'log':
        return this.#subresources.log(target, request)
      case 'eviction':
        return this.#subresources.evict(target, request)
      case 'proxy':
        return this.#subresources.proxy(target, request)
      case 'finalize':
        return this.#writes.update({ ...target, subresource: 'finalize' }, request)
      default:
        throw methodNotAllowed()
    }
  }

  #status(target: Target, request: ApiRequest): Answer {
    switch (request.method) {
      case 'GET':
        return this.#get(target, request)
      case 'PUT':
        return this.#writes.update(target, request)
      case 'PATCH':
        return this.#writes.patch(target, request, () => {
          throw notFound(target.resource, target.name)
        })
      case 'POST':
      case 'DELETE':
        throw methodNotAllowed()
    }
  }
}

function isDiscovery(path: string): boolean {
  return /^\/(api|api\/v1|apis|apis\/[^/]+|apis\/[^/]+\/[^/]+)\/?$/.test(path)
}

function shown(target: Target, request: ApiRequest, object: KubeObject, now: number): JsonMap {
  const accept = request.headers['accept'] ?? ''
  const { resourceVersion } = object.metadata
  if (isTable(accept)) return tableOf(target.resource, [object], { resourceVersion }, now)
  if (accept.includes('as=PartialObjectMetadata;') || accept.endsWith('as=PartialObjectMetadata'))
    return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata }
  return object
}

function methodNotAllowed(): ApiError {
  return new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}

/** A path under a group and version that are there. */
function isServedVersion(resources: Resources, path: string): boolean {
  const [, apiVersion = ''] = /^\/apis?\/(v\d\w*|[^/]+\/[^/]+)\/./.exec(path) ?? []
  return resources.all.some((resource) => resource.apiVersion === apiVersion)
}

function unknownResource(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {})
}

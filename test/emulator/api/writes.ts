import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ApiError, badRequest, invalid, invalidValue, notFound, notSupported, required } from '../errors.ts'
import { applyConfig } from '../fields/managed-fields.ts'
import type { DeleteOptions, Objects, WriteOptions } from '../objects.ts'
import { jsonPatch } from '../patches/json-patch.ts'
import { mergePatch } from '../patches/merge-patch.ts'
import { strategicMerge } from '../patches/strategic-merge.ts'
import type { Resource } from '../resources.ts'
import { asObject, clone, isMap, mapAt, textAt } from '../values.ts'
import { contentTypeOf, decodeObject, parseBody, readObject, type Source, warningHeader } from './body.ts'
import { filterOf } from './lists.ts'
import { type Answer, type ApiRequest, isTrue, jsonAnswer, type Target } from './request.ts'
import { viewOf } from './views.ts'

const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'
const JSON_PATCH = 'application/json-patch+json'
const APPLY = 'application/apply-patch+yaml'

/** Kinds whose PUT creates what is not there. */
const CREATE_ON_UPDATE = new Set(['/services', '/events', '/limitranges', '/endpoints', 'coordination.k8s.io/leases'])

/** The writer's name: as the request gives it, else what its user agent begins with. */
export function managerOf(request: ApiRequest): string {
  const agent = request.headers['user-agent'] ?? 'unknown'
  return request.query.get('fieldManager') ?? (agent.split('/')[0] ?? '').slice(0, 128)
}

export class Writes {
  readonly #objects: Objects
  constructor(objects: Objects) {
    this.#objects = objects
  }

  #options(target: Target, request: ApiRequest): WriteOptions {
    const dryRun = request.query.get('dryRun')
    if (dryRun !== null && dryRun !== 'All')
      throw invalid('meta.k8s.io', 'CreateOptions', '', [notSupported('dryRun', [dryRun], ['All'])])
    return {
      manager: managerOf(request),
      subresource: target.subresource,
      dryRun: dryRun === 'All',
    }
  }

  create(target: Target, request: ApiRequest): Answer {
    const { resource, namespace } = target
    const { object, warnings } = decodeObject(resource, readObject(request, resource), validationOf(request))
    const created = this.#objects.create(resource, namespace, object, this.#options(target, request))
    return jsonAnswer(201, viewOf(resource, created), warningHeader(warnings))
  }

  update(target: Target, request: ApiRequest): Answer {
    const { resource, namespace, name } = target
    const { object, warnings } = decodeObject(resource, readObject(request, resource), validationOf(request))
    if (object.metadata.name === undefined)
      throw badRequest(`the name of the object (based on URL) was undeterminable: name must be provided`)
    const options = this.#options(target, request)
    const live = this.#objects.store.get(resource.key, namespace, name)
    if (live === undefined) {
      if (!CREATE_ON_UPDATE.has(resource.key) && resource.group !== 'rbac.authorization.k8s.io')
        throw notFound(resource, name)
      return jsonAnswer(201, this.#objects.create(resource, namespace, object, options))
    }
    if (object.metadata.name !== name)
      throw badRequest(`the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`)
    this.#objects.requireVersion(resource, object)
    const updated = this.#objects.update(resource, live, object, options)
    return jsonAnswer(200, viewOf(resource, updated), warningHeader(warnings))
  }

  patch(target: Target, request: ApiRequest, mayCreate: () => void): Answer {
    const type = contentTypeOf(request)
    const supported = [
      JSON_PATCH,
      MERGE,
      ...(target.resource.custom ? [] : [STRATEGIC]),
      APPLY,
      'application/apply-patch+cbor',
    ]
    if (!supported.includes(type)) throw unsupportedPatch(target.resource, supported)
    const body = parseBody(request.body, type === APPLY ? 'yaml' : type, target.resource.kind)
    if (type === APPLY) return this.#apply(target, request, body, mayCreate)
    const { resource, namespace, name } = target
    const live = this.#objects.get(resource, namespace, name)
    const patched = patchOf(type, resource, live, body)
    const source: Source = type === STRATEGIC && isMap(body) ? { kind: 'strategic', patch: body } : { kind: 'patch' }
    const { object, warnings } = decodeObject(resource, patched, validationOf(request), source)
    // Without a version of its own the patch is laid over whatever is there.
    const updated = this.#objects.update(resource, live, object, this.#options(target, request))
    return jsonAnswer(200, viewOf(resource, updated), warningHeader(warnings))
  }

  #apply(target: Target, request: ApiRequest, body: Json, mayCreate: () => void): Answer {
    const { resource, namespace, name } = target
    if (!request.query.get('fieldManager'))
      throw invalid('meta.k8s.io', 'PatchOptions', '', [required('fieldManager', 'is required for apply patch')])
    if (!isMap(body)) throw badRequest('the request body is no object')
    checkApplied(resource, body, namespace, name)
    const options = this.#options(target, request)
    const force = isTrue(request.query.get('force'))
    const live = this.#objects.store.get(resource.key, namespace, name)
    const context = this.#objects.context(resource, options)
    const config = withoutVersion(body)
    if (live === undefined) {
      if (target.subresource !== '') throw notFound(resource, name)
      mayCreate()
      if (textAt(body, 'metadata', 'uid') !== undefined)
        throw new ApiError(
          409,
          'Conflict',
          `uid mismatch: the provided object specified uid ${textAt(body, 'metadata', 'uid') ?? ''}, and no existing object was found`,
        )
      const base = named(this.#objects.empty(resource), resource, namespace, name)
      const merged = applyConfig(context, base, config, force, true)
      const { object } = decodeObject(resource, merged, 'Ignore')
      return jsonAnswer(201, this.#objects.create(resource, namespace, object, options, true))
    }
    const sent = textAt(body, 'metadata', 'resourceVersion')
    const merged = applyConfig(context, live, config, force, false)
    const { object } = decodeObject(resource, merged, 'Ignore')
    if (sent !== undefined) object.metadata.resourceVersion = sent
    else delete object.metadata.resourceVersion
    return jsonAnswer(200, viewOf(resource, this.#objects.update(resource, live, object, options, true)))
  }

  delete(target: Target, request: ApiRequest): Answer {
    const { resource, namespace, name } = target
    const live = this.#objects.get(resource, namespace, name)
    const options = deleteOptions(request)
    const left = this.#objects.delete(resource, live, options)
    const warnings =
      resource.key === 'batch/jobs' && options.propagationPolicy === undefined && options.orphanDependents === undefined
        ? [
            'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
          ]
        : []
    if (left !== undefined || RETURNS_OBJECT.has(resource.key))
      return jsonAnswer(200, viewOf(resource, left ?? live), warningHeader(warnings))
    const details = {
      name,
      ...(resource.group === '' ? {} : { group: resource.group }),
      kind: resource.plural,
      uid: live.metadata.uid ?? '',
    }
    return jsonAnswer(
      200,
      { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details },
      warningHeader(warnings),
    )
  }

  deleteCollection(target: Target, request: ApiRequest): Answer {
    const { resource } = target
    const filter = filterOf(target, request.query)
    const items = this.#objects.store.list(resource.key, target.namespace).filter(filter)
    for (const item of items) this.#objects.delete(resource, item, deleteOptions(request))
    const metadata = { resourceVersion: String(this.#objects.store.revision) }
    return jsonAnswer(200, { kind: `${resource.kind}List`, apiVersion: resource.apiVersion, metadata, items })
  }
}

/** Kinds whose DELETE answers with the object that is gone. */
const RETURNS_OBJECT = new Set([
  '/pods',
  '/services',
  '/serviceaccounts',
  '/persistentvolumeclaims',
  '/resourcequotas',
  '/podtemplates',
  '/replicationcontrollers',
])

function validationOf(request: ApiRequest): string {
  return request.query.get('fieldValidation') ?? 'Warn'
}

function patchOf(type: string, resource: Resource, live: KubeObject, body: Json): JsonMap {
  if (type === JSON_PATCH) return jsonPatch(live, body)
  if (!isMap(body))
    throw badRequest('error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}')
  return type === STRATEGIC ? strategicMerge(resource.type, clone(live), body) : mergePatch(live, body)
}

function checkApplied(resource: Resource, body: JsonMap, namespace: string | undefined, name: string): void {
  if (typeof body['apiVersion'] !== 'string' || typeof body['kind'] !== 'string')
    throw badRequest('apiVersion and kind must be set')
  if (body['apiVersion'] !== resource.apiVersion || body['kind'] !== resource.kind)
    throw badRequest(`invalid object type: ${body['apiVersion']}, Kind=${body['kind']}`)
  const metadata = mapAt(body, 'metadata')
  if (metadata['managedFields'] !== undefined && metadata['managedFields'] !== null)
    throw badRequest('metadata.managedFields must be nil')
  if (metadata['name'] !== undefined && metadata['name'] !== name)
    throw invalid(resource.group, resource.kind, name, [
      invalidValue('metadata.name', metadata['name'], 'must match the name on the URL'),
    ])
  if (namespace !== undefined && metadata['namespace'] !== undefined && metadata['namespace'] !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
}

/** The version is a condition of the request, no part of the configuration. */
function withoutVersion(body: JsonMap): JsonMap {
  const { resourceVersion: _, uid: _u, ...metadata } = mapAt(body, 'metadata')
  return { ...body, metadata }
}

function named(empty: KubeObject, resource: Resource, namespace: string | undefined, name: string): KubeObject {
  const metadata = { name, ...(resource.namespaced && namespace !== undefined ? { namespace } : {}) }
  return asObject({ ...empty, metadata })
}

function deleteOptions(request: ApiRequest): DeleteOptions {
  const body = request.body === '' ? {} : parseBody(request.body, 'application/json', 'DeleteOptions')
  const options = isMap(body) ? body : {}
  const text = (key: string): string | undefined => request.query.get(key) ?? textAt(options, key)
  const graceText = request.query.get('gracePeriodSeconds')
  const grace = graceText === null ? options['gracePeriodSeconds'] : Number(graceText)
  const policy = text('propagationPolicy')
  const [uid, resourceVersion] = [
    textAt(options, 'preconditions', 'uid'),
    textAt(options, 'preconditions', 'resourceVersion'),
  ]
  const dry =
    request.query.get('dryRun') === 'All' || (Array.isArray(options['dryRun']) && options['dryRun'].includes('All'))
  return {
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(options['orphanDependents'] === true ? { orphanDependents: true } : {}),
    preconditions: {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    dryRun: dry,
  }
}

/** Custom resources say more than built-in ones. */
function unsupportedPatch(resource: Resource, supported: string[]): ApiError {
  if (!resource.custom) return new ApiError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  const message = `the body of the request was in an unknown format - accepted media types include: ${supported.filter((type) => !type.includes('cbor')).join(', ')}`
  return new ApiError(415, 'UnsupportedMediaType', message)
}

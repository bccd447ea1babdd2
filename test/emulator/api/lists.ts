import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { ApiError, badRequest, internal } from '../errors.ts'
import type { Resource } from '../resources.ts'
import { parseFieldSelector, parseLabelSelector } from '../selectors.ts'
import { objectKey, type Store } from '../store.ts'
import { type ApiRequest, type Answer, jsonAnswer, type Target } from './request.ts'
import { isTable, tableOf } from './table.ts'
import { viewOf } from './views.ts'

export type Filter = (object: KubeObject) => boolean

/** Namespace, name and selectors of a list or watch. */
export function filterOf(target: Target, query: URLSearchParams): Filter {
  const labelText = query.get('labelSelector') ?? ''
  const fieldText = query.get('fieldSelector') ?? ''
  const labels = labelText === '' ? undefined : parseLabelSelector(labelText)
  const fields = fieldText === '' ? undefined : parseFieldSelector(target.resource.key, fieldText)
  return (object) =>
    (target.namespace === undefined || object.metadata.namespace === target.namespace) &&
    (target.name === '' || object.metadata.name === target.name) &&
    (labels === undefined || labels(object.metadata.labels ?? {})) &&
    (fields === undefined || fields(viewOf(target.resource, object)))
}

export function parseRevision(text: string, isWatch = false): number {
  if (/^\d+$/.test(text)) return Number(text)
  const detail = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`
  throw isWatch ? internal(detail) : badRequest(`invalid resource version: ${detail}`)
}

export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message)
}

/** The state of a resource as it was at an earlier revision. */
function stateAt(store: Store, resource: Resource, revision: number): KubeObject[] {
  const state = new Map<string, KubeObject>()
  for (const object of store.list(resource.key))
    state.set(objectKey(object.metadata.namespace, object.metadata.name), object)
  for (const change of store.since(revision).reverse()) {
    if (change.resource !== resource.key) continue
    const key = objectKey(change.object.metadata.namespace, change.object.metadata.name)
    if (change.previous === undefined) state.delete(key)
    else state.set(key, change.previous)
  }
  return [...state.keys()].sort().flatMap((key) => state.get(key) ?? [])
}

interface Continue {
  revision: number
  start: string
}

function parseContinue(text: string): Continue {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (typeof value === 'object' && value !== null && 'rv' in value && 'start' in value)
      return { revision: Number(value.rv), start: String(value.start) }
  } catch {
    // falls through to the refusal
  }
  const first = Buffer.from(text, 'base64url').toString().charAt(0)
  throw badRequest(
    `invalid continue token: continue key is not valid: invalid character '${first}' looking for beginning of value`,
  )
}

/** Refuses a revision that does not exist yet: the server waits for it three seconds first. */
export function tooLarge(revision: number, current: number): ApiError {
  return new ApiError(504, 'Timeout', `Timeout: Too large resource version: ${revision}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
}

/** @param now ms, for the ages in tables */
export function listAnswer(store: Store, target: Target, request: ApiRequest, now: number): Answer {
  const { query } = request
  const token = query.get('continue') ?? ''
  const exact = query.get('resourceVersionMatch') === 'Exact'
  const from = token === '' ? undefined : parseContinue(token)
  const revision = from?.revision ?? (exact ? parseRevision(query.get('resourceVersion') ?? '') : store.revision)
  if (revision < store.compacted) {
    if (from !== undefined)
      throw expired(
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
      )
    throw expired('The resourceVersion for the provided list is too old.')
  }
  const filter = filterOf(target, query)
  const state =
    revision === store.revision
      ? store.list(target.resource.key, target.namespace)
      : stateAt(store, target.resource, revision)
  const matching = state.filter(filter)
  const after = from === undefined ? matching : matching.filter((item) => keyOf(item) > from.start)
  const limit = Number(query.get('limit') ?? 0)
  const page = limit > 0 ? after.slice(0, limit) : after
  const last = page.at(-1)
  // Only the lists of custom resources say that nothing follows.
  const metadata: JsonMap = {
    ...(target.resource.custom ? { continue: '' } : {}),
    resourceVersion: String(revision),
  }
  if (last !== undefined && page.length < after.length) {
    metadata['continue'] = Buffer.from(
      JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: keyOf(last) }),
    ).toString('base64url')
    // With a selector the server would have to look at all the rest to know.
    if (!query.has('labelSelector') && !query.has('fieldSelector'))
      metadata['remainingItemCount'] = after.length - page.length
  }
  return jsonAnswer(200, listBody(target.resource, page, metadata, request, now))
}

function keyOf(object: KubeObject): string {
  return objectKey(object.metadata.namespace, object.metadata.name)
}

function listBody(resource: Resource, items: KubeObject[], metadata: JsonMap, request: ApiRequest, now: number): Json {
  const accept = request.headers['accept'] ?? ''
  const viewed = items.map((item) => viewOf(resource, item))
  if (isTable(accept)) return tableOf(resource, viewed, metadata, now)
  if (accept.includes('as=PartialObjectMetadataList'))
    return {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      items: viewed.map(({ metadata: m }) => ({ metadata: m })),
    }
  // Go writes kind and apiVersion only at the top; custom resources are plain maps and keep them.
  const plain = resource.custom ? viewed : viewed.map(({ apiVersion: _a, kind: _k, ...rest }) => rest)
  return { kind: `${resource.kind}List`, apiVersion: resource.apiVersion, metadata, items: plain }
}

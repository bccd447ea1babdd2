/** Who owns which field, and what that means for a write. The rules are those of structured-merge-diff. */
import type { Json, JsonMap, KubeObject, ManagedFieldsEntry } from '../../../src/shared/objects.ts'
import { ApiError } from '../errors.ts'
import type { Type } from '../schema/schema.ts'
import { decode } from '../schema/decode.ts'
import { asObject, equal, isMap, parseTime } from '../values.ts'
import { FieldSet, pathText } from './field-set.ts'
import { checkTyped, differenceOf, fieldsOf, merged, removed, TypedError } from './typed-value.ts'

export interface Manager {
  name: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  subresource: string
  time: string | undefined
  set: FieldSet
  /** `set` as it was read; absent once it differs */
  json?: JsonMap
}

export interface WriteContext {
  type: Type
  apiVersion: string
  subresource: string
  manager: string
  /** now, as metadata writes it */
  time: string
  /** fields that this endpoint resets, and that nobody owns by writing here */
  ignored: FieldSet
}

/** Never owned by anyone. */
const STRIPPED = FieldSet.of(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'clusterName',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((field) => ['f:metadata', `f:${field}`]),
)

/** Update entries beyond this number are merged, the oldest first. */
const MAX_UPDATE_MANAGERS = 10

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

export function readManagers(entries: Json | undefined): Manager[] | undefined {
  if (!Array.isArray(entries)) return undefined
  const managers: Manager[] = []
  for (const entry of entries) {
    if (!isMap(entry)) return undefined
    const { manager, operation, apiVersion, subresource, time, fieldsType, fieldsV1 } = entry
    if ((operation !== 'Apply' && operation !== 'Update') || text(apiVersion) === '' || fieldsType !== 'FieldsV1')
      return undefined
    managers.push({
      name: text(manager),
      operation,
      apiVersion: text(apiVersion),
      subresource: text(subresource),
      time: text(time) === '' ? undefined : text(time),
      set: FieldSet.fromJson(isMap(fieldsV1) ? fieldsV1 : {}),
      ...(isMap(fieldsV1) ? { json: fieldsV1 } : {}),
    })
  }
  return managers
}

function encode(managers: Manager[]): ManagedFieldsEntry[] | undefined {
  if (managers.length === 0) return undefined
  const sorted = [...managers].sort(
    (a, b) =>
      (a.operation < b.operation ? -1 : a.operation > b.operation ? 1 : 0) ||
      parseTime(a.time) - parseTime(b.time) ||
      (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) ||
      (a.apiVersion < b.apiVersion ? -1 : a.apiVersion > b.apiVersion ? 1 : 0) ||
      (a.subresource < b.subresource ? -1 : 1),
  )
  return sorted.map((manager) => ({
    manager: manager.name,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === undefined ? {} : { time: manager.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: manager.json ?? manager.set.toJson(),
    ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
  }))
}

function same(manager: Manager, context: WriteContext, operation: 'Apply' | 'Update'): boolean {
  return (
    manager.name === context.manager &&
    manager.operation === operation &&
    manager.subresource === context.subresource &&
    (operation === 'Apply' || manager.apiVersion === context.apiVersion)
  )
}

function bare(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

function withManagers(object: KubeObject, managers: Manager[]): KubeObject {
  const managedFields = encode(managers.filter((manager) => !manager.set.empty))
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata: managedFields === undefined ? metadata : { ...metadata, managedFields } }
}

/** Managers that a write starts from: a client may set them, may reset them with `[{}]`, and cannot lose them. */
function startingManagers(live: KubeObject | undefined, next: KubeObject, subresource: string): Manager[] {
  const liveManagers = readManagers(live?.metadata.managedFields) ?? []
  if (subresource !== '') return liveManagers
  const sent = next.metadata['managedFields']
  if (Array.isArray(sent)) {
    const [first] = sent
    if (sent.length === 0 || (sent.length === 1 && isMap(first) && Object.keys(first).length === 0)) return []
  }
  const managers = readManagers(sent)
  return managers === undefined || managers.length === 0 ? liveManagers : managers
}

/**
 * Ownership after a create, update or patch: the writer owns what it changed, the others lose it.
 *
 * @param live the stored object; on a create what the type's empty object is
 * @param isCreate a stored object without any managers is not tracked until somebody applies
 */
export function trackUpdate(context: WriteContext, live: KubeObject, next: KubeObject, isCreate: boolean): KubeObject {
  const managers = startingManagers(isCreate ? undefined : live, next, context.subresource)
  if (managers.length === 0 && !isCreate) return withManagers(next, [])
  const after = updated(context, bare(live), bare(next), managers, context.manager)
  return withManagers(next, cap(after))
}

function updated(
  context: WriteContext,
  live: KubeObject,
  next: KubeObject,
  managers: Manager[],
  name: string,
): Manager[] {
  const difference = differenceOf(context.type, live, next, context.ignored)
  const touched = difference.modified.union(difference.added)
  const lost = touched.union(difference.removed)
  const own = touched.difference(STRIPPED)
  const kept = lost.empty ? managers : managers.map((manager) => without(manager, lost))
  if (own.empty) return kept
  const writer = { ...context, manager: name }
  const before = kept.find((manager) => same(manager, writer, 'Update'))
  const { apiVersion, subresource } = context
  // The scale endpoint keeps the time of the entry it finds, and gives a new one none.
  const time = subresource === 'scale' ? before?.time : context.time
  const entry: Manager = {
    name,
    operation: 'Update',
    apiVersion,
    subresource,
    time,
    set: own.union(before?.set ?? new FieldSet()),
  }
  return [...kept.filter((manager) => manager !== before), entry]
}

function without(manager: Manager, lost: FieldSet): Manager {
  if (manager.set.intersection(lost).empty) return manager
  const { json: _, ...rest } = manager
  return { ...rest, set: manager.set.difference(lost) }
}

function cap(managers: Manager[]): Manager[] {
  const updaters = managers.filter((manager) => manager.operation === 'Update' && !manager.set.empty)
  if (updaters.length <= MAX_UPDATE_MANAGERS) return managers
  const oldest = [...updaters]
    .sort((a, b) => parseTime(a.time) - parseTime(b.time))
    .slice(0, updaters.length - MAX_UPDATE_MANAGERS + 1)
  const last = oldest.at(-1)
  if (last === undefined) return managers
  const set = oldest.reduce((all, manager) => all.union(manager.set), new FieldSet())
  const { json: _, ...entry } = last
  const bucket: Manager = { ...entry, name: 'ancient-changes', subresource: '', set }
  return [...managers.filter((manager) => !oldest.includes(manager)), bucket]
}

function emptyOf(type: Type): KubeObject {
  return asObject(decode(type, {}).value)
}

/**
 * Server-side apply.
 *
 * @param live the stored object, or the type's empty object for a create
 * @returns the merged object before defaulting, with its managers; the very `live` (managers aside) when nothing changes
 * @throws ApiError 409 with one cause per field that another manager owns with another value
 */
export function applyConfig(
  context: WriteContext,
  live: KubeObject,
  config: JsonMap,
  force: boolean,
  isCreate: boolean,
): KubeObject {
  const managers = readManagers(live.metadata.managedFields) ?? []
  if (managers.length === 0 && !isCreate) {
    const empty: KubeObject = { ...emptyOf(context.type), apiVersion: live.apiVersion, kind: live.kind }
    return merge(context, live, config, updated(context, empty, bare(live), [], 'before-first-apply'), force)
  }
  return merge(context, live, config, managers, force)
}

function merge(
  context: WriteContext,
  live: KubeObject,
  config: JsonMap,
  managers: Manager[],
  force: boolean,
): KubeObject {
  const { type } = context
  refuseUnknown(type, live, config)
  const old = bare(live)
  const base = merged(type, old, config)
  const last = managers.find((manager) => same(manager, context, 'Apply'))
  const set = fieldsOf(type, config).without(context.ignored)
  const others = managers.filter((manager) => manager !== last)
  const next = asMap(
    last === undefined || last.set.empty
      ? base
      : prune(type, asMap(base), [...others.map((m) => m.set), set], last.set),
  )
  const rest = settle(context, old, next, others, force)
  const own = set.difference(STRIPPED)
  const unchanged = equal(next, old)
  // An apply that changes nothing leaves no time, not even for a new manager.
  const time = unchanged ? last?.time : context.time
  const entry: Manager = {
    name: context.manager,
    operation: 'Apply',
    apiVersion: context.apiVersion,
    subresource: context.subresource,
    time,
    set: own,
  }
  const object: KubeObject = { ...live, ...next, metadata: { ...asMap(next['metadata']) } }
  for (const key of Object.keys(object)) if (next[key] === undefined) delete object[key]
  return withManagers(object, [...rest, entry])
}

function asMap(value: Json | undefined): JsonMap {
  return isMap(value) ? value : {}
}

function refuseUnknown(type: Type, live: KubeObject, config: JsonMap): void {
  const errors = checkTyped(type, config)
  if (errors.length === 0) return
  const { namespace, name } = asMap(config['metadata'])
  const group = live.apiVersion
  const lines = errors.length === 1 ? errors[0] : `errors:\n  ${errors.join('\n  ')}`
  throw new ApiError(
    500,
    '',
    `failed to create typed patch object (${text(namespace)}/${text(name)}; ${group}, Kind=${live.kind}): ${lines}`,
  )
}

/** Removes what the manager applied last time and nobody owns any more. */
function prune(type: Type, base: JsonMap, owned: FieldSet[], last: FieldSet): JsonMap {
  const all = owned.reduce((sum, set) => sum.union(set), new FieldSet()).withNamedFields(type)
  const lastNamed = last.withNamedFields(type)
  const baseSet = fieldsOf(type, base).withNamedFields(type)
  const cut = asMap(removed(type, base, lastNamed))
  const cutSet = fieldsOf(type, cut).withNamedFields(type)
  const back = asMap(removed(type, base, baseSet.difference(cutSet.union(all))))
  const backSet = fieldsOf(type, back).withNamedFields(type)
  return asMap(removed(type, base, baseSet.difference(backSet).intersection(lastNamed)))
}

interface Conflict {
  manager: Manager
  path: string[]
}

/** What the other managers keep; refuses a change of their fields unless forced. */
function settle(context: WriteContext, old: KubeObject, next: JsonMap, others: Manager[], force: boolean): Manager[] {
  const difference = differenceOf(context.type, old, next, context.ignored)
  const touched = difference.modified.union(difference.added)
  const conflicts: Conflict[] = others.flatMap((manager) =>
    [...manager.set.intersection(touched).paths()].map((path) => ({ manager, path })),
  )
  const open = conflicts.length > 0 && !force ? conflicts.filter(notFromLastApplied(context, old)) : []
  if (open.length > 0) throw conflictError(open)
  const lost = touched.union(difference.removed)
  return others.map((manager) => without(manager, lost))
}

/** kubectl's server-side apply takes over what the same object got by kubectl's client-side apply. */
function notFromLastApplied(context: WriteContext, live: KubeObject): (conflict: Conflict) => boolean {
  const annotation = live.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration']
  if (context.manager !== 'kubectl' || annotation === undefined) return () => true
  try {
    const value: unknown = JSON.parse(annotation)
    const last = value as JsonMap
    const difference = differenceOf(context.type, last, live)
    const allowed = fieldsOf(context.type, last)
      .difference(difference.modified)
      .difference(difference.added)
      .difference(difference.removed)
    return ({ path }) => !allowed.has(path)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypedError) return () => true
    throw error
  }
}

function managerText({ name, subresource, operation, apiVersion }: Manager): string {
  const quoted = `${JSON.stringify(name)}${subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`}`
  return operation === 'Update' ? `${quoted} using ${apiVersion}` : quoted
}

function conflictError(conflicts: Conflict[]): ApiError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${managerText(manager)}`,
    field: pathText(path),
  }))
  const [only] = causes
  if (causes.length === 1 && only !== undefined)
    return new ApiError(409, 'Conflict', `Apply failed with 1 conflict: ${only.message}: ${only.field}`, { causes })
  const names = [...new Set(causes.map((cause) => cause.message))].sort()
  const lines = names.flatMap((message) => [
    `${message.replace('conflict', 'conflicts')}:`,
    ...causes.filter((cause) => cause.message === message).map((cause) => `- ${cause.field}`),
  ])
  return new ApiError(409, 'Conflict', `Apply failed with ${causes.length} conflicts: ${lines.join('\n')}`, { causes })
}

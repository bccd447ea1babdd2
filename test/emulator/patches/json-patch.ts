import type { Json, JsonMap } from '../../../src/shared/objects.ts'
import { ApiError, badRequest } from '../errors.ts'
import { clone, equal, isMap } from '../values.ts'

/** Why an operation cannot be done: the server answers 422 and says nothing more. */
const FAILED = 'the server rejected our request due to an error in our request'

function failed(): ApiError {
  return new ApiError(422, 'Invalid', FAILED, {})
}

/** RFC 6902. */
export function jsonPatch(target: JsonMap, patch: Json): JsonMap {
  if (!Array.isArray(patch))
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp')
  let result: Json = clone(target)
  for (const operation of patch) {
    if (!isMap(operation)) throw badRequest('error decoding patch')
    result = perform(result, operation)
  }
  if (!isMap(result)) throw failed()
  return result
}

function perform(document: Json, operation: JsonMap): Json {
  const path = pointer(operation['path'])
  const value = operation['value'] ?? null
  switch (operation['op']) {
    case 'test':
      if (!equal(find(document, path) ?? null, value)) throw failed()
      return document
    case 'add':
      return add(document, path, clone(value))
    case 'replace':
      return put(document, path, clone(value))
    case 'remove':
      return remove(document, path)
    case 'move': {
      const from = pointer(operation['from'])
      const moved = find(document, from)
      if (moved === undefined) throw failed()
      return add(remove(document, from), path, moved)
    }
    case 'copy': {
      const copied = find(document, pointer(operation['from']))
      if (copied === undefined) throw failed()
      return add(document, path, clone(copied))
    }
    default:
      throw failed()
  }
}

function pointer(path: Json | undefined): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) throw failed()
  return path === ''
    ? []
    : path
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function find(document: Json, path: string[]): Json | undefined {
  let here: Json | undefined = document
  for (const step of path) {
    if (Array.isArray(here)) here = here[index(step, here.length)]
    else if (isMap(here)) here = Object.hasOwn(here, step) ? here[step] : undefined
    else return undefined
  }
  return here
}

function index(step: string, length: number): number {
  const number = /^-?\d+$/.test(step) ? Number(step) : Number.NaN
  return number < 0 ? length + number : number
}

function parentOf(document: Json, path: string[]): [Json[] | JsonMap, string] {
  const parent = find(document, path.slice(0, -1))
  const last = path.at(-1)
  if ((!Array.isArray(parent) && !isMap(parent)) || last === undefined) throw failed()
  return [parent, last]
}

function add(document: Json, path: string[], value: Json): Json {
  if (path.length === 0) return value
  const [parent, last] = parentOf(document, path)
  if (!Array.isArray(parent)) parent[last] = value
  else if (last === '-') parent.push(value)
  else {
    const position = index(last, parent.length)
    if (!(position >= 0 && position <= parent.length)) throw failed()
    parent.splice(position, 0, value)
  }
  return document
}

function put(document: Json, path: string[], value: Json): Json {
  if (path.length === 0) return value
  const [parent, last] = parentOf(document, path)
  // The server's library takes a replace of a missing key for an add; of a missing item it does not.
  if (!Array.isArray(parent)) parent[last] = value
  else if (find(document, path) === undefined) throw failed()
  else parent[index(last, parent.length)] = value
  return document
}

function remove(document: Json, path: string[]): Json {
  const [parent, last] = parentOf(document, path)
  if (find(document, path) === undefined) throw failed()
  if (Array.isArray(parent)) parent.splice(index(last, parent.length), 1)
  else delete parent[last]
  return document
}

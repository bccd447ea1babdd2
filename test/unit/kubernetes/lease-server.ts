import type { Answer } from './wire.ts'
import type { HttpRequest } from '../../../src/kubernetes/transport.ts'
import type { JsonMap, Lease } from '../../../src/shared/objects.ts'
import type { JsonPatchOperation } from '../../../src/shared/json-patch.ts'
import { status, Stream } from './wire.ts'

/** As much of an API server as one Lease needs: versions, guarded writes, and watches. */
export class LeaseServer {
  lease: Lease | undefined
  /** what is answered instead, per request; undefined: the usual */
  intercept: (request: HttpRequest) => Answer | Error | undefined = () => undefined
  #version = 0
  readonly #watches: Stream[] = []

  readonly handle = (request: HttpRequest): Answer | Error => this.intercept(request) ?? this.#serve(request)

  /** A write by somebody else. */
  write(change: (lease: Lease) => void): void {
    if (this.lease === undefined) throw new Error('there is no lease')
    const next = structuredClone(this.lease)
    change(next)
    this.#store(next)
  }

  #store(next: Lease): Answer {
    next.metadata.resourceVersion = String(++this.#version)
    this.lease = next
    for (const watch of this.#watches) watch.send({ type: 'MODIFIED', object: structuredClone(next) })
    return { body: structuredClone(next) }
  }

  #serve(request: HttpRequest): Answer {
    if (request.path.includes('watch=')) return this.#watch()
    const body: unknown = request.body === undefined ? undefined : JSON.parse(request.body)
    switch (request.method) {
      case 'POST':
        return this.lease === undefined ? this.#store(body as Lease) : status(409, 'AlreadyExists', 'x')
      case 'PATCH':
        return Array.isArray(body) ? this.#patch(body as JsonPatchOperation[]) : this.#merge(body as JsonMap)
      default:
        return this.lease === undefined ? status(404, 'NotFound', 'x') : { body: this.lease }
    }
  }

  #fresh(version: string | undefined): boolean {
    return version === this.lease?.metadata.resourceVersion
  }

  #watch(): Answer {
    const stream = new Stream()
    if (this.lease !== undefined) stream.send({ type: 'ADDED', object: structuredClone(this.lease) })
    const annotations = { 'k8s.io/initial-events-end': 'true' }
    stream.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#version), annotations } } })
    this.#watches.push(stream)
    return { stream }
  }

  #merge(body: JsonMap): Answer {
    const { resourceVersion, annotations } = body['metadata'] as Lease['metadata']
    if (!this.#fresh(resourceVersion) || this.lease === undefined) return status(409, 'Conflict', 'x')
    const next = structuredClone(this.lease)
    const all = Object.entries({ ...next.metadata.annotations, ...annotations } as Record<string, string | null>)
    next.metadata.annotations = Object.fromEntries(all.filter((pair): pair is [string, string] => pair[1] !== null))
    next.spec = { ...next.spec, ...(body['spec'] as Lease['spec']) }
    return this.#store(next)
  }

  #patch(operations: JsonPatchOperation[]): Answer {
    if (this.lease === undefined) return status(404, 'NotFound', 'x')
    const next = structuredClone(this.lease)
    for (const operation of operations) {
      const keys = operation.path
        .slice(1)
        .split('/')
        .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
      const last = keys.pop() ?? ''
      const parent = keys.reduce<JsonMap>((at, key) => at[key] as JsonMap, next)
      const fails =
        operation.op === 'remove' ? !(last in parent) : operation.op === 'test' && parent[last] !== operation.value
      if (fails) return status(422, 'Invalid', 'the server rejected our request due to an error in our request')
      if (operation.op === 'remove') delete parent[last]
      else if (operation.op !== 'test') parent[last] = operation.value as JsonMap
    }
    return this.#store(next)
  }
}

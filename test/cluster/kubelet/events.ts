/** Events about pods; the same one again counts up instead of piling up, as Kubernetes' own recorder does. */
import { randomBytes } from 'node:crypto'
import type { Client } from '../client.ts'
import { MERGE_PATCH } from '../client.ts'
import type { BoundPod } from './types.ts'
import { timestamp } from './types.ts'

export class PodEvents {
  readonly #client: Client
  readonly #node: string
  readonly #pod: BoundPod
  readonly #known = new Map<string, { name: string; count: number }>()
  /** one after the other, so that a count never meets an event that is not there yet */
  #queue: Promise<unknown> = Promise.resolve()

  constructor(client: Client, node: string, pod: BoundPod) {
    this.#client = client
    this.#node = node
    this.#pod = pod
  }

  record(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    this.#queue = this.#queue.then(() => this.#send(type, reason, message, container)).catch(() => {})
  }

  async #send(type: string, reason: string, message: string, container: string | undefined): Promise<void> {
    const { namespace, name, uid, resourceVersion } = this.#pod.metadata
    const path = `/api/v1/namespaces/${namespace}/events`
    const key = `${reason}|${container ?? ''}|${message}`
    const known = this.#known.get(key)
    const lastTimestamp = timestamp()
    if (known !== undefined) {
      known.count++
      const body = { count: known.count, lastTimestamp }
      await this.#client.ask('PATCH', `${path}/${known.name}`, { body, type: MERGE_PATCH })
      return
    }
    const event = { name: `${name}.${randomBytes(8).toString('hex')}`, count: 1 }
    this.#known.set(key, event)
    const where = container === undefined ? {} : { fieldPath: `spec.containers{${container}}` }
    await this.#client.ask('POST', path, {
      body: {
        kind: 'Event',
        apiVersion: 'v1',
        metadata: { name: event.name, namespace },
        type,
        reason,
        message,
        count: 1,
        firstTimestamp: lastTimestamp,
        lastTimestamp,
        involvedObject: { kind: 'Pod', apiVersion: 'v1', namespace, name, uid, resourceVersion, ...where },
        source: { component: 'kubelet', host: this.#node },
        reportingComponent: 'kubelet',
        reportingInstance: this.#node,
      },
    })
  }
}

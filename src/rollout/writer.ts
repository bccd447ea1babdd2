import { ApiError } from '../kubernetes/errors.ts'
import { type KubeObject, keyOf, nameOf, refOf } from '../shared/objects.ts'
import { MOVER } from '../strategies/hold.ts'
import type { Write } from '../strategies/move.ts'
import type { EngineOptions } from './engine.ts'

/** Writes in a row that may meet a newer object: its status changes with every pod. */
const MOST_STALE = 25

/** Makes the writes that strategies ask for, and lets what they answer enter the view of the cluster at once. */
export class Writer {
  readonly #o: Pick<EngineOptions, 'client' | 'world' | 'clock' | 'reporter' | 'apply'>
  #stale = 0

  constructor(options: Pick<EngineOptions, 'client' | 'world' | 'clock' | 'reporter' | 'apply'>) {
    this.#o = options
  }

  /**
   * One write, conditional on what it was made from. When that is stale nothing is written: the object is read again and
   * the strategy decides anew.
   */
  async send(write: Write, text: string): Promise<void> {
    try {
      const object = await this.#perform(write)
      if (object !== undefined) {
        this.#o.world.touched(refOf(object), this.#o.clock.now())
        this.#o.world.written.set(keyOf(refOf(object)), object.metadata.resourceVersion ?? '')
        this.#o.world.put(object)
      }
      this.#stale = 0
      this.#o.reporter.emit({ kind: 'change', text: this.#named(write, text) })
    } catch (error) {
      if (!(error instanceof ApiError) || (error.kind !== 'stale' && error.kind !== 'exists')) throw error
      // The server answers a patch that cannot be applied like one that came too late; only the second gets better.
      if (++this.#stale > MOST_STALE) throw error
      await this.#refresh(write)
    }
  }

  #named(write: Write, text: string): string {
    if (write.verb === 'delete') return text
    const name = nameOf(refOf(write.object))
    return text.startsWith('Service/') || name.startsWith('Service/') ? text : `${name}: ${text}`
  }

  async #perform(write: Write): Promise<KubeObject | undefined> {
    const { client, world } = this.#o
    switch (write.verb) {
      case 'patch': {
        const version = write.object.metadata.resourceVersion ?? ''
        const test = { op: 'test' as const, path: '/metadata/resourceVersion', value: version }
        return client.patch(
          refOf(write.object),
          { type: 'json', operations: [test, ...write.operations] },
          { fieldManager: MOVER },
        )
      }
      case 'create':
        return client.create(write.object, { fieldManager: MOVER })
      case 'apply':
        return this.#o.apply(write.object, write.live)
      case 'delete':
        await client.delete(write.ref, write.uid === undefined ? {} : { uid: write.uid })
        world.drop(write.ref)
        world.touched(write.ref, this.#o.clock.now())
        return undefined
    }
  }

  async #refresh(write: Write): Promise<void> {
    if (write.verb === 'delete') return
    const known = this.#o.world.current(write.object)
    if (known !== undefined && known.metadata.resourceVersion !== write.object.metadata.resourceVersion) return
    const fresh = await this.#o.client.get(refOf(write.object))
    if (fresh !== undefined) this.#o.world.put(fresh)
  }
}

import type { Concurrency } from './workflow.ts'

interface Waiter {
  begin: (turn: 'begin' | 'cancelled') => void
}

/** Concurrency groups as GitHub has them: one job acts, and one waits, or with `queue: max` as many as come. */
export class Groups {
  readonly #waiting = new Map<string, Waiter[]>()

  /** Resolves when it is this job's turn, or when a newer one has taken its place. */
  async enter(group: string, { queue, 'cancel-in-progress': cancels }: Concurrency): Promise<'begin' | 'cancelled'> {
    if (cancels && queue === 'max') throw new Error('queue: max is refused together with cancel-in-progress')
    const waiting = this.#waiting.get(group)
    if (waiting === undefined) {
      this.#waiting.set(group, [])
      return 'begin'
    }
    if (cancels) throw new Error('these tests let nothing be cancelled by a newer run')
    if (queue !== 'max') waiting.splice(0).forEach(({ begin }) => begin('cancelled'))
    return new Promise((begin) => waiting.push({ begin }))
  }

  leave(group: string): void {
    const next = this.#waiting.get(group)?.shift()
    if (next === undefined) this.#waiting.delete(group)
    else next.begin('begin')
  }
}

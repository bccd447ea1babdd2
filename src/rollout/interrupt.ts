import type { LeaseRequest } from '../kubernetes/lease.ts'

export type Interruption =
  /** the runner or a person stops this run */
  | { kind: 'cancelled' }
  /** another run holds the lease now: nothing may be written any more */
  | { kind: 'lost' }
  /** another run asks this one to go back, or to go on past what it waits for */
  | { kind: 'abort' | 'promote'; request: LeaseRequest }

/** Thrown between two writes, never in the middle of one. */
export class Interrupted extends Error {
  readonly interruption: Interruption
  constructor(interruption: Interruption) {
    super(`interrupted: ${interruption.kind}`)
    this.name = 'Interrupted'
    this.interruption = interruption
  }
}

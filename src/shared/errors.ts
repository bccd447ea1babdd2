import type { ObjectRef } from './objects.ts'

/**
 * What ended a command, by who has to act:
 * - `refused`: nothing was touched; the input, the rights or the state of things must change first
 * - `failed`: the release or the cluster did not do what it should
 * - `timeout`: it did not do it in time
 * - `cancelled`: a person or the runner asked to stop
 */
export type ErrorKind = 'refused' | 'failed' | 'timeout' | 'cancelled'

/** Where in a file something stands; lines and columns count from 1. */
export interface Place {
  file: string
  line?: number
  column?: number
}

/** A failure that names the object, the cause, the evidence, what was done about it and what to do next. */
export interface Failure {
  kind: ErrorKind
  /** stable word for programs, e.g. `image-pull`, `crash-loop`, `timeout`, `conflict` */
  code: string
  /** one sentence: what happened */
  message: string
  object?: ObjectRef
  place?: Place
  /** conditions, events, last log lines: what the sentence rests on; one entry per block */
  evidence?: Evidence[]
  /** what Headgate did about it */
  done?: string
  /** what a person should do next */
  next?: string
}

/** Code of a failure: another run writes from now on, and tells how it goes on. */
export const TAKEN_OVER = 'taken-over'

/** How the title of evidence begins whose lines are the end of a container's log. */
export const LAST_LINES = 'last lines of'
/** The one line of such evidence where the log is empty. */
export const NO_LINES = '(it wrote nothing)'

export interface Evidence {
  /** `event`, `condition`, `log`, `answer` … */
  title: string
  lines: string[]
}

export class HeadgateError extends Error {
  readonly failure: Failure
  constructor(failure: Failure, options?: { cause?: unknown }) {
    super(failure.message, options)
    this.name = 'HeadgateError'
    this.failure = failure
  }
}

/** Refusal of input: nothing has been touched when it is thrown. */
export function refuse(
  code: string,
  message: string,
  more: Omit<Failure, 'kind' | 'code' | 'message'> = {},
): HeadgateError {
  return new HeadgateError({ kind: 'refused', code, message, ...more })
}

/** Any thrown value as a failure; what is not ours keeps its message and is called `internal`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof HeadgateError) return error.failure
  return { kind: 'failed', code: 'internal', message: messageOf(error) }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Node's fetch says only that it failed; why stands in its cause.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

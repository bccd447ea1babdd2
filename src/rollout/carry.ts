import { ApiError, explain } from '../kubernetes/errors.ts'
import { type Failure, failureOf, TAKEN_OVER } from '../shared/errors.ts'
import { stopMove } from '../strategies/strategy.ts'
import type { Engine } from './engine.ts'
import { finish, succeed } from './finish.ts'
import { Interrupted } from './interrupt.ts'
import { type ExpiryTools, expireKept, freshOf } from './kept.ts'
import type { Outcome, RolloutRecord } from './record.ts'
import { type Passes, runSteps } from './steps.ts'
import { backText, countSentence, restingSentence } from './served.ts'
import { undo } from './undo.ts'

/** How a command that acted has ended. */
export interface Ended {
  outcome: Outcome
  failure?: Failure
  cancelled?: boolean
}

export interface Around {
  /** supporting objects, new Services, workloads without steps: before the first step */
  before: () => Promise<void>
  /** the version that serves until now, where it is to stay reachable: before the finish */
  keep: () => Promise<void>
  /** objects that point at workloads and Services, then prune: after the finish */
  after: () => Promise<void>
}

/**
 * Longest time in ms that a cancelled run may spend on going back. The runner asks it again 7.5 s after its first signal and
 * kills it 2.5 s later; the record, the lease and GitHub take up to 2.5 s of that.
 */
const CANCEL_BUDGET_MS = 5_000

/** Carries the rollout on from where its record stands until it ends or rests. Never throws. */
export async function carry(engine: Engine, passes: Passes, around: Around): Promise<Ended> {
  const { book } = engine.o
  try {
    await around.before()
    if ((await runSteps(engine, book.record.plan, passes)) === 'paused') return { outcome: 'paused' }
    await around.keep()
    await finish(engine)
    await around.after()
    const spare = freshOf(book.record)?.id
    await succeed(engine)
    await expireKept({ ...expiryOf(engine), ...(spare === undefined ? {} : { spare }) })
    return { outcome: book.record.command === 'rollback' ? 'rolled-back' : 'succeeded' }
  } catch (error) {
    return ended(engine, error)
  }
}

function expiryOf({ o }: Engine): ExpiryTools {
  const { client, clock, book, settleMs, reporter } = o
  return { client, clock, book, settleMs, tell: (text) => reporter.emit({ kind: 'line', text }) }
}

async function ended(engine: Engine, error: unknown): Promise<Ended> {
  const { lease, reporter } = engine.o
  if (!(error instanceof Interrupted)) return failed(engine, asFailure(error))
  const { interruption } = error
  switch (interruption.kind) {
    case 'lost':
      return cutOff(engine)
    case 'cancelled':
      return cancelled(engine)
    case 'promote':
    case 'abort': {
      const { request } = interruption
      reporter.emit({ kind: 'line', text: `${request.by} asks to ${request.command}: obeyed` })
      await lease.answer(request, `${request.command} obeyed`).catch(() => {})
      return goBack(engine, {
        failure: { kind: 'failed', code: 'aborted', message: `aborted by ${request.who ?? request.by}` },
      })
    }
  }
}

export function asFailure(error: unknown): Failure {
  return error instanceof ApiError ? explain(error) : failureOf(error)
}

/** What the loss itself looks like to a request: no cause of its own. */
const OF_THE_LOSS = ['unauthorized', 'lease-lost', TAKEN_OVER, 'unreachable', 'timeout', 'internal']

/** The lease is lost, or the login has ended: who goes on or back now would be refused as well. */
function isCutOff({ o: { lease } }: Engine, failure?: Failure): boolean {
  return lease.lost.aborted || failure?.code === 'unauthorized'
}

/**
 * Leaves the record as it is to the next run, as a run that dies does, and says how things stand.
 * @param first what this run was about to undo or to rest for
 */
function cutOff(engine: Engine, failure?: Failure, first?: Failure): Ended {
  const { lease, book } = engine.o
  const why = lease.lost.aborted || failure === undefined ? failureOf(lease.lost.reason) : failure
  if (why.code === TAKEN_OVER) return { outcome: 'failed', failure: why }
  const pods = countSentence(engine)
  const left = goesOn(book.record)
    ? 'the cluster goes on with what it was told last'
    : 'the rollout is left where it is'
  const done = `nothing more is written by this run, and ${left}${pods === '' ? '' : `; ${pods}`}`
  const next = `${why.code === 'unauthorized' ? 'log in anew, and ' : ''}${onwards(book.record)}`
  const { message, evidence } = first ?? {}
  const told: Failure = {
    ...why,
    ...(message === undefined ? {} : { message: `${message}; then ${why.message}` }),
    ...(evidence === undefined ? {} : { evidence }),
    kind: 'failed',
    done,
    next,
  }
  return { outcome: 'failed', failure: told }
}

/** Nothing is held there: the Deployment's own update, or the last one of all pods, needs no run to go on. */
function goesOn({ strategy, step, plan, phase }: RolloutRecord): boolean {
  return strategy === 'rolling' || phase === 'aborting' || step >= plan.length
}

/** What goes on with a rollout that a run has left in the middle. */
function onwards({ phase, command }: RolloutRecord): string {
  if (phase === 'aborting') return 'abort again, which finishes the way back'
  // No file has the release that it brings back, so no deploy goes on with it.
  if (command === 'rollback') return 'abort, then roll back again'
  return 're-run the job that deployed, or deploy again: either goes on from here; or abort'
}

async function failed(engine: Engine, failure: Failure): Promise<Ended> {
  if (isCutOff(engine, failure))
    return cutOff(engine, failure, OF_THE_LOSS.includes(failure.code) ? undefined : failure)
  const { book, reporter } = engine.o
  reporter.emit({ kind: 'failure', failure })
  const { record } = book
  const staysDown = record.strategy === 'recreate' && failure.code === 'job-failed' && record.onFailedJob === 'stop'
  // Without a workload in steps there is nothing to go back to: new objects, or an outage that the release should end.
  const noWayBack = engine.workloads.length === 0
  if (record.onFailure === 'stop' || staysDown || noWayBack) return stopped(engine, failure)
  return goBack(engine, { failure })
}

interface WayBack {
  failure?: Failure
  /** who wants it, where nothing failed */
  why?: string
  /** by what, where another rollout takes its place */
  superseded?: string
  /** ms since 1970 when this run has to be over */
  end?: number
}

/**
 * Back to stable. `failed` is left only where that did not work, `aborting` where there was no time: either way the next run
 * finishes it first.
 */
export async function goBack(engine: Engine, { failure, why, superseded, end }: WayBack): Promise<Ended> {
  const { book, reporter } = engine.o
  const because = failure === undefined ? {} : { failure }
  try {
    const text = superseded ?? failure?.message ?? why ?? 'on request'
    await book.save(
      { phase: 'aborting', ...because },
      { kind: superseded === undefined ? 'aborting' : 'superseded', text },
    )
    await undo(engine, end)
    const done = backText(engine)
    const cause = failure ?? book.record.failure
    await book.save(
      { phase: 'aborted', ...(cause === undefined ? {} : { failure: undone(cause, done) }) },
      { kind: 'aborted', text: done },
    )
    return { outcome: 'aborted', ...(failure === undefined ? {} : { failure: { ...failure, done } }) }
  } catch (error) {
    const second = asFailure(error)
    if (isCutOff(engine, second)) return cutOff(engine, second, failure)
    if (end !== undefined && failure !== undefined && second.kind === 'timeout')
      return unfinished(engine, failure, second)
    reporter.emit({ kind: 'failure', failure: second })
    return stuck(engine, failure, second)
  }
}

/** Why it went back, once it has: what a run before said of where it rests, and of what is left, is over. */
function undone(cause: Failure, done: string): Failure {
  const { next, ...rest } = cause
  return { ...rest, done, ...(cause.kind === 'cancelled' || next === undefined ? {} : { next }) }
}

/** The time that a cancel leaves is up, though nothing is wrong: the record stays `aborting`, as if the run had died. */
async function unfinished(engine: Engine, first: Failure, late: Failure): Promise<Ended> {
  const { book, reporter } = engine.o
  const done = `the way back has begun, and its time was up (${late.message}); ${countSentence(engine)}`
  const next = 'run it again, abort, or deploy another release: each finishes the way back first'
  const failure = { ...first, done, next }
  reporter.emit({ kind: 'line', level: 'warning', text: done })
  try {
    await book.save({ failure })
  } catch {
    // It says `aborting` already.
  }
  return { outcome: 'stopped', failure }
}

async function stuck(engine: Engine, first: Failure | undefined, second: Failure): Promise<Ended> {
  const failure: Failure = {
    ...(first ?? second),
    message: first === undefined ? second.message : `${first.message}; going back did not end: ${second.message}`,
    next: second.next ?? 'abort again once the cause is gone',
  }
  try {
    await engine.o.book.save({ phase: 'failed', failure }, { kind: 'failed', text: second.message })
  } catch {
    // The record still says `aborting`, which the next run treats the same way.
  }
  return { outcome: 'failed', failure }
}

async function cancelled(engine: Engine): Promise<Ended> {
  const { book } = engine.o
  const failure: Failure = { kind: 'cancelled', code: 'cancelled', message: 'the run was cancelled' }
  if (book.record.onCancel === 'abort' && engine.workloads.length > 0)
    return { ...(await goBack(engine, { failure, end: engine.now + CANCEL_BUDGET_MS })), cancelled: true }
  return { ...(await stopped(engine, failure)), cancelled: true }
}

/** Rests where it is: what is held gets its lock, in one write each. */
async function stopped(engine: Engine, failure: Failure): Promise<Ended> {
  const { book, reporter } = engine.o
  try {
    for (const workload of engine.workloads)
      for (let attempt = 0; attempt < 5; attempt++) {
        const move = stopMove(book.record.strategy, engine.view(workload))
        if (move?.kind !== 'write') break
        await engine.send(move.write, move.text)
      }
    const done = restingSentence(engine)
    const told = { ...failure, done }
    await book.save(
      { phase: 'stopped', reason: failure.message, failure: told },
      { kind: 'stopped', text: failure.message },
    )
    return { outcome: 'stopped', failure: told }
  } catch (error) {
    const second = asFailure(error)
    if (isCutOff(engine, second)) return cutOff(engine, second, failure)
    reporter.emit({ kind: 'failure', failure: second })
    return { outcome: 'failed', failure: second }
  }
}

import { isServing } from '../health/pods.ts'
import { ApiError, explain } from '../kubernetes/errors.ts'
import { type Failure, failureOf, messageOf } from '../shared/errors.ts'
import { stopMove } from '../strategies/strategy.ts'
import { otherPods, sideOf, type WorkloadView } from '../strategies/view.ts'
import type { Engine } from './engine.ts'
import { finish, succeed } from './finish.ts'
import { Interrupted } from './interrupt.ts'
import { type ExpiryTools, expireKept, freshOf } from './kept.ts'
import type { Outcome } from './record.ts'
import { type Passes, runSteps } from './steps.ts'
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

/** Longest time in ms that a cancelled run may spend on going back: the runner kills it 7.5 s after its first signal. */
const CANCEL_BUDGET_MS = 6_000

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
      return { outcome: 'failed', failure: lostFailure(engine) }
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

function lostFailure({ o: { lease, book } }: Engine): Failure {
  // Taken by another run, or not renewed in time: a machine that slept, an API server that did not answer.
  const why = messageOf(lease.lost.reason ?? `the lease headgate-${book.record.app} is lost`)
  return {
    kind: 'failed',
    code: 'lease-lost',
    message: `${why}; this run has stopped writing`,
    next: 'look at the run that holds it; use one concurrency group per app and environment',
  }
}

async function failed(engine: Engine, failure: Failure): Promise<Ended> {
  const { book, reporter } = engine.o
  reporter.emit({ kind: 'failure', failure })
  const { record } = book
  const staysDown = record.strategy === 'recreate' && failure.code === 'job-failed' && record.onFailedJob === 'stop'
  // Without a workload in steps there is nothing to go back to: new objects, or an outage that the release should end.
  const noWayBack = engine.workloads.length === 0
  if (record.onFailure === 'stop' || staysDown || noWayBack) return stopped(engine, failure)
  return goBack(engine, { failure })
}

function backText({ routes }: Engine): string {
  const { gone } = routes
  const lost =
    gone.length === 0 ? '' : `, but ${gone.join(', ')} is gone: nobody comes that way until it is applied again`
  return `rolled back: users are on the version before, the new pods are removed${lost}`
}

interface WayBack {
  failure?: Failure
  /** who wants it, where nothing failed */
  why?: string
  /** by what, where another rollout takes its place */
  superseded?: string
  budgetMs?: number
}

/** Back to stable. `failed` is left only where that did not work: then the next run finishes it first. */
export async function goBack(engine: Engine, { failure, why, superseded, budgetMs }: WayBack): Promise<Ended> {
  const { book, reporter } = engine.o
  const because = failure === undefined ? {} : { failure }
  try {
    const text = superseded ?? failure?.message ?? why ?? 'on request'
    await book.save(
      { phase: 'aborting', ...because },
      { kind: superseded === undefined ? 'aborting' : 'superseded', text },
    )
    await undo(engine, budgetMs)
    const done = backText(engine)
    await book.save(
      { phase: 'aborted', ...(failure === undefined ? {} : { failure: { ...failure, done } }) },
      { kind: 'aborted', text: done },
    )
    return { outcome: 'aborted', ...(failure === undefined ? {} : { failure: { ...failure, done } }) }
  } catch (error) {
    if (error instanceof Interrupted) return { outcome: 'failed', failure: lostFailure(engine) }
    const second = asFailure(error)
    reporter.emit({ kind: 'failure', failure: second })
    return stuck(engine, failure, second)
  }
}

async function stuck(engine: Engine, first: Failure | undefined, second: Failure): Promise<Ended> {
  const failure: Failure = {
    ...(first ?? second),
    message: first === undefined ? second.message : `${first.message}; going back did not end: ${second.message}`,
    next:
      first?.kind === 'cancelled'
        ? 'abort, or deploy again: what is left of going back is done first'
        : (second.next ?? 'abort again once the cause is gone'),
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
    return { ...(await goBack(engine, { failure, budgetMs: CANCEL_BUDGET_MS })), cancelled: true }
  return { ...(await stopped(engine, failure)), cancelled: true }
}

function restingSentence(engine: Engine): string {
  if (engine.workloads.length === 0) return 'nothing was deleted; it rests as it is'
  if (engine.o.book.record.downSince !== undefined)
    return 'it rests DOWN, with no pods: nothing serves until it is deployed again or aborted'
  const silent = engine.workloads.filter((workload) => !serves(engine.view(workload)))
  if (silent.length === 0) return 'it rests where it is, locked; users are served'
  const names = silent.map(({ name }) => `Deployment/${name}`).join(', ')
  return `it rests where it is, locked; no pod of ${names} is ready, so nothing of it serves until it is deployed again or aborted`
}

function serves(view: WorkloadView): boolean {
  const others = otherPods(view).filter((pod) => isServing(pod, 0, view.now))
  return sideOf(view, 'stable').serving + sideOf(view, 'next').serving + others.length > 0
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
    reporter.emit({ kind: 'failure', failure: second })
    return { outcome: 'failed', failure: second }
  }
}

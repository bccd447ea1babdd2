import { type Failure, type HeadgateError, refuse } from '../shared/errors.ts'
import type { Phase, RolloutRecord } from './record.ts'
import type { Command, RunSource } from './settings.ts'

/** What a command comes down to, given where the app stands. */
export type Decision =
  /** a new rollout; `abortFirst`: what is under way goes back to stable before it */
  | { kind: 'start'; abortFirst: boolean; because: string }
  /** go on with the rollout under way, at its step */
  | { kind: 'resume'; because: string }
  /** past the approval (or with `full` past everything that is left) */
  | { kind: 'promote'; full: boolean }
  | { kind: 'abort' }
  | { kind: 'unchanged'; message: string }
  /** the same release is already waiting for an approval: nothing is done */
  | { kind: 'still-paused'; message: string }
  | { kind: 'refused'; failure: Failure }

export interface Question {
  command: Exclude<Command, 'status' | 'plan'>
  record: RolloutRecord | undefined
  /** digest of the release that a deploy brings */
  digest?: string
  /** how a deploy wants to bring it, as one text: strategy, form and steps */
  way?: string
  /** the number given to promote, abort or rollback */
  rollout?: number
  full: boolean
  supersede: 'newer' | 'refuse' | 'any'
  source: RunSource
}

/** The table of phases and commands. Pure: the same question always has the same answer. */
export function decide(question: Question): Decision {
  const { command, record } = question
  const phase: Phase = record?.phase ?? 'none'
  const foreign = wrongOwner(question) ?? wrongNumber(question)
  if (foreign !== undefined) return { kind: 'refused', failure: foreign.failure }
  switch (command) {
    case 'deploy':
      return decideDeploy(question, phase)
    case 'promote':
      return decidePromote(question, phase)
    case 'abort':
      return decideAbort(phase, record)
    case 'rollback':
      return decideRollback(phase, record)
  }
}

function wrongOwner({ record, source }: Question): HeadgateError | undefined {
  if (record === undefined || record.owner === '' || source.repository === '') return undefined
  if (record.owner.toLowerCase() === source.repository.toLowerCase()) return undefined
  return refuse('other-owner', `app ${record.app} in namespace ${record.namespace} belongs to ${record.owner}`, {
    next: `choose another name with the input app, or remove ConfigMap headgate-${record.app} if ${record.owner} gave it up`,
  })
}

function wrongNumber({ command, record, rollout }: Question): HeadgateError | undefined {
  if (command === 'deploy' || rollout === undefined || record === undefined || record.rollout === rollout)
    return undefined
  return refuse(
    'other-rollout',
    `${command} was meant for rollout ${rollout}, but the last one is ${record.rollout} (${record.phase})`,
    {
      next: `look at rollout ${record.rollout} first, then ${command} with rollout: ${record.rollout}`,
    },
  )
}

function decideDeploy(question: Question, phase: Phase): Decision {
  const { record, digest } = question
  if (record === undefined) return { kind: 'start', abortFirst: false, because: 'first rollout of this app' }
  const same = record.release.digest === digest
  // Going on by other steps than asked for could pass an approval that somebody has just added.
  const sameWay = question.way === undefined || question.way === wayOf(record)
  switch (phase) {
    case 'none':
    case 'aborted':
      return (
        supersedable(question) ?? { kind: 'start', abortFirst: false, because: `rollout ${record.rollout} was aborted` }
      )
    case 'succeeded':
      if (same)
        return { kind: 'unchanged', message: `release ${short(digest)} is live since rollout ${record.rollout}` }
      return supersedable(question) ?? { kind: 'start', abortFirst: false, because: 'another release' }
    case 'progressing':
    case 'stopped':
      if (same && sameWay)
        return { kind: 'resume', because: phase === 'stopped' ? 'it was stopped' : 'its run ended in the middle' }
      return supersedable(question) ?? superseding(record)
    case 'paused':
      if (same && sameWay)
        return {
          kind: 'still-paused',
          message: `rollout ${record.rollout} waits: ${record.reason ?? 'for an approval'}`,
        }
      return supersedable(question) ?? superseding(record)
    case 'aborting':
    case 'failed':
      return (
        supersedable(question) ?? {
          kind: 'start',
          abortFirst: true,
          because: `the abort of rollout ${record.rollout} is finished first`,
        }
      )
  }
}

/** Strategy, form and steps of a rollout as one text. */
export function wayOf({ strategy, pods, steps }: Pick<RolloutRecord, 'strategy' | 'pods' | 'steps'>): string {
  return `${strategy} ${pods}: ${steps.join(', ')}`
}

function superseding(record: RolloutRecord): Decision {
  return {
    kind: 'start',
    abortFirst: true,
    because: `it supersedes rollout ${record.rollout}, which goes back to stable first`,
  }
}

/** A re-run of an older run supersedes nothing newer. GitHub's run ids only grow; a re-run keeps its id. */
function supersedable({ record, source, supersede }: Question): Decision | undefined {
  if (record === undefined || supersede === 'any') return undefined
  const underWay = ['progressing', 'paused', 'stopped'].includes(record.phase)
  if (supersede === 'refuse' && underWay) {
    const { failure } = refuse('under-way', `rollout ${record.rollout} is ${record.phase} and supersede is refuse`, {
      next: `promote or abort rollout ${record.rollout} first`,
    })
    return { kind: 'refused', failure }
  }
  const [ours, theirs] = [Number(source.runId), Number(record.source.runId)]
  const comparable = source.repository !== '' && source.repository === record.source.repository
  if (!comparable || !(ours > 0) || !(theirs > 0) || ours >= theirs) return undefined
  const { failure } = refuse(
    'older-run',
    `run ${source.runId} is older than run ${record.source.runId}, which brought rollout ${record.rollout}`,
    {
      next: 'deploy the newest commit, or say supersede: any to bring the older one on purpose',
    },
  )
  return { kind: 'refused', failure }
}

function decidePromote({ record, full }: Question, phase: Phase): Decision {
  if (record === undefined) return nothingUnderWay('promote')
  switch (phase) {
    case 'paused':
      return { kind: 'promote', full }
    case 'stopped':
      if (full) return { kind: 'promote', full }
      return refused(
        'stopped',
        `rollout ${record.rollout} was stopped: ${record.reason ?? record.failure?.message ?? 'see its log'}`,
        `deploy again to retry step ${record.step + 1}, abort it, or promote with full: true to go on regardless`,
      )
    case 'progressing':
      return refused(
        'progressing',
        `rollout ${record.rollout} is under way and its run has ended`,
        'deploy again to go on, or abort',
      )
    case 'aborting':
    case 'failed':
      return refused(phase, `rollout ${record.rollout} is ${phase}`, 'abort finishes going back; then deploy again')
    case 'none':
    case 'succeeded':
    case 'aborted':
      return nothingUnderWay('promote', record)
  }
}

function decideAbort(phase: Phase, record: RolloutRecord | undefined): Decision {
  switch (phase) {
    case 'none':
      return { kind: 'unchanged', message: 'nothing is under way' }
    case 'aborted':
      return { kind: 'unchanged', message: `rollout ${record?.rollout ?? ''} is aborted already` }
    case 'succeeded':
      return {
        kind: 'unchanged',
        message: `rollout ${record?.rollout ?? ''} has succeeded; use rollback to return to the release before it`,
      }
    case 'progressing':
    case 'paused':
    case 'stopped':
    case 'aborting':
    case 'failed':
      return { kind: 'abort' }
  }
}

function decideRollback(phase: Phase, record: RolloutRecord | undefined): Decision {
  if (record === undefined) return nothingUnderWay('roll back')
  if (phase !== 'succeeded' && phase !== 'aborted')
    return refused('under-way', `rollout ${record.rollout} is ${phase}`, 'abort returns to stable from there')
  if (record.previous !== undefined)
    return { kind: 'start', abortFirst: false, because: `back to the release of rollout ${record.previous.rollout}` }
  return refused(
    'no-previous',
    `no release before rollout ${record.rollout} is known`,
    'deploy the release you want from its commit',
  )
}

function nothingUnderWay(verb: string, record?: RolloutRecord): Decision {
  const state =
    record === undefined
      ? 'no rollout is recorded'
      : `rollout ${record.rollout} has ${record.phase === 'aborted' ? 'been aborted' : 'succeeded'}`
  return refused('nothing-under-way', `there is nothing to ${verb}: ${state}`, 'deploy first')
}

function refused(code: string, message: string, next: string): Decision {
  return { kind: 'refused', failure: refuse(code, message, { next }).failure }
}

function short(digest: string | undefined): string {
  return (digest ?? '').slice(0, 10)
}

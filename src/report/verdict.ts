import { APPROVAL, isScaledToZero, type RolloutRecord } from '../rollout/record.ts'
import type { Failure } from '../shared/errors.ts'
import { nameOf } from '../shared/objects.ts'
import type { VersionMix } from './events.ts'
import { lastWords } from './last-words.ts'
import {
  reasonOf,
  type ReportState,
  rests,
  stateOf,
  stepName,
  supersededBy,
  versionsOf,
  weightAfter,
  weightOf,
} from './status.ts'
import { code, count, md } from './text.ts'
import type { ReportView } from './view.ts'
import { waysOf } from './way.ts'

const ICONS: Record<ReportState, string> = {
  planned: '📋',
  progressing: '🚀',
  paused: '⏸️',
  stopped: '✋',
  aborting: '⏪',
  aborted: '↩️',
  superseded: '⏭️',
  succeeded: '✅',
  'rolled-back': '✅',
  failed: '🆘',
  refused: '⛔',
}

/** Characters of one answer: five lines have to stay five lines on a phone; the whole text is in the evidence or log. */
const LONGEST = 600

/**
 * The first five lines of every report: what happened, are users affected now, why, what was done, what next. A line
 * without an answer is left out; the first two are always there.
 */
export function verdict(view: ReportView): string[] {
  const failure = failureOfView(view)
  const lines = [
    `### ${icon(view)} ${headline(view)}`,
    `- **Users:** ${users(view)}`,
    item('Why', why(view, failure)),
    item('Done', done(view, failure)),
    item('Next', next(view, failure)),
  ]
  return lines.filter((line) => line !== '')
}

function item(title: string, text: string): string {
  return text === '' ? '' : `- **${title}:** ${text}`
}

/** The failure worth showing: the record's own outlives the run, but a refusal is about this run alone. */
export function failureOfView(view: ReportView): Failure | undefined {
  const own = view.result?.failure ?? view.failure
  if (stateOf(view) === 'refused') return own
  return view.record?.phase === 'succeeded' ? undefined : (view.record?.failure ?? own)
}

function icon(view: ReportView): string {
  const state = stateOf(view)
  return state === 'aborted' && failureOfView(view) !== undefined ? '❌' : ICONS[state]
}

/** One line: what happened, without icon. */
export function headline(view: ReportView): string {
  const { record } = view
  const app = md(view.app === '' ? 'Headgate' : view.app, 80)
  const at = view.environment === '' ? '' : ` in ${md(view.environment, 80)}`
  const state = stateOf(view)
  if (state === 'planned') return `${app}${at}: plan`
  if (state === 'refused') return `${app}${at}: refused, nothing was touched`
  return `${app}${at}: ${record === undefined ? 'failed' : sentence(state, view, record)}`
}

function sentence(state: Exclude<ReportState, 'planned' | 'refused'>, view: ReportView, record: RolloutRecord): string {
  const versions = versionsOf(record)
  const [after, before] = [md(versions.new, 80), md(versions.stable, 80)]
  const step = `step ${Math.min(record.step + 1, record.steps.length + 1)} of ${record.steps.length + 1} (${code(stepName(record), 80)})`
  switch (state) {
    case 'progressing':
      return `${after} is on its way, ${step}`
    case 'paused':
      return `${after} ${stepName(record) === 'approve' ? 'waits for approval' : 'rests'}, ${step}`
    case 'stopped':
      return `${after} was stopped and rests, ${step}`
    case 'aborting':
      return `${after} is being undone, back to ${before}`
    case 'aborted':
      return failureOfView(view) === undefined
        ? `${after} was aborted, ${before} serves`
        : `${after} failed and was undone, ${before} serves`
    case 'superseded':
      return `${after} was superseded`
    case 'succeeded':
      return `${after} is live`
    case 'rolled-back':
      return `rolled back to ${after}`
    case 'failed':
      return `${after} failed, and no safe state was reached`
  }
}

/** Are users affected now: what serves, from the last count of serving pods, and from the record where none was taken. */
function users(view: ReportView): string {
  const { record } = view
  const state = stateOf(view)
  if (state === 'planned' || state === 'refused') return untouched(record)
  if (record === undefined) return 'not known; no rollout was recorded'
  const mix = view.mixes.at(-1)
  const versions = versionsOf(record)
  const [after, before] = [md(versions.new, 80), md(versions.stable, 80)]
  if (mix !== undefined && mix.stable.pods + mix.canary.pods === 0) return '**affected: no pod serves**'
  const seen = mix === undefined ? '' : `; ${podSentence(mix, after, before)}`
  switch (record.phase) {
    case 'succeeded':
      return isScaledToZero(record) ? 'nobody is served: all of it is scaled to 0' : `served by ${after}${seen}`
    case 'aborted':
      if (record.downtimeSeconds !== undefined)
        return `**were not served for ${record.downtimeSeconds} s**, and are again: by ${before}${seen}`
      return `${backSentence(record, after, before)}${seen}`
    case 'failed':
      return `**perhaps affected**${seen === '' ? ': look at the pods' : seen}`
    case 'progressing':
    case 'paused':
    case 'stopped':
    case 'aborting':
      return `${shareSentence(record, after, before)}${seen}`
  }
}

function untouched(record: RolloutRecord | undefined): string {
  const nothing = 'not affected; nothing has been changed'
  if (record === undefined || record.phase === 'succeeded' || record.phase === 'aborted') return nothing
  return `${nothing} (rollout ${record.rollout} of this app is ${record.phase})`
}

function shareSentence(record: RolloutRecord, after: string, before: string): string {
  const weight = weightOf(record)
  if (record.strategy === 'recreate') return `served by ${before} until it ends, then not served until ${after} is up`
  if (record.strategy === 'rolling') return `served by ready pods of ${before} and ${after}`
  if (weight === 0) return `served by ${before}`
  return weight === 100 ? `served by ${after}` : `about ${weight} % served by ${after}, the others by ${before}`
}

/** Who failed late has had users: said here, because nobody else will say it. */
function backSentence(record: RolloutRecord, after: string, before: string): string {
  const met = record.strategy === 'rolling' ? 0 : weightAfter(record, record.step)
  if (met === 0) return `not affected: served by ${before} as before`
  return `not affected now: served by ${before} again, before that ${met === 100 ? 'all' : `about ${met} %`} by ${after}`
}

function podSentence(mix: VersionMix, after: string, before: string): string {
  const parts = [
    ...(mix.stable.pods > 0 ? [`${count(mix.stable.pods, 'pod')} of ${before}`] : []),
    ...(mix.canary.pods > 0 ? [`${count(mix.canary.pods, 'pod')} of ${after}`] : []),
  ]
  return `${parts.join(' and ')} ready`
}

function why(view: ReportView, failure: Failure | undefined): string {
  const { record } = view
  if (failure !== undefined) {
    const name = failure.object === undefined ? '' : nameOf(failure.object)
    // Most sentences begin with the object or hold it; twice in one line it only makes the line long.
    const object = name === '' || failure.message.includes(name) ? '' : `${code(name)}: `
    const words = lastWords(failure)
    const said = words === '' ? '' : `; its log says ${code(words, LONGEST / 3)}`
    return `${object}${failure.kind === 'timeout' ? '(timed out) ' : ''}${md(failure.message, LONGEST)}${said}`
  }
  const state = stateOf(view)
  if (record === undefined || state === 'planned' || state === 'refused') return md(view.result?.message ?? '', LONGEST)
  if (state === 'superseded') return md(supersededBy(record) ?? '')
  // The headline has said it.
  if (record.reason === APPROVAL && stepName(record) === 'approve') return ''
  return md(reasonOf(record) ?? '', LONGEST)
}

function done(view: ReportView, failure: Failure | undefined): string {
  if (failure?.done !== undefined) return md(failure.done, LONGEST)
  const { record } = view
  if (record === undefined) return ''
  const { downtimeSeconds } = record
  const word = failure === undefined ? lastWord(record) : undefined
  return [
    ...(downtimeSeconds === undefined ? [] : [`not served for ${downtimeSeconds.toFixed(1)} s while it was recreated`]),
    ...(word === undefined ? [] : [md(word, LONGEST)]),
  ].join('; ')
}

/** Which person has had a hand in it last, and who approved that. */
function lastWord({ timeline, command }: RolloutRecord): string | undefined {
  const kinds = ['approved', 'aborting', ...(command === 'rollback' ? ['started'] : [])]
  return timeline.findLast(({ kind, text }) => kinds.includes(kind) && / by /.test(text))?.text
}

function next(view: ReportView, failure: Failure | undefined): string {
  if (failure?.next !== undefined) return md(failure.next, LONGEST)
  const { record } = view
  const state = stateOf(view)
  if (record === undefined || state === 'planned' || state === 'refused') return ''
  if (!rests(record) && record.phase !== 'aborting') return ''
  const ways = waysOf(record).map((way) => way.text.toLowerCase())
  return `${ways.join(', or ')}: commands below`
}

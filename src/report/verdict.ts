import { APPROVAL, type RolloutRecord } from '../rollout/record.ts'
import type { Failure } from '../shared/errors.ts'
import { nameOf } from '../shared/objects.ts'
import { lastWords } from './last-words.ts'
import { reasonOf, type ReportState, rests, stateOf, stepName, supersededBy, versionsOf, wasWanted } from './status.ts'
import { code, count, md } from './text.ts'
import { users } from './users.ts'
import type { ReportView } from './view.ts'
import { phraseOf, waysOf } from './way.ts'

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
  'cut-short': '⚠️',
  unknown: '❔',
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
  return state === 'aborted' && !wasWanted(failureOfView(view)) ? '❌' : ICONS[state]
}

/** One line: what happened, without icon. */
export function headline(view: ReportView): string {
  const { record } = view
  const app = md(view.app === '' ? 'Headgate' : view.app, 80)
  const at = view.environment === '' ? '' : ` in ${md(view.environment, 80)}`
  const state = stateOf(view)
  if (state === 'planned') return `${app}${at}: plan`
  if (state === 'refused') return `${app}${at}: refused, nothing was touched`
  if (state === 'unknown') return `${app}${at}: the run ended early, and the cluster does not say how far it came`
  return `${app}${at}: ${record === undefined ? 'failed' : sentence(state, view, record)}`
}

function sentence(
  state: Exclude<ReportState, 'planned' | 'refused' | 'unknown'>,
  view: ReportView,
  record: RolloutRecord,
): string {
  const versions = versionsOf(record)
  const [after, before] = [md(versions.new, 80), md(versions.stable, 80)]
  const step = stepPhrase(record)
  switch (state) {
    case 'progressing':
      return `${after} is on its way, ${step}`
    case 'cut-short':
      return record.phase === 'aborting'
        ? `the run that undid ${after} ended early, back to ${before} is not finished`
        : `${after} is half-way in, its run ended early, ${step}`
    case 'paused':
      return `${after} ${stepName(record) === 'approve' ? 'waits for approval' : 'rests'}, ${step}`
    case 'stopped':
      return `${after} was stopped and rests, ${step}`
    case 'aborting':
      return `${after} is being undone, back to ${before}`
    case 'aborted':
      return wasWanted(failureOfView(view))
        ? `${after} was aborted, users are on ${before}`
        : `${after} failed and was rolled back, users are on ${before}`
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

/** Counted as the output `step` counts them: the finish is no step of its own. */
function stepPhrase(record: RolloutRecord): string {
  const { step, steps } = record
  return step < steps.length ? `step ${step + 1} of ${steps.length} (${code(stepName(record), 80)})` : 'finish'
}

function why(view: ReportView, failure: Failure | undefined): string {
  const { record } = view
  // Who aborted it stands under what was done.
  if (failure !== undefined && failure.code !== 'aborted') {
    const name = failure.object === undefined ? '' : nameOf(failure.object)
    // Most sentences begin with the object or hold it; twice in one line it only makes the line long.
    const object = name === '' || failure.message.includes(name) ? '' : `${code(name)}: `
    const words = lastWords(failure)
    const said = words === '' ? '' : `${code(words, LONGEST / 3)}, says its log. `
    return `${said}${object}${failure.kind === 'timeout' ? '(timed out) ' : ''}${md(failure.message, LONGEST)}`
  }
  const state = stateOf(view)
  if (record === undefined || state === 'planned' || state === 'refused') return md(view.result?.message ?? '', LONGEST)
  if (state === 'superseded') return md(supersededBy(record) ?? '')
  if (waitsForApproval(record)) return 'planned: this step asks a person before it goes on'
  return md(reasonOf(record) ?? '', LONGEST)
}

function done(view: ReportView, failure: Failure | undefined): string {
  const { record } = view
  const state = stateOf(view)
  // What a cancel left is over as soon as a person has aborted it.
  const byPerson = state === 'aborted' && wasWanted(failure) && record !== undefined ? lastWord(record) : undefined
  if (failure?.done !== undefined && byPerson === undefined) return md(failure.done, LONGEST)
  if (record === undefined || state === 'planned' || state === 'refused') return ''
  const { downtimeSeconds } = record
  if (waitsForApproval(record)) return `${record.step} of ${count(record.steps.length, 'step')}, and nothing has failed`
  const word = byPerson ?? (failure === undefined ? lastWord(record) : undefined)
  return [
    ...(downtimeSeconds === undefined
      ? []
      : [`not served for up to ${downtimeSeconds.toFixed(1)} s while it was recreated`]),
    ...(word === undefined ? [] : [md(word, LONGEST)]),
  ].join('; ')
}

/** Which person has had a hand in it last, and who approved that. */
function lastWord({ timeline, command }: RolloutRecord): string | undefined {
  const kinds = ['approved', 'aborting', ...(command === 'rollback' ? ['started'] : [])]
  return timeline.findLast(({ kind, text }) => kinds.includes(kind) && / by /.test(text))?.text
}

function next(view: ReportView, failure: Failure | undefined): string {
  const { record } = view
  const state = stateOf(view)
  if (state === 'unknown') return 're-run the job to go on, or abort; `status` says where it stands'
  if (failure?.next !== undefined) return md(failure.next, LONGEST)
  if (record === undefined || state === 'planned' || state === 'refused') return ''
  if (!rests(record) && record.phase !== 'aborting' && state !== 'cut-short') return ''
  const ways = waysOf(record).map((way) => md(phraseOf(way), 120))
  const rest = waitsForApproval(record) ? '; until then it stays as it is' : ''
  // Without a result a run is at work.
  if (state === 'aborting' && view.result === undefined)
    return `nothing, while the run is at work; if it has died, ${ways.join(', or ')}: commands below`
  return `${ways.join(', or ')}: commands below${rest}`
}

function waitsForApproval(record: RolloutRecord): boolean {
  return record.phase === 'paused' && record.reason === APPROVAL && stepName(record) === 'approve'
}

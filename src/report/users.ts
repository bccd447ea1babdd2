import { isOver, isScaledToZero, type RolloutRecord } from '../rollout/record.ts'
import type { VersionMix } from './events.ts'
import { stateOf, versionsOf, weightAfter, weightOf } from './status.ts'
import { count, md } from './text.ts'
import type { ReportView } from './view.ts'

/** Are users affected now: what serves, from the last count of serving pods, and from the record where none was taken. */
export function users(view: ReportView): string {
  const { record } = view
  const state = stateOf(view)
  if (state === 'planned' || state === 'refused') return untouched(record)
  if (record === undefined) return 'not known'
  const mix = view.mixes.at(-1)
  const versions = versionsOf(record)
  const [after, before] = [md(versions.new, 80), md(versions.stable, 80)]
  // What serves by now is the business of the rollout that came after it.
  if (state === 'superseded')
    return `were led back to ${before}; the release that took its place tells how they are served`
  if (mix !== undefined && mix.stable.pods + mix.canary.pods === 0) return '**affected: no pod serves**'
  const seen = mix === undefined ? '' : `; ${podSentence(mix, after, before)}`
  switch (record.phase) {
    case 'succeeded':
      return isScaledToZero(record) ? 'nobody is served: all of it is scaled to 0' : `served by ${after}${seen}`
    case 'aborted':
      if (record.downtimeSeconds !== undefined)
        return `**were not served for up to ${record.downtimeSeconds} s**, and are again: by ${before}${seen}`
      return `${backSentence(view, record, after, before)}${seen}`
    case 'failed':
      return `**perhaps affected**${seen === '' ? ': look at the pods' : seen}`
    case 'aborting':
      return `${wayBackSentence(record, after, before)}${seen}`
    case 'progressing':
    case 'paused':
    case 'stopped':
      return `${shareSentence(record, mix, after, before)}${seen}`
  }
}

function untouched(record: RolloutRecord | undefined): string {
  const nothing = 'not affected; nothing has been changed'
  if (record === undefined || isOver(record)) return nothing
  return `${nothing} (rollout ${record.rollout} of this app is ${record.phase})`
}

function shareSentence(record: RolloutRecord, mix: VersionMix | undefined, after: string, before: string): string {
  const weight = weightOf(record)
  if (record.strategy === 'recreate') return `served by ${before} until it ends, then not served until ${after} is up`
  if (record.strategy === 'rolling') return `served by ready pods of ${before} and ${after}`
  // Without a router a pod has its share as soon as it is ready, long before its step is done.
  if (weight === 0 && mix !== undefined && mix.canary.pods > 0 && isByPods(record))
    return `served by ${before}, some by ${after}`
  if (weight === 0) return `served by ${before}${isByPods(record) ? `, and by ${after} as its pods become ready` : ''}`
  return weight === 100 ? `served by ${after}` : `about ${weight} % served by ${after}, the others by ${before}`
}

/** Whether the step under way leads users to the new pods by itself. */
function isByPods({ plan, step, traffic }: RolloutRecord): boolean {
  return traffic === undefined && plan[step]?.kind === 'weight'
}

/** How far the way back has come is not in the record: what is said holds from its first write to its last. */
function wayBackSentence(record: RolloutRecord, after: string, before: string): string {
  if (record.strategy === 'recreate') return `perhaps not served until ${before} is up again`
  if (record.strategy === 'rolling') return `served by ready pods of ${before} and ${after}`
  const weight = weightOf(record)
  if (weight === 0) return `served by ${before}, perhaps some by ${after} still`
  return `being led back to ${before}; ${weight === 100 ? 'all' : `about ${weight} %`} were served by ${after}`
}

/** Who failed late has had users: said here, because nobody else will say it. */
function backSentence({ mixes }: ReportView, record: RolloutRecord, after: string, before: string): string {
  const met = record.strategy === 'rolling' ? 0 : weightAfter(record, record.step)
  if (met > 0)
    return `not affected now: served by ${before} again, before that ${met === 100 ? 'all' : `about ${met} %`} by ${after}`
  // A ready pod gets its share at once, whatever became of the step.
  if (mixes.some(({ canary }) => canary.pods > 0))
    return `not affected now: served by ${before} again, before that some by ${after}`
  const seen = mixes.length > 0 ? `; no pod of ${after} was ready` : ''
  return `not affected: served by ${before} throughout${seen}`
}

function podSentence(mix: VersionMix, after: string, before: string): string {
  const parts = [
    ...(mix.stable.pods > 0 ? [`${count(mix.stable.pods, 'pod')} of ${before}`] : []),
    ...(mix.canary.pods > 0 ? [`${count(mix.canary.pods, 'pod')} of ${after}`] : []),
  ]
  return `${parts.join(' and ')} ready`
}

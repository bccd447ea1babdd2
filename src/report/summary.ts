import { isOver, type RolloutRecord } from '../rollout/record.ts'
import { formatDuration } from '../shared/duration.ts'
import { checkSection } from './measurements.ts'
import { changesOfMix, mixChart } from './mix.ts'
import { renderPlan } from './plan.ts'
import { evidence, findingTable, footer, stepTable, versionTable, wayOn, withoutHeadgate } from './sections.ts'
import { stateOf, versionsOf } from './status.ts'
import { code, count, folded, html, limited, md } from './text.ts'
import { updateSection } from './update-texts.ts'
import { failureOfView, verdict } from './verdict.ts'
import type { ReportView } from './view.ts'

/** The runner drops a summary above 1 MiB; counted in bytes of UTF-8. */
export const SUMMARY_LIMIT = 900_000

/** How many rows a table of the summary has at most; the JSON report has them all. */
const ROWS = 200

/** The job summary as Markdown, at most {@link SUMMARY_LIMIT} bytes: all that the comment says, and how it came to it. */
export function renderSummary(view: ReportView): string {
  const parts = stateOf(view) === 'planned' ? planned(view) : told(view)
  const text = `${parts.filter((part) => part !== '').join('\n\n')}\n`
  return limitedBytes(text, '_Cut here: the JSON report has everything._')
}

/** What rests meanwhile stands apart: its commands belong to another release. */
function planned(view: ReportView): string[] {
  const { record, plan } = view
  const other = record === undefined || isOver(record) ? undefined : record
  const parts = other === undefined ? [] : [stepTable(view, other), versionTable(view, other), wayOn(other)]
  return [
    verdict(view).join('\n'),
    evidence(failureOfView(view), true),
    findingSection(view),
    plan === undefined ? '' : folded('Plan', renderPlan(plan), true),
    other === undefined
      ? ''
      : folded(`Rollout ${other.rollout} (${html(versionsOf(other).new, 80)}), ${other.phase}`, parts.join('\n\n')),
    record === undefined ? '' : footer(view, record),
  ]
}

function told(view: ReportView): string[] {
  const { record } = view
  return [
    verdict(view).join('\n'),
    ...(record === undefined ? [] : [stepTable(view, record), versionTable(view, record)]),
    evidence(failureOfView(view), true),
    record === undefined ? '' : wayOn(record),
    record === undefined ? '' : withoutHeadgate(view, record),
    mixSection(view),
    checkSection(view.measurements),
    view.updates === undefined ? '' : updateSection(view.updates),
    findingSection(view),
    view.plan === undefined ? '' : folded('Plan', renderPlan(view.plan), record === undefined),
    record === undefined ? '' : timeline(record),
    changes(view),
    record === undefined ? '' : footer(view, record),
  ]
}

/** Almost all of it is ASCII; what is not counts up to three bytes a character, so the cut goes on until it fits. */
function limitedBytes(text: string, notice: string): string {
  let limit = SUMMARY_LIMIT
  let cut = text
  while (Buffer.byteLength(cut) > SUMMARY_LIMIT) {
    cut = limited(text, limit, notice)
    limit = Math.floor(limit * 0.8)
  }
  return cut
}

function mixSection(view: ReportView): string {
  const chart = mixChart(view.mixes)
  if (chart === '') return ''
  const first = view.mixes[0]?.at ?? 0
  const rows = changesOfMix(view.mixes)
    .slice(-ROWS)
    .map((mix) => `| ${formatDuration(mix.at - first)} | ${mix.stable.pods} | ${mix.canary.pods} |`)
  const last = view.mixes.at(-1)
  const head = `| Time | ${md(last?.stable.version ?? '', 80)} | ${md(last?.canary.version ?? '', 80)} |`
  const table = folded('As numbers', [head, '|--:|--:|--:|', ...rows].join('\n'))
  return `#### Version mix\n\n${chart}\n\n${table}`
}

function findingSection(view: ReportView): string {
  // The plan shows its own findings.
  if (view.findings.length === 0 || view.plan !== undefined) return ''
  return folded(count(view.findings.length, 'finding'), findingTable(view.findings))
}

function timeline(record: RolloutRecord): string {
  const start = Date.parse(record.startedAt)
  const rows = record.timeline
    .slice(-ROWS)
    .map((entry) => `| ${formatDuration(Date.parse(entry.at) - start)} | ${md(entry.kind)} | ${md(entry.text)} |`)
  if (rows.length === 0) return ''
  const head = ['| Since the start | | |', '|--:|---|---|']
  return folded(
    `Timeline of rollout ${record.rollout} (${html(versionsOf(record).new, 80)})`,
    [...head, ...rows].join('\n'),
  )
}

/** What this run changed, one line per change. */
function changes(view: ReportView): string {
  const first = view.changes[0]
  if (first === undefined) return ''
  const lines = view.changes.slice(-ROWS).map(({ at, text }) => `| ${formatDuration(at - first.at)} | ${code(text)} |`)
  return folded(count(view.changes.length, 'change'), ['| Time | |', '|--:|---|', ...lines].join('\n'))
}

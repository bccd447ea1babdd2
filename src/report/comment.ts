import type { RolloutRecord } from '../rollout/record.ts'
import { renderPlan } from './plan.ts'
import {
  evidence,
  findingTable,
  footer,
  runFooter,
  stepTable,
  versionTable,
  wayOn,
  withoutHeadgate,
} from './sections.ts'
import { stateOf } from './status.ts'
import { count, folded, limited } from './text.ts'
import { failureOfView, verdict } from './verdict.ts'
import type { ReportView } from './view.ts'

export type CommentView = ReportView

/** GitHub refuses a comment of more than 65,536 characters; the rest is room for what it counts differently. */
export const COMMENT_LIMIT = 60_000

/**
 * First line of the comment: one per app, environment and cluster. The parts are percent-encoded, so that no name can
 * end the HTML comment or pass for another app.
 */
export function commentMarker(view: Pick<ReportView, 'app' | 'environment' | 'cluster'>): string {
  return `<!-- headgate:${[view.app, view.environment, view.cluster].map(markerPart).join(':')} -->`
}

/** No name is this long; the marker has to fit whatever it is. */
function markerPart(name: string): string {
  return encodeURIComponent(name.slice(0, 300).toWellFormed())
}

/** The pull request comment as Markdown, at most {@link COMMENT_LIMIT} characters. */
export function renderComment(view: CommentView): string {
  const state = stateOf(view)
  const body =
    view.record === undefined || state === 'planned' || state === 'refused' ? planned(view) : rollout(view, view.record)
  const text = [commentMarker(view), ...verdict(view), ...body.filter((part) => part !== '').map((part) => `\n${part}`)]
  const url = view.record?.lastRun.runUrl ?? ''
  const rest = url === '' ? 'the job summary' : `[the run](${url})`
  return limited(`${text.join('\n')}\n`, COMMENT_LIMIT, `_Cut here: the whole report is in ${rest}._`)
}

function planned(view: CommentView): string[] {
  const failure = evidence(failureOfView(view))
  const { run, cluster, namespace, now } = view
  const from = run === undefined ? '' : runFooter(run, cluster, namespace, now)
  if (view.plan === undefined) return [failure, findingTable(view.findings), from]
  const plan = renderPlan(view.plan)
  return [failure, stateOf(view) === 'refused' ? folded('Plan', plan) : plan, from]
}

function rollout(view: CommentView, record: RolloutRecord): string[] {
  const worth = view.findings.filter((finding) => finding.severity !== 'info')
  return [
    evidence(failureOfView(view)),
    stepTable(view, record),
    folded('Versions', versionTable(view, record)),
    wayOn(record),
    withoutHeadgate(view, record),
    worth.length === 0 ? '' : folded(count(worth.length, 'finding'), findingTable(worth)),
    footer(view, record),
  ]
}

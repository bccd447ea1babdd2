import type { ReportView } from './view.ts'

/** The job summary as Markdown, at most 900 KB. */
export function renderSummary(view: ReportView): string {
  return view.app
}

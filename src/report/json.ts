import type { ReportView } from './view.ts'

/** The JSON report, described by `schema/report.schema.json`. */
export function renderJson(view: ReportView): string {
  return view.app
}

import type { ReportView } from './view.ts'

export type CommentView = ReportView

/** First line of the comment: one per app, environment and cluster. */
export function commentMarker(view: Pick<ReportView, 'app' | 'environment' | 'cluster'>): string {
  return `<!-- headgate:${view.app}:${view.environment}:${view.cluster} -->`
}

/** The pull request comment as Markdown, at most 60,000 characters. */
export function renderComment(view: CommentView): string {
  return commentMarker(view)
}

import type { ReportEvent, Reporter } from '../report/events.ts'
import type { ReportView } from '../report/view.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import type { GitHub } from './github.ts'

export interface CommentReporterOptions {
  /** called once, at the first write; undefined when there is no token */
  github: (() => Promise<GitHub>) | undefined
  source: RunSource
  /** input `pull-request` */
  pullRequest?: number
  view: () => ReportView
  clock: Clock
  /** told once why there is no comment */
  notice: (text: string) => void
}

/** Keeps one pull request comment up to date: at most one write in 10 s, the last state always written. */
export class CommentReporter implements Reporter {
  private readonly options: CommentReporterOptions
  constructor(options: CommentReporterOptions) {
    this.options = options
  }

  emit(event: ReportEvent): void {
    void [event, this.options]
  }

  /** Writes what is not yet written. Never rejects; returns after `withinMs` (default 20 s) at the latest. */
  async flush(withinMs = 20_000): Promise<void> {
    await Promise.resolve(withinMs)
  }

  /** address of the comment, once written: the output `comment-url` */
  get url(): string | undefined {
    return undefined
  }

  /** for `record.commentId` */
  get commentId(): number | undefined {
    return undefined
  }

  /** for `record.pullRequest` */
  get pullRequest(): number | undefined {
    return undefined
  }
}

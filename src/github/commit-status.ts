import type { ReportEvent, Reporter } from '../report/events.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import type { CommitStatus, CommitStatusApi } from './api.ts'
import { shaOf } from './deployments.ts'
import { Outbox } from './outbox.ts'
import { type Stage, Stages, type Told } from './stages.ts'

export interface CommitStatusReporterOptions {
  /** undefined when there is no token */
  github: CommitStatusApi | undefined
  source: RunSource
  /** the comment, which says more than the run's page, as soon as it is there */
  commentUrl: () => string | undefined
  clock: Clock
  /** this process completes what a killed run could not say */
  completes: boolean
  /** told once why there is no status */
  notice: (text: string) => void
}

/** A branch rule must let a commit pass only when it is live: what was taken back has not passed. */
const STATES: Record<Stage, CommitStatus['state']> = {
  running: 'pending',
  waiting: 'pending',
  live: 'success',
  failed: 'failure',
  stuck: 'error',
  withdrawn: 'failure',
}

/** Keeps one commit status per rollout, where the record asks for it. It never throws and never rejects. */
export class CommitStatusReporter implements Reporter {
  readonly #options: CommitStatusReporterOptions
  readonly #stages: Stages
  readonly #outbox: Outbox

  constructor(options: CommitStatusReporterOptions) {
    this.#options = options
    this.#stages = new Stages(options.source, options.completes)
    const { github } = options
    this.#outbox = new Outbox({
      send: github === undefined ? undefined : (told) => this.#send(github, told),
      what: 'commit status',
      right: '`statuses: write`',
      clock: options.clock,
      notice: options.notice,
    })
  }

  emit(event: ReportEvent): void {
    const told = this.#stages.next(event)
    if (told?.record.commitStatus === true && shaOf(told.record) !== '') this.#outbox.put(told)
  }

  /** See {@link Outbox.flush}. */
  flush(withinMs = 20_000): Promise<boolean> {
    return this.#outbox.flush(withinMs)
  }

  async #send(github: CommitStatusApi, { stage, text, record }: Told): Promise<void> {
    const { source, commentUrl } = this.#options
    const targetUrl = commentUrl() ?? source.runUrl
    await github.addCommitStatus(source.repository, shaOf(record), {
      state: STATES[stage],
      context: contextOf(record),
      description: text,
      ...(targetUrl === '' ? {} : { targetUrl }),
    })
  }
}

/** What a branch rule names. */
function contextOf({ app, environment }: RolloutRecord): string {
  return ['headgate', ...(environment === undefined ? [] : [environment]), app].join('/')
}

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
  readonly #outbox: Outbox<Told>

  constructor(options: CommitStatusReporterOptions) {
    this.#options = options
    this.#stages = new Stages(options.source, options.completes)
    const { github } = options
    this.#outbox = new Outbox({
      send: github === undefined ? undefined : (told) => this.#send(github, told),
      place: 'the repository or the commit',
      right: '`statuses: write`',
      clock: options.clock,
    })
  }

  emit(event: ReportEvent): void {
    const told = this.#stages.next(event)
    if (told?.record.commitStatus === true && shaOf(told.record) !== '') this.#outbox.put(told.record.rollout, told)
  }

  /** See {@link Outbox.trouble}. */
  get trouble(): string | undefined {
    return this.#outbox.trouble
  }

  /** See {@link Outbox.flush}. */
  flush(withinMs = 20_000): Promise<boolean> {
    return this.#outbox.flush(withinMs)
  }

  async #send(github: CommitStatusApi, { stage, text, record }: Told): Promise<void> {
    await this.#put(github, record, shaOf(record), STATES[stage], text)
    const { command, rollout, previous } = record
    // What was rolled back is live no more.
    if (stage === 'live' && command === 'rollback' && previous?.sha !== undefined && previous.sha !== shaOf(record))
      await this.#put(github, record, previous.sha, 'failure', `rolled back by rollout ${rollout}`)
  }

  async #put(
    github: CommitStatusApi,
    record: RolloutRecord,
    sha: string,
    state: CommitStatus['state'],
    description: string,
  ): Promise<void> {
    const { source, commentUrl } = this.#options
    const targetUrl = commentUrl() ?? source.runUrl
    await github.addCommitStatus(source.repository, sha, {
      state,
      context: contextOf(record),
      description,
      ...(targetUrl === '' ? {} : { targetUrl }),
    })
  }
}

/** What a branch rule names. */
function contextOf({ app, environment }: RolloutRecord): string {
  return ['headgate', ...(environment === undefined ? [] : [environment]), app].join('/')
}

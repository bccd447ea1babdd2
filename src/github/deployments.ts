import type { ReportEvent, Reporter } from '../report/events.ts'
import { versionsOf } from '../report/status.ts'
import { oneLine } from '../report/text.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import { type DeploymentApi, type DeploymentState, statusOf } from './api.ts'
import { findDeployment, type Payload, type Wanted } from './find-deployment.ts'
import { Outbox } from './outbox.ts'
import { type Stage, Stages, type Told } from './stages.ts'

export interface DeploymentReporterOptions {
  /** undefined when there is no token */
  github: DeploymentApi | undefined
  source: RunSource
  /** as people and the comment's marker name it */
  cluster: () => string
  clock: Clock
  /** this process completes what a killed run could not say */
  completes: boolean
  debug: (text: string) => void
  /** told the id, for a later process that has no cluster to ask */
  known: (id: number) => void
}

/**
 * A pause is `pending`: GitHub shows it as waiting, without the turning wheel of `in_progress`, and no run is at work on it.
 */
const STATES: Record<Stage, DeploymentState> = {
  running: 'in_progress',
  waiting: 'pending',
  live: 'success',
  failed: 'failure',
  stuck: 'error',
  withdrawn: 'inactive',
}

/** What is known of one rollout's deployment. */
interface Track {
  id?: number
  /** GitHub has its own for this run's job */
  left?: true
  /** the state it was given last by this run */
  state?: DeploymentState
  /** older ones of the same app that are not inactive; undefined until they were looked for */
  older?: number[]
}

/** What is older has been ended by the rollouts before; more at once only after an outage of GitHub. */
const MOST_ENDED = 10

/**
 * Keeps one deployment on GitHub per rollout: made when it begins, with a status at each change of state, and the
 * deployment of the app before it ended when this one serves. It never throws and never rejects.
 */
export class DeploymentReporter implements Reporter {
  readonly #options: DeploymentReporterOptions
  readonly #stages: Stages
  readonly #outbox: Outbox<Told>
  readonly #tracks = new Map<number, Track>()
  #newest: { rollout: number; id: number } | undefined

  constructor(options: DeploymentReporterOptions) {
    this.#options = options
    this.#stages = new Stages(options.source, options.completes)
    const { github } = options
    this.#outbox = new Outbox({
      send: github === undefined ? undefined : (told) => this.#send(github, told),
      place: 'the repository or the commit',
      right: '`deployments: write`',
      clock: options.clock,
    })
  }

  /** for `record.githubDeployment`, once known */
  get deployment(): { rollout: number; id: number } | undefined {
    return this.#newest
  }

  emit(event: ReportEvent): void {
    const told = this.#stages.next(event)
    if (told !== undefined && told.record.environment !== undefined && shaOf(told.record) !== '')
      this.#outbox.put(told.record.rollout, told)
  }

  /** See {@link Outbox.trouble}. */
  get trouble(): string | undefined {
    return this.#outbox.trouble
  }

  /** See {@link Outbox.flush}. */
  flush(withinMs = 20_000): Promise<boolean> {
    return this.#outbox.flush(withinMs)
  }

  async #send(github: DeploymentApi, told: Told): Promise<void> {
    const { record } = told
    const track = this.#trackOf(record)
    try {
      await this.#write(github, track, told)
    } catch (error) {
      // Somebody deleted it: it is looked for, and made anew, once.
      if (statusOf(error) !== 404 || track.id === undefined || track.id !== record.githubDeployment) throw error
      delete track.id
      await this.#write(github, track, told)
    }
    if (told.stage === 'live') await this.#endOlder(github, track, record)
  }

  #trackOf(record: RolloutRecord): Track {
    const { githubDeployment: id, rollout } = record
    const track = this.#tracks.get(rollout) ?? (id === undefined ? {} : { id })
    this.#tracks.set(rollout, track)
    return track
  }

  async #write(github: DeploymentApi, track: Track, { stage, text, record }: Told): Promise<void> {
    if (track.id === undefined && track.left !== true) await this.#open(github, track, record, stage)
    const state = STATES[stage]
    const { id } = track
    if (id === undefined || track.state === state) return
    const { source } = this.#options
    await github.addDeploymentStatus(source.repository, id, {
      state,
      description: text,
      ...(source.runUrl === '' ? {} : { logUrl: source.runUrl }),
      ...(stage === 'live' && record.environmentUrl !== undefined ? { environmentUrl: record.environmentUrl } : {}),
    })
    track.state = state
    this.#know(record, id)
  }

  /** The rollout's deployment: found, or made where none is there. */
  async #open(github: DeploymentApi, track: Track, record: RolloutRecord, stage: Stage): Promise<void> {
    const { source, debug } = this.#options
    const { own, ofJob, older } = await findDeployment(github, source, this.#wanted(record, track.id))
    track.older = older
    if (own !== undefined) track.id = own
    else if (ofJob) {
      track.left = true
      debug(`GitHub keeps a deployment in ${record.environment ?? ''} for this job by itself: Headgate adds none`)
    } else if (stage !== 'withdrawn') track.id = await github.createDeployment(source.repository, this.#new(record))
    if (track.id !== undefined) this.#know(record, track.id)
  }

  #know({ rollout }: RolloutRecord, id: number): void {
    if (this.#newest?.id !== id) this.#options.known(id)
    this.#newest = { rollout, id }
  }

  #new(record: RolloutRecord) {
    const { environment = '', app, rollout, transientEnvironment, productionEnvironment } = record
    return {
      sha: shaOf(record),
      task: record.command,
      environment,
      description: oneLine(`${app} ${versionsOf(record).new}, rollout ${rollout}`, 100).slice(0, 140),
      payload: this.#payload(record),
      ...(transientEnvironment === undefined ? {} : { transient: transientEnvironment }),
      ...(productionEnvironment === undefined ? {} : { production: productionEnvironment }),
    }
  }

  #wanted(record: RolloutRecord, id: number | undefined): Wanted {
    const { environment = '' } = record
    return { environment, sha: shaOf(record), payload: this.#payload(record), ...(id === undefined ? {} : { id }) }
  }

  #payload({ app, rollout, namespace }: RolloutRecord): Payload {
    return { app, rollout, cluster: this.#options.cluster(), namespace }
  }

  async #endOlder(github: DeploymentApi, track: Track, record: RolloutRecord): Promise<void> {
    if (track.id === undefined) return
    const { source } = this.#options
    track.older ??= (await findDeployment(github, source, this.#wanted(record, track.id))).older
    const description = `rollout ${record.rollout} has taken its place`
    for (const id of track.older.slice(0, MOST_ENDED)) {
      await github.addDeploymentStatus(source.repository, id, { state: 'inactive', description })
      track.older = track.older.filter((each) => each !== id)
    }
  }
}

/**
 * The last word on a deployment whose run was killed, from a process that could not ask the cluster for the record. Rejects
 * as {@link DeploymentApi} does.
 */
export function giveUp(github: DeploymentApi, { repository, runUrl }: RunSource, id: number): Promise<void> {
  const description = 'the run ended in the middle, and the cluster did not say where: deploy again to go on, or abort'
  const logUrl = runUrl === '' ? {} : { logUrl: runUrl }
  return github.addDeploymentStatus(repository, id, { state: 'error', description, ...logUrl })
}

/** The commit that the release was made of. */
export function shaOf({ release, source }: RolloutRecord): string {
  return release.sha ?? source.sha
}

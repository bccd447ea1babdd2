import type { ReportEvent, Reporter } from '../report/events.ts'
import { versionsOf } from '../report/status.ts'
import { oneLine } from '../report/text.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import { type Deployment, type DeploymentApi, type DeploymentState, statusOf } from './api.ts'
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
  /** told once why there is no deployment */
  notice: (text: string) => void
  debug: (text: string) => void
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

/** What makes a deployment ours, and tells whose it is. */
interface Payload {
  app: string
  rollout: number
  cluster: string
  namespace: string
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

/** Found on GitHub. */
interface Found {
  own?: number
  /** of the job that this run is */
  ofJob: boolean
  older: number[]
}

const MOST_READ = 300
/** What is older has been ended by the rollouts before; more at once only after an outage of GitHub. */
const MOST_ENDED = 10

/**
 * Keeps one deployment on GitHub per rollout: made when it begins, with a status at each change of state, and the
 * deployment of the app before it ended when this one serves. It never throws and never rejects.
 */
export class DeploymentReporter implements Reporter {
  readonly #options: DeploymentReporterOptions
  readonly #stages: Stages
  readonly #outbox: Outbox
  readonly #tracks = new Map<number, Track>()
  #newest: { rollout: number; id: number } | undefined

  constructor(options: DeploymentReporterOptions) {
    this.#options = options
    this.#stages = new Stages(options.source, options.completes)
    const { github } = options
    this.#outbox = new Outbox({
      send: github === undefined ? undefined : (told) => this.#send(github, told),
      what: 'GitHub deployment',
      right: '`deployments: write`',
      clock: options.clock,
      notice: options.notice,
    })
  }

  /** for `record.githubDeployment`, once known */
  get deployment(): { rollout: number; id: number } | undefined {
    return this.#newest
  }

  emit(event: ReportEvent): void {
    const told = this.#stages.next(event)
    if (told !== undefined && told.record.environment !== undefined && shaOf(told.record) !== '') this.#outbox.put(told)
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
    this.#newest = { rollout: record.rollout, id }
  }

  /** The rollout's deployment: found, or made where none is there. */
  async #open(github: DeploymentApi, track: Track, record: RolloutRecord, stage: Stage): Promise<void> {
    const { source, debug } = this.#options
    const { own, ofJob, older } = await this.#find(github, record)
    track.older = older
    if (own !== undefined) track.id = own
    else if (ofJob) {
      track.left = true
      debug(`GitHub keeps a deployment in ${record.environment ?? ''} for this job by itself: Headgate adds none`)
    } else if (stage !== 'withdrawn') track.id = await github.createDeployment(source.repository, this.#new(record))
    if (track.id !== undefined) this.#newest = { rollout: record.rollout, id: track.id }
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

  #payload({ app, rollout, namespace }: RolloutRecord): Payload {
    return { app, rollout, cluster: this.#options.cluster(), namespace }
  }

  /** One page of deployments as a rule: it ends at the one of this app that has served until now. */
  async #find(github: DeploymentApi, record: RolloutRecord): Promise<Found> {
    const { source } = this.#options
    const wanted = this.#payload(record)
    const found: Found = { ofJob: false, older: [] }
    let read = 0
    for await (const deployment of github.deployments(source.repository, record.environment ?? '')) {
      const payload = payloadOf(deployment)
      if (payload === undefined) found.ofJob ||= isOfJob(deployment, source)
      else if (sameApp(payload, wanted)) {
        if (payload.rollout === wanted.rollout) found.own ??= deployment.id
        if (payload.rollout < wanted.rollout) {
          if (isOpen(deployment)) found.older.push(deployment.id)
          // It has ended those before it.
          if (deployment.state === 'success') break
        }
      }
      if (++read >= MOST_READ) break
    }
    return found
  }

  async #endOlder(github: DeploymentApi, track: Track, record: RolloutRecord): Promise<void> {
    if (track.id === undefined) return
    const { source } = this.#options
    track.older ??= (await this.#find(github, record)).older
    const description = `rollout ${record.rollout} has taken its place`
    for (const id of track.older.slice(0, MOST_ENDED)) {
      await github.addDeploymentStatus(source.repository, id, { state: 'inactive', description })
      track.older = track.older.filter((each) => each !== id)
    }
  }
}

/** The commit that the release was made of. */
export function shaOf({ release, source }: RolloutRecord): string {
  return release.sha ?? source.sha
}

function payloadOf({ payload }: Deployment): Payload | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined
  const given = payload as Partial<Payload>
  return typeof given.app === 'string' && typeof given.rollout === 'number' ? (given as Payload) : undefined
}

function sameApp(a: Payload, b: Payload): boolean {
  return a.app === b.app && a.cluster === b.cluster && a.namespace === b.namespace
}

/** A vanished run may have left one that is still under way. */
function isOpen({ state = '' }: Deployment): boolean {
  return ['success', 'in_progress', 'pending', 'queued'].includes(state)
}

/**
 * GitHub makes one by itself for a job with `environment:`. One of another job of this run, such as the approval before it,
 * has ended by now.
 */
function isOfJob({ creator, state = '', logUrl = '' }: Deployment, { runId }: RunSource): boolean {
  const running = ['in_progress', 'queued', 'waiting', 'pending'].includes(state)
  return running && creator === 'github-actions' && runId !== '' && `${logUrl}/`.includes(`/actions/runs/${runId}/`)
}

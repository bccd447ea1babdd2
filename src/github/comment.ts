import { commentMarker, renderComment } from '../report/comment.ts'
import type { ReportEvent, Reporter, Result } from '../report/events.ts'
import type { ReportView } from '../report/view.ts'
import { isOver, type RolloutRecord } from '../rollout/record.ts'
import { isSameRun, type RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import { type CommentApi, type IssueComment, statusOf } from './api.ts'
import { Outbox } from './outbox.ts'
import { findPullRequest, recordedPullRequest } from './pull-request.ts'
import { mayPass } from './trouble.ts'

export interface CommentReporterOptions {
  /** undefined when there is no token */
  github: CommentApi | undefined
  source: RunSource
  /** input `pull-request` */
  pullRequest?: number
  /** what to draw; asked at each write */
  view: () => ReportView
  clock: Clock
  /** this process stands in for a run that was killed */
  completes: boolean
  /** this run moves nothing, and tells of no rollout */
  looks: boolean
  /** told why a plan is not shown */
  notice: (text: string) => void
}

/** Where the reports of one rollout go. */
interface Place {
  /** of the pull request; undefined where there is none, or before it was looked for */
  number?: number | undefined
  asked?: true
  target?: IssueComment | undefined
  /** what stands there */
  written?: string
}

/** Never more often than this, whatever happens: GitHub counts writes, and readers do not want a flicker. */
const GAP_MS = 10_000

const NO_RIGHT =
  '`pull-requests: write` (a pull request from a fork cannot have it, and a locked one takes no comments)'

/** What is said of this run, not of a rollout: a plan, a refusal, or that there is nothing to do. */
const OWN = 0

/**
 * Keeps one pull request comment up to date: at most one write in 10 s, and the last state always written by
 * {@link flush}. Each rollout has its own pull request, so one that another takes the place of is told its end where it
 * was told of. It never throws and never rejects.
 */
export class CommentReporter implements Reporter {
  readonly #options: CommentReporterOptions
  readonly #outbox: Outbox<ReportView>
  /** by rollout */
  readonly #places = new Map<number, Place>()
  /** rollout that is told of now */
  #now = OWN

  constructor(options: CommentReporterOptions) {
    this.#options = options
    const { github, clock } = options
    this.#outbox = new Outbox({
      send: github === undefined ? undefined : (view, key) => this.#draw(github, view, key),
      place: 'the pull request',
      right: NO_RIGHT,
      clock,
      gapMs: GAP_MS,
    })
  }

  /** address of the comment, once written: the output `comment-url` */
  get url(): string | undefined {
    return this.#places.get(this.#now)?.target?.url
  }

  /** for the record of this rollout, and of no other: what is known by now */
  get known(): { rollout: number; commentId?: number; pullRequest?: number } | undefined {
    const place = this.#places.get(this.#now)
    if (this.#now === OWN || place === undefined) return undefined
    const { target, number } = place
    return {
      rollout: this.#now,
      ...(target === undefined ? {} : { commentId: target.id }),
      ...(number === undefined ? {} : { pullRequest: number }),
    }
  }

  /** See {@link Outbox.trouble}. */
  get trouble(): string | undefined {
    return this.#outbox.trouble
  }

  emit(event: ReportEvent): void {
    const view = this.#options.view()
    const about = this.#about(event, view)
    if (about === undefined) return
    this.#now = about
    this.#outbox.put(about, view)
  }

  /** See {@link Outbox.flush}. */
  flush(withinMs = 20_000): Promise<boolean> {
    return this.#outbox.flush(withinMs)
  }

  /**
   * The rollout that the event changes the picture of, and that this run moves; {@link OWN} for what is said of this run
   * alone, on its own pull request; undefined where nothing is to be written.
   */
  #about(event: ReportEvent, view: ReportView): number | undefined {
    const { source, completes, looks } = this.#options
    const { record } = view
    const moved = !looks && record !== undefined && isSameRun(record.lastRun, source) ? record.rollout : undefined
    switch (event.kind) {
      case 'record':
      case 'failure':
        return moved
      case 'result':
        if (isMove(event.result)) return moved
        return !completes && resultCounts(event.result, view) ? OWN : undefined
      case 'mix':
      case 'measured':
      case 'updates':
      case 'phase':
      case 'line':
      case 'change':
      case 'waiting':
      case 'finding':
      case 'plan':
      case 'target':
        return undefined
    }
  }

  async #draw(github: CommentApi, then: ReportView, key: number): Promise<void> {
    const place = this.#places.get(key) ?? {}
    this.#places.set(key, place)
    // What is told of now has gone on meanwhile.
    const view = key === this.#now ? this.#options.view() : then
    const body = renderComment(view)
    if (body === place.written) return
    await this.#put(github, place, view, body, key)
    place.written = body
  }

  async #put(github: CommentApi, place: Place, view: ReportView, body: string, key: number): Promise<void> {
    const { repository } = this.#options.source
    const record = key === OWN ? undefined : view.record
    const number = await this.#pullRequest(github, place, record)
    // A push without a pull request is nothing to complain about.
    if (number === undefined || (key === OWN && this.#showsMore(view.record, number))) return
    place.target ??= await this.#find(github, number, view, record)
    if (place.target !== undefined) {
      const { id } = place.target
      const updated = await missing(github.updateComment(repository, id, body))
      if (updated !== undefined) {
        place.target = updated
        return
      }
      // Somebody deleted it meanwhile; another run may have made one since.
      delete place.target
      const other = await this.#find(github, number, view, undefined)
      if (other !== undefined) {
        place.target = await github.updateComment(repository, other.id, body)
        return
      }
    }
    place.target = await github.createComment(repository, number, body)
  }

  /** A rollout under way must not lose its commands to a plan for the next one. */
  #showsMore(record: RolloutRecord | undefined, number: number): boolean {
    const { source, notice } = this.#options
    if (record === undefined || isOver(record) || recordedPullRequest(record, source) !== number) return false
    notice(
      `The comment on pull request ${number} goes on showing rollout ${record.rollout}; this is in the job summary.`,
    )
    return true
  }

  async #pullRequest(github: CommentApi, place: Place, record: RolloutRecord | undefined): Promise<number | undefined> {
    if (place.asked === true) return place.number
    const { source, pullRequest: input } = this.#options
    place.number = await findPullRequest(
      { source, ...(input === undefined ? {} : { input }), ...(record === undefined ? {} : { record }) },
      github,
    )
    place.asked = true
    return place.number
  }

  /** The comment to rewrite: the one that the record names, else the marker's, of the token's own author. */
  async #find(
    github: CommentApi,
    number: number,
    view: ReportView,
    record: RolloutRecord | undefined,
  ): Promise<IssueComment | undefined> {
    const { repository } = this.#options.source
    const marker = commentMarker(view)
    if (record?.commentId !== undefined && record.owner === repository) {
      const named = await missing(github.comment(repository, record.commentId))
      const isIt = named !== undefined && named.pullRequest === number && named.body.startsWith(marker)
      const [ours] = isIt ? await ownOf(github, [named]) : []
      if (ours !== undefined) return ours
    }
    const marked: IssueComment[] = []
    for await (const comment of github.comments(repository, number))
      if (comment.body.startsWith(marker)) marked.push(comment)
    return (await ownOf(github, marked)).at(-1)
  }
}

/** Without GraphQL (an old server, a narrow token) a bot's comment is taken for ours: no stranger writes as a bot. */
async function ownOf(github: CommentApi, marked: readonly IssueComment[]): Promise<IssueComment[]> {
  try {
    return await github.own(marked)
  } catch (error) {
    if (mayPass(error)) throw error
    return marked.filter(({ author }) => author.bot)
  }
}

/** Else it says something of this run alone. */
function isMove({ outcome }: Result): boolean {
  return outcome !== 'planned' && outcome !== 'refused' && outcome !== 'unchanged'
}

/**
 * What is said of this run alone. A refusal that leaves another rollout resting is not told, because the comment would no
 * longer show where that rollout rests; nor one that did not come to know by what app and cluster the comment is found; nor
 * that of a promote or abort, of which whoever asked hears in its own run.
 */
function resultCounts({ outcome, phase, command }: Result, view: ReportView): boolean {
  if (outcome === 'planned') return view.plan !== undefined
  if (command !== 'deploy') return false
  if (outcome === 'refused')
    return view.cluster !== '' && view.app !== '' && (phase === 'none' || phase === 'succeeded' || phase === 'aborted')
  // A pull request whose release serves already.
  return outcome === 'unchanged' && view.record?.phase === 'succeeded'
}

async function missing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 410) return undefined
    throw error
  }
}

import { commentMarker, renderComment } from '../report/comment.ts'
import type { ReportEvent, Reporter, Result } from '../report/events.ts'
import type { ReportView } from '../report/view.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import { type CommentApi, type IssueComment, statusOf } from './api.ts'
import { findPullRequest, knownPullRequest } from './pull-request.ts'
import { mayPass, reasonOf } from './trouble.ts'

export interface CommentReporterOptions {
  /** undefined when there is no token */
  github: CommentApi | undefined
  source: RunSource
  /** input `pull-request` */
  pullRequest?: number
  /** what to draw; asked at each write */
  view: () => ReportView
  clock: Clock
  /** told once why there is no comment */
  notice: (text: string) => void
}

/** Where the reports of one rollout go. */
interface Place {
  /** of the pull request; undefined where there is none, or before it was looked for */
  number?: number | undefined
  asked?: true
  target?: IssueComment
  /** what stands there */
  written?: string
}

/** Never more often than this, whatever happens: GitHub counts writes, and readers do not want a flicker. */
const GAP_MS = 10_000

const NO_RIGHT =
  '`pull-requests: write` (a pull request from a fork cannot have it, and a locked one takes no comments)'

/**
 * Keeps one pull request comment up to date: at most one write in 10 s, and the last state always written by
 * {@link flush}. It never throws and never rejects. What goes wrong is told once: a missing right ends it, after a
 * failure that may pass the next state is tried again.
 */
export class CommentReporter implements Reporter {
  private readonly options: CommentReporterOptions
  /** of the rollout that is told of now */
  private place: Place = {}
  /** what was there to say of it last */
  private last: ReportView | undefined
  /** rollouts that another one took the place of before all was written */
  private left: { place: Place; view: ReportView }[] = []
  private lastWrite: number | undefined
  private dirty = false
  /** the last write failed for a reason that may pass */
  private stale = false
  private over = false
  private told = false
  private loop: Promise<void> | undefined
  private hurry = new AbortController()

  constructor(options: CommentReporterOptions) {
    this.options = options
  }

  /** address of the comment, once written: the output `comment-url` */
  get url(): string | undefined {
    return this.place.target?.url
  }

  /** for `record.commentId`, once written */
  get commentId(): number | undefined {
    return this.place.target?.id
  }

  /** for `record.pullRequest`, once found */
  get pullRequest(): number | undefined {
    return this.place.number
  }

  emit(event: ReportEvent): void {
    const view = this.options.view()
    if (!worthWriting(event, view)) return
    this.turn(view)
    this.start()
  }

  /** Each rollout has its own pull request and comment: a release that takes the place of another must not write in its. */
  private turn(view: ReportView): void {
    const { last } = this
    if (last?.record !== undefined && view.record !== undefined && last.record.rollout !== view.record.rollout) {
      if (this.dirty || this.stale) this.left.push({ place: this.place, view: last })
      this.place = {}
    }
    this.last = view
  }

  private start(): void {
    this.dirty = true
    if (!this.over) this.loop ??= this.run()
  }

  /** Writes what is not yet written. Never rejects; returns after `withinMs` of real or virtual time at the latest. */
  async flush(withinMs = 20_000): Promise<void> {
    if (this.stale) this.start()
    if (this.loop === undefined) return
    this.hurry.abort()
    const timer = new AbortController()
    await Promise.race([this.loop, this.options.clock.sleep(withinMs, timer.signal)])
    timer.abort()
    this.hurry = new AbortController()
  }

  /** Writes until nothing is left to write. */
  private async run(): Promise<void> {
    // What is emitted together is written together.
    await Promise.resolve()
    while (this.dirty && !this.over) {
      await this.pause()
      this.dirty = false
      await this.write()
    }
    this.loop = undefined
  }

  private async pause(): Promise<void> {
    if (this.lastWrite === undefined) return
    const rest = this.lastWrite + GAP_MS - this.options.clock.now()
    if (rest > 0) await this.options.clock.sleep(rest, this.hurry.signal)
  }

  private async write(): Promise<void> {
    try {
      for (let next = this.left.shift(); next !== undefined; next = this.left.shift())
        await this.draw(next.place, next.view)
      await this.draw(this.place, this.options.view())
      this.stale = false
    } catch (error) {
      this.give(reasonOf(error, 'the pull request', NO_RIGHT), mayPass(error))
    } finally {
      this.lastWrite = this.options.clock.now()
    }
  }

  private async draw(place: Place, view: ReportView): Promise<void> {
    const body = renderComment(view)
    if (body === place.written) return
    const { github } = this.options
    if (github === undefined) return this.give('no token', false)
    const target = await this.put(github, place, view, body)
    if (target !== undefined) place.target = target
    place.written = body
  }

  private async put(
    github: CommentApi,
    place: Place,
    view: ReportView,
    body: string,
  ): Promise<IssueComment | undefined> {
    const { repository } = this.options.source
    const number = await this.pullRequestNumber(github, place, view)
    // A push without a pull request is nothing to complain about.
    if (number === undefined) return undefined
    const target = place.target ?? (await this.find(github, number, view))
    if (target === undefined) return github.createComment(repository, number, body)
    try {
      return await github.updateComment(repository, target.id, body)
    } catch (error) {
      // Somebody deleted it meanwhile.
      if (statusOf(error) !== 404) throw error
      return github.createComment(repository, number, body)
    }
  }

  private async pullRequestNumber(github: CommentApi, place: Place, view: ReportView): Promise<number | undefined> {
    const { source, pullRequest: input } = this.options
    const question = {
      source,
      ...(input === undefined ? {} : { input }),
      ...(view.record === undefined ? {} : { record: view.record }),
    }
    const known = knownPullRequest(question)
    // A commit's pull requests are asked for once.
    if (known === undefined && place.asked === true) return place.number
    place.number = known ?? (await findPullRequest(question, github))
    place.asked = true
    return place.number
  }

  /** The comment to rewrite: the one that the record names, else the marker's, of the token's own author. */
  private async find(github: CommentApi, number: number, view: ReportView): Promise<IssueComment | undefined> {
    const { repository } = this.options.source
    const marker = commentMarker(view)
    const { record } = view
    // A plan for another pull request sees the same record: that one's comment is not for it.
    const same = record?.owner === repository && (record.pullRequest ?? record.source.pullRequest) === number
    if (record?.commentId !== undefined && same) {
      const named = await missing(github.comment(repository, record.commentId))
      const [ours] = named?.body.startsWith(marker) === true ? await this.ours(github, [named]) : []
      if (ours !== undefined) return ours
    }
    const marked: IssueComment[] = []
    for await (const comment of github.comments(repository, number))
      if (comment.body.startsWith(marker)) marked.push(comment)
    return (await this.ours(github, marked)).at(-1)
  }

  /** Without GraphQL (an old server, a narrow token) a bot's comment is taken for ours: no stranger writes as a bot. */
  private async ours(github: CommentApi, marked: readonly IssueComment[]): Promise<IssueComment[]> {
    try {
      return await github.own(marked)
    } catch {
      return marked.filter(({ author }) => author.bot)
    }
  }

  private give(reason: string, again: boolean): void {
    if (!this.told)
      this.options.notice(`The pull request comment was not written: ${reason}. The job summary has the same report.`)
    this.told = true
    this.stale = again
    this.over = !again
  }
}

/**
 * Only what changes the picture. A refusal that leaves another rollout resting is not told there, because the comment
 * would no longer show where that rollout rests.
 */
function worthWriting(event: ReportEvent, view: ReportView): boolean {
  switch (event.kind) {
    case 'record':
      return true
    case 'result':
      return resultCounts(event.result, view)
    case 'failure':
      return view.record !== undefined
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
      return false
  }
}

function resultCounts({ outcome, phase, command }: Result, view: ReportView): boolean {
  if (outcome === 'refused') return phase === 'none' || phase === 'succeeded' || phase === 'aborted'
  // A clean-up job's abort with nothing to abort, or a look, is no news on a pull request.
  if (outcome === 'unchanged') return command === 'deploy' && view.record !== undefined
  return view.record !== undefined || view.plan !== undefined
}

async function missing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 410) return undefined
    throw error
  }
}

import { supersededBy } from '../report/status.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import type { CommentApi, PullRequest } from './api.ts'
import { inTime } from './in-time.ts'

export interface PullRequestQuestion {
  /** input `pull-request`: what a person says counts first */
  input?: number
  source: RunSource
  /** of the rollout that is reported; absent for what is said of this run alone */
  record?: RolloutRecord
}

/** The rollout's own pull request, as its record has it; a number from another repository would be a stranger's. */
export function recordedPullRequest(record: RolloutRecord, { repository }: RunSource): number | undefined {
  return record.owner === repository ? (record.pullRequest ?? record.source.pullRequest) : undefined
}

/**
 * The pull request that a report belongs on: input, then record, then event, so that a promote from elsewhere moves
 * nothing; else the one that brought the commit. A rollout that this run takes the place of has its own, whatever this
 * run came from. Rejects as {@link CommentApi} does.
 */
export async function findPullRequest(question: PullRequestQuestion, github: CommentApi): Promise<number | undefined> {
  const { input, source, record } = question
  const recorded = record === undefined ? undefined : recordedPullRequest(record, source)
  const superseded = record !== undefined && supersededBy(record) !== undefined
  const known = superseded ? recorded : (input ?? recorded ?? source.pullRequest)
  // A rollback is told where its own run's commit came from: that is where people wait for news.
  const sha = (record?.command === 'rollback' ? record.source.sha : record?.release.sha) ?? source.sha
  if (known !== undefined || source.repository === '' || sha === '') return known
  return bestOf(await github.pullRequestsOf(source.repository, sha), source.repository)
}

/**
 * The pull request of a rollout that this run begins, so that its record has the number from the start: whoever asks for
 * it there, such as a command in a comment, must not depend on how quickly a comment was written. Never rejects.
 */
export async function ownPullRequest(
  github: CommentApi | undefined,
  source: RunSource,
  input: number | undefined,
  clock: Clock,
): Promise<number | undefined> {
  if (github === undefined || source.repository === '') return input ?? source.pullRequest
  return inTime(findPullRequest({ source, ...(input === undefined ? {} : { input }) }, github), clock)
}

/**
 * The one that was merged, else an open one, else a closed one. GitHub names every open one that has the commit, also a
 * stranger's from a fork.
 */
function bestOf(pulls: readonly PullRequest[], repository: string): number | undefined {
  const own = pulls.filter(({ merged, from }) => merged || from === repository)
  const best = own.find(({ merged }) => merged) ?? own.find(({ state }) => state === 'open') ?? own[0]
  return best?.number
}

import { supersededBy } from '../report/status.ts'
import type { RolloutRecord } from '../rollout/record.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { CommentApi } from './api.ts'

export interface PullRequestQuestion {
  /** input `pull-request`: what a person says counts first */
  input?: number
  source: RunSource
  record?: RolloutRecord
}

/**
 * The pull request that is known without asking GitHub: input, then event, then record. A rollout that this run takes the
 * place of has its own, whatever this run came from.
 */
export function knownPullRequest({ input, source, record }: PullRequestQuestion): number | undefined {
  // A number from another repository would put the comment on a stranger's pull request.
  const trusted = record !== undefined && record.owner === source.repository
  const recorded = trusted ? (record.pullRequest ?? record.source.pullRequest) : undefined
  if (record !== undefined && supersededBy(record) !== undefined) return recorded
  return input ?? source.pullRequest ?? recorded
}

/**
 * The pull request that a report belongs on: the known one, else the one that brought the commit, an open one before a
 * closed one. Rejects as {@link CommentApi} does.
 */
export async function findPullRequest(question: PullRequestQuestion, github: CommentApi): Promise<number | undefined> {
  const known = knownPullRequest(question)
  const { repository } = question.source
  const { record } = question
  // A rollback is told where its own run's commit came from: that is where people wait for news.
  const sha = (record?.command === 'rollback' ? record.source.sha : record?.release.sha) ?? question.source.sha
  if (known !== undefined || repository === '' || sha === '') return known
  const found = await github.pullRequestsOf(repository, sha)
  return (found.find(({ state }) => state === 'open') ?? found[0])?.number
}

import type { Reporter } from '../report/events.ts'
import type { ReportView } from '../report/view.ts'
import type { Deps, OnGitHub } from '../rollout/deps.ts'
import type { RunSource, Settings } from '../rollout/settings.ts'
import type { Clock } from '../shared/clock.ts'
import { approversOf } from './approvers.ts'
import { CommentReporter } from './comment.ts'
import { CommitStatusReporter } from './commit-status.ts'
import { DeploymentReporter } from './deployments.ts'
import { openGitHub } from './github.ts'
import { ownPullRequest } from './pull-request.ts'
import { troubleText } from './trouble.ts'

export interface GitHubReportersOptions {
  settings: Settings
  source: RunSource
  /** `GITHUB_API_URL` */
  apiUrl: string
  /** absent: nothing is written, which is told once */
  githubToken?: string
  view: () => ReportView
  clock: Clock
  /** this process says for another one, which acted and was killed, how its rollout has ended */
  completes: boolean
  say: (text: string, level: 'info' | 'debug') => void
  /** told the deployment's id as soon as there is one */
  known: (deployment: number) => void
}

/** Everything that GitHub is told and asked in one run, over one connection that keeps the API's pace. */
export interface GitHubReporters {
  reporters: Reporter[]
  /** Never rejects; false when something that could still be told was not within the time, in ms. */
  flush: (withinMs: number) => Promise<boolean>
  known: () => OnGitHub
  commentUrl: () => string | undefined
  pullRequest: Deps['pullRequest']
  approvers: Deps['approvers']
}

/** Without a repository nothing is told: this is no run of GitHub's. */
export function githubReporters(options: GitHubReportersOptions): GitHubReporters {
  const { settings, source, apiUrl, githubToken: token, view, clock, completes, say, known } = options
  const log = (text: string): void => say(text, 'debug')
  const notice = (text: string): void => say(text, 'info')
  const github = token === undefined ? undefined : openGitHub({ token, apiUrl, log })
  const common = { github, source, clock, completes }
  // A look tells nothing, unless it is for a run that could not.
  const looks = !completes && ['plan', 'status'].includes(settings.command)
  const tells = source.repository !== '' && !looks
  const comment =
    settings.comment === 'never' || source.repository === ''
      ? undefined
      : new CommentReporter({
          ...common,
          view,
          looks,
          notice,
          ...(settings.pullRequest === undefined ? {} : { pullRequest: settings.pullRequest }),
        })
  const commentUrl = (): string | undefined => comment?.url
  const deployment = tells
    ? new DeploymentReporter({ ...common, cluster: () => view().cluster, debug: log, known })
    : undefined
  const commitStatus = tells ? new CommitStatusReporter({ ...common, commentUrl }) : undefined
  const told = { 'pull request comment': comment, 'GitHub deployment': deployment, 'commit status': commitStatus }
  const reporters = Object.values(told).filter((each) => each !== undefined)
  return {
    reporters,
    flush: async (withinMs) => {
      const all = await Promise.all(reporters.map((each) => each.flush(withinMs)))
      const text = troubleText(Object.entries(told).map(([what, reporter]) => [what, reporter?.trouble]))
      if (text !== undefined) notice(text)
      return !all.includes(false)
    },
    known: () => knownOf(comment, deployment),
    commentUrl,
    pullRequest: () => ownPullRequest(github, source, settings.pullRequest, clock),
    approvers: (environment) => approversOf(github, source, environment, clock),
  }
}

function knownOf(comment: CommentReporter | undefined, deployment: DeploymentReporter | undefined): OnGitHub {
  const [place, newest] = [comment?.known, deployment?.deployment]
  return { ...(place === undefined ? {} : { comment: place }), ...(newest === undefined ? {} : { deployment: newest }) }
}

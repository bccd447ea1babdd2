import type { FetchUrl, RunCommand } from '../checks/asker.ts'
import type { Connection } from '../kubernetes/connection.ts'
import type { Client } from '../kubernetes/client.ts'
import type { Reporter } from '../report/events.ts'
import type { SourceText } from './release.ts'
import type { RunSource, Settings } from './settings.ts'
import type { Clock } from '../shared/clock.ts'

/** What later runs need to go on with the same comment and deployment; of the rollout that is named, and of no other. */
export interface OnGitHub {
  comment?: { rollout: number; commentId?: number; pullRequest?: number }
  deployment?: { rollout: number; id: number }
}

/** Everything a command is given; nothing is taken from module state or the process. */
export interface Deps {
  settings: Settings
  source: RunSource
  client: Client
  connection: Pick<Connection, 'namespace' | 'clusterName' | 'contextName'>
  clock: Clock
  reporter: Reporter
  /** aborted when the runner or a person cancels */
  cancel: AbortSignal
  /** random text for the identity of this run's lease */
  identity: string
  readManifests: () => Promise<SourceText[]>
  expand: (text: string) => string
  fetchUrl: FetchUrl
  /** a process on the runner, for `command` checks */
  runCommand: RunCommand
  /** what is known of GitHub by now */
  onGitHub: () => OnGitHub
  /** number of the pull request that a new rollout belongs to; undefined where that cannot be told. Never rejects */
  pullRequest: () => Promise<number | undefined>
  /** login names of those who approved this run's job; none where that cannot be told. Never rejects */
  approvers: (environment: string | undefined) => Promise<string[]>
  /** ms that a Service change needs to reach every proxy; 3 s unless a test says otherwise */
  settleMs: number
}

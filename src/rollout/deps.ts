import type { FetchUrl, RunCommand } from '../checks/asker.ts'
import type { Connection } from '../kubernetes/connection.ts'
import type { Client } from '../kubernetes/client.ts'
import type { Reporter } from '../report/events.ts'
import type { SourceText } from './release.ts'
import type { RunSource, Settings } from './settings.ts'
import type { Clock } from '../shared/clock.ts'

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
  /** the pull request comment, as soon as it is known, so that later runs find it */
  comment: () => { id: number | undefined; pullRequest: number | undefined }
  /** ms that a Service change needs to reach every proxy; 3 s unless a test says otherwise */
  settleMs: number
}

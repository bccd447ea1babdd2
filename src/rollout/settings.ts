import type { Check, WarmUp } from '../checks/spec.ts'
import type { Place } from '../shared/errors.ts'
import type { Match, ObjectKind, RouterName, WeightPaths } from '../routers/router.ts'
import type { Step, Strategy } from '../strategies/step.ts'

export const COMMANDS = ['deploy', 'promote', 'abort', 'rollback', 'status', 'plan'] as const
export type Command = (typeof COMMANDS)[number]

/** How the app is asked steadily during a rollout; `${NAME}` in url and headers is expanded only then. */
export interface UpdateChecker {
  /** asked from the runner, over new connections; else a Service through the API server */
  url?: string
  /** default: the first Service that takes part */
  service?: string
  /** default: that of the readiness probe behind the Service's port, else `/` */
  path?: string
  port?: string | number
  headers: Record<string, string>
  /** ms from one request to the next; stretched in long rollouts */
  intervalMs: number
  /** ms for one request */
  timeoutMs: number
  /** where an answer names its version; default: the texts of both versions are looked for */
  version?: { kind: 'json'; path: string } | { kind: 'header'; name: string } | { kind: 'pattern'; pattern: string }
}

/** A route of any kind, by the paths to its weights. */
export interface GenericRoute extends ObjectKind, WeightPaths {
  name: string
}

/** How requests are parted by a router, as written in the config. */
export interface Traffic {
  /** `auto` takes the first that leads to the Service; `none` leaves the share to the number of pods */
  router: RouterName | 'auto' | 'none'
  /** `Kind/name` of the routes that are meant; empty: all that lead to the Services */
  routes: string[]
  /** who is on the new version from the first step on, whatever the weight */
  match: Match[]
  sticky?: { by: 'bucket'; source: 'cookie' | 'header'; name: string } | { by: 'router'; name: string }
  /** new pods beside the old ones: as the weight asks (rounded up), or a full set from the first step */
  pods: 'share' | 'full'
  /** somebody else writes the route between steps: end the rollout, or write it again */
  onDrift: 'stop' | 'reassert'
  /** ms that a change needs to reach every proxy; default: what the router needs */
  settleMs?: number
  /** nginx: what annotations begin with */
  prefix?: string
  weights: GenericRoute[]
  /** older versions that stay reachable under their id */
  keep?: KeepVersions
  place?: Place
}

export interface KeepVersions {
  /** how many, 1 to 3 */
  count: number
  /** ms after which the next run removes one */
  forMs: number
  /** pods of each */
  replicas: number
  header?: string
  query?: string
  cookie?: string
  /** environment variable that tells the pods their id */
  env?: string
}

/** Everything a command was told, after config file and inputs were put together and found right. */
export interface Settings {
  command: Command
  app?: string
  namespace?: string
  /** the number a promote, abort or rollback was meant for */
  rollout?: number
  full: boolean
  gates: 'readiness' | 'all'
  strategy: Strategy
  /** the strategy's default when not set */
  steps: Step[]
  pods: 'in-place' | 'separate'
  capacity: 'keep' | 'replace'
  /** path of the config file, where it was named */
  config?: string
  /** how a command line was told its cluster; never a kubeconfig's content */
  cluster?: { kubeconfig?: string; context?: string }
  /** files, directories and globs below the workspace */
  manifests: string[]
  /** `repository:tag`, `repository@digest` or `repository=reference` */
  images: string[]
  /** strategy of one workload where it differs from the app's: `plain` is applied and awaited, without steps */
  workloads: Record<string, { strategy: 'plain'; place?: Place }>
  checks: Record<string, Check>
  warmUp: WarmUp
  traffic: Traffic
  /** absent: off */
  updateChecker?: UpdateChecker
  /** ids of findings that are accepted by name */
  accept: string[]
  /** field managers whose fields may be taken */
  takeOver: string[]
  /** milliseconds for one step, waits not counted */
  timeoutMs: number
  onFailure: 'abort' | 'stop'
  onCancel: 'abort' | 'stop'
  onFailedJob: 'stop' | 'old'
  supersede: 'newer' | 'refuse' | 'any'
  prune: boolean
  environment?: string
  environmentUrl?: string
  /** of the environment on GitHub; absent: GitHub's own defaults */
  transientEnvironment?: boolean
  productionEnvironment?: boolean
  /** keep a commit status as well */
  commitStatus?: true
  comment: 'auto' | 'never'
  pullRequest?: number
}

/** The update checker goes through the API server, which wants a right of its own. */
export function asksService({ updateChecker }: Pick<Settings, 'updateChecker'>): boolean {
  return updateChecker !== undefined && updateChecker.url === undefined
}

/** Where a run comes from; empty on a command line outside of GitHub. */
export interface RunSource {
  /** `owner/name`, or empty */
  repository: string
  sha: string
  /** branch or tag */
  ref: string
  runId: string
  attempt: number
  runNumber: number
  /** address of the run's page, or empty */
  runUrl: string
  actor: string
  /** of the event, when it has one */
  pullRequest?: number
  /** that people promote and abort by: file, reference or name; empty where there is none */
  workflow: string
  /** fields of its form, where its file could be read */
  workflowInputs?: string[]
  serverUrl: string
}

/** Whether both are the same attempt of the same run. */
export function isSameRun(a: RunSource, b: RunSource): boolean {
  return a.runId === b.runId && a.attempt === b.attempt && a.repository === b.repository
}

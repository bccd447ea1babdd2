import type { Finding } from '../preflight/finding.ts'
import type { Result } from '../report/events.ts'
import { backCommand, nextCommand } from '../report/way.ts'
import type { Outcome, RolloutRecord } from '../rollout/record.ts'
import type { Settings } from '../rollout/settings.ts'
import type { Failure } from '../shared/errors.ts'

export interface ResultParts {
  outcome: Outcome
  message: string
  app?: string
  namespace?: string
  record?: RolloutRecord | undefined
  failure?: Failure | undefined
  findings?: Finding[]
  plan?: string
  cancelled?: boolean
}

/** The exit code of an outcome. Source: the outcome table of the documentation. */
export function exitCodeOf(outcome: Outcome, failure: Failure | undefined, cancelled = false): number {
  if (cancelled || failure?.kind === 'cancelled') return 130
  switch (outcome) {
    case 'succeeded':
    case 'unchanged':
    case 'planned':
    case 'rolled-back':
      return 0
    case 'paused':
      return 3
    case 'refused':
      return 2
    case 'aborted':
      return failure === undefined ? 0 : failure.kind === 'timeout' ? 70 : 1
    case 'stopped':
    case 'failed':
      return failure?.kind === 'timeout' ? 70 : 1
  }
}

export function resultOf(
  deps: { settings: Pick<Settings, 'command' | 'app' | 'namespace' | 'cluster'> },
  parts: ResultParts,
): Result {
  const { outcome, message, record, failure, findings = [], plan, cancelled } = parts
  return {
    command: deps.settings.command,
    outcome,
    phase: record?.phase ?? 'none',
    app: record?.app ?? parts.app ?? deps.settings.app ?? '',
    namespace: record?.namespace ?? parts.namespace ?? deps.settings.namespace ?? '',
    message,
    ...(record === undefined ? {} : { record }),
    ...(failure === undefined ? {} : { failure }),
    findings,
    ...(plan === undefined ? {} : { plan }),
    ...ahead(deps.settings.command, outcome, record, deps.settings.cluster),
    exitCode: exitCodeOf(outcome, failure, cancelled),
  }
}

/** What was refused, planned or aborted is not gone on with: the command would bring what this one did not ask for. */
function ahead(
  command: Settings['command'],
  outcome: Outcome,
  record: RolloutRecord | undefined,
  cluster: Settings['cluster'],
): Pick<Result, 'next' | 'back'> {
  if (record === undefined || ['refused', 'planned', 'aborted'].includes(outcome)) return { next: '', back: '' }
  // A run is at work on it, which goes on by itself.
  if (command === 'promote' && outcome === 'unchanged') return { next: '', back: backCommand(record, cluster) }
  return { next: nextCommand(record, cluster), back: backCommand(record, cluster) }
}

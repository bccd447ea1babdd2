import { ApiError } from '../kubernetes/errors.ts'
import type { Result } from '../report/events.ts'
import { asFailure } from '../rollout/carry.ts'
import type { Deps } from '../rollout/deps.ts'
import { Interrupted } from '../rollout/interrupt.ts'
import type { Failure } from '../shared/errors.ts'
import { abort } from './abort.ts'
import { deploy } from './deploy.ts'
import { lackingRights } from './lacking-rights.ts'
import { plan } from './plan.ts'
import { promote } from './promote.ts'
import { resultOf } from './result.ts'
import { rollback } from './rollback.ts'
import { status } from './status.ts'

const COMMANDS = { deploy, promote, abort, rollback, status, plan } as const

/** Runs one command and says what it came to. Never throws: what escaped a command is a refusal or a failure. */
export async function runCommand(deps: Deps): Promise<Result> {
  const { command } = deps.settings
  try {
    const result = await COMMANDS[command](deps)
    deps.reporter.emit({ kind: 'result', result })
    return result
  } catch (error) {
    const result = escaped(deps, error, await lackingRights(deps, error))
    if (result.failure !== undefined) deps.reporter.emit({ kind: 'failure', failure: result.failure })
    deps.reporter.emit({ kind: 'result', result })
    return result
  }
}

/**
 * An error that no rollout has caught came before the first write that matters: commands that have begun one end it
 * themselves (`carry`).
 */
function escaped(deps: Deps, error: unknown, rights: Failure | undefined): Result {
  if (error instanceof Interrupted || deps.cancel.aborted) {
    const failure: Failure = {
      kind: 'cancelled',
      code: 'cancelled',
      message: 'the run was cancelled before it touched anything',
    }
    return resultOf(deps, { outcome: 'refused', message: failure.message, failure, cancelled: true })
  }
  const failure = rights ?? asFailure(error)
  const before =
    failure.kind === 'refused' ||
    (error instanceof ApiError && ['unreachable', 'unauthorized', 'forbidden'].includes(error.kind))
  return resultOf(deps, { outcome: before ? 'refused' : 'failed', message: failure.message, failure })
}

import { actingRun } from '../kubernetes/acting.ts'
import type { Result } from '../report/events.ts'
import type { Deps } from '../rollout/deps.ts'
import { undoCommand } from '../rollout/by-hand.ts'
import { isOver } from '../rollout/record.ts'
import { actingLine, statusLines } from '../rollout/status.ts'
import { findApp } from './find-app.ts'
import { resultOf } from './result.ts'

/** Where the app stands, and whether the cluster is as the record says. Never writes. */
export async function status(deps: Deps): Promise<Result> {
  const { app, namespace, record } = await findApp(deps)
  if (record === undefined) {
    const acting = await actingRun(deps.client, { app, namespace }, deps.clock.now())
    if (acting !== undefined) deps.reporter.emit({ kind: 'line', ...actingLine({ phase: 'progressing' }, acting) })
    return resultOf(deps, {
      outcome: 'unchanged',
      message: `no rollout of app ${app} is recorded in namespace ${namespace}`,
      app,
      namespace,
    })
  }
  deps.reporter.emit({ kind: 'record', record, ...(isOver(record) ? {} : { byHand: undoCommand(record) }) })
  const lines = await statusLines(deps.client, record, deps.clock.now(), deps.settings.cluster)
  for (const { text, level } of lines) deps.reporter.emit({ kind: 'line', text, level })
  const message = `rollout ${record.rollout} of ${record.app} is ${record.phase}`
  const result = resultOf(deps, { outcome: 'unchanged', message, record })
  // Where a promote would be refused, the way on is the way back.
  return lines.some(({ drift }) => drift) ? { ...result, next: result.back } : result
}

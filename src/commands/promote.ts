import type { Result } from '../report/events.ts'
import type { Deps } from '../rollout/deps.ts'
import { act } from './act.ts'
import { findRecord } from './find-app.ts'

/** Goes on past an approval, or with `full` past everything that is left. Takes nothing from its own inputs but the number. */
export async function promote(deps: Deps): Promise<Result> {
  const { app, namespace, record } = await findRecord(deps)
  return act(deps, app, namespace, record)
}

import type { Result } from '../report/events.ts'
import type { Deps } from '../rollout/deps.ts'
import { act } from './act.ts'
import { findApp } from './find-app.ts'
import { askBeginningRun } from './request.ts'
import { resultOf } from './result.ts'

/** Returns to the stable version while a rollout is under way; with nothing under way it succeeds, for clean-up jobs. */
export async function abort(deps: Deps): Promise<Result> {
  const { app, namespace, record } = await findApp(deps)
  if (record === undefined) {
    const asked = app === '' ? undefined : await askBeginningRun(deps, app, namespace)
    return asked ?? resultOf(deps, { outcome: 'unchanged', message: 'nothing is under way', app, namespace })
  }
  return act(deps, app, namespace, record)
}

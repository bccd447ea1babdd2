import { ApiError } from '../kubernetes/errors.ts'
import type { Result } from '../report/events.ts'
import type { Deps } from '../rollout/deps.ts'
import { refuse } from '../shared/errors.ts'
import { type Deployment, nameOf, refOf } from '../shared/objects.ts'
import { decodeRecord } from '../rollout/codec.ts'
import { isResting } from '../strategies/hold.ts'
import { act } from './act.ts'
import { findApp, recordsIn } from './find-app.ts'
import { askBeginningRun } from './request.ts'
import { resultOf } from './result.ts'

/** Returns to the stable version while a rollout is under way; with nothing under way it succeeds, for clean-up jobs. */
export async function abort(deps: Deps): Promise<Result> {
  const { app, namespace, record } = await findApp(deps)
  if (record !== undefined) return act(deps, app, namespace, record)
  const asked = app === '' ? undefined : await askBeginningRun(deps, app, namespace)
  if (asked !== undefined) return asked
  await requireNothingHeld(deps, app, namespace)
  return resultOf(deps, { outcome: 'unchanged', message: 'nothing is under way', app, namespace })
}

/** Without its record nobody knows the way back of a rollout that rests; "nothing is under way" would be a lie. */
async function requireNothingHeld({ client }: Deps, app: string, namespace: string): Promise<void> {
  const { items } = await client
    .list<Deployment>({ apiVersion: 'apps/v1', kind: 'Deployment' }, namespace)
    .catch((error: unknown) => {
      // A clean-up job without that right still succeeds.
      if (error instanceof ApiError && error.kind === 'forbidden') return { items: [] }
      throw error
    })
  const held = items.filter(isResting)
  if (held.length === 0) return
  // Another app of the namespace may rest there, with its record.
  const known = (await recordsIn(client, namespace))
    .flatMap((map) => decodeRecord(map).workloads)
    .flatMap(({ name, stableName }) => [name, stableName])
  const lost = held.find(({ metadata }) => !known.includes(metadata.name))
  if (lost === undefined) return
  const object = { ...refOf(lost), apiVersion: 'apps/v1', kind: 'Deployment' }
  throw refuse('record-lost', `${nameOf(object)} rests in a rollout of Headgate, and the record of that is gone`, {
    object,
    done: 'nothing was touched: it rests as it did, and users are served',
    next: `bring the ConfigMap ${app === '' ? 'of its app' : `headgate-${app}`} back, or go back by hand: docs/recovery.md, "The record is lost"`,
  })
}

import { endJobs } from './jobs.ts'
import type { Client } from '../kubernetes/client.ts'
import { HeadgateError } from '../shared/errors.ts'
import { jsonEquals } from '../shared/json.ts'
import { type JsonPatchOperation, pointer } from '../shared/json-patch.ts'
import { keyOf, type KubeObject, nameOf, refOf } from '../shared/objects.ts'
import { roomForAbort } from '../strategies/in-place.ts'
import { replicasOf, sideOf } from '../strategies/view.ts'
import type { Engine } from './engine.ts'
import { keepNothing } from './kept.ts'
import { clean, withOwnershipOf } from './ownership.ts'

/** Fields that are never put back: identity, and what the server or a controller writes. */
const KEPT = new Set(['apiVersion', 'kind', 'metadata', 'status'])

/** The patch that gives an object the content it had, whatever kind it is. */
export function restoreOperations(live: KubeObject, before: KubeObject): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = []
  for (const [key, value] of Object.entries(before))
    if (!KEPT.has(key) && value !== undefined && !jsonEquals(live[key], value))
      operations.push({ op: 'add', path: pointer(key), value })
  for (const key of Object.keys(live))
    if (!KEPT.has(key) && before[key] === undefined) operations.push({ op: 'remove', path: pointer(key) })
  return operations
}

/**
 * Back to the stable version: pods and traffic first, then shared configuration and ownership as they were. Idempotent:
 * a run that died in the middle is followed by one that does the same.
 * @param end ms since 1970 when this run has to be over, if it has to: then pods that are ending are left to end
 */
export async function undo(engine: Engine, end?: number): Promise<void> {
  const { reporter } = engine.o
  reporter.emit({ kind: 'phase', title: 'Back to the stable version' })
  const { timeoutMs } = engine.o.book.record
  await endJobs(engine, {
    timeoutMs: end === undefined ? timeoutMs : Math.min(timeoutMs, end - engine.now),
    why: 'the rollout goes back',
    obey: ['lost'],
  })
  await restoreConfiguration(engine)
  await goBack(engine, end)
  for (const workload of engine.workloads) {
    const view = engine.view(workload)
    for (const object of [view.deployment, view.separate?.deployment, ...view.services.map((service) => service.live)])
      if (object !== undefined) await giveBack(engine, object)
  }
  await giveRoutesBack(engine)
  await keepNothing(engine)
  reporter.emit({ kind: 'line', text: `the stable version serves alone again` })
}

/** ms without an end after which it is tried with less: without a pod, and without awaiting those that are ending. */
const PATIENCE_MS = 60_000

async function goBack(engine: Engine, end: number | undefined): Promise<void> {
  const { timeoutMs } = engine.o.book.record
  if (end !== undefined)
    return engine.reach({ kind: 'back', leaveEnding: true }, Math.max(0, end - engine.now), ['lost'], end)
  try {
    return await engine.reach({ kind: 'back' }, Math.min(timeoutMs, PATIENCE_MS), ['lost'])
  } catch (error) {
    if (!(error instanceof HeadgateError) || error.failure.kind !== 'timeout') throw error
  }
  // No progress: most often a quota that the new pods fill. One old pod less makes room, never more than one.
  for (const workload of engine.workloads) {
    const view = engine.view(workload)
    const whole = view.deployment !== undefined && sideOf(view, 'stable').serving >= replicasOf(view.deployment)
    const move = whole ? undefined : roomForAbort(view)
    if (move?.kind === 'write') await engine.send(move.write, move.text)
  }
  // A pod that takes long to end does no harm: nobody is sent to it.
  await engine.reach({ kind: 'back', leaveEnding: true }, timeoutMs, ['lost'])
}

async function giveBack(engine: Engine, object: KubeObject): Promise<void> {
  const before = engine.o.book.payload.before[keyOf(refOf(object))]
  const cleaned = await clean(engine.o.client, object, (live) => withOwnershipOf(live, before))
  engine.o.world.put(cleaned)
}

/** The routes belong to who had them before; what a later apply of the release changes in them is the release's. */
export async function giveRoutesBack(engine: Engine): Promise<void> {
  for (const route of engine.routes.live) {
    const before = engine.routes.before(keyOf(refOf(route)))
    if (before === undefined) continue
    engine.o.world.put(await clean(engine.o.client, route, (live) => withOwnershipOf(live, before)))
  }
}

/** Objects outside of the steps that this rollout changed, as they were before it. */
async function restoreConfiguration(engine: Engine): Promise<void> {
  const { book, client, reporter } = engine.o
  const moved = new Set([
    ...engine.workloads.map(({ name, namespace }) =>
      keyOf({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace }),
    ),
    ...book.record.services.map(({ name, namespace }) => keyOf({ apiVersion: 'v1', kind: 'Service', name, namespace })),
    ...(book.record.traffic?.routes ?? []),
  ])
  for (const [key, before] of Object.entries(book.payload.before)) {
    if (moved.has(key)) continue
    if (await restore(client, before)) reporter.emit({ kind: 'change', text: `${nameOf(refOf(before))}: as it was` })
  }
}

async function restore(client: Client, before: KubeObject): Promise<boolean> {
  const live = await client.get(refOf(before))
  if (live === undefined || restoreOperations(live, before).length === 0) return false
  await clean(client, live, (object) => [...restoreOperations(object, before), ...withOwnershipOf(object, before)])
  return true
}

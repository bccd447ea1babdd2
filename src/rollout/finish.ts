import { ApiError } from '../kubernetes/errors.ts'
import { keyOf, type KubeObject, nameOf, type ObjectRef, refOf } from '../shared/objects.ts'
import { payloadName } from './codec.ts'
import type { Engine } from './engine.ts'
import { clean, withoutTraces } from './ownership.ts'
import { giveRoutesBack } from './undo.ts'
import { type PayloadRef, type ReleaseRef, successText } from './record.ts'

/**
 * Brings the new version to all pods and gives the objects to the manifest's manager, so that nothing is left but what the
 * release says.
 */
export async function finish(engine: Engine): Promise<void> {
  const { book, reporter } = engine.o
  if (engine.workloads.length > 0) reporter.emit({ kind: 'phase', title: 'Finish: all pods to the new version' })
  await engine.reach({ kind: 'finish' }, book.record.timeoutMs)
  for (const workload of engine.workloads) {
    const { deployment, separate, services } = engine.view(workload)
    for (const object of [separate?.deployment, deployment, ...services.map(({ live }) => live)])
      if (object !== undefined) await handOver(engine, object)
  }
  await giveRoutesBack(engine)
}

async function handOver(engine: Engine, live: KubeObject): Promise<void> {
  const { client, world } = engine.o
  world.put(await clean(client, await applied(engine, live), withoutTraces))
}

const MOST_STALE = 10

/** As the release says it. The object's status changes often enough that the first try may be stale. */
async function applied(engine: Engine, live: KubeObject): Promise<KubeObject> {
  const { book, client, apply } = engine.o
  const manifest = book.object(keyOf(refOf(live)))
  if (manifest === undefined) return live
  let current = live
  for (let attempt = 0; ; attempt++) {
    engine.stops.checkpoint(['lost'])
    try {
      return await apply(manifest, current)
    } catch (error) {
      if (!(error instanceof ApiError) || error.kind !== 'stale' || attempt >= MOST_STALE) throw error
      current = (await client.get(refOf(current))) ?? current
    }
  }
}

/** Objects of the release before that this one lacks. */
export function leftovers(before: readonly KubeObject[], now: readonly KubeObject[]): KubeObject[] {
  const kept = new Set(now.map((object) => keyOf(refOf(object))))
  return before.filter((object) => !kept.has(keyOf(refOf(object))))
}

/** Success: the record says so, then what only the rollouts before needed goes. */
export async function succeed(engine: Engine): Promise<void> {
  const { book } = engine.o
  const { record } = book
  const previous: ReleaseRef | undefined =
    record.serving?.digest === record.release.digest ? record.previous : record.serving
  const kept = new Set([record.release.rollout, previous?.rollout])
  const old = record.payloads.filter(({ rollout }) => !kept.has(rollout))
  const ours = (job: string): boolean => job.endsWith(`-${record.rollout}`)
  const { previous: _before, failure: _failure, reason: _reason, ...rest } = record
  book.record = { ...rest, ...(previous === undefined ? {} : { previous }) }
  await book.save(
    {
      phase: 'succeeded',
      serving: record.release,
      ...(record.traffic?.keeping === undefined ? {} : { kept: record.traffic.keeping }),
      step: record.steps.length,
      payloads: record.payloads.filter(({ rollout }) => kept.has(rollout)),
      jobs: record.jobs.filter(ours),
    },
    { kind: 'finished', text: successText(record) },
  )
  await sweep(
    engine,
    old,
    record.jobs.filter((job) => !ours(job)),
  )
}

/** Removes payloads and Jobs that no command can need any more. A failure here is told and harms nothing. */
export async function sweep(engine: Engine, payloads: PayloadRef[], jobs: string[]): Promise<void> {
  const { client, book, reporter } = engine.o
  const { app, namespace } = book.record
  const refs: ObjectRef[] = payloads.map(({ rollout, kind }) => ({
    apiVersion: 'v1',
    kind,
    name: payloadName(app, rollout),
    namespace,
  }))
  for (const key of jobs) {
    const [, , jobNamespace, name] = key.split('|')
    if (name !== undefined)
      refs.push({ apiVersion: 'batch/v1', kind: 'Job', name, namespace: jobNamespace ?? namespace })
  }
  for (const ref of refs)
    try {
      await client.delete(ref, { propagation: 'Background' })
    } catch (error) {
      reporter.emit({ kind: 'line', level: 'warning', text: `${nameOf(ref)} could not be removed: ${String(error)}` })
    }
}

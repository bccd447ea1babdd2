import type { JsonPatchOperation } from '../shared/json-patch.ts'
import type { KubeObject, ObjectRef } from '../shared/objects.ts'
import type { Share } from './view.ts'

/** One request that changes the cluster. Patches are conditional on the resourceVersion of the object they were made from. */
export type Write =
  | { verb: 'patch'; object: KubeObject; operations: JsonPatchOperation[] }
  | { verb: 'create'; object: KubeObject }
  | { verb: 'delete'; ref: ObjectRef; uid?: string }
  /** server-side apply of an object of the release, by the manager `headgate` */
  | { verb: 'apply'; object: KubeObject; live?: KubeObject }

/** A share, or the routes as they were before the rollout, or as they are to be after it. */
export type RouteGoal = Share | 'before' | 'after'

/**
 * What a strategy wants next for one workload. A strategy never acts: it is asked again after every change, and answers
 * from what it sees, so doing a move twice equals doing it once and a new run needs no memory of the old one.
 */
export type Move =
  | { kind: 'write'; write: Write; text: string }
  /** nothing to write until something changes, or until `wakeAt` (ms since 1970); in vain from `giveUpAt` on */
  | { kind: 'wait'; text: string; wakeAt?: number; giveUpAt?: number }
  | { kind: 'done' }
  /** the routes are to be so before this workload goes on; they are moved when all workloads ask for the same */
  | { kind: 'route'; to: RouteGoal }
  /** the cluster does not do what was written */
  | { kind: 'refused'; code: string; text: string; object: ObjectRef; next: string }
  /** the object no longer is what this rollout made of it: somebody else wrote it */
  | { kind: 'drift'; text: string; object: ObjectRef }

export const done: Move = { kind: 'done' }

export function wait(text: string, wakeAt?: number): Move {
  return wakeAt === undefined ? { kind: 'wait', text } : { kind: 'wait', text, wakeAt }
}

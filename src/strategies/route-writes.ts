import { isAsWanted, type Route } from '../routers/router.ts'
import { jsonEquals, parseJson } from '../shared/json.ts'
import { keyOf, type KubeObject, refOf } from '../shared/objects.ts'
import { SPLIT } from './annotations.ts'
import type { RouteObject, Routing, Share } from './view.ts'

/** What a rollout has written to its routes, and whether it still stands there. */

/** What is known of one rollout on its routes. */
export interface Asked {
  routing: Routing
  rollout: number
  app: string
  sentence: string
  now: number
}

export const NOTHING: Share = { percent: 0, mirror: 0 }

export function liveOf({ live }: Routing, object: KubeObject): RouteObject {
  return live.get(keyOf(refOf(object))) ?? { live: undefined, changedAt: 0, own: false }
}

export function wantedAt({ router, split }: Routing, route: Route, share: Share): KubeObject[] {
  return router.wanted(route, { ...split, ...share })
}

/** What a write of this rollout has left at an object. */
interface Written extends Share {
  rollout: number
  /** of the object by that write; the server counts changes of the spec */
  generation?: number
}

function writtenAt(object: KubeObject | undefined, rollout: number): Written | undefined {
  try {
    const value = parseJson(object?.metadata.annotations?.[SPLIT] ?? '') as Written
    return value.rollout === rollout ? value : undefined
  } catch {
    return undefined
  }
}

/** The share that an object was written for by this rollout. */
export function shareOf(object: KubeObject | undefined, rollout: number): Share | undefined {
  const written = writtenAt(object, rollout)
  return written === undefined ? undefined : { percent: written.percent, mirror: written.mirror }
}

/** It is for this share, and nobody has put anything more into it since. */
export function isWrittenFor(live: KubeObject | undefined, wanted: KubeObject, share: Share, rollout: number): boolean {
  const written = shareOf(live, rollout)
  if (live === undefined || written?.percent !== share.percent || written.mirror !== share.mirror) return false
  return isAsWanted(live, wanted) && !hasMore(live, wanted, rollout)
}

/** More than what was written, and not by the server's defaults: its spec was changed since. */
function hasMore(live: KubeObject, wanted: KubeObject, rollout: number): boolean {
  const { generation = 0, managedFields = [] } = live.metadata
  const written = writtenAt(live, rollout)?.generation
  // Where the status is none of its own, the server counts its changes as well.
  const counts = live['status'] === undefined || managedFields.some(({ subresource }) => subresource === 'status')
  return counts && written !== undefined && generation > written && !jsonEquals(live['spec'], wanted['spec'])
}

export function isSameAs(object: KubeObject): (other: KubeObject) => boolean {
  return (other) => keyOf(refOf(other)) === keyOf(refOf(object))
}

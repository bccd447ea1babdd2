import { describe, expect, it } from 'vitest'
import { cutEverywhere, type Story } from './crash.ts'
import { Gateway, routeObject } from './routed.ts'
import type { World } from './world.ts'

/** A route that users come by; in the end it must be what it was, but for its resourceVersion. */
async function httpRoute(world: World): Promise<() => string[]> {
  const gateway = await Gateway.standing(world)
  const before = gateway.route
  return () => {
    const phase = world.record?.phase
    if (phase === 'succeeded' || phase === 'aborted') {
      expect(gateway.route['spec']).toEqual(routeObject()['spec'])
      expect(gateway.route.metadata.annotations).toEqual(before.metadata.annotations)
      expect(gateway.route.metadata.labels).toEqual(before.metadata.labels)
    }
    return [...gateway.lost]
  }
}

const options = { strategy: 'canary', plan: '25%, approve, 60%, approve' } as const
const story = { options, maxPods: 6, beside: httpRoute } as const
const STORIES: Record<string, Story> = {
  deploy: { ...story, before: [], command: 'deploy' },
  'promote to a larger share': { ...story, before: ['deploy'], command: 'promote' },
  'promote to the end': { ...story, before: ['deploy', 'promote'], command: 'promote' },
  abort: { ...story, before: ['deploy', 'promote'], command: 'abort' },
}

describe.each(Object.entries(STORIES))('canary through an HTTPRoute, %s, cut off at every write', (_name, each) => {
  it.each(['deploy', 'abort'] as const)('then %s', async (then) => {
    await cutEverywhere(each, then)
  })
})

import { describe, expect, it } from 'vitest'
import { cutEverywhere, type Story } from './crash.ts'
import { Gateway, routeObject } from './routed.ts'
import { IngressController, ingressObject } from './routed-ingress.ts'
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

/** An Ingress that users come by: it is never touched, and the second one is gone in the end. */
async function ingress(world: World): Promise<() => string[]> {
  const controller = new IngressController(world)
  await world.clock.advance(5_000)
  return () => {
    const phase = world.record?.phase
    if (phase === 'succeeded' || phase === 'aborted') {
      expect(controller.main['spec']).toEqual(ingressObject()['spec'])
      expect(controller.main.metadata.annotations).toEqual(ingressObject().metadata.annotations)
      expect(controller.main.metadata.labels).toBeUndefined()
      expect(controller.canary).toBeUndefined()
    }
    return [...controller.lost]
  }
}

const annotated = { options, maxPods: 6, beside: ingress } as const
const BY_ANNOTATIONS: Record<string, Story> = {
  deploy: { ...annotated, before: [], command: 'deploy' },
  'promote to a larger share': { ...annotated, before: ['deploy'], command: 'promote' },
  'promote to the end': { ...annotated, before: ['deploy', 'promote'], command: 'promote' },
  abort: { ...annotated, before: ['deploy', 'promote'], command: 'abort' },
}

describe.each(Object.entries(BY_ANNOTATIONS))(
  'canary by annotations of an Ingress, %s, cut off at every write',
  (_name, each) => {
    it.each(['deploy', 'abort'] as const)('then %s', async (then) => {
      await cutEverywhere(each, then)
    })
  },
)

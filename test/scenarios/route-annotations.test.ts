import { expect, it } from 'vitest'
import { BESIDE, expectUnharmed, running, V1, V2 } from './given.ts'
import { IngressController, ingressObject } from './routed-ingress.ts'
import { APP, manifestsOf } from './world.ts'

it('a canary by annotations has a second Ingress for its share, and the first is never touched', async () => {
  const world = await running({ judged: BESIDE })
  const controller = new IngressController(world)
  const options = { strategy: 'canary', plan: '25%, approve, 100%, approve' } as const
  const match = [[{ kind: 'header' as const, name: 'x-canary', values: ['always'] }]]
  const traffic = { router: 'auto', routes: [], match, pods: 'share', onDrift: 'stop', weights: [] } as const
  const first = await world.run('deploy', {
    ...options,
    objects: manifestsOf({ version: V2 }),
    traffic: { ...traffic, routes: [], match, weights: [] },
  })
  expect(first.result, first.result?.message).toMatchObject({ outcome: 'paused' })
  expect(first.result?.findings?.map(({ id }) => id)).toContain('router-notice')
  const prefix = 'nginx.ingress.kubernetes.io'
  expect(controller.canary?.metadata.annotations).toMatchObject({
    [`${prefix}/canary`]: 'true',
    [`${prefix}/canary-weight`]: '25',
    [`${prefix}/canary-by-header`]: 'x-canary',
    [`${prefix}/canary-by-header-value`]: 'always',
  })
  expect(controller.canary?.['spec']).toMatchObject({
    ingressClassName: 'nginx',
    rules: [
      {
        host: 'shop.test',
        http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: `${APP}-canary` } } }] },
      },
    ],
  })
  expect(world.serving()).toEqual({ [V1]: 3, [V2]: 1 })
  const { events } = await world.run('status')
  const lines = events.flatMap((event) => (event.kind === 'line' ? event.text : []))
  expect(lines).toContain('Ingress/shop-canary: 25% to the new version')

  await world.run('promote')
  expect(controller.weight).toBe('100')
  const { result } = await world.run('promote')
  expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
  expect(controller.canary).toBeUndefined()
  expect(controller.main['spec']).toEqual(ingressObject()['spec'])
  expect(world.serving()).toEqual({ [V2]: 3 })
  expect([...controller.lost]).toEqual([])
  expectUnharmed(world)
})

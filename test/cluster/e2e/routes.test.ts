/** A canary through a real router: users see the share that was asked for, no request fails, and the route comes back. */
import { beforeAll, describe, expect, test } from 'vitest'
import { BEHIND, HTTP_ROUTE, NAMED, NEW, NGINX, OLD, onRoute } from './routed.ts'
import { hasTraefik, useWorld } from './world.ts'

/** Of each of the two kinds of users. */
const ENOUGH = 1_500

const world = useWorld('routes')

beforeAll(async () => {
  if (hasTraefik) await world().startTraefik()
})

describe.runIf(hasTraefik).concurrent('a canary through a router', () => {
  for (const way of [HTTP_ROUTE, NGINX, NAMED])
    test(`${way.name}: goes from 0 to 100% and is finished`, () =>
      onRoute('0 to 100%', way, async (routed, stage) => {
        // Given the old version behind a route, and its users
        await routed.runs()
        await routed.usersCome()

        // When the next version comes, then each share counts from the moment that the run has said so
        await routed.deploys('0%, approve, 10%, approve, 50%, approve, 100%, approve')
        await routed.rests(0)
        for (const percent of [10, 50, 100]) {
          await routed.promotes()
          await routed.rests(percent)
        }
        await routed.promotes('succeeded')

        // Then nobody has noticed, and nothing but the new version is left
        await routed.endedWith(NEW)
        await routed.rests(100)
        await stage.nobodyNoticed(ENOUGH)
      }))

  for (const way of [HTTP_ROUTE, NGINX, BEHIND])
    test(`${way.name}: goes to 25% and is aborted`, () =>
      onRoute('0 to 25%, aborted', way, async (routed, stage) => {
        await routed.runs()
        const before = await stage.trace()
        await routed.usersCome()
        await routed.deploys('0%, approve, 25%, approve')
        await routed.rests(0)
        await routed.promotes()
        await routed.rests(25)

        await routed.aborts()

        await routed.endedWith(OLD)
        expect(await stage.trace()).toEqual(before)
        await routed.rests(0)
        await stage.nobodyNoticed(ENOUGH)
      }))
})

describe.runIf(hasTraefik).concurrent('a route that its team applies while a canary rests', () => {
  test('is told as drift: a promote is refused, and an abort ends it', () =>
    onRoute('applied meanwhile', HTTP_ROUTE, async (routed, stage) => {
      await routed.runs()
      await routed.usersCome()
      await routed.deploys('25%, approve, 50%, approve')
      await routed.applyRoutes()
      const { spec } = await routed.trace()

      const refused = await stage.action({ command: 'promote' })

      expect(refused, refused.log).toMatchObject({ exitCode: 2, outputs: { outcome: 'refused' } })
      expect(refused.log).toMatch(/HTTPRoute\/web.*kubectl/)
      expect((await routed.trace()).spec).toEqual(spec)
      await routed.aborts()
      await routed.endedWith(OLD)
      await stage.nobodyNoticed(ENOUGH)
    }))

  test('is written again where that is wished', () =>
    onRoute('written again', HTTP_ROUTE, async (routed, stage) => {
      await routed.runs({ 'on-drift': 'reassert' })
      await routed.usersCome()
      await routed.deploys('25%, approve, 50%, approve')
      await routed.applyRoutes()
      await routed.promotes()
      await routed.rests(50)
      await routed.promotes('succeeded')
      await routed.endedWith(NEW)
      await stage.nobodyNoticed(ENOUGH)
    }))
})

/** Who is led to the new version, by what they are and by what they ask for, and what they see when it goes wrong. */
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { BUCKETS, bucketOf, bucketsFor } from '../../../src/routers/patterns.ts'
import type { Deployment, Service } from '../../../src/shared/objects.ts'
import { answersByVersion } from '../load.ts'
import { BEHIND, HTTP_ROUTE, INGRESS_ROUTE, NAMED, NEW, NGINX, OLD, onRoute, type Routed } from './routed.ts'
import { APP, type Stage } from './stage.ts'
import { hasTraefik, useWorld } from './world.ts'

const ENOUGH = 500

const world = useWorld('routes')

beforeAll(async () => {
  if (hasTraefik) await world().startTraefik()
})

/** Ids as UUIDs of version 7, so many in every bucket. */
function idsInEveryBucket(many: number): string[] {
  return Array.from({ length: many * BUCKETS }, (_, at) => {
    const number = at.toString(16).padStart(4, '0')
    const bucket = (at % BUCKETS).toString(16).padStart(2, '0')
    return `0190f3a4-${number}-7abc-8def-5d3c2b1a00${bucket}`
  })
}

const IDS = idsInEveryBucket(2)
const WITH_ID = Object.fromEntries(IDS.map((id) => [id, { cookie: `theme=dark; uid=${id}; lang=en` }]))
/** They stay on the old version until all are on the new one. */
const WITHOUT_ID = { nobody: {}, stranger: { cookie: 'uid=STRANGER' }, other: { cookie: `xuid=${IDS[0]}` } }
const EVERYBODY = { ...WITH_ID, ...WITHOUT_ID }

async function offsetOf(stage: Stage): Promise<number> {
  const sticky = (await stage.record()).traffic?.sticky
  if (sticky?.by !== 'bucket') throw new Error(`the record says nothing of buckets: ${JSON.stringify(sticky)}`)
  return sticky.offset
}

/** Then: exactly those are on the new version whose bucket is in the window, at their first request. */
async function areLed(routed: Routed, percent: number): Promise<void> {
  const offset = await offsetOf(routed.stage)
  const isIn = (id: string): boolean => ((bucketOf(id) ?? 0) - offset + BUCKETS) % BUCKETS < bucketsFor(percent)
  const fresh = IDS.filter((id) => percent === 100 || isIn(id))
  const expected = Object.fromEntries(
    Object.keys(EVERYBODY).map((user) => [user, { [percent === 100 || fresh.includes(user) ? NEW : OLD]: 1 }]),
  )
  const asked = await routed.ask({ users: EVERYBODY, count: Object.keys(EVERYBODY).length })
  routed.stage.tell(`at ${percent}%: ${fresh.length} of ${IDS.length} users, bucket ${offset} and on`)
  expect(asked.users).toEqual(expected)
}

describe.runIf(hasTraefik).concurrent('users of a canary', () => {
  test('move to the new version once and never back, those whose bucket has its turn', () =>
    onRoute('512 users with an id', HTTP_ROUTE, async (routed, stage) => {
      await routed.runs({ sticky: { cookie: 'uid' } })
      const load = await stage.world.load({ host: routed.host }, { rate: 120, seconds: 200, users: EVERYBODY })
      // Everybody has met the old version before anybody may meet the new one
      await load.until(({ sent }) => sent > 1.2 * Object.keys(EVERYBODY).length)
      stage.guard(2 * stage.replicas)
      await routed.deploys('1%, approve, 5%, approve, 25%, approve, 50%, approve, 100%, approve')
      await areLed(routed, 1)
      for (const percent of [5, 25, 50, 100]) {
        await routed.promotes()
        await areLed(routed, percent)
      }
      await routed.promotes('succeeded')
      await routed.endedWith(NEW)

      const result = await load.stop()
      stage.tell(`${result.sent} requests, ${result.failed} failed`)
      expect(result).toMatchObject({ failed: 0, reasons: {} })
      expect(result.sent).toBeGreaterThan(3_000)
      expect(result.turns).toEqual(Object.fromEntries(Object.keys(EVERYBODY).map((user) => [user, [OLD, NEW]])))
      expect(stage.breaches()).toEqual([])
    }))

  for (const way of [HTTP_ROUTE, NGINX, INGRESS_ROUTE])
    test(`${way.name}: testers are on the new version from 0% on`, () =>
      onRoute('testers', way, async (routed, stage) => {
        const users = { tester: { 'x-canary': 'always' }, other: { 'x-canary': 'sometimes' }, nobody: {} }
        const asked = async (): Promise<unknown> => (await routed.ask({ users, count: 150 })).users
        await routed.runs({ match: { header: { 'x-canary': 'always' } } })
        await routed.usersCome()

        await routed.deploys('0%, approve, 50%, approve')
        expect(await asked()).toEqual({ tester: { [NEW]: 50 }, other: { [OLD]: 50 }, nobody: { [OLD]: 50 } })

        await routed.promotes()
        expect(await asked()).toMatchObject({ tester: { [NEW]: 50 } })
        await routed.rests(50)

        await routed.aborts()
        expect(await asked()).toEqual({ tester: { [OLD]: 50 }, other: { [OLD]: 50 }, nobody: { [OLD]: 50 } })
        await routed.endedWith(OLD)
        await stage.nobodyNoticed(ENOUGH)
      }))
})

describe.runIf(hasTraefik).concurrent('copies of requests', () => {
  for (const way of [NAMED, INGRESS_ROUTE])
    test(`${way.name}: half of the requests are copied, and the old version answers them all`, () =>
      onRoute('mirror', way, async (routed, stage) => {
        await routed.runs()
        await routed.usersCome()
        await routed.deploys('mirror 50%, approve, 10%, approve')
        await routed.rests(0)
        await stage.nobodyNoticed(ENOUGH)
        const before = (await stage.world.requestsOf(APP))[NEW] ?? 0

        const result = await routed.ask({ count: 400 })

        expect(answersByVersion(result)).toEqual({ [OLD]: 400 })
        const copies = async (): Promise<number> => ((await stage.world.requestsOf(APP))[NEW] ?? 0) - before
        await expect.poll(copies).toBeGreaterThanOrEqual(195)
        stage.tell(`${await copies()} of 400 copied`)
        expect(await copies()).toBeLessThanOrEqual(205)

        // With the next weight it is over.
        await routed.usersCome()
        await routed.promotes()
        await routed.rests(10)
        await routed.aborts()
        await routed.endedWith(OLD)
        await stage.nobodyNoticed(ENOUGH)
      }))

  test('are refused where the gateway would answer them with errors', () =>
    onRoute('mirror', HTTP_ROUTE, async (routed, stage) => {
      await routed.runs()
      await routed.usersCome()
      stage.checkout(NEW)
      const refused = await stage.action({ strategy: 'canary', steps: 'mirror 50%, approve, 10%, approve' })
      expect(refused, refused.log).toMatchObject({ exitCode: 2, outputs: { outcome: 'refused' } })
      expect(refused.log).toMatch(/route-problem[\s\S]*traefik\.io\/gateway-controller/)
      await routed.isAsBefore()
      await stage.nobodyNoticed(ENOUGH)
    }))
})

describe.runIf(hasTraefik).concurrent('a new version that dies at 10%', () => {
  for (const { way, lost, most } of [
    // Of the requests that were asked while it was dead: what its gateway makes of a Service without endpoints.
    { way: HTTP_ROUTE, lost: ['HTTP 502', 'HTTP 503'], most: 0.2 },
    { way: NGINX, lost: ['HTTP 502'], most: 0.2 },
    { way: NAMED, lost: ['HTTP 404', 'HTTP 502'], most: 1 },
    { way: BEHIND, lost: ['HTTP 404', 'HTTP 500', 'HTTP 502', 'HTTP 503'], most: 1 },
  ])
    test(`${way.name}: is taken back`, () =>
      onRoute('crash', way, async (routed, stage) => {
        await routed.runs()
        await routed.usersCome()
        stage.checkout(NEW, { behaviour: { 'crash-after-ms': '12000' } })
        const aborted = await stage.action({ strategy: 'canary', steps: '10%, wait 60s, approve' })
        expect(aborted, aborted.log).toMatchObject({ exitCode: 1, outputs: { outcome: 'aborted', phase: 'aborted' } })

        const { fresh, kept } = await stage.usersLeave(ENOUGH)
        const failures = [...fresh.failures, ...kept.failures].map(({ at }) => at)
        const ms = failures.length === 0 ? 0 : Math.max(...failures) - Math.min(...failures)
        const asked = Math.max(100, (ms / 1_000) * 100)
        stage.tell(`failures within ${ms} ms, of about ${asked.toFixed(0)} requests`)
        const reasons = Object.keys({ ...fresh.reasons, ...kept.reasons })
        expect(reasons.filter((reason) => !lost.includes(reason))).toEqual([])
        expect((fresh.failed + kept.failed) / asked).toBeLessThanOrEqual(most + 0.1)

        // And whoever comes now notices nothing.
        await routed.usersCome()
        await routed.endedWith(OLD)
        await stage.nobodyNoticed(ENOUGH)
      }))
})

describe.runIf(hasTraefik).concurrent('the version before', () => {
  for (const way of [HTTP_ROUTE, INGRESS_ROUTE])
    test(`${way.name}: answers those who ask for it, until its time is over`, () =>
      onRoute('kept version', way, async (routed, stage) => {
        const keep = { count: 1, for: '45s', header: 'x-deployment-id', query: 'dpl', env: 'DEPLOYMENT_ID' }
        await routed.runs({ 'keep-versions': keep })
        const { id = '' } = (await stage.record()).release
        const named = { 'x-deployment-id': id }
        await routed.usersCome()
        const pages = await stage.world.load({ host: routed.host, headers: named }, { seconds: 120 })

        stage.checkout(NEW)
        const second = await stage.action({})
        expect(second, second.log).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded' } })
        const { [NEW]: mixed = 0 } = pages.counts.versions
        stage.tell(`${mixed} of ${pages.counts.ok} answers to old pages by the new version until the finish`)
        await stage.serves(NEW, 20_000)
        expect(answersByVersion(await routed.ask({ count: 60 }))).toEqual({ [NEW]: 60 })
        expect(answersByVersion(await routed.ask({ count: 60, headers: named }))).toEqual({ [OLD]: 60 })
        expect(answersByVersion(await routed.ask({ count: 60, path: `/?dpl=${id}` }))).toEqual({ [OLD]: 60 })
        expect(await namesOf(stage)).toEqual({ deployments: [APP, `${APP}-${id}`], services: [APP, `${APP}-${id}`] })

        // A deploy that changes nothing takes it away, once its time is over.
        const { until = '' } = (await stage.record()).kept?.[0] ?? {}
        await sleep(Math.max(0, Date.parse(until) - Date.now()))
        const third = await stage.action({})

        expect(third, third.log).toMatchObject({ exitCode: 0, outputs: { outcome: 'unchanged' } })
        expect(await namesOf(stage)).toEqual({ deployments: [APP], services: [APP] })
        await routed.endedWith(NEW)
        expect(answersByVersion(await routed.ask({ count: 60, headers: named }))).toEqual({ [NEW]: 60 })
        await stage.nobodyNoticed(ENOUGH)
        const answered = await pages.stop()
        stage.tell(`${answered.sent} requests of old pages, ${answered.failed} failed`)
        expect(answered).toMatchObject({ failed: 0, reasons: {} })
      }))
})

async function namesOf({ world }: Stage): Promise<{ deployments: string[]; services: string[] }> {
  const [deployments, services] = await Promise.all([
    world.list<Deployment>('deployments', 'apis/apps/v1'),
    world.list<Service>('services'),
  ])
  const names = (objects: { metadata: { name?: string } }[]): string[] =>
    objects.map(({ metadata }) => metadata.name ?? '').sort()
  return { deployments: names(deployments), services: names(services) }
}

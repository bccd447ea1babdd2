import { describe, expect, it } from 'vitest'
import { checkOf } from '../../src/input/checks.ts'
import type { KubeObject } from '../../src/shared/objects.ts'
import { busy, comparing, pageOf, THROUGHOUT } from './comparing.ts'
import { canaryOf, expectUnharmed, running, until, V1, V2 } from './given.ts'
import { manifestsOf, type World } from './world.ts'

/** The same app ten times, as another Deployment that no Service leads to. */
function worker(version: string): KubeObject {
  const labels = { app: 'worker' }
  const deployment = manifestsOf({ version, replicas: 10 }).find(({ kind }) => kind === 'Deployment')
  const copy = structuredClone(deployment) as KubeObject & {
    spec: { selector: object; template: { metadata: object; spec: { containers: { image: string }[] } } }
  }
  const [container] = copy.spec.template.spec.containers
  if (container !== undefined) container.image = `gihyodocker/worker:${version}`
  copy.metadata = { name: 'worker' }
  copy.spec.selector = { matchLabels: labels }
  copy.spec.template.metadata = { labels }
  return copy
}

/** Pods answer steadily; what they have answered so far fails at the share that `share` says at each moment. */
function drifting(world: World, version: string, share: () => number, readyAfterMs: () => number = () => 0): void {
  const counts = new Map<string, { at: number; total: number; bad: number }>()
  world.emulator.setBehaviour(`gihyodocker/echo-version:${version}`, {
    get readyAfterMs() {
      return readyAfterMs()
    },
    http: ({ path }, pod) => {
      if (!path.startsWith('/metrics')) return undefined
      const now = world.clock.now()
      const known = counts.get(pod.metadata.name ?? '') ?? {
        at: Date.parse(pod.metadata.creationTimestamp ?? ''),
        total: 0,
        bad: 0,
      }
      const total = known.total + ((now - known.at) / 1_000) * 20
      const bad = known.bad + ((now - known.at) / 1_000) * 20 * share()
      counts.set(pod.metadata.name ?? '', { at: now, total, bad })
      const body = `http_requests_total{code="200"} ${total - bad}\nhttp_requests_total{code="500"} ${bad}\n`
      return { status: 200, body }
    },
  })
}

describe('a comparison of several workloads', () => {
  const objects = (version: string): KubeObject[] => [...manifestsOf({ version }), worker(version)]

  async function both(errors: Record<string, number>): Promise<World> {
    const world = await running()
    world.kubectlApply(worker(V1))
    await world.clock.advance(30_000)
    busy(world, { rps: 20, errors })
    for (const version of [V1, V2])
      world.emulator.setBehaviour(`gihyodocker/worker:${version}`, {
        http: ({ path }, pod) => {
          const age = (world.clock.now() - Date.parse(pod.metadata.creationTimestamp ?? '')) / 1_000
          return path.startsWith('/metrics') ? { status: 200, body: pageOf({ rps: 20 }, version, age) } : undefined
        },
      })
    return world
  }

  it('takes no difference between them for one between the versions', async () => {
    // Half of the new pods are the app that always fails at times, of the old ones less than a fifth
    const world = await both({ [V1]: 0.1, [V2]: 0.1 })
    const { result } = await world.run('deploy', comparing(THROUGHOUT, '10%, wait 10m', { objects: objects(V2) }))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })

  it('finds the one that is worse', async () => {
    const world = await both({ [V2]: 0.1 })
    const { result } = await world.run('deploy', comparing(THROUGHOUT, '10%, wait 10m', { objects: objects(V2) }))
    expect(result).toMatchObject({ outcome: 'aborted', failure: { code: 'check-failed' } })
  })
})

describe('what a comparison leaves out', () => {
  it('is all that comes after its stretch', async () => {
    const world = await running()
    drifting(world, V1, () => 0)
    drifting(world, V2, () => ((world.record?.step ?? 0) > 1 ? 0.3 : 0))
    const check = { compare: {}, throughout: { until: 'wait 2m' } }
    const { result } = await world.run('deploy', comparing(check, '34%, wait 2m, 67%, wait 5m'))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
  })

  it('is what is answered while the pods of a share come, and its warm-up', async () => {
    const world = await running()
    drifting(world, V1, () => 0)
    let coming = false
    // The second pod of the share takes two minutes: all that time the first one suffers
    drifting(
      world,
      V2,
      () => (coming ? 0.5 : 0),
      () => ((world.record?.step ?? 0) > 1 ? 120_000 : 1_000),
    )
    const plan = '10%, wait 2m, 60%, wait 3m'
    const first = world.start('deploy', comparing(THROUGHOUT, plan, { timeoutMs: 600_000 }))
    await until(world, () => world.record?.step === 2)
    coming = true
    await until(world, () => world.record?.step === 3)
    coming = false
    const { result } = await world.clock.run(first)
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })
})

const ASKED = { headers: {}, intervalMs: 1_000, timeoutMs: 5_000 }

describe('an app that nobody uses', () => {
  it("is not judged by Headgate's own requests", async () => {
    const world = await running()
    const counts = new Map<string, number>()
    for (const version of [V1, V2])
      world.emulator.setBehaviour(`gihyodocker/echo-version:${version}`, {
        http: ({ path }, pod) => {
          const name = pod.metadata.name ?? ''
          const count = (counts.get(name) ?? 0) + 1
          counts.set(name, count)
          if (!path.startsWith('/metrics')) return undefined
          return { status: 200, body: `http_requests_total{code="200"} ${count}\n` }
        },
      })
    const checks = {
      rates: checkOf('rates', THROUGHOUT),
      page: checkOf('page', { http: { path: '/' }, interval: '500ms', throughout: true }),
    }
    const options = canaryOf(V2, { plan: '50%, wait 10m', checks, updateChecker: ASKED })
    const { result } = await world.run('deploy', options)
    expect(Math.max(...counts.values())).toBeGreaterThan(1_000)
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(world.record?.reason).toMatch(/too few to judge, .*Headgate's own/)
  })
})

import { describe, expect, it } from 'vitest'
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { remains } from '../invariants/remains.ts'
import type { Expectations } from '../invariants/rules.ts'
import { V1, V2 } from './given.ts'
import { expectNothingLost, routed, type Routed, routedCanary, routeObject, trafficOf } from './routed.ts'
import { APP, manifestsOf, NAMESPACE, type Ran, type World } from './world.ts'

/** The sample app under another name and image. */
function named(name: string, version: string, kinds: readonly string[]): KubeObject[] {
  const text = JSON.stringify(manifestsOf({ version })).replaceAll(`"${APP}"`, `"${name}"`)
  const objects = JSON.parse(text.replaceAll('/echo-version:', `/${name}:`)) as KubeObject[]
  return objects.filter(({ kind }) => kinds.includes(kind))
}

const api = (version: string): KubeObject[] => named('api', version, ['Deployment', 'Service'])
const worker = (version: string): KubeObject[] => named('worker', version, ['Deployment'])

/** One route, with a rule for each of the two. */
function routeOfBoth(): KubeObject {
  const route = routeObject()
  const spec = route['spec'] as JsonMap
  const rule = {
    matches: [{ path: { type: 'PathPrefix', value: '/api' } }],
    backendRefs: [{ group: '', kind: 'Service', name: 'api', port: 80, weight: 1 }],
  }
  return { ...route, spec: { ...spec, rules: [rule, ...(spec['rules'] as JsonMap[])] } }
}

function expectations(names: readonly string[], services: readonly string[], minServing: number): Expectations {
  return {
    workloads: names.map((name) => ({ namespace: NAMESPACE, names: [name], minServing, maxPods: 6 })),
    services: services.map((name) => ({ namespace: NAMESPACE, name, minReady: 3 })),
  }
}

/** Ready pods of one workload by tag. */
function serving({ emulator }: World, name: string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const pod of emulator.list('pods', NAMESPACE)) {
    const { spec, status } = pod as KubeObject & {
      spec: { containers: { image: string }[] }
      status?: { conditions?: { type: string; status: string }[] }
    }
    const [, image = '', tag = ''] = /\/([^:]+):(.*)$/.exec(spec.containers[0]?.image ?? '') ?? []
    const ready = status?.conditions?.some(({ type, status: now }) => type === 'Ready' && now === 'True') === true
    if (image === name && ready && pod.metadata.deletionTimestamp === undefined) counts[tag] = (counts[tag] ?? 0) + 1
  }
  return counts
}

function told({ events }: Ran): string {
  return events.flatMap((event) => ('text' in event ? [event.text] : [])).join('\n')
}

async function both(): Promise<Routed> {
  return routed({
    judged: expectations([APP, 'api'], [APP, 'api'], 3),
    app: { more: api(V1) },
    route: routeOfBoth(),
  })
}

const objects = manifestsOf({ version: V2, more: api(V2) })

describe('two workloads behind one route', () => {
  it('get their share together, when both are ready, and end together', async () => {
    const given = await both()
    const { world, gateway } = given
    world.emulator.setBehaviour(`gihyodocker/api:${V2}`, { readyAfterMs: 20_000 })
    const shares = new Set<string>()
    let early = false
    world.emulator.observe(() => {
      const [app = 0, second = 0] = [APP, 'api'].map((name) => gateway.weightsOf(name)[`${name}-canary`])
      shares.add(`${app}/${second}`)
      early ||= app > 0 && (serving(world, 'api')[V2] ?? 0) === 0
    })
    const ran = await world.run('deploy', routedCanary('25%, approve, 50%, approve', { objects }))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
    expect(told(ran)).toMatch(/Deployment\/api: new pods to be ready, 0 of 1/)
    expect(early).toBe(false)
    expect(gateway.weightsOf('api')).toEqual({ api: 75, 'api-canary': 25 })
    expect(gateway.weights).toEqual({ [APP]: 75, [`${APP}-canary`]: 25 })
    await world.run('promote')
    expect([serving(world, APP), serving(world, 'api')]).toEqual([
      { [V1]: 3, [V2]: 2 },
      { [V1]: 3, [V2]: 2 },
    ])
    const { result } = await world.run('promote')
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect([...shares]).toEqual(
      ['0/0', '25/25', '50/50', '100/100', '0/0'].filter((each, at, all) => all.indexOf(each) === at),
    )
    expect([serving(world, APP), serving(world, 'api')]).toEqual([{ [V2]: 3 }, { [V2]: 3 }])
    expect(gateway.route['spec']).toEqual(routeOfBoth()['spec'])
    await world.clock.advance(40_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectNothingLost(given)
  })

  it('go back together when one of them fails, at the first step or later', async () => {
    for (const plan of ['25%, approve', '25%, wait 1s, 100%, approve'] as const) {
      const given = await both()
      const { world, gateway } = given
      let shares = 0
      world.emulator.observe(() => {
        if (shares === 0 && gateway.weights[`${APP}-canary`] === 25 && plan !== '25%, approve') {
          shares++
          // Those that come from now on.
          world.emulator.setBehaviour(`gihyodocker/api:${V2}`, { imagePull: 'not-found' })
        }
      })
      if (plan === '25%, approve') world.emulator.setBehaviour(`gihyodocker/api:${V2}`, { imagePull: 'not-found' })
      const { result } = await world.run('deploy', routedCanary(plan, { objects }))
      expect(result, result?.message).toMatchObject({ outcome: 'aborted', failure: { code: 'image-pull' } })
      expect(result?.message).toMatch(/api/)
      expect([serving(world, APP), serving(world, 'api')]).toEqual([{ [V1]: 3 }, { [V1]: 3 }])
      expect(gateway.route['spec']).toEqual(routeOfBoth()['spec'])
      await world.clock.advance(40_000)
      expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
      expectNothingLost(given)
    }
  })

  it('one of them scaled by an autoscaler meanwhile: both end well', async () => {
    const given = await both()
    const { world } = given
    await world.run('deploy', routedCanary('25%, approve, 50%, approve', { objects }))
    world.expect({ workloads: [], services: expectations([], [APP, 'api'], 3).services })
    world.emulator.scale('deployments', NAMESPACE, 'api', 6)
    await world.clock.advance(60_000)
    await world.run('promote')
    const { result } = await world.run('promote')
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect([serving(world, APP), serving(world, 'api')]).toEqual([{ [V2]: 3 }, { [V2]: 6 }])
    expectNothingLost(given)
  })

  it('only one of them changed: the route moves for that one alone', async () => {
    const given = await both()
    const { world, gateway } = given
    const one = manifestsOf({ version: V2, more: api(V1) })
    const { result } = await world.run('deploy', routedCanary('25%, approve', { objects: one }))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(gateway.weights).toEqual({ [APP]: 75, [`${APP}-canary`]: 25 })
    expect(gateway.weightsOf('api')).toEqual({ api: 1 })
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    expect(gateway.route['spec']).toEqual(routeOfBoth()['spec'])
    expectNothingLost(given)
  })
})

describe('a worker without a Service beside the one on the route', () => {
  it('has its share in pods, the other in requests', async () => {
    const given = await routed({
      judged: expectations([APP, 'worker'], [APP], 3),
      app: { more: worker(V1) },
    })
    const { world, gateway } = given
    const all = manifestsOf({ version: V2, more: worker(V2) })
    const { result } = await world.run('deploy', routedCanary('34%, approve', { objects: all }))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(gateway.weights).toEqual({ [APP]: 66, [`${APP}-canary`]: 34 })
    expect(serving(world, APP)).toEqual({ [V1]: 3, [V2]: 2 })
    // A third of three pods and a little more.
    expect(serving(world, 'worker')).toEqual({ [V1]: 2, [V2]: 1 })
    expect(world.record?.workloads.map(({ name, pairs }) => [name, pairs])).toEqual([
      [APP, [[3, 2]]],
      ['worker', [[2, 1]]],
    ])
    const promoted = await world.run('promote')
    expect(promoted.result, promoted.result?.message).toMatchObject({ outcome: 'succeeded' })
    expect([serving(world, APP), serving(world, 'worker')]).toEqual([{ [V2]: 3 }, { [V2]: 3 }])
    await world.clock.advance(40_000)
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectNothingLost(given)
  })

  it('stays as it is while the other has a cohort alone', async () => {
    const given = await routed({ judged: expectations([APP, 'worker'], [APP], 3), app: { more: worker(V1) } })
    const { world, gateway } = given
    const traffic = trafficOf({ match: [[{ kind: 'header', name: 'x-canary', values: ['always'] }]] })
    const all = manifestsOf({ version: V2, more: worker(V2) })
    const { result } = await world.run('deploy', routedCanary('0%, approve, 50%, approve', { objects: all, traffic }))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(gateway.weights).toEqual({ [APP]: 100, [`${APP}-canary`]: 0 })
    expect([serving(world, APP), serving(world, 'worker')]).toEqual([{ [V1]: 3, [V2]: 1 }, { [V1]: 3 }])
    await world.run('promote')
    expect(serving(world, 'worker')).toEqual({ [V1]: 1, [V2]: 2 })
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    expect([serving(world, APP), serving(world, 'worker')]).toEqual([{ [V2]: 3 }, { [V2]: 3 }])
    expectNothingLost(given)
  })

  it('takes no user along when it fails', async () => {
    const given = await routed({ judged: expectations([APP, 'worker'], [APP], 3), app: { more: worker(V1) } })
    const { world, gateway } = given
    world.emulator.setBehaviour(`gihyodocker/worker:${V2}`, { imagePull: 'not-found' })
    let touched = false
    world.emulator.observe(() => {
      touched ||= gateway.weights[`${APP}-canary`] !== undefined
    })
    const all = manifestsOf({ version: V2, more: worker(V2) })
    const { result } = await world.run('deploy', routedCanary('34%, approve', { objects: all }))
    expect(result, result?.message).toMatchObject({ outcome: 'aborted', failure: { code: 'image-pull' } })
    expect(touched).toBe(false)
    expect([serving(world, APP), serving(world, 'worker')]).toEqual([{ [V1]: 3 }, { [V1]: 3 }])
    expectNothingLost(given)
  })
})

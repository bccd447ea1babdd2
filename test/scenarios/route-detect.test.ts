import { describe, expect, it } from 'vitest'
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { BESIDE, IN_PLACE, realWrites, running, V1, V2 } from './given.ts'
import { expectNothingLost, Gateway, routed, type Routed, routedCanary, routeObject, trafficOf } from './routed.ts'
import { APP, NAMESPACE, type Ran, type RunOptions, type World } from './world.ts'

const CANARY = `${APP}-canary`

function findings({ result, events }: Ran): Record<string, string> {
  const told = events.flatMap((event) => (event.kind === 'finding' ? [event.finding] : []))
  return Object.fromEntries(
    [...told, ...(result?.findings ?? [])].map(({ id, reason, mend }) => [id, `${reason} / ${mend}`]),
  )
}

/** The refused deploy has said why, and touched nothing. */
function expectRefused(ran: Ran, id: string, says: RegExp): void {
  expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'refused', exitCode: 2 })
  expect(findings(ran)[id] ?? JSON.stringify(findings(ran))).toMatch(says)
  expect(realWrites(ran)).toEqual([])
}

/** A third of the pods, and no trace of a router. */
function expectPodRatio(world: World, ran: Ran): void {
  expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
  expect(world.serving()).toEqual({ [V1]: 2, [V2]: 1 })
  expect(world.service(CANARY)).toBeUndefined()
  expect(world.record?.traffic).toBeUndefined()
}

function renamed(name: string, change: (spec: JsonMap) => JsonMap = (spec) => spec): KubeObject {
  const route = routeObject()
  return { ...route, metadata: { ...route.metadata, name }, spec: change(route['spec'] as JsonMap) }
}

/** The first rule leads there. */
function leading(...names: string[]): (spec: JsonMap) => JsonMap {
  return (spec) => {
    const [first, ...others] = spec['rules'] as JsonMap[]
    return {
      ...spec,
      rules: [{ ...first, backendRefs: names.map((name) => ({ name, port: 80, weight: 1 })) }, ...others],
    }
  }
}

const THIRD = '34%, approve'

async function withRoute(route?: KubeObject, options: RunOptions = {}): Promise<{ given: Routed; ran: Ran }> {
  const given = await routed(route === undefined ? {} : { route })
  return { given, ran: await given.world.run('deploy', routedCanary(THIRD, options)) }
}

describe('the share is one of pods', () => {
  it('where the cluster knows no routes', async () => {
    const world = await running()
    expectPodRatio(world, await world.run('deploy', routedCanary(THIRD)))
  })

  it('where no route leads to the Service', async () => {
    const { given, ran } = await withRoute(renamed('shop', leading('static')))
    expectPodRatio(given.world, ran)
  })

  it('where the settings want no router', async () => {
    const given = await routed({ judged: IN_PLACE })
    const ran = await given.world.run('deploy', routedCanary(THIRD, { traffic: trafficOf({ router: 'none' }) }))
    expectPodRatio(given.world, ran)
    expect(given.gateway.route['spec']).toEqual(routeObject()['spec'])
    expect(given.world.breaches).toEqual([])
  })

  it('where a route leads to a Service of that name in another namespace', async () => {
    const elsewhere = (spec: JsonMap): JsonMap => {
      const [first, ...others] = spec['rules'] as JsonMap[]
      return { ...spec, rules: [{ ...first, backendRefs: [{ name: APP, namespace: 'other', port: 80 }] }, ...others] }
    }
    const { given, ran } = await withRoute(renamed('shop', elsewhere))
    expectPodRatio(given.world, ran)
  })
})

describe('several routes to one Service', () => {
  async function two(): Promise<Routed & { second: Gateway }> {
    const { world, gateway } = await routed()
    return { world, gateway, second: await Gateway.standing(world, renamed('shop-admin')) }
  }

  it('it must be said which are meant', async () => {
    const { world } = await two()
    const ran = await world.run('deploy', routedCanary(THIRD))
    expectRefused(ran, 'routes-several', /HTTPRoute\/shop and HTTPRoute\/shop-admin.*traffic: \{routes: \[/)
  })

  it('both named have the same share, and both are as before in the end', async () => {
    const { world, gateway, second } = await two()
    const routes = ['HTTPRoute/shop', 'HTTPRoute/shop-admin']
    const ran = await world.run('deploy', routedCanary('25%, approve', { traffic: trafficOf({ routes }) }))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
    for (const { weights } of [gateway, second]) expect(weights).toEqual({ [APP]: 75, [CANARY]: 25 })
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    for (const each of [gateway, second]) {
      expect(each.route['spec']).toEqual(routeObject()['spec'])
      expectNothingLost({ world, gateway: each })
    }
  })

  it('one named: the other one stays on the old version until the finish', async () => {
    const { world, gateway, second } = await two()
    const traffic = trafficOf({ routes: ['HTTPRoute/shop'] })
    const ran = await world.run('deploy', routedCanary('25%, approve', { traffic }))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
    expect(gateway.weights).toEqual({ [APP]: 75, [CANARY]: 25 })
    expect(second.weights).toEqual({ [APP]: 1 })
    expect((await world.run('promote')).result).toMatchObject({ outcome: 'succeeded' })
    expectNothingLost({ world, gateway })
    expectNothingLost({ world, gateway: second })
  })
})

describe('a route of the settings', () => {
  it.each([
    ['HTTPRoute/shp', /there is no HTTPRoute\/shp; did you mean HTTPRoute\/shop\?/],
    ['HTTPRoute/entirely-other', /there is no HTTPRoute\/entirely-other(?!; did)/],
  ])('%s that is not there is told, with the one that may be meant', async (name, says) => {
    for (const router of ['auto', 'gateway-api'] as const) {
      const { ran } = await withRoute(undefined, { traffic: trafficOf({ router, routes: [name] }) })
      expectRefused(ran, 'route-missing', says)
    }
  })

  it('that leads elsewhere is told', async () => {
    const { ran } = await withRoute(renamed('shop', leading('static')), {
      traffic: trafficOf({ routes: ['HTTPRoute/shop'] }),
    })
    expectRefused(ran, 'route-service', /HTTPRoute\/shop leads to none of the Services of this rollout: echo-version/)
  })

  it.each(['istio', 'traefik'] as const)('of the router %s that is not installed is told', async (router) => {
    const { ran } = await withRoute(undefined, { traffic: trafficOf({ router }) })
    expectRefused(ran, 'route-missing', /CustomResourceDefinitions installed/)
  })
})

describe('without the rights', () => {
  const GROUPS = [
    '',
    'apps',
    'batch',
    'autoscaling',
    'policy',
    'discovery.k8s.io',
    'coordination.k8s.io',
    'networking.k8s.io',
    'rbac.authorization.k8s.io',
  ]
  const ALL = { apiGroups: GROUPS, resources: ['*'], verbs: ['*'] }
  const LIST = { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes'], verbs: ['get', 'list', 'watch'] }

  async function as(rules: JsonMap[], options: RunOptions = {}): Promise<{ given: Routed; ran: Ran }> {
    const given = await routed()
    const metadata = { name: 'deployer', namespace: NAMESPACE }
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'deployer' }
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'deployer' }]
    given.world.emulator.create({ apiVersion, kind: 'Role', metadata, rules })
    given.world.emulator.create({ apiVersion, kind: 'RoleBinding', metadata, subjects, roleRef })
    const between = (): ReturnType<World['emulator']['transport']> => given.world.emulator.transport('deployer')
    return { given, ran: await given.world.run('deploy', routedCanary(THIRD, { ...options, between })) }
  }

  it('to list routes the share is one of pods, and it is told', async () => {
    const { given, ran } = await as([ALL])
    expectPodRatio(given.world, ran)
    expect(findings(ran)['not-verified']).toMatch(/routes could not be listed \(HTTPRoute.*grant list/)
  })

  it('to list routes a router that the settings want cannot be had', async () => {
    const { ran } = await as([ALL], { traffic: trafficOf({ router: 'gateway-api' }) })
    expectRefused(ran, 'route-missing', /HTTPRoute.*may not be listed/)
  })

  it('to list routes what needs one cannot be had', async () => {
    const match = [[{ kind: 'header' as const, name: 'x', values: ['1'] }]]
    const { ran } = await as([ALL], { traffic: trafficOf({ match }) })
    expectRefused(ran, 'router-needed', /traffic: match needs a router.*HTTPRoute.*may not be listed/)
  })

  it('to write the route it is refused before anything is touched', async () => {
    const { ran } = await as([ALL, LIST])
    expect(ran.result).toMatchObject({ outcome: 'refused', exitCode: 2 })
    expect(JSON.stringify(ran.result)).toMatch(/patch httproutes/)
    expect(realWrites(ran)).toEqual([])
  })
})

describe('a route that is not to be had', () => {
  it.each([
    ['Argo Rollouts', { labels: { 'rollouts.argoproj.io/gatewayapi-canary': 'in-progress' } }],
    ['Flagger', { annotations: { 'flagger.app/config': 'x' } }],
  ])('moved by %s', async (tool, metadata) => {
    const { world } = await routed()
    world.emulator.patch('httproutes', NAMESPACE, 'shop', { metadata })
    const ran = await world.run('deploy', routedCanary(THIRD))
    expectRefused(ran, 'route-foreign', new RegExp(`HTTPRoute/shop is moved by ${tool}`))
  })

  it('that leads to a canary of somebody else already', async () => {
    const { ran } = await withRoute(renamed('shop', leading(APP, CANARY)))
    expectRefused(ran, 'route-problem', /echo-version-canary already/)
  })

  it('because the name of the canary Service is taken', async () => {
    const given = await routed({ judged: { ...BESIDE, services: [] } })
    const spec = { selector: { app: 'somebody' }, ports: [{ port: 80 }] }
    given.world.emulator.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: CANARY, namespace: NAMESPACE },
      spec,
    })
    const ran = await given.world.run('deploy', routedCanary(THIRD))
    expectRefused(ran, 'canary-service', /Service\/echo-version-canary is there already/)
  })

  it('because its gateway does not exist', async () => {
    const given = await routed()
    given.gateway.answer = 'says nothing'
    given.world.emulator.patch('httproutes', NAMESPACE, 'shop', { status: { parents: [] } }, 'x', 'status')
    const ran = await given.world.run('deploy', routedCanary(THIRD))
    expectRefused(ran, 'route-not-live', /nobody has said so yet; it waits for Gateway\/public/)
  })

  it('because its gateway refuses it', async () => {
    const given = await routed()
    given.gateway.answer = 'does not accept it'
    given.world.emulator.patch('httproutes', NAMESPACE, 'shop', { spec: { hostnames: ['other.test'] } })
    await given.world.clock.advance(1_000)
    const ran = await given.world.run('deploy', routedCanary(THIRD))
    expectRefused(ran, 'route-not-live', /Gateway\/public says Accepted False: NoMatchingListenerHostname/)
  })
})

describe('what only a router can do', () => {
  const match = [[{ kind: 'header' as const, name: 'x-canary', values: ['always'] }]]
  it.each<[string, RunOptions, RegExp]>([
    ['0%', { plan: '0%, approve' }, /the step 0% needs a router/],
    ['mirror', { plan: 'mirror 10%, approve' }, /the step mirror needs a router/],
    ['match', { traffic: trafficOf({ match }) }, /traffic: match needs a router/],
    [
      'sticky',
      { traffic: trafficOf({ sticky: { by: 'bucket', source: 'cookie', name: 'uid' } }) },
      /traffic: sticky needs/,
    ],
    ['match with router none', { traffic: trafficOf({ router: 'none', match }) }, /traffic: router is none/],
  ])('%s is refused without one', async (_what, options, says) => {
    const world = await running()
    const ran = await world.run('deploy', routedCanary(THIRD, options))
    expectRefused(ran, 'router-needed', says)
  })
})

it('a plan names the route and writes nothing', async () => {
  const given = await routed()
  const ran = await given.world.run('plan', routedCanary('25%, approve'))
  expect(ran.result?.exitCode, ran.result?.message).toBe(0)
  expect(ran.writes).toEqual([])
  expect(JSON.stringify(ran.events)).toContain('HTTPRoute/shop')
})

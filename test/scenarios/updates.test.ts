/** The update checker: what users met during a rollout is told, and the rollout never notices that somebody asks. */
import { describe, expect, it } from 'vitest'
import type { Updates } from '../../src/report/updates.ts'
import type { UpdateChecker } from '../../src/rollout/settings.ts'
import type { JsonMap, KubeObject, Pod } from '../../src/shared/objects.ts'
import { bringing, cancelAfter, canaryOf, expectUnharmed, realWrites, running, V1, V2, V3 } from './given.ts'
import { APP, manifestsOf, NAMESPACE, type Ran, type RunOptions, type World } from './world.ts'

const ON: UpdateChecker = { headers: {}, intervalMs: 1_000, timeoutMs: 5_000 }
const CHECKED = { updateChecker: ON }
const PROXY = `/services/${APP}:80/proxy/`

function updatesOf({ events }: Ran): Updates | undefined {
  return events.flatMap((event) => (event.kind === 'updates' ? [event.updates] : [])).at(-1)
}

function lines({ events }: Ran): string[] {
  return events.flatMap((event) =>
    event.kind === 'line' && event.text.startsWith('update checker') ? [event.text] : [],
  )
}

function polls({ emulator }: World): number {
  return emulator.log.filter(({ path }) => path.includes('/proxy/')).length
}

function sumOf({ versions }: Updates): Record<string, number> {
  return Object.fromEntries(versions.map(({ version, requests }) => [version, requests]))
}

/** When no pod of the app was ready, not even one that was ending: kube-proxy sends to those as long as there is no other. */
function outages(world: World): () => { from: number; to: number }[] {
  const found: { from: number; to: number }[] = []
  let downSince: number | undefined
  world.emulator.observe(() => {
    const down = !(world.emulator.list('pods', NAMESPACE) as Pod[]).some(
      ({ metadata, status }) =>
        metadata.labels?.['app'] === APP &&
        status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true,
    )
    if (down) downSince ??= world.clock.now()
    else if (downSince !== undefined) {
      found.push({ from: downSince, to: world.clock.now() })
      downSince = undefined
    }
  })
  return () => found
}

/** A Job of eight seconds between the two versions. */
async function givenRecreate(): Promise<World> {
  const world = await running({ judged: { workloads: [], services: [] } })
  world.emulator.setBehaviour('migrate:1', { runMs: 8_000, exitCode: 0 })
  return world
}

function recreate(more: RunOptions = {}): RunOptions {
  const job: KubeObject = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'migrate' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: 'migrate:1' }] } } },
  }
  const objects = manifestsOf({ version: V2, more: [job] })
  return { strategy: 'recreate', plan: 'job migrate', objects, ...CHECKED, ...more }
}

describe('a recreate', () => {
  it('shows when nothing answered, and for how long', async () => {
    const world = await givenRecreate()
    const real = outages(world)
    const ran = await world.run('deploy', recreate())
    expect(ran.result).toMatchObject({ outcome: 'succeeded' })
    const updates = updatesOf(ran)
    expect(updates).toMatchObject({ target: `Service/${APP} port 80`, windows: 1 })
    const [window] = updates?.downtime ?? []
    const [outage] = real()
    expect(real()).toHaveLength(1)
    expect(window).toMatchObject({ over: true, text: `503: no endpoints available for service "${APP}"` })
    expect(Math.abs((window?.from ?? 0) - (outage?.from ?? 0))).toBeLessThan(1_500)
    expect(Math.abs((window?.ms ?? 0) - ((outage?.to ?? 0) - (outage?.from ?? 0)))).toBeLessThan(1_500)
    expect(updates?.failed).toBeGreaterThan(4)
    expect(updates?.versions.map(({ version, errors }) => [version, errors])).toEqual([
      [V1, 0],
      [V2, 0],
      ['unknown', updates?.failed],
    ])
    const told = lines(ran)
    expect(told).toHaveLength(2)
    expect(told[0]).toBe(
      `update checker: users get no good answer of Service/${APP} port 80 (503: no endpoints available for service "${APP}")`,
    )
    expect(told[1]).toMatch(/^update checker: it answers again, after \d+(\.\d)?s$/)
    expect(world.emulator.defects).toEqual([])
  })

  it('without the right to ask pods counts those that end as gone', async () => {
    const world = await givenRecreate()
    const real = outages(world)
    world.emulator.onRequest({
      before: ({ path }) =>
        /\/pods\/.*\/proxy/.test(path) ? { kind: 'answer', status: 403, body: { kind: 'Status' } } : undefined,
    })
    const ran = await world.run('deploy', recreate())
    expect(ran.result).toMatchObject({ outcome: 'succeeded' })
    const [outage] = real()
    const more = (updatesOf(ran)?.downtimeMs ?? 0) - ((outage?.to ?? 0) - (outage?.from ?? 0))
    // The preStop of five seconds, in which users were still served
    expect(more).toBeGreaterThan(3_500)
    expect(more).toBeLessThan(6_500)
  })

  it('that a cancel stops while it is down leaves the window open', async () => {
    const world = await givenRecreate()
    const ran = await world.run('deploy', recreate({ cancel: cancelAfter(world, 9_000) }))
    expect(ran.result).toMatchObject({ outcome: 'stopped' })
    expect(updatesOf(ran)?.downtime).toMatchObject([{ over: false }])
    const after = polls(world)
    await world.clock.advance(30_000)
    expect(polls(world)).toBe(after)
  })
})

describe('a canary', () => {
  it('shows both versions, nothing of the checker in what it writes, and a promote goes on asking', async () => {
    const plain = await running()
    const silent = await plain.run('deploy', canaryOf(V2, { plan: '50%, wait 30s, approve' }))
    const world = await running()
    const ran = await world.run('deploy', canaryOf(V2, { ...CHECKED, plan: '50%, wait 30s, approve' }))
    expect(ran.result).toMatchObject({ outcome: 'paused' })
    const updates = updatesOf(ran)
    expect(updates).toMatchObject({ failed: 0, windows: 0, downtime: [] })
    const sum = sumOf(updates ?? ({ versions: [] } as unknown as Updates))
    expect(Object.keys(sum)).toEqual([V1, V2])
    expect(sum[V2]).toBeGreaterThan(10)
    expect(lines(ran)).toEqual([])
    expect(realWrites(ran)).toEqual(realWrites(silent))

    const promoted = await world.run('promote', { rollout: 1 })
    expect(promoted.result).toMatchObject({ outcome: 'succeeded' })
    expect(updatesOf(promoted)?.versions.at(-1)?.version).toBe(V2)
    expectUnharmed(world)
  })

  it('is asked while it is aborted as well, and not a moment longer', async () => {
    const world = await running()
    await world.run('deploy', canaryOf(V2, CHECKED))
    const ran = await world.run('abort', { rollout: 1 })
    expect(ran.result).toMatchObject({ outcome: 'aborted' })
    expect(updatesOf(ran)).toMatchObject({ failed: 0 })
    const after = polls(world)
    await world.clock.advance(60_000)
    expect(polls(world)).toBe(after)
    expectUnharmed(world)
  })

  it('costs no other request than without the checker', async () => {
    const count = async (more: RunOptions): Promise<number> => {
      const world = await running()
      const from = world.emulator.log.length
      await world.run('deploy', canaryOf(V2, more))
      return world.emulator.log
        .slice(from)
        .filter(({ path }) => !path.includes('/proxy/') && !path.includes('/leases/')).length
    }
    expect(await count(CHECKED)).toBe(await count({}))
  })

  it('is asked ever less often in a long wait', async () => {
    const world = await running()
    const from = polls(world)
    await world.run('deploy', canaryOf(V2, { ...CHECKED, plan: '50%, wait 5h, approve', timeoutMs: 600_000 }))
    const asked = polls(world) - from
    // Ten minutes at 1 s, fifty at 5 s, four hours at 10 s
    expect(asked).toBeGreaterThan(600 + 600 + 1_400)
    expect(asked).toBeLessThan(600 + 600 + 1_500)
    expectUnharmed(world)
  })

  it('ends asking after 3,600 requests', async () => {
    const world = await running()
    const from = polls(world)
    const ran = await world.run('deploy', canaryOf(V2, { ...CHECKED, plan: '50%, wait 8h, approve' }))
    expect(ran.result).toMatchObject({ outcome: 'paused' })
    expect(polls(world) - from).toBe(3_600)
    expect(lines(ran)).toEqual(['update checker: this run has asked often enough; it ends here'])
  })
})

describe('whom it cannot ask', () => {
  it('a Service that never answers costs one line, and no downtime is made up', async () => {
    const world = await running()
    for (const version of [V1, V2])
      world.emulator.setBehaviour(`gihyodocker/echo-version:${version}`, { http: () => ({ status: 500 }) })
    const from = polls(world)
    const ran = await world.run('deploy', canaryOf(V2, { ...CHECKED, plan: '50%, wait 2m, approve' }))
    expect(ran.result).toMatchObject({ outcome: 'paused' })
    expect(updatesOf(ran)).toBeUndefined()
    expect(lines(ran)).toEqual([
      `update checker: no good answer of Service/${APP} port 80 so far (it answered 500); what users meet is told once there is one`,
    ])
    expect(polls(world) - from).toBeLessThan(20)
  })

  it('without the right to get services/proxy one line says so', async () => {
    const world = await running()
    const rules: JsonMap[] = [
      { apiGroups: ['*'], resources: ['deployments', 'replicasets', 'pods', 'services'], verbs: ['*'] },
      { apiGroups: ['*'], resources: ['configmaps', 'leases'], verbs: ['*'] },
    ]
    const apiVersion = 'rbac.authorization.k8s.io/v1'
    const metadata = { name: 'deployer', namespace: NAMESPACE }
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'deployer' }]
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'deployer' }
    world.emulator.create({ apiVersion, kind: 'Role', metadata, rules })
    world.emulator.create({ apiVersion, kind: 'RoleBinding', metadata, subjects, roleRef })
    const from = polls(world)
    const ran = await world.run(
      'deploy',
      canaryOf(V2, { ...CHECKED, between: () => world.emulator.transport('deployer') }),
    )
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'paused' })
    expect(polls(world) - from).toBe(1)
    expect(lines(ran)).toHaveLength(1)
    expect(lines(ran)[0]).toMatch(/^update checker: left out, the right to get services\/proxy is missing \(403: /)
  })

  it('an API server that is away is none of the app’s downtime', async () => {
    const world = await running()
    let asked = 0
    world.emulator.onRequest({
      before: ({ path }) => (path.includes(PROXY) && ++asked % 4 === 0 ? { kind: 'drop', when: 'before' } : undefined),
    })
    const ran = await world.run('deploy', canaryOf(V2, { ...CHECKED, plan: '50%, wait 30s, approve' }))
    expect(ran.result).toMatchObject({ outcome: 'paused' })
    expect(asked).toBeGreaterThan(20)
    expect(updatesOf(ran)).toMatchObject({ failed: 0, windows: 0 })
    expectUnharmed(world)
  })

  it('an answer that never comes holds nothing up', async () => {
    const world = await running()
    world.emulator.onRequest({
      before: ({ path }) => (path.includes(PROXY) ? { kind: 'delay', ms: 3_600_000 } : undefined),
    })
    const began = world.clock.now()
    const ran = await world.run('deploy', canaryOf(V2, { ...CHECKED, plan: '50%, approve' }))
    const took = world.clock.now() - began
    expect(ran.result).toMatchObject({ outcome: 'paused' })
    const plain = await running()
    const plainBegan = plain.clock.now()
    await plain.run('deploy', canaryOf(V2, { plan: '50%, approve' }))
    expect(took).toBeLessThan(plain.clock.now() - plainBegan + 500)
  })

  it('a variable that is not set costs one line', async () => {
    const world = await running()
    const expand = (text: string): string => {
      if (text.includes('${')) throw new Error('HOST is not set')
      return text
    }
    const updateChecker = { ...ON, url: 'https://${HOST}/' }
    const ran = await world.run('deploy', canaryOf(V2, { updateChecker, expand }))
    expect(ran.result).toMatchObject({ outcome: 'paused' })
    expect(lines(ran)).toEqual(['update checker: left out, HOST is not set'])
  })
})

describe('an address', () => {
  it('is asked over new connections, its secrets are not told, and its answers name their version', async () => {
    const world = await running()
    const asked: { url: string; fresh: boolean | undefined; headers: Record<string, string> }[] = []
    const ran = await world.run(
      'deploy',
      canaryOf(V2, {
        plan: '50%, wait 20s, approve',
        updateChecker: {
          ...ON,
          url: 'https://shop.test/?token=${TOKEN}',
          headers: { 'x-key': '${TOKEN}' },
          version: { kind: 'json', path: 'build.version' },
        },
        expand: (text) => text.replace('${TOKEN}', 'hunter2'),
        fetchUrl: async ({ url, headers, fresh }) => {
          asked.push({ url, fresh, headers })
          const body = JSON.stringify({ build: { version: asked.length % 2 === 0 ? 'v0.2.0' : '0.1.0' } })
          return { status: 200, headers: {}, body }
        },
      }),
    )
    expect(ran.result).toMatchObject({ outcome: 'paused' })
    expect(asked[0]).toEqual({ url: 'https://shop.test/?token=hunter2', fresh: true, headers: { 'x-key': 'hunter2' } })
    const updates = updatesOf(ran)
    expect(updates?.versions.map(({ version }) => version)).toEqual([V1, V2])
    expect(updates?.requests).toBe(asked.length)
    expect(JSON.stringify(ran.events)).not.toContain('hunter2')
    expect(polls(world)).toBe(0)
  })
})

it('a deploy that takes the place of another asks during the way back too, and reports its own', async () => {
  const world = await running()
  await world.run('deploy', canaryOf(V2, CHECKED))
  const ran = await world.run('deploy', canaryOf(V3, { ...CHECKED, plan: '50%, wait 10s, approve', supersede: 'any' }))
  expect(ran.result).toMatchObject({ outcome: 'paused' })
  expect(ran.events.filter(({ kind }) => kind === 'updates')).toHaveLength(2)
  expect(updatesOf(ran)?.versions.map(({ version }) => version)).toEqual([V1, V3])
  expectUnharmed(world)
})

it('a rollback asks as the rollout before did', async () => {
  const world = await running()
  await world.run('deploy', bringing(V2, CHECKED))
  await world.run('deploy', bringing(V3, CHECKED))
  const ran = await world.run('rollback')
  expect(ran.result).toMatchObject({ outcome: 'rolled-back' })
  expect(updatesOf(ran)?.versions.map(({ version }) => version)).toEqual([V3, V2])
})

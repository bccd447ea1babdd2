import { describe, expect, it } from 'vitest'
import { Client } from '../../src/kubernetes/client.ts'
import type { Deployment, KubeObject, ReplicaSet } from '../../src/shared/objects.ts'
import { remains } from '../invariants/remains.ts'
import {
  BESIDE,
  blueGreenOf,
  canaryOf,
  expectUnharmed,
  IN_PLACE,
  manifestOf,
  running,
  setImage,
  V1,
  V2,
  V3,
} from './given.ts'
import { APP, manifestsOf, NAMESPACE, type World } from './world.ts'

const REST_MS = 120_000

/** Half of the pods are new, and a person is asked. */
async function restingCanary(replicas = 3): Promise<World> {
  const world = await running({
    app: { replicas },
    judged: { ...IN_PLACE, workloads: [] },
  })
  const { result } = await world.run('deploy', canaryOf(V2, { objects: manifestsOf({ version: V2, replicas }) }))
  expect(result).toMatchObject({ outcome: 'paused' })
  return world
}

/** Users are on the new set, the old one stands beside it. */
async function restingSwitched(): Promise<World> {
  const world = await running({ judged: { ...BESIDE, workloads: [] } })
  const { result } = await world.run('deploy', blueGreenOf(V2, { plan: 'switch, approve' }))
  expect(result).toMatchObject({ outcome: 'paused' })
  return world
}

/** Users are on the old set. */
async function restingPreview(): Promise<World> {
  const world = await running({ judged: { ...BESIDE, workloads: [] } })
  await world.run('deploy', blueGreenOf(V2))
  return world
}

function restart(world: World): void {
  const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' }
  world.emulator.patch(
    'deployments',
    NAMESPACE,
    APP,
    { spec: { template: { metadata: { annotations } } } },
    'kubectl-rollout',
  )
}

/** Client-side apply of a manifest: what it names is merged into what is live. */
function apply(world: World, version: string, spec: Partial<Deployment['spec']> = {}): void {
  const manifest = manifestOf(version, 'Deployment')
  const merged = { ...Object(manifest['spec']), ...spec }
  world.emulator.patch('deployments', NAMESPACE, APP, { spec: merged }, 'kubectl-client-side-apply')
}

function applyServerSide(world: World, object: KubeObject): Promise<unknown> {
  const client = new Client(world.emulator.transport(), world.clock)
  const metadata = { ...object.metadata, namespace: NAMESPACE }
  return world.clock.run(client.apply({ ...object, metadata }, { fieldManager: 'argocd-controller' }))
}

function deletePod(world: World, version: string): void {
  const pod = world.emulator
    .list('pods', NAMESPACE)
    .find((each) => JSON.stringify(each['spec']).includes(`echo-version:${version}"`))
  world.emulator.delete('pods', NAMESPACE, pod?.metadata.name ?? '')
}

describe.each([
  ['canary', restingCanary, { [V1]: 1, [V2]: 2 }],
  ['blue-green before the switch', restingPreview, { [V1]: 3, [V2]: 3 }],
  ['blue-green after the switch', restingSwitched, { [V1]: 3, [V2]: 3 }],
] as const)('while a %s rests', (_name, given, pair) => {
  const STRANGERS: [string, (world: World) => void, RegExp][] = [
    ['set image', (world) => setImage(world, V3), /kubectl-set/],
    ['an image updater', (world) => setImage(world, V3, 'image-updater'), /image-updater/],
    ['restart', restart, /kubectl-rollout/],
    ['apply of another file', (world) => apply(world, V3), /kubectl-client-side-apply/],
  ]

  it.each(STRANGERS)('%s moves no pod, is named with who did it, and abort goes on', async (_act, act, who) => {
    const world = await given()
    act(world)
    await world.clock.advance(REST_MS)
    expect(world.serving()).toEqual(pair)

    const { result: told, events } = await world.run('status')
    expect(told?.exitCode).toBe(0)
    expect(JSON.stringify(events)).toMatch(/DRIFT/)
    expect(JSON.stringify(events)).toMatch(who)

    const before = world.record
    const { result: promoted } = await world.run('promote')
    expect(promoted).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'drift' } })
    expect(promoted?.message).toMatch(who)
    expect(world.record).toEqual(before)
    expect(world.serving()).toEqual(pair)
    expect(promoted?.failure?.next).toMatch(/abort/)

    await world.run('abort')
    expect(world.record?.phase).toBe('aborted')
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it.each([
    ['promote', { [V2]: 3 }],
    ['abort', { [V1]: 3 }],
  ] as const)('apply of the old file moves nobody off; %s works', async (command, end) => {
    const world = await given()
    apply(world, V1)
    await world.clock.advance(REST_MS)
    expect(Object.values(world.serving()).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(3)
    for (let turn = 0; turn < 3 && !['succeeded', 'aborted'].includes(world.record?.phase ?? ''); turn++)
      await world.run(command)
    expect(world.serving()).toEqual(end)
    expectUnharmed(world)
  })

  it('server-side apply by another manager meets a conflict with headgate-rollout', async () => {
    const world = await given()
    await expect(applyServerSide(world, manifestOf(V3, 'Deployment'))).rejects.toThrow(/headgate-rollout/)
    await world.clock.advance(REST_MS)
    expect(world.serving()).toEqual(pair)
  })

  it('a deleted pod of either side is replaced', async () => {
    const world = await given()
    deletePod(world, V1)
    deletePod(world, V2)
    await world.clock.advance(REST_MS)
    expect(world.serving()).toEqual(pair)
    await world.run('promote', { full: true })
    expect(world.serving()).toEqual({ [V2]: 3 })
  })

  it.each(['promote', 'abort'] as const)('an autoscaler moves it down and up; %s works', async (command) => {
    const world = await given()
    world.expect({ workloads: [], services: [{ namespace: NAMESPACE, name: APP, minReady: 2 }] })
    for (const replicas of [2, 6, 4]) {
      world.emulator.scale('deployments', NAMESPACE, APP, replicas)
      await world.clock.advance(REST_MS)
      const counts = world.serving()
      expect((counts[V1] ?? 0) + (counts[V2] ?? 0)).toBeGreaterThanOrEqual(replicas)
      expect(counts[V1]).toBeGreaterThanOrEqual(1)
      expect(counts[V2]).toBeGreaterThanOrEqual(1)
    }
    const { result } = await world.run(command, { full: true })
    expect(result?.exitCode, result?.message).toBe(0)
    const version = command === 'promote' ? V2 : V1
    expect(world.serving()).toEqual({ [version]: 4 })
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectUnharmed(world)
  })
})

describe('while a canary rests', () => {
  it('the next step is measured from the pods that an autoscaler left', async () => {
    const world = await running({ app: { replicas: 4 }, judged: { ...IN_PLACE, workloads: [] } })
    const plan = '25%, approve, 50%, approve'
    await world.run('deploy', canaryOf(V2, { plan, objects: manifestsOf({ version: V2, replicas: 4 }) }))
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 1 })
    world.emulator.scale('deployments', NAMESPACE, APP, 8)
    await world.clock.advance(REST_MS)
    await world.run('promote')
    expect(world.serving()).toEqual({ [V1]: 4, [V2]: 4 })
    await world.run('promote')
    expect(world.record?.phase).toBe('succeeded')
    expect(world.serving()).toEqual({ [V2]: 8 })
  })

  it('apply of the new file by hand lets no more pods go, and promote still ends well', async () => {
    const world = await restingCanary()
    apply(world, V2)
    await world.clock.advance(REST_MS)
    expect(world.serving()).toEqual({ [V1]: 1, [V2]: 2 })
    const { result } = await world.run('promote')
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expectUnharmed(world)
  })

  it('a deleted Deployment is told by promote', async () => {
    const world = await restingCanary()
    world.expect({ workloads: [], services: [] })
    world.emulator.delete('deployments', NAMESPACE, APP)
    await world.clock.advance(REST_MS)
    const { result } = await world.run('promote')
    expect(result?.exitCode).not.toBe(0)
    expect(result?.message).toMatch(/Deployment\/echo-version.*deleted/)
  })

  it('another release deployed meanwhile puts the foreign template away first', async () => {
    const world = await restingCanary()
    setImage(world, '9.9.9')
    const { result } = await world.run('deploy', canaryOf(V3))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(world.serving()).toEqual({ [V1]: 1, [V3]: 2 })
    expectUnharmed(world)
  })
})

it('apply of a file that names minReadySeconds empties no side that users are on', async () => {
  const spec = { minReadySeconds: 2 }
  const world = await running({ app: { spec }, judged: { ...BESIDE, workloads: [] } })
  const objects = manifestsOf({ version: V2, spec })
  await world.run('deploy', blueGreenOf(V2, { objects }))
  expect(world.serving()).toEqual({ [V1]: 3, [V2]: 2 })
  apply(world, V2, spec)
  await world.clock.advance(REST_MS)
  expect(world.serving()[V1]).toBe(3)
  await world.run('promote')
  expect(world.record).toMatchObject({ phase: 'paused', step: 2 })
  expect(world.serving()).toEqual({ [V1]: 3, [V2]: 3 })
  const { result } = await world.run('promote')
  expect(result).toMatchObject({ outcome: 'succeeded' })
  expect(world.serving()).toEqual({ [V2]: 3 })
  expectUnharmed(world)
})

it.each(['abort', 'promote'] as const)(
  'apply of the old file after the switch empties no side that users are on, whatever it names (%s)',
  async (command) => {
    const spec = { minReadySeconds: 2 }
    const world = await running({ app: { spec }, judged: { ...BESIDE, workloads: [] } })
    const objects = manifestsOf({ version: V2, spec })
    await world.run('deploy', blueGreenOf(V2, { objects, plan: 'switch, approve' }))
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 3 })
    apply(world, V1, spec)
    await world.clock.advance(REST_MS)
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 3 })
    const { result } = await world.run(command)
    if (command === 'promote') {
      expect(result).toMatchObject({ outcome: 'refused' })
      await world.run('abort')
    }
    expect(world.serving()).toEqual({ [V1]: 3 })
    const templates = (world.emulator.list('replicasets', NAMESPACE) as ReplicaSet[]).map(
      (set) => set.spec.template.metadata?.annotations,
    )
    expect(templates).toEqual([undefined, undefined])
    expectUnharmed(world)
  },
)

it('the set that users are on deleted: promote does not take the other one away, abort brings users back', async () => {
  const world = await restingSwitched()
  world.expect({ workloads: [], services: [] })
  const sets = world.emulator.list('replicasets', NAMESPACE) as ReplicaSet[]
  const fresh = sets.find(({ spec }) => spec.template.spec.containers[0]?.image?.endsWith(V2) === true)
  world.emulator.delete('replicasets', NAMESPACE, fresh?.metadata.name ?? '')
  await world.clock.advance(REST_MS)
  expect(world.serving()).toEqual({ [V1]: 3 })
  const { result } = await world.run('promote')
  expect(result).toMatchObject({ outcome: 'refused', failure: { code: 'drift' } })
  expect(result?.message).toMatch(/leads users to pods of .*none of them serves/)
  expect(world.serving()).toEqual({ [V1]: 3 })
  expect((await world.run('abort')).result).toMatchObject({ outcome: 'aborted' })
  expect(world.serving()).toEqual({ [V1]: 3 })
})

it('the record deleted: abort and deploy say so, touch nothing, and users stay served', async () => {
  const world = await restingSwitched()
  world.emulator.delete('configmaps', NAMESPACE, `headgate-${APP}`)
  for (const app of [{ app: APP }, {}]) {
    const { result, writes } = await world.run('abort', app)
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'record-lost' } })
    expect(result?.failure?.next).toContain(`bring the ConfigMap headgate-${APP} back`)
    expect(result?.message).toContain(`Deployment/${APP} rests in a rollout`)
    expect(writes).toEqual([])
  }
  const { result } = await world.run('deploy', blueGreenOf(V3))
  expect(result).toMatchObject({ outcome: 'refused', exitCode: 2 })
  expect(result?.findings.map(({ id }) => id)).toContain('record-lost')
  expect(world.serving()).toEqual({ [V1]: 3, [V2]: 3 })
  expectUnharmed(world)
})

it('an abort of an app without a record leaves another one that rests alone, and succeeds', async () => {
  const world = await restingSwitched()
  const { result } = await world.run('abort', { app: 'other' })
  expect(result).toMatchObject({ outcome: 'unchanged', exitCode: 0 })
  expect(world.serving()).toEqual({ [V1]: 3, [V2]: 3 })
})

it('what a run that acts finds changed under its hands ends it, and users are brought back', async () => {
  const world = await running({ judged: { ...IN_PLACE, workloads: [] } })
  world.clock.timer(60_000, () => setImage(world, V3))
  const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%, wait 10m' }))
  expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'drift' } })
  expect(result?.message).toMatch(/kubectl-set/)
  expect(world.serving()).toEqual({ [V1]: 3 })
  expectUnharmed(world)
})

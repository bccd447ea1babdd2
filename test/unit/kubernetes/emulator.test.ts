import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adopt, applyObject, diff, dryRun } from '../../../src/kubernetes/apply.ts'
import { Client } from '../../../src/kubernetes/client.ts'
import { acquire, ask } from '../../../src/kubernetes/lease.ts'
import { LiveList } from '../../../src/kubernetes/watch.ts'
import type { Deployment, JsonMap, KubeObject, Lease } from '../../../src/shared/objects.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { Emulator } from '../../emulator/emulator.ts'

const REF = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'default' }
const SETTINGS = { takeOver: [], autoscaled: false }
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

let clock: VirtualClock
let emulator: Emulator
let client: Client
const stops: AbortController[] = []

beforeEach(() => {
  clock = new VirtualClock()
  emulator = new Emulator({ clock })
  client = new Client(emulator.transport(), clock)
})

afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort(new Error('end of the test'))
  expect(emulator.defects).toEqual([])
})

function signal(): AbortSignal {
  const stop = new AbortController()
  stops.push(stop)
  return stop.signal
}

const manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', labels: { keep: 'x', drop: 'me' } },
  spec: {
    replicas: 3,
    minReadySeconds: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [
          {
            name: 'app',
            image: 'shop/web:1',
            env: [
              { name: 'A', value: '1' },
              { name: 'B', value: '2' },
            ],
          },
          { name: 'side', image: 'shop/side:1' },
        ],
      },
    },
  },
}

/** The next release: another image, and a label, an env var, a container and minReadySeconds are gone. */
const next = {
  ...manifest,
  metadata: { ...manifest.metadata, labels: { keep: 'x' } },
  spec: {
    replicas: 3,
    selector: manifest.spec.selector,
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'app', image: 'shop/web:2', env: [{ name: 'B', value: '2' }] }] },
    },
  },
}

type How = 'client-side' | 'server-side' | 'headgate'

async function applied(how: How, object: KubeObject): Promise<KubeObject> {
  switch (how) {
    case 'client-side': {
      const annotations = { [LAST_APPLIED]: `${JSON.stringify(object)}\n` }
      const metadata = { ...object.metadata, annotations }
      return client.create({ ...object, metadata }, { fieldManager: 'kubectl-client-side-apply' })
    }
    case 'server-side':
      return (await client.apply(object, { fieldManager: 'kubectl' })).object
    case 'headgate':
      return (await applyObject(client, object, undefined, SETTINGS)).object
  }
}

const live = async (): Promise<Deployment> => {
  const found = await client.get<Deployment>(REF)
  if (found === undefined) throw new Error('the Deployment is gone')
  return found
}

/** The controllers have come to rest, so that nobody else writes in between. */
async function rest(): Promise<Deployment> {
  await clock.advance(60_000)
  return clock.run(live())
}

describe.each<How>(['client-side', 'server-side'])('what kubectl applied %s', (how) => {
  test('is taken over, and what the manifest no longer has is dropped, as the plan says', async () => {
    await clock.run(applied(how, manifest))
    const before = await rest()
    const plan = await clock.run(dryRun(client, next, before, SETTINGS))
    const planned = diff(before, plan.result)
    expect((await rest()).metadata.resourceVersion).toBe(before.metadata.resourceVersion)
    const { object, action } = await clock.run(applyObject(client, next, before, SETTINGS))
    expect(action).toBe('configured')
    expect(diff(before, object)).toEqual(planned)
    expect(planned.map(({ path, kind }) => `${kind} ${path}`).toSorted(alphabetical)).toEqual(
      [
        'removed .metadata.labels.drop',
        'removed .spec.minReadySeconds',
        'changed .spec.template.spec.containers[name="app"].image',
        'removed .spec.template.spec.containers[name="app"].env[name="A"]',
        'removed .spec.template.spec.containers[name="side"]',
      ].toSorted(alphabetical),
    )
    const appliers = (object.metadata.managedFields ?? []).filter((each) => (each.subresource ?? '') === '')
    expect(appliers.map((each) => `${each.manager} ${each.operation}`)).not.toContain('kubectl Apply')
    expect(appliers.map((each) => `${each.manager} ${each.operation}`)).not.toContain(
      'kubectl-client-side-apply Update',
    )
    expect(object.metadata.annotations?.[LAST_APPLIED]).toBeUndefined()
  })

  test('applied again without a change writes nothing', async () => {
    await clock.run(applied(how, manifest))
    await clock.run(adopt(client, await rest(), SETTINGS))
    const before = await rest()
    expect((await clock.run(dryRun(client, manifest, before, SETTINGS))).changed).toBe(false)
    expect((await clock.run(applyObject(client, manifest, before, SETTINGS))).action).toBe('unchanged')
  })
})

/** Fields come in the order of the server. */
function alphabetical(a: string, b: string): number {
  return a.localeCompare(b)
}

describe.each<How>(['client-side', 'server-side', 'headgate'])('replicas applied %s', (how) => {
  test.each([0, 7])('are handed to an autoscaler without a dip (scaled to %i meanwhile)', async (scaled) => {
    await clock.run(applied(how, manifest))
    await rest()
    if (scaled > 0) emulator.scale('Deployment', 'default', 'web', scaled)
    const before = await rest()
    const counts: (number | undefined)[] = []
    emulator.observe(({ object }) => {
      if (object.kind === 'Deployment') counts.push((object as Deployment).spec.replicas)
    })
    const settings = { ...SETTINGS, autoscaled: true }
    const plan = await clock.run(dryRun(client, next, before, settings))
    expect(diff(before, plan.result).map((each) => each.path)).not.toContain('.spec.replicas')
    for (let time = 0; time < 2; time++) {
      const { object } = await clock.run(applyObject(client, next, await clock.run(live()), settings))
      expect((object as Deployment).spec.replicas).toBe(scaled || 3)
    }
    await rest()
    expect(new Set(counts)).toEqual(new Set([scaled || 3]))
  })
})

describe('fields of others', () => {
  test('are a conflict that names owner and field, until they are accepted by name', async () => {
    await clock.run(applied('headgate', manifest))
    await rest()
    emulator.patch('Deployment', 'default', 'web', { spec: { minReadySeconds: 9 } }, 'somebody')
    const before = await rest()
    await expect(clock.run(applyObject(client, manifest, before, SETTINGS))).rejects.toMatchObject({
      kind: 'conflict',
      causes: [{ field: '.spec.minReadySeconds', manager: 'somebody' }],
    })
    const { object } = await clock.run(applyObject(client, manifest, before, { ...SETTINGS, takeOver: ['somebody'] }))
    expect((object as Deployment).spec.minReadySeconds).toBe(2)
  })
})

describe('the wire', () => {
  test('answers mean here what they mean in a cluster', async () => {
    await clock.run(applied('headgate', manifest))
    const fieldManager = 'headgate'
    const unknown = { ...manifest, spec: { ...manifest.spec, replicaz: 1 } as JsonMap }
    const old = { op: 'test', path: '/metadata/resourceVersion', value: '1' } as const
    const label = { op: 'add', path: '/metadata/labels/a', value: 'b' } as const
    const tries: [() => Promise<unknown>, string][] = [
      [() => client.apply(unknown, { fieldManager }), 'unknown-field'],
      [() => client.create(manifest, { fieldManager }), 'exists'],
      [() => client.patch(REF, { type: 'json', operations: [old, label] }, { fieldManager }), 'stale'],
      [
        () =>
          client.patch(
            REF,
            { type: 'merge', body: { metadata: { resourceVersion: '1', labels: { a: 'b' } } } },
            { fieldManager },
          ),
        'stale',
      ],
      [() => client.delete(REF, { uid: 'other' }), 'stale'],
    ]
    for (const [tried, kind] of tries) await expect(clock.run(tried())).rejects.toMatchObject({ kind })
  })

  test('a write whose answer was lost is written once', async () => {
    await clock.run(applied('headgate', manifest))
    const before = await rest()
    let dropped = false
    emulator.onRequest({
      before: ({ method }) => {
        if (dropped || method !== 'PATCH') return
        dropped = true
        return { kind: 'drop', when: 'after' }
      },
    })
    const { object } = await clock.run(applyObject(client, next, before, SETTINGS))
    expect([dropped, object.metadata.generation]).toEqual([true, (before.metadata.generation ?? 0) + 1])
  })

  test('a list that lives: initial, own write, deletion, and a watch that was cut', async () => {
    const options = { signal: signal(), onChange: () => {} }
    await clock.run(applied('headgate', manifest))
    const list = LiveList.open<Deployment>(
      client,
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      'default',
      {},
      options,
    )
    await clock.run(list.ready)
    expect(list.items().map((each) => each.metadata.name)).toEqual(['web'])
    emulator.patch('Deployment', 'default', 'web', { spec: { paused: true } })
    await clock.advance(100)
    expect(list.get('web')?.spec.paused).toBe(true)
    // Longer than a watch lasts: it is opened again and goes on.
    await clock.advance(700_000)
    emulator.delete('Deployment', 'default', 'web')
    await clock.advance(1_000)
    expect([list.items(), list.error]).toEqual([[], undefined])
  })

  test('the lease: taken, asked, answered, given back', async () => {
    const common = { namespace: 'default', app: 'web', clock, signal: signal() }
    const holder = await clock.run(acquire(client, { ...common, holder: 'run 1', waitMs: 0 }))
    holder.onRequest((request) => void holder.answer(request, 'aborting'))
    await clock.advance(45_000)
    const request = { command: 'abort', by: 'run 2', at: '2026-01-01T00:00:00Z' } as const
    const asked = await clock.run(ask(client, { ...common, request, timeoutMs: 10_000 }))
    expect(asked).toMatchObject({ outcome: 'answered', answer: { message: 'aborting' } })
    expect(holder.lost.aborted).toBe(false)
    await clock.run(holder.release())
    const lease = emulator.get('Lease', 'default', 'headgate-web') as Lease
    expect(lease.spec?.holderIdentity).toBeUndefined()
    const second = await clock.run(acquire(client, { ...common, holder: 'run 2', waitMs: 0 }))
    expect((emulator.get('Lease', 'default', 'headgate-web') as Lease).spec).toMatchObject({
      holderIdentity: 'run 2',
      leaseTransitions: 1,
    })
    await clock.run(second.release())
  })
})

import { describe, expect, test } from 'vitest'
import { adopt, applyObject, diff, dryRun, eachLimited } from '../../../src/kubernetes/apply.ts'
import { Client } from '../../../src/kubernetes/client.ts'
import { sameContent } from '../../../src/kubernetes/diff.ts'
import type { HttpRequest } from '../../../src/kubernetes/transport.ts'
import type { JsonMap, KubeObject, ManagedFieldsEntry } from '../../../src/shared/objects.ts'
import { type Answer, SleepingClock, status, wire } from './wire.ts'

function deployment(spec: JsonMap, metadata: JsonMap = {}): KubeObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'shop', ...metadata }, spec }
}

function server(handle: (request: HttpRequest, count: number) => Answer | Error) {
  const { transport, requests } = wire(handle)
  return {
    client: new Client(transport, new SleepingClock()),
    requests,
    bodies: () => requests.map((each) => JSON.parse(each.body ?? 'null')),
  }
}

function conflict(...managers: string[]): Answer {
  const causes = managers.map((manager) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${manager}" using apps/v1`,
    field: '.spec.paused',
  }))
  return status(409, 'Conflict', `Apply failed with ${managers.length} conflicts`, { causes })
}

const SETTINGS = { takeOver: [], autoscaled: false }
const LIVE = deployment({ paused: false }, { resourceVersion: '7', generation: 2 })
const WANTED = deployment({ paused: true })

function owned(manager: string, operation: string, fieldsV1: JsonMap): ManagedFieldsEntry {
  return { manager, operation, apiVersion: 'apps/v1', fieldsType: 'FieldsV1', fieldsV1 }
}

describe('applying', () => {
  test('takes one request, and says what it did', async () => {
    const { client, requests } = server((_, count) => ({ status: count === 1 ? 201 : 200, body: WANTED }))
    expect((await applyObject(client, WANTED, undefined, SETTINGS)).action).toBe('created')
    expect((await applyObject(client, WANTED, LIVE, SETTINGS)).action).toBe('configured')
    const noOp = deployment({ paused: true }, { resourceVersion: '99', generation: 3, managedFields: [] })
    expect((await applyObject(client, WANTED, noOp, SETTINGS)).action).toBe('unchanged')
    expect(requests).toHaveLength(3)
  })

  test('hands over what kubectl owned first', async () => {
    const live = deployment(
      { paused: false },
      { resourceVersion: '7', managedFields: [owned('kubectl', 'Apply', { 'f:spec': { 'f:paused': {} } })] },
    )
    const { client, requests } = server((_, count) => ({ body: count === 1 ? LIVE : WANTED }))
    expect((await applyObject(client, WANTED, live, SETTINGS)).action).toBe('configured')
    expect(requests.map((each) => each.headers['content-type'])).toEqual([
      'application/json-patch+json',
      'application/apply-patch+yaml',
    ])
  })

  test('is forced only when all that stands in the way is allowed', async () => {
    const { client, requests } = server((request) =>
      request.path.includes('force=true') ? { body: WANTED } : conflict('headgate-rollout', 'argocd'),
    )
    await expect(applyObject(client, WANTED, LIVE, SETTINGS)).rejects.toMatchObject({
      kind: 'conflict',
      causes: [{ manager: 'argocd' }],
    })
    expect(requests).toHaveLength(1)
    expect((await applyObject(client, WANTED, LIVE, { ...SETTINGS, takeOver: ['argocd'] })).action).toBe('configured')
    expect(requests).toHaveLength(3)
  })

  test('fields that nobody owned before may be taken', async () => {
    const { client } = server((_, count) => (count === 1 ? conflict('before-first-apply') : { body: WANTED }))
    expect((await applyObject(client, WANTED, LIVE, SETTINGS)).action).toBe('configured')
  })

  test('guarded, carries the version read, and gives up when it is old', async () => {
    const { client, bodies, requests } = server(() => status(409, 'Conflict', 'the object has been modified'))
    await expect(applyObject(client, WANTED, LIVE, { ...SETTINGS, guarded: true })).rejects.toMatchObject({
      kind: 'stale',
    })
    expect(bodies()[0].metadata.resourceVersion).toBe('7')
    expect(requests).toHaveLength(1)
  })

  test('sends neither status nor bookkeeping', async () => {
    const { client, bodies } = server(() => ({ body: WANTED }))
    const dirty = {
      ...deployment({ paused: true }, { managedFields: [{}], resourceVersion: '3' }),
      status: { replicas: 1 },
    }
    await applyObject(client, dirty, LIVE, SETTINGS)
    expect(bodies()[0]).toEqual(WANTED)
  })
})

describe('an autoscaled workload', () => {
  const settings = { ...SETTINGS, autoscaled: true }
  const wanted = deployment({ replicas: 3, paused: true })

  test('begins with the replicas of the manifest', async () => {
    const { client, bodies } = server(() => ({ status: 201, body: wanted }))
    await applyObject(client, wanted, undefined, settings)
    expect(bodies()[0].spec).toEqual({ replicas: 3, paused: true })
  })

  test('keeps its replicas: released first when they are ours, then left out', async () => {
    const fields = { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } }
    const live = deployment(
      { replicas: 7 },
      { resourceVersion: '7', managedFields: [owned('headgate', 'Apply', fields)] },
    )
    const { client, bodies } = server(() => ({ body: live }))
    await applyObject(client, wanted, live, settings)
    expect(bodies()[0][0].value[0].fieldsV1).toEqual({ 'f:spec': { 'f:paused': {} } })
    expect(bodies()[1].spec).toEqual({ paused: true })
  })

  test('shows its replicas as they stay, although the dry run would let them fall', async () => {
    const { client } = server(() => ({ body: deployment({ replicas: 1, paused: true }) }))
    const { result } = await dryRun(client, wanted, deployment({ replicas: 7 }), settings)
    expect(result['spec']).toEqual({ replicas: 7, paused: true })
  })
})

describe('handing over', () => {
  const kubectl = (resourceVersion: string): KubeObject =>
    deployment({}, { resourceVersion, managedFields: [owned('kubectl', 'Apply', { 'f:spec': {} })] })

  test('reads again when the object has moved on', async () => {
    const { client, bodies } = server((_, count) =>
      count === 1 ? status(409, 'Conflict', 'modified') : { body: count === 2 ? kubectl('8') : LIVE },
    )
    expect(await adopt(client, kubectl('7'), SETTINGS)).toEqual(LIVE)
    expect(bodies()[2][1]).toMatchObject({ path: '/metadata/resourceVersion', value: '8' })
  })

  test('gives up on an object that never rests', async () => {
    const { client, requests } = server((request) =>
      request.method === 'GET' ? { body: kubectl('8') } : status(409, 'Conflict', 'modified'),
    )
    await expect(adopt(client, kubectl('7'), SETTINGS)).rejects.toMatchObject({ kind: 'stale' })
    expect(requests.length).toBeLessThan(12)
  })
})

describe('the dry run', () => {
  test('writes nothing, and sees no change in bookkeeping', async () => {
    const { client, requests } = server(() => ({
      body: deployment({ paused: false }, { resourceVersion: '8', generation: 2 }),
    }))
    expect(await dryRun(client, LIVE, LIVE, SETTINGS)).toMatchObject({ changed: false, created: false })
    expect(requests.every((each) => each.path.includes('dryRun=All'))).toBe(true)
  })

  test('foresees that what only kubectl had applied goes', async () => {
    const containers = [
      { name: 'app', image: 'x:2', terminationMessagePath: '/dev/termination-log' },
      { name: 'side', image: 'y' },
    ]
    const manifest = {
      spec: {
        minReadySeconds: 2,
        template: {
          spec: {
            containers: [
              { name: 'app', image: 'x:1' },
              { name: 'side', image: 'y' },
            ],
          },
        },
      },
    }
    const list = 'k:{"name":"side"}'
    const kubectl = owned('kubectl-client-side-apply', 'Update', {
      'f:metadata': { 'f:annotations': { 'f:kubectl.kubernetes.io/last-applied-configuration': {} } },
      'f:spec': {
        'f:minReadySeconds': {},
        'f:revisionHistoryLimit': {},
        'f:template': {
          'f:spec': {
            'f:containers': {
              'k:{"name":"app"}': { '.': {}, 'f:name': {}, 'f:terminationMessagePath': {} },
              [list]: { '.': {}, 'f:name': {}, 'f:image': {} },
            },
          },
        },
      },
    })
    const ours = owned('headgate', 'Apply', {
      'f:spec': {
        'f:template': {
          'f:spec': { 'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:name': {}, 'f:image': {} } } },
        },
      },
    })
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(manifest) }
    const answer = deployment(
      { minReadySeconds: 2, revisionHistoryLimit: 10, template: { spec: { containers } } },
      { annotations, managedFields: [ours, kubectl] },
    )
    const live = deployment({}, { annotations, managedFields: [kubectl] })
    const { client } = server(() => ({ body: answer }))
    const { result } = await dryRun(client, WANTED, live, SETTINGS)
    expect(result['spec']).toEqual({ revisionHistoryLimit: 10, template: { spec: { containers: [containers[0]] } } })
  })
})

describe('differences', () => {
  test('are told as the server writes paths', () => {
    const before = deployment({
      replicas: 2,
      template: {
        spec: {
          containers: [
            { name: 'app', image: 'x:1' },
            { name: 'b', image: 'y' },
          ],
        },
      },
    })
    const after = deployment({
      paused: true,
      template: {
        spec: {
          containers: [
            { name: 'app', image: 'x:2' },
            { name: 'b', image: 'y' },
          ],
        },
      },
    })
    expect(diff(before, after)).toEqual([
      { path: '.spec.replicas', kind: 'removed', before: 2 },
      { path: '.spec.template.spec.containers[name="app"].image', kind: 'changed', before: 'x:1', after: 'x:2' },
      { path: '.spec.paused', kind: 'added', after: true },
    ])
  })

  test('another order of the same items is a difference', () => {
    const one = deployment({ initContainers: [{ name: 'a' }, { name: 'b' }] })
    const other = deployment({ initContainers: [{ name: 'b' }, { name: 'a' }] })
    expect(diff(one, other).map((each) => each.path)).toEqual(['.spec.initContainers'])
  })

  test('lists without a key are told as a whole', () => {
    expect(diff(deployment({ args: ['a'] }), deployment({ args: ['a', 'b'] }))).toEqual([
      { path: '.spec.args', kind: 'changed', before: ['a'], after: ['a', 'b'] },
    ])
  })

  test('of Secrets name keys only', () => {
    const secret = (data: JsonMap, annotations: Record<string, string>): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', annotations },
      data,
    })
    const annotation = (text: string) => ({ 'kubectl.kubernetes.io/last-applied-configuration': text })
    const changes = diff(
      secret({ a: 'aGlkZGVu', b: 'eA==' }, annotation('aGlkZGVu')),
      secret({ a: 'bmV3', c: 'eQ==' }, annotation('bmV3')),
    )
    expect(changes).toEqual([
      { path: '.data.a', kind: 'changed', secret: true },
      { path: '.data.b', kind: 'removed', secret: true },
      { path: '.data.c', kind: 'added', secret: true },
    ])
    expect(JSON.stringify(diff(undefined, secret({ a: 'aGlkZGVu' }, {})))).not.toContain('aGlkZGVu')
    expect(
      JSON.stringify(
        diff(secret({ a: 'aGlkZGVu' }, {}), { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' } }),
      ),
    ).not.toContain('aGlkZGVu')
  })

  test('status, versions and the controller’s revision are none', () => {
    const annotations = { 'deployment.kubernetes.io/revision': '3' }
    const one = { ...deployment({}, { resourceVersion: '1', generation: 1, uid: 'u' }), status: { replicas: 1 } }
    const other = deployment({}, { resourceVersion: '2', generation: 2, annotations })
    expect([diff(one, other), sameContent(one, other)]).toEqual([[], true])
    expect(sameContent(one, deployment({ replicas: 0 }))).toBe(false)
  })
})

describe('many at a time', () => {
  test('at most the limit runs, answers keep their order', async () => {
    let running = 0
    let most = 0
    const results = await eachLimited([...Array(20).keys()], 8, async (item) => {
      most = Math.max(most, ++running)
      for (let turn = 0; turn < 20 - item; turn++) await Promise.resolve()
      running--
      return item * 2
    })
    expect([most, results]).toEqual([8, [...Array(20).keys()].map((item) => item * 2)])
  })

  test('after a failure nothing new begins, and what runs is waited for', async () => {
    const ended: number[] = []
    const all = eachLimited([0, 1, 2, 3], 2, async (item) => {
      if (item === 0) throw new Error('first')
      await new Promise((resolve) => setImmediate(resolve))
      ended.push(item)
    })
    await expect(all).rejects.toThrow('first')
    expect(ended).toEqual([1])
  })
})

import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { remains } from '../invariants/remains.ts'
import type { Expectations } from '../invariants/rules.ts'
import { bringing, canaryOf, expectUnharmed, IN_PLACE, running, setImage, V1, V2 } from './given.ts'
import { APP, manifestsOf, NAMESPACE, type Ran, World } from './world.ts'

const UNJUDGED: Expectations = { workloads: [], services: [] }

function configMap(name: string, data: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }
}

/** A second workload like the sample app, with its own labels. */
function worker(version: string, name = 'worker', replicas = 3): KubeObject {
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [
            {
              name: 'app',
              image: `gihyodocker/${name}:${version}`,
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
              lifecycle: { preStop: { sleep: { seconds: 5 } } },
            },
          ],
        },
      },
    },
  }
}

/** The app's manifests with environment from a ConfigMap or Secret. */
function withEnv(version: string, envFrom: JsonMap[], more: KubeObject[]): KubeObject[] {
  return manifestsOf({ version, more }).map((object) => {
    if (object.kind !== 'Deployment') return object
    const changed = structuredClone(object)
    const spec = changed['spec'] as { template: { spec: { containers: JsonMap[] } } }
    for (const container of spec.template.spec.containers) container['envFrom'] = envFrom
    return changed
  })
}

function isReady(pod: KubeObject): boolean {
  const { conditions = [] } = (pod['status'] ?? {}) as { conditions?: { type: string; status: string }[] }
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}

async function givenObjects(objects: KubeObject[], judged: Expectations = UNJUDGED): Promise<World> {
  const world = new World()
  for (const object of objects) world.kubectlApply(object)
  await world.clock.advance(20_000)
  world.expect(judged)
  return world
}

function live(world: World, kind: string, name: string): KubeObject | undefined {
  return world.emulator.get(kind, NAMESPACE, name)
}

function dataOf(object: KubeObject | undefined): Record<string, string> {
  return (object?.['data'] ?? {}) as Record<string, string>
}

function findings({ result }: Ran): string[] {
  return (result?.findings ?? []).map(({ id, severity }) => `${severity} ${id}`)
}

/** Writes of real objects, in order, by resource and name. */
function written({ writes }: Ran): string[] {
  return writes
    .filter((write) => !/leases|configmaps\/headgate|configmaps$/.test(write))
    .map((write) => write.replace(/^\S+ .*\/namespaces\/[^/]+\//, '').replace(/^\S+ \/apis?\/(\S+\/)?/, ''))
}

describe('objects around the workload', () => {
  it('go in waves: what is needed first, then the workload, then what points at it', async () => {
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'shop' } }
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'shop' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    }
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: APP },
      spec: { maxUnavailable: 1, selector: { matchLabels: { app: APP } } },
    }
    const world = await running()
    const more = [budget, configMap('settings', { color: 'red' }), role, account]
    const ran = await world.run('deploy', canaryOf(V2, { plan: '50%', objects: manifestsOf({ version: V2, more }) }))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'succeeded' })
    const order = written(ran)
    const first = (word: string): number => order.findIndex((each) => each.includes(word))
    const firstMove = order.findIndex(
      (each, index) => each === `deployments/${APP}` && index > first('configmaps/settings'),
    )
    expect(first('serviceaccounts/shop')).toBeGreaterThanOrEqual(0)
    expect(first('configmaps/settings')).toBeGreaterThanOrEqual(0)
    expect(firstMove).toBeGreaterThan(Math.max(first('serviceaccounts/shop'), first('roles/shop')))
    expect(first('poddisruptionbudgets')).toBeGreaterThan(firstMove)
    for (const kind of ['serviceaccounts', 'roles']) expect(live(world, kind, 'shop')).toBeDefined()
    expectUnharmed(world)
  })

  it('of a kind whose definition is in the same release are applied once it is served', async () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.shop.test' },
      spec: {
        group: 'shop.test',
        scope: 'Namespaced',
        names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    }
    const widget = { apiVersion: 'shop.test/v1', kind: 'Widget', metadata: { name: 'one' }, spec: { size: 3 } }
    const world = await running()
    const objects = manifestsOf({ version: V2, more: [widget, definition] })
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%', objects }))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(live(world, 'widgets', 'one')?.['spec']).toEqual({ size: 3 })
    expectUnharmed(world)
  })

  it('of a kind that nobody knows are refused before anything is touched', async () => {
    const world = await running()
    const objects = manifestsOf({
      version: V2,
      more: [{ apiVersion: 'x.test/v1', kind: 'Gizmo', metadata: { name: 'g' } }],
    })
    const ran = await world.run('deploy', canaryOf(V2, { objects }))
    expect(ran.result).toMatchObject({ outcome: 'refused', exitCode: 2 })
    expect(ran.result?.message).toMatch(/Gizmo/)
    expect(ran.writes).toEqual([])
  })
})

describe('configuration that stable pods use', () => {
  const users = [{ configMapRef: { name: 'settings' } }]
  const before = withEnv(V1, users, [configMap('settings', { color: 'red', gone: 'soon' })])
  const objects = withEnv(V2, users, [configMap('settings', { color: 'blue' })])

  it('is a finding that refuses a canary', async () => {
    const world = await givenObjects(before, IN_PLACE)
    const ran = await world.run('deploy', canaryOf(V2, { objects }))
    expect(ran.result).toMatchObject({ outcome: 'refused', exitCode: 2 })
    expect(findings(ran)).toContain('error shared-config-changed')
    expect(live(world, 'configmaps', 'settings')?.['data']).toEqual({ color: 'red', gone: 'soon' })
  })

  it('accepted, it is changed, and an abort puts it back as it was', async () => {
    const world = await givenObjects(before, IN_PLACE)
    await world.run('deploy', canaryOf(V2, { objects, accept: ['shared-config-changed'] }))
    expect(world.record?.phase).toBe('paused')
    expect(live(world, 'configmaps', 'settings')?.['data']).toEqual({ color: 'blue' })
    await world.run('abort')
    expect(live(world, 'configmaps', 'settings')?.['data']).toEqual({ color: 'red', gone: 'soon' })
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('is a warning for rolling, and a rollback brings it back', async () => {
    const world = await givenObjects(before, UNJUDGED)
    await world.run('deploy', bringing(V1, { objects: before }))
    const ran = await world.run('deploy', bringing(V2, { objects }))
    expect(ran.result).toMatchObject({ outcome: 'succeeded' })
    expect(findings(ran)).toContain('warning shared-config-changed')
    await world.run('rollback')
    expect(live(world, 'configmaps', 'settings')?.['data']).toEqual({ color: 'red', gone: 'soon' })
    expect(world.serving()).toEqual({ [V1]: 3 })
  })
})

describe('Secrets in the release', () => {
  const VALUES = ['hunter2-old', 'hunter2-new', 'plain-text-secret']
  const secret = (value: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'login' },
    type: 'Opaque',
    data: { password: Buffer.from(value).toString('base64') },
    stringData: { token: 'plain-text-secret' },
  })
  const users = [{ secretRef: { name: 'login' } }]

  function expectSilent(text: string): void {
    for (const value of VALUES) {
      expect(text).not.toContain(value)
      expect(text).not.toContain(Buffer.from(value).toString('base64'))
    }
  }

  it('are kept in a Secret, and their values are nowhere else: not in events, result, plan or record', async () => {
    const world = await givenObjects(withEnv(V1, users, [secret('hunter2-old')]), IN_PLACE)
    const objects = withEnv(V2, users, [secret('hunter2-new')])
    const options = canaryOf(V2, { objects, accept: ['shared-config-changed'] })
    const runs = [
      await world.run('plan', options),
      await world.run('deploy', options),
      await world.run('status'),
      await world.run('promote'),
    ]
    expect(world.record?.phase).toBe('succeeded')
    const payload = live(world, 'secrets', `headgate-${APP}-r1`)
    expect(payload).toBeDefined()
    const packed = dataOf(payload)['payload'] ?? ''
    expect(gunzipSync(Buffer.from(packed, 'base64')).toString()).toContain(
      Buffer.from('hunter2-new').toString('base64'),
    )
    expectSilent(JSON.stringify(runs))
    expectSilent(JSON.stringify(world.emulator.list('configmaps')))
    expectSilent(JSON.stringify(world.emulator.list('deployments')))
    expectSilent(JSON.stringify(world.emulator.list('leases')))
    expectUnharmed(world)
  })

  it('are put back by an abort, silently', async () => {
    const world = await givenObjects(withEnv(V1, users, [secret('hunter2-old')]), IN_PLACE)
    const objects = withEnv(V2, users, [secret('hunter2-new')])
    const options = canaryOf(V2, { objects, accept: ['shared-config-changed'] })
    const runs = [await world.run('deploy', options), await world.run('abort')]
    const password = dataOf(live(world, 'secrets', 'login'))['password']
    expect(password).toBe(Buffer.from('hunter2-old').toString('base64'))
    expectSilent(JSON.stringify(runs))
    expectSilent(JSON.stringify(world.emulator.list('configmaps')))
  })
})

describe('objects that the release lost', () => {
  it.each([true, false])('go after success with prune, and never before (prune: %s)', async (prune) => {
    const world = await running()
    const more = [configMap('old-settings', { a: '1' })]
    await world.run('deploy', bringing(V1, { objects: manifestsOf({ version: V1, more }) }))
    const ran = await world.run('deploy', canaryOf(V2, { prune }))
    expect(live(world, 'configmaps', 'old-settings')).toBeDefined()
    const promoted = await world.run('promote')
    expect(promoted.result).toMatchObject({ outcome: 'succeeded' })
    expect(live(world, 'configmaps', 'old-settings') === undefined).toBe(prune)
    expect(JSON.stringify([ran.events, promoted.events])).toMatch(/ConfigMap\/old-settings/)
    expectUnharmed(world)
  })

  it('stay when the rollout is aborted', async () => {
    const world = await running()
    const more = [configMap('old-settings', { a: '1' })]
    await world.run('deploy', bringing(V1, { objects: manifestsOf({ version: V1, more }) }))
    await world.run('deploy', canaryOf(V2, { prune: true }))
    await world.run('abort')
    expect(live(world, 'configmaps', 'old-settings')).toBeDefined()
  })
})

describe('several Deployments', () => {
  const both = (version: string): KubeObject[] => manifestsOf({ version, more: [worker(version)] })
  const judged: Expectations = {
    ...IN_PLACE,
    workloads: [...IN_PLACE.workloads, { namespace: NAMESPACE, names: ['worker'], minServing: 3, maxPods: 4 }],
  }
  const images = (world: World, name: string): string[] =>
    world.emulator
      .list('pods', NAMESPACE)
      .filter(({ metadata }) => metadata.labels?.['app'] === name && metadata.deletionTimestamp === undefined)
      .map((pod) => (pod['spec'] as { containers: { image: string }[] }).containers[0]?.image.split(':')[1] ?? '')
      .toSorted()

  it('go through the steps together, and are promoted together', async () => {
    const world = await givenObjects(both(V1), judged)
    const { result } = await world.run('deploy', canaryOf(V2, { objects: both(V2) }))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    for (const name of [APP, 'worker']) expect(images(world, name)).toEqual([V1, V2, V2])
    await world.run('promote')
    for (const name of [APP, 'worker']) expect(images(world, name)).toEqual([V2, V2, V2])
    expect(remains(world.snapshot(), NAMESPACE, APP)).toEqual([])
    expectUnharmed(world)
  })

  it('are all undone when one fails', async () => {
    const world = await givenObjects(both(V1), judged)
    world.emulator.setBehaviour(`gihyodocker/worker:${V2}`, { neverReady: true, crashAfterMs: 300, exitCode: 1 })
    const { result } = await world.run('deploy', canaryOf(V2, { objects: both(V2) }))
    expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'crash-loop' } })
    expect(result?.failure?.message).toMatch(/worker-/)
    for (const name of [APP, 'worker']) expect(images(world, name)).toEqual([V1, V1, V1])
    expectUnharmed(world)
  })

  it('one that does not change takes no part', async () => {
    const world = await givenObjects(both(V1), judged)
    const objects = manifestsOf({ version: V2, more: [worker(V1)] })
    await world.run('deploy', canaryOf(V2, { objects }))
    expect(world.record?.workloads.map(({ name, mode }) => `${name} ${mode}`)).toEqual([`${APP} steps`, 'worker plain'])
    expect(images(world, 'worker')).toEqual([V1, V1, V1])
    await world.run('promote')
    expect(images(world, APP)).toEqual([V2, V2, V2])
    expectUnharmed(world)
  })

  it('one that the config calls plain is applied and awaited before the first step', async () => {
    const world = await givenObjects(both(V1), UNJUDGED)
    const workloads = { worker: { strategy: 'plain' as const } }
    await world.run('deploy', canaryOf(V2, { objects: both(V2), workloads }))
    expect(images(world, 'worker')).toEqual([V2, V2, V2])
    expect(images(world, APP)).toEqual([V1, V2, V2])
    await world.run('abort')
    expect(images(world, APP)).toEqual([V1, V1, V1])
    await world.clock.advance(60_000)
    expect(images(world, 'worker')).toEqual([V1, V1, V1])
  })
})

describe('StatefulSets and DaemonSets', () => {
  const labels = { app: 'db' }
  const template = (tag: string): JsonMap => ({
    metadata: { labels },
    spec: { containers: [{ name: 'db', image: `db:${tag}`, readinessProbe: { httpGet: { path: '/', port: 1 } } }] },
  })
  const set = (kind: 'StatefulSet' | 'DaemonSet', tag: string): KubeObject => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'db' },
    spec: {
      selector: { matchLabels: labels },
      template: template(tag),
      ...(kind === 'StatefulSet' ? { serviceName: 'db', replicas: 2 } : {}),
    },
  })

  it.each(['StatefulSet', 'DaemonSet'] as const)('%s: is applied and awaited before the steps', async (kind) => {
    const world = await running({ judged: IN_PLACE })
    const objects = manifestsOf({ version: V2, more: [set(kind, '1-slow')] })
    const { result } = await world.run('deploy', canaryOf(V2, { objects }))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    const pods = world.emulator.list('pods', NAMESPACE).filter(({ metadata }) => metadata.labels?.['app'] === 'db')
    expect(pods.length).toBe(kind === 'StatefulSet' ? 2 : 1)
    expect(pods.every((pod) => isReady(pod))).toBe(true)
    expectUnharmed(world)
  })

  it.each(['StatefulSet', 'DaemonSet'] as const)(
    '%s: one that fails ends it before the first new pod',
    async (kind) => {
      const world = await running({ judged: IN_PLACE })
      const objects = manifestsOf({ version: V2, more: [set(kind, '1-missing')] })
      const { result } = await world.run('deploy', canaryOf(V2, { objects }))
      expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: 'image-pull' } })
      expect(world.serving()).toEqual({ [V1]: 3 })
      expectUnharmed(world)
    },
  )
})

describe('workloads without steps', () => {
  it('a first deploy goes straight in', async () => {
    const world = new World()
    const { result } = await world.run('deploy', canaryOf(V1))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(world.record?.workloads[0]?.mode).toBe('plain')
    expect(world.serving()).toEqual({ [V1]: 3 })
  })

  it('a first deploy that fails deletes nothing, and the mended one goes in', async () => {
    const world = new World()
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V1}`, { imagePull: 'not-found' })
    const { result } = await world.run('deploy', canaryOf(V1))
    expect(result).toMatchObject({ outcome: 'stopped', exitCode: 1, failure: { code: 'image-pull' } })
    expect(result?.failure?.done).toMatch(/nothing was deleted/)
    expect(world.deployment().spec.replicas).toBe(3)
    expect(world.service()).toBeDefined()
    const mended = await world.run('deploy', canaryOf(V2))
    expect(mended.result, mended.result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(world.serving()).toEqual({ [V2]: 3 })
  })

  it('abort of a first deploy deletes nothing', async () => {
    const world = new World()
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V1}`, { imagePull: 'not-found' })
    await world.run('deploy', canaryOf(V1))
    const { result } = await world.run('abort')
    expect(result?.exitCode, result?.message).toBe(0)
    expect(world.deployment().spec.replicas).toBe(3)
    expect(world.service()).toBeDefined()
  })

  it('one with no replicas', async () => {
    const world = await running({ app: { replicas: 0 }, judged: UNJUDGED })
    const objects = manifestsOf({ version: V2, replicas: 0 })
    const { result } = await world.run('deploy', canaryOf(V2, { objects }))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(world.record?.workloads[0]?.mode).toBe('plain')
    expect(world.deployment().spec.template.spec.containers[0]?.image).toContain(V2)
  })

  it('one whose pods do not change: a new replica count or label goes in at once', async () => {
    const world = await running({ judged: UNJUDGED })
    const objects = manifestsOf({ version: V1, replicas: 4 })
    const { result } = await world.run('deploy', canaryOf(V1, { objects }))
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(world.serving()).toEqual({ [V1]: 4 })
  })

  it('one that is down: the fix goes straight in', async () => {
    const world = new World()
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V1}`, { neverReady: true, crashAfterMs: 300, exitCode: 1 })
    await world.given({ version: V1 })
    await world.clock.advance(700_000)
    const ran = await world.run('deploy', canaryOf(V2))
    expect(ran.result, ran.result?.message).toMatchObject({ outcome: 'succeeded' })
    expect(findings(ran)).toContain('warning stable-down')
    expect(world.serving()).toEqual({ [V2]: 3 })
  })

  it('one that is down, and a fix that is none: no way back to the outage', async () => {
    const world = new World()
    const down = { neverReady: true, crashAfterMs: 300, exitCode: 1 }
    for (const version of [V1, V2]) world.emulator.setBehaviour(`gihyodocker/echo-version:${version}`, down)
    await world.given({ version: V1 })
    await world.clock.advance(700_000)
    const { result } = await world.run('deploy', canaryOf(V2))
    expect(result).toMatchObject({ outcome: 'stopped', exitCode: 1, failure: { code: 'crash-loop' } })
    expect(world.deployment().spec.template.spec.containers[0]?.image).toContain(V2)
  })
})

describe('an autoscaler', () => {
  const autoscaler: KubeObject = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: APP },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: APP }, minReplicas: 2, maxReplicas: 10 },
  }

  it('keeps the replicas that it has set, from the first step to the end', async () => {
    const judged: Expectations = {
      workloads: [{ namespace: NAMESPACE, names: [APP], minServing: 4, maxPods: 7 }],
      services: [{ namespace: NAMESPACE, name: APP, minReady: 4 }],
    }
    const world = await givenObjects(manifestsOf({ version: V1, more: [autoscaler] }))
    world.emulator.scale('deployments', NAMESPACE, APP, 5)
    await world.clock.advance(20_000)
    world.expect(judged)
    const objects = manifestsOf({ version: V2, more: [autoscaler] })
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '40%, approve', objects }))
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(world.serving()).toEqual({ [V1]: 3, [V2]: 2 })
    await world.run('promote')
    expect(world.serving()).toEqual({ [V2]: 5 })
    expect(world.deployment().spec.replicas).toBe(5)
    expectUnharmed(world)
  })
})

describe('a rolling update that somebody else began', () => {
  it('is waited for; its outcome is what is stable then', async () => {
    const world = await running({ judged: UNJUDGED })
    world.emulator.setBehaviour('gihyodocker/echo-version:0.1.5', { readyAfterMs: 5_000 })
    setImage(world, '0.1.5')
    const { result, events } = await world.run('deploy', canaryOf(V2, { takeOver: ['kubectl-set'] }))
    expect(JSON.stringify(events)).toMatch(/the rolling update of Deployment\/echo-version by kubectl-set to end/)
    expect(result, result?.message).toMatchObject({ outcome: 'paused' })
    expect(world.serving()).toEqual({ '0.1.5': 1, [V2]: 2 })
    await world.run('abort')
    expect(world.serving()).toEqual({ '0.1.5': 3 })
  })

  it('that does not end is refused, with who began it', async () => {
    const world = await running({ judged: UNJUDGED })
    world.emulator.setBehaviour('gihyodocker/echo-version:0.1.5', { neverReady: true })
    setImage(world, '0.1.5')
    const began = world.clock.now()
    const { result } = await world.run('deploy', canaryOf(V2))
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'foreign-rollout' } })
    expect(result?.message).toMatch(/rolling update by kubectl-set/)
    expect(result?.failure?.next).toMatch(/rollout undo/)
    expect(world.clock.now() - began).toBeLessThan(70_000)
    expect(world.record).toBeUndefined()
  })
})

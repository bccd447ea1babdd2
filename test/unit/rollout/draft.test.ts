import { warmUpOf } from '../../../src/input/checks.ts'
import { describe, expect, it } from 'vitest'
import type { DryRunResult } from '../../../src/preflight/input.ts'
import {
  type Draft,
  type DraftInput,
  draftRollout,
  dryRunOf,
  plainReason,
  takesPart,
} from '../../../src/rollout/draft.ts'
import { planOf } from '../../../src/rollout/plan.ts'
import { type Release, releaseFrom } from '../../../src/rollout/release.ts'
import type { Settings } from '../../../src/rollout/settings.ts'
import type { Survey } from '../../../src/rollout/survey.ts'
import type { World } from '../../../src/rollout/world.ts'
import { type Deployment, type KubeObject, keyOf, refOf, type Service } from '../../../src/shared/objects.ts'
import { record, source } from '../report/views.ts'
import { deploymentOf, FIELDS, NEW, NOW, OLD, podsOf, replicaSet, service, template } from '../strategies/views.ts'

const STEPS: Settings['steps'] = [
  { kind: 'weight', percent: 33 },
  { kind: 'wait', ms: 60_000 },
  { kind: 'weight', percent: 66 },
]

function settings(change: Partial<Settings> = {}): Settings {
  return {
    command: 'deploy',
    full: false,
    gates: 'readiness',
    strategy: 'canary',
    steps: STEPS,
    pods: 'in-place',
    capacity: 'keep',
    manifests: [],
    images: [],
    workloads: {},
    checks: {},
    warmUp: warmUpOf(),
    traffic: { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [] },
    accept: [],
    takeOver: [],
    timeoutMs: 600_000,
    onFailure: 'abort',
    onCancel: 'stop',
    onFailedJob: 'stop',
    supersede: 'newer',
    prune: false,
    comment: 'auto',
    ...change,
  }
}

const manifest = deploymentOf({ template: NEW })
const config: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', namespace: 'shop' },
  data: { a: '2' },
}

interface Scene {
  settings?: Partial<Settings>
  objects?: KubeObject[]
  /** what is live, with the pods of the Deployment */
  live?: KubeObject[]
  dry?: (object: KubeObject) => DryRunResult
  services?: Service[]
  ready?: number
  before?: DraftInput['before']
  active?: Record<string, string>
  command?: 'deploy' | 'rollback'
  sha?: string
}

function input(scene: Scene = {}): DraftInput {
  const { objects = [manifest], live = [deploymentOf()], ready = 3, active = {}, before } = scene
  const own = settings(scene.settings)
  const payload = { version: 1 as const, rollout: 1, digest: '', objects, versions: {}, before: {}, jobs: [] }
  const release: Release = { ...releaseFrom(payload, 'shop', 'shop', own), active }
  const map = new Map(live.map((object) => [keyOf(refOf(object)), object]))
  const dry = scene.dry ?? ((object): DryRunResult => ({ kind: 'ok', object }))
  const world: Pick<World, 'workload' | 'services'> = {
    workload: ({ namespace, name }) => {
      const deployment = map.get(keyOf({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace })) as
        | Deployment
        | undefined
      const made = deployment === undefined ? [] : [replicaSet('old1', deployment.spec.template, { wanted: 3 })]
      return {
        deployment,
        replicaSets: made,
        pods: made.length === 0 ? [] : podsOf('old1', { wanted: 3, ready }),
        ended: [],
      }
    },
    services: () => scene.services ?? [],
  }
  return {
    release,
    settings: own,
    source: source({ sha: scene.sha ?? 'abc' }),
    command: scene.command ?? 'deploy',
    before,

    world: world as World,
    live: map,
    settleMs: 3_000,
    now: NOW,
    dryRuns: new Map(release.objects.map(({ object }) => [keyOf(refOf(object)), dry(object)])),
  }
}

const draft = (scene: Scene = {}): Draft => draftRollout(input(scene))

describe('why a workload goes without steps', () => {
  const live = deploymentOf()
  it.each([
    { reason: 'it is new', live: undefined, settings: {}, dry: manifest, serving: 0 },
    { reason: 'it has no replicas', live: deploymentOf({ replicas: 0 }), settings: {}, dry: manifest, serving: 0 },
    {
      reason: 'the config says so',
      live,
      settings: { workloads: { web: { strategy: 'plain' as const } } },
      dry: manifest,
      serving: 3,
    },
    { reason: 'its pods do not change', live, settings: {}, dry: deploymentOf(), serving: 3 },
    {
      reason: 'no pod of it serves, so there is nothing to protect (stable-down)',
      live,
      settings: {},
      dry: manifest,
      serving: 0,
    },
    { reason: undefined, live, settings: {}, dry: manifest, serving: 1 },
    { reason: undefined, live, settings: {}, dry: undefined, serving: 1 },
  ])('$reason', ({ reason, live, dry, settings: own, serving }) => {
    expect(plainReason(live, dry, settings(own), serving)).toBe(reason)
  })

  it('is not that a recreate has taken it down', () => {
    const down = deploymentOf({ replicas: 0, annotations: { 'headgate.dev/originals': '{}' } })
    expect(plainReason(down, manifest, settings(), 1)).toBeUndefined()
    const bare = deploymentOf()
    delete bare.spec.replicas
    expect(plainReason(bare, manifest, settings(), 1)).toBeUndefined()
  })
})

describe('the draft of a rollout', () => {
  it('numbers it, plans its pairs and keeps both versions', () => {
    const { record: made, payload } = draft({ before: record({ phase: 'succeeded', rollout: 7, owner: 'acme/shop' }) })
    expect(made).toMatchObject({
      version: 1,
      app: 'shop',
      namespace: 'shop',
      owner: 'acme/shop',
      rollout: 8,
      phase: 'progressing',
      step: 0,
      steps: ['33%', 'wait 1m', '66%'],
      command: 'deploy',
      previousImages: ['web:1'],
      payloads: [],
      jobs: [],
    })
    expect(made.release).toEqual({
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      rollout: 8,
      images: ['web:2'],
      sha: 'abc',
    })
    expect(made.workloads).toEqual([
      {
        namespace: 'shop',
        name: 'web',
        mode: 'steps',
        stableHash: 'old1',
        replicas: 3,
        pairs: [
          [2, 1],
          [1, 2],
        ],
        stableVersion: '1',
        newVersion: '2',
      },
    ])
    expect(payload.versions).toEqual({
      'shop/web': {
        stable: OLD,
        next: NEW,
        stableFields: FIELDS,
        nextFields: FIELDS,
        stableType: 'RollingUpdate',
        nextType: 'RollingUpdate',
        namesMinReady: true,
      },
    })
    expect([payload.rollout, payload.digest]).toEqual([8, made.release.digest])
  })

  it('belongs to the repository that deploys first', () => {
    expect(draft().record).toMatchObject({ rollout: 1, owner: 'acme/shop' })
    expect(draft({ before: record({ owner: '' }) }).record.owner).toBe('acme/shop')
    expect(draft({ before: record({ owner: 'acme/first' }) }).record.owner).toBe('acme/first')
  })

  it('carries over which release serves, and which was before it', () => {
    const before = record({ serving: { digest: 's', rollout: 5, images: [] } })
    expect(draft({ before }).record).toMatchObject({ serving: { rollout: 5 }, previous: { rollout: 6 } })
    const { previous: _, ...bare } = record()
    const none = draft({ before: bare }).record
    expect([none.serving, none.previous]).toEqual([undefined, undefined])
  })

  it('keeps what it was told, for runs that come later without a config', () => {
    const own = {
      environment: 'prod',
      environmentUrl: 'https://shop.example',
      pullRequest: 12,
      onFailure: 'stop' as const,
    }
    expect(draft({ settings: own }).record).toMatchObject({ ...own, prune: false, timeoutMs: 600_000 })
    const bare = draft({ sha: '', command: 'rollback' }).record
    expect(bare).toMatchObject({ command: 'rollback' })
    for (const key of ['environment', 'environmentUrl', 'pullRequest']) expect(bare).not.toHaveProperty(key)
    expect(bare.release).not.toHaveProperty('sha')
  })

  it('gives a new workload no versions and no Services', () => {
    const made = draft({ live: [], services: [service('web', { app: 'web' })] })
    expect(made.record.workloads).toMatchObject([{ mode: 'plain', replicas: 3, pairs: [], stableVersion: 'latest' }])
    expect([made.payload.versions, made.record.services]).toEqual([{}, []])
  })

  it('takes the replicas that live, else the manifest’s, else one', () => {
    const bare = deploymentOf({ template: NEW })
    delete bare.spec.replicas
    const liveBare = deploymentOf({ replicas: 5 })
    expect(draft({ live: [liveBare] }).record.workloads[0]?.replicas).toBe(5)
    expect(draft({ live: [], objects: [bare] }).record.workloads[0]?.replicas).toBe(1)
  })

  it('without a dry run’s answer knows no second version', () => {
    const error = { kind: 'error' as const, status: 500, message: 'x' }
    const made = draft({ dry: () => error })
    expect(made.payload.versions).toEqual({})
    expect(dryRunOf(input({ dry: () => error }).dryRuns, manifest)).toBeUndefined()
    expect(dryRunOf(new Map(), manifest)).toBeUndefined()
  })

  it('reads versions where nothing is named', () => {
    const anonymous = deploymentOf({ template: { spec: { containers: [] } } })
    const bare = deploymentOf({ template: { spec: { containers: [] }, metadata: { annotations: { a: 'b' } } } })
    delete bare.spec.strategy
    delete bare.spec.minReadySeconds
    const made = draft({ live: [anonymous], objects: [bare] })
    expect(made.record.workloads).toMatchObject([{ stableVersion: 'latest', newVersion: 'latest' }])
    expect(made.payload.versions['shop/web']).toMatchObject({ nextType: 'RollingUpdate', namesMinReady: false })
    expect(made.record.previousImages).toEqual([])
  })

  it('keeps what it changes as it was, without status, and nothing that stays', () => {
    const old = { ...config, data: { a: '1' }, status: { seen: true } }
    const same = { ...config, metadata: { name: 'same', namespace: 'shop' } }
    const fresh = { ...config, metadata: { name: 'fresh', namespace: 'shop' } }
    const { before } = draft({ objects: [manifest, config, same, fresh], live: [deploymentOf(), old, same] }).payload
    expect(Object.keys(before).sort()).toEqual(['apps|Deployment|shop|web', '|ConfigMap|shop|c'])
    expect(before['|ConfigMap|shop|c']).toEqual({ ...config, data: { a: '1' } })
  })

  it('names the Jobs of its steps', () => {
    const job: KubeObject = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'migrate', namespace: 'shop' },
      spec: { template: { spec: { containers: [] } } },
    }
    const steps: Settings['steps'] = [{ kind: 'job', names: ['migrate'] }]
    expect(draft({ objects: [manifest, job], settings: { strategy: 'recreate', steps } }).payload.jobs).toEqual([
      'migrate',
    ])
  })
})

describe('the draft in colors', () => {
  const green = deploymentOf({ template: template('web:2', { color: 'green' }) }, 'web-green')
  const blue = deploymentOf({ template: template('web:1', { color: 'blue' }) }, 'web-blue')
  const active = { 'shop/web-green': 'web-blue' }

  it('goes from the Deployment that serves to the other one', () => {
    const made = draft({
      objects: [green],
      live: [blue],
      active,
      services: [service('web', { app: 'web', color: 'blue' })],
    })
    expect(made.record.workloads).toMatchObject([{ name: 'web-green', stableName: 'web-blue', mode: 'steps' }])
    expect(made.record.services).toMatchObject([{ name: 'web', workload: 'web-green' }])
    expect(made.payload.before).toEqual({})
  })

  it('knows that the other one was there, even where this release changes nothing of it', () => {
    const { before } = draft({ objects: [green], live: [blue, green], active }).payload
    expect(Object.keys(before)).toEqual(['apps|Deployment|shop|web-green'])
  })
})

describe('the Services that take part', () => {
  const labels = { app: 'web', tier: 'front' }
  it.each([
    { what: 'selects the pods', service: service('a', { app: 'web' }), takes: true },
    { what: 'selects others', service: service('a', { app: 'api' }), takes: false },
    { what: 'selects nothing', service: service('a', {}), takes: false },
    { what: 'is a name only', service: service('a', { app: 'web' }, { type: 'ExternalName' }), takes: false },
  ])('$what: $takes', ({ service: each, takes }) => {
    expect(takesPart(each, labels)).toBe(takes)
  })

  it('are none of Headgate’s own, nor those without a selector', () => {
    const own = service('web-preview', { app: 'web' })
    own.metadata.labels = { 'headgate.dev/app': 'shop' }
    const bare = service('bare', {})
    delete bare.spec.selector
    expect([takesPart(own, labels), takesPart(bare, labels)]).toEqual([false, false])
  })

  it('are noted with what they are before', () => {
    const bare = service('b', { app: 'web' })
    delete bare.spec.ports
    const made = draft({ services: [service('web', { app: 'web' }), bare, service('api', { app: 'api' })] })
    expect(made.record.services).toEqual([
      {
        namespace: 'shop',
        name: 'web',
        selector: { app: 'web' },
        workload: 'web',
        ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
      },
      { namespace: 'shop', name: 'b', selector: { app: 'web' }, ports: [], workload: 'web' },
    ])
  })
})

describe('the plan', () => {
  function plan(scene: Scene = {}, survey: Partial<Survey> = {}): ReturnType<typeof planOf> {
    const made = input(scene)
    const seen: Survey = {
      live: new Map(made.live),
      dryRuns: new Map(made.dryRuns),
      lists: {},
      missing: [],
      needs: [],
      autoscaled: new Set(),
      named: new Map(),
      routes: { found: [], unread: [], named: [] },
      ...survey,
    }
    return planOf(made.release, seen, draftRollout(made), [])
  }

  it('gives each step the pods that it will have, and ends with all of them', () => {
    expect(plan().steps).toEqual([
      { text: '33%', pods: { stable: 2, canary: 1 } },
      { text: 'wait 1m', pods: { stable: 2, canary: 1 } },
      { text: '66%', pods: { stable: 1, canary: 2 } },
      { text: 'finish', pods: { stable: 0, canary: 3 } },
    ])
  })

  it('has no pods before the first weight, and none for blue/green', () => {
    const checked = { steps: [{ kind: 'check', names: ['home'] }, ...STEPS] as Settings['steps'] }
    expect(plan({ settings: checked }).steps[0]).toEqual({ text: 'check home' })
    const steps: Settings['steps'] = [{ kind: 'switch' }]
    expect(plan({ settings: { strategy: 'blue-green', steps } }).steps[0]).toEqual({ text: 'switch' })
  })

  it('adds up the pods of several workloads', () => {
    const second = deploymentOf({ template: NEW }, 'worker')
    const both = plan({ objects: [manifest, second], live: [deploymentOf(), deploymentOf({ replicas: 10 }, 'worker')] })
    expect(both.steps.map(({ pods }) => pods)).toEqual([
      { stable: 9, canary: 4 },
      { stable: 9, canary: 4 },
      { stable: 4, canary: 9 },
      // The finish brings the count that the manifest has: 3 instead of 10
      { stable: 0, canary: 6 },
    ])
  })

  it('has no steps where nothing goes through them, and says why', () => {
    const first = plan({ live: [] })
    expect(first.steps).toEqual([])
    expect(first.notes).toEqual([
      'Deployment/web goes without steps: it is new, its pods do not change, or nothing of it serves.',
    ])
    expect(plan({ live: [], settings: { strategy: 'rolling', steps: [] } }).notes).toEqual([])
  })

  it('says that a share of pods is a share of connections', () => {
    expect(plan().notes).toEqual([expect.stringContaining('share is one of pods and connections')])
    expect(plan({ settings: { strategy: 'blue-green', steps: [{ kind: 'switch' }] } }).notes).toEqual([])
  })

  it('lists what happens to each object, and shows no value of a Secret', () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'shop' },
      data: { token: 'bmV1' },
    }
    const changed = { ...secret, metadata: { name: 't', namespace: 'shop' }, data: { token: 'bmV1', more: 'eA==' } }
    const listed = plan({
      objects: [manifest, config, secret, changed],
      live: [
        deploymentOf(),
        { ...config, data: { b: '1' } },
        secret,
        { ...changed, data: { token: 'YWx0', gone: 'eQ==' } },
      ],
    })
    expect(listed.objects.map(({ ref, action }) => `${action} ${ref.name}`)).toEqual([
      'configure web',
      'configure c',
      'unchanged s',
      'configure t',
    ])
    expect(JSON.stringify(listed)).not.toMatch(/bmV1|YWx0|eA==|eQ==/)
    const changes = Object.fromEntries((listed.objects[3]?.changes ?? []).map(({ path, ...rest }) => [path, rest]))
    expect(changes).toEqual({
      '.data.token': { before: '(secret)', after: '(secret, changed)' },
      '.data.more': { after: '(secret, changed)' },
      '.data.gone': { before: '(secret)' },
    })
    expect(listed.objects[1]?.changes.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual([
      { path: '.data.a', after: '2' },
      { path: '.data.b', before: '1' },
    ])
  })

  it('shows what is no text as JSON, what is new as created, and an object that cannot be foreseen as changed', () => {
    const error = { kind: 'error' as const, status: 422, message: 'no' }
    expect(plan({ dry: () => error }).objects).toMatchObject([{ action: 'configure', changes: [] }])
    const made = plan({ objects: [deploymentOf({ template: NEW, replicas: 4 }), config] })
    expect(made.objects[1]).toMatchObject({ action: 'create' })
    expect(made.objects[0]?.changes).toContainEqual({ path: '.spec.replicas', before: '3', after: '4' })
  })

  it('tells which Services take part, and why the others do not', () => {
    const services = [service('web', { app: 'web' }), service('db', { app: 'db' })]
    const elsewhere = service('far', { app: 'web' })
    elsewhere.metadata.namespace = 'other'
    expect(plan({ services }, { lists: { services: [...services, elsewhere] } }).services).toEqual({
      taking: ['web'],
      notTaking: [{ name: 'db', why: 'it selects no pod of this release' }],
    })
    expect(plan({ live: [], services }, { lists: { services } }).services.notTaking).toMatchObject([
      { name: 'web', why: 'its workload goes without steps' },
      { name: 'db' },
    ])
  })

  it('names each right that is missing', () => {
    const missing = [
      { verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'shop' },
      { verb: 'get', group: '', resource: 'pods', subresource: 'log', name: 'web', namespace: 'shop' },
      { verb: 'create', group: '', resource: 'namespaces' },
    ]
    expect(plan({}, { missing }).missingRights).toEqual([
      'patch deployments.apps in namespace shop',
      'get pods/log web in namespace shop',
      'create namespaces in the whole cluster',
    ])
  })
})

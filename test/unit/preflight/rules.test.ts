import { describe, expect, it } from 'vitest'
import { leaseFinding } from '../../../src/preflight/lease.ts'
import { applyAcceptance, blocking, runRules } from '../../../src/preflight/rules.ts'
import { HeadgateError } from '../../../src/shared/errors.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import {
  brief,
  container,
  deployment,
  found,
  input,
  namedOf,
  object,
  type Patch,
  running,
  service,
  the,
  type World,
} from './release.ts'

const with1 = (patch: Patch): KubeObject[] => [
  deployment({ spec: { template: { spec: { containers: [container(patch)] } } } }),
  service(),
]
const spec = (patch: Patch): KubeObject[] => [deployment({ spec: patch }), service()]

describe('probes and hooks', () => {
  const exec = (...command: string[]): Patch => ({ lifecycle: { preStop: { exec: { command }, sleep: null } } })
  /** `ports:` with nothing after it, as templates write it. */
  const unlisted = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ ...container({}), ports: null }] },
  }
  it.each<[string, World, string[]]>([
    ['no probe', { objects: with1({ readinessProbe: null }) }, ['probe-missing error']],
    ['no probe, rolling', { objects: with1({ readinessProbe: null }), strategy: 'rolling' }, ['probe-missing warning']],
    ['no probe, first deploy', { objects: with1({ readinessProbe: null }), live: [] }, ['probe-missing warning']],
    [
      'no probe, applied without steps',
      { objects: with1({ readinessProbe: null }), plain: ['web'] },
      ['probe-missing warning'],
    ],
    [
      'no probe, nobody asks it',
      {
        objects: [deployment({ spec: { template: { spec: { containers: [container({ readinessProbe: null })] } } } })],
        live: [],
      },
      [],
    ],
    ['no hook', { objects: with1({ lifecycle: null }) }, ['prestop-missing warning']],
    ['no preStop', { objects: with1({ lifecycle: { preStop: null, postStart: {} } }) }, ['prestop-missing warning']],
    [
      'sleeps too short',
      { objects: with1({ lifecycle: { preStop: { sleep: { seconds: 1 } } } }) },
      ['prestop-short warning'],
    ],
    [
      'does not sleep',
      { objects: with1({ lifecycle: { preStop: { sleep: { seconds: 0 } } } }) },
      ['prestop-missing warning'],
    ],
    ['sleeps by command', { objects: with1(exec('sleep', '5')) }, []],
    ['sleeps by shell', { objects: with1(exec('/bin/sh', '-c', 'sleep 1; nginx -s quit')) }, ['prestop-short warning']],
    ['sleeps as long as nodes need', { objects: with1(exec('/bin/sh', '-c', 'sleep 2; nginx -s quit')) }, []],
    ['another command is trusted', { objects: with1(exec('/drain')) }, []],
    [
      'sleeps longer than it may',
      { objects: with1({ lifecycle: { preStop: { sleep: { seconds: 30 } } } }) },
      ['prestop-budget error'],
    ],
    [
      'sleeps as long as it may',
      { objects: spec({ template: { spec: { terminationGracePeriodSeconds: 5 } } }) },
      ['prestop-budget error'],
    ],
    ['sleep action on an old cluster', { serverVersion: { major: 1, minor: 29 } }, ['prestop-version error']],
    ['sleep action on a new one', { serverVersion: { major: 1, minor: 30 } }, []],
    ['sleep action on a far one', { serverVersion: { major: 2, minor: 0 } }, []],
    [
      'a sidecar without ports is not asked',
      {
        objects: [
          deployment({ spec: { template: { spec: { containers: [container({}), { name: 'log' }] } } } }),
          service(),
        ],
      },
      [],
    ],
    [
      'without declared ports the first one serves',
      {
        objects: [
          deployment({ spec: { template: { spec: { containers: [{ name: 'app' }, { name: 'log' }] } } } }),
          service({ spec: { ports: [{ port: 80, targetPort: 8080 }] } }),
        ],
        live: [],
      },
      ['probe-missing warning', 'prestop-missing warning'],
    ],
    [
      'ports without a value',
      {
        objects: [
          { ...deployment(), spec: { ...deployment().spec, template: unlisted } },
          service({ spec: { ports: [{ port: 80, targetPort: 8080 }] } }),
        ],
        live: [],
      },
      [],
    ],
    ['with another port all that declare one serve', { objects: [...spec({}), service()], live: [] }, []],
    [
      'a serving sidecar',
      {
        objects: [
          deployment({
            spec: {
              template: {
                spec: {
                  containers: [container({ ports: null })],
                  initContainers: [container({ name: 'proxy', restartPolicy: 'Always', readinessProbe: null })],
                },
              },
            },
          }),
          service(),
        ],
        live: [],
      },
      ['probe-missing warning'],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it('points at the container and says how', () => {
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const released = { object: with1({ lifecycle: null })[0] ?? service(), placeOf }
    const finding = the('prestop-missing', { objects: [released, service()], serverVersion: { major: 1, minor: 28 } })
    expect(finding.place).toEqual({ file: 'spec.template.spec.containers.0' })
    expect(finding.mend).toMatch(/^set lifecycle\.preStop\.exec\.command: \["sleep", "5"\], 20 behind/)
    expect(the('prestop-missing', { objects: [released, service()] }).mend).toMatch(
      /^set lifecycle\.preStop\.sleep\.seconds: 5, 20 behind a cloud load balancer, .* of the 30 s until it is killed 25 s are left for requests$/,
    )
    const budget = the('prestop-budget', { objects: with1({ lifecycle: { preStop: { sleep: { seconds: 40 } } } }) })
    expect(budget.reason).toContain('sleeps 40 s in its preStop hook, but is killed after 30 s')
  })

  it.each<[Patch, string]>([
    [{ seconds: 12 }, 'use exec.command: ["sleep", "12"] instead'],
    [{ seconds: null }, 'use exec.command: ["sleep", "5"] instead'],
  ])('says what does as the sleep action %j on an old cluster', (sleep, mend) => {
    const world = { objects: with1({ lifecycle: { preStop: { sleep } } }), serverVersion: { major: 1, minor: 29 } }
    expect(the('prestop-version', world).mend).toBe(mend)
  })

  it('points at the manifest, whatever the cluster puts into it', () => {
    const app = container({ lifecycle: null })
    const written = deployment({ spec: { template: { spec: { containers: [app] } } } })
    const proxy = container({ name: 'proxy', lifecycle: null, ports: [{ containerPort: 15_090 }] })
    const stored = deployment({ spec: { template: { spec: { containers: [proxy, app] } } } })
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const findings = runRules(
      input({
        objects: [{ object: written, placeOf }, service({ spec: { ports: [{ port: 80, targetPort: 9_000 }] } })],
        dryRuns: [[written, { kind: 'ok', object: stored }]],
      }),
    )
    const places = findings.filter(({ id }) => id === 'prestop-missing').map(({ place }) => place?.file)
    expect(places).toEqual(['spec.template.spec', 'spec.template.spec.containers.0'])
  })
})

describe('replicas', () => {
  const rolling = (maxSurge: number | string, maxUnavailable: number | string, replicas = 3): World => ({
    objects: spec({ replicas, strategy: { rollingUpdate: { maxSurge, maxUnavailable } } }),
    live: [running({ spec: { replicas } }), service()],
  })
  it.each<[string, World, string[]]>([
    ['all may be missing', { ...rolling(1, '100%') }, ['max-unavailable error']],
    ['all may be missing, rolling', { ...rolling(0, 3), strategy: 'rolling' }, ['max-unavailable error']],
    ['blue-green takes none', { ...rolling(1, '100%'), strategy: 'blue-green' }, []],
    ['some may be missing', { ...rolling(1, 2), strategy: 'rolling' }, []],
    [
      'the only one, rolling',
      { ...rolling(0, 1, 1), strategy: 'rolling' },
      ['max-unavailable warning', 'replicas-one warning'],
    ],
    ['the only one, canary', { ...rolling(0, 1, 1) }, ['replicas-one warning']],
    ['defaults', { objects: spec({ strategy: null }), strategy: 'rolling' }, []],
    ['one replica by default', { objects: spec({ replicas: null }), live: [] }, ['replicas-one warning']],
    ['one that nobody asks', { objects: [deployment({ spec: { replicas: 1 } })], live: [] }, []],
    [
      'without replicas',
      { objects: spec({ replicas: 0 }), live: [running({ spec: { replicas: 0 } }), service()], strategy: 'rolling' },
      [],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it('names the default that does it', () => {
    const finding = the('max-unavailable', {
      strategy: 'rolling',
      objects: spec({ replicas: 1, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: null } } }),
      live: [running({ spec: { replicas: 1 } }), service()],
    })
    expect(finding.reason).toBe(
      'maxUnavailable (default) of Deployment/web lets all 1 pods be missing at once (maxSurge is 0): nobody may answer while the new ones start',
    )
  })
})

describe('autoscalers and budgets', () => {
  const hpa = (patch: Patch = {}): KubeObject =>
    object('autoscaling/v2', 'HorizontalPodAutoscaler', 'web', {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
        minReplicas: 2,
        maxReplicas: 9,
        ...patch,
      },
    })
  const keda = object('keda.sh/v1alpha1', 'ScaledObject', 'web', { spec: { scaleTargetRef: { name: 'web' } } })
  const budget = (name: string, patch: Patch = {}): KubeObject =>
    object('policy/v1', 'PodDisruptionBudget', name, {
      spec: { selector: { matchLabels: { app: 'web' } }, maxUnavailable: 1, ...patch },
    })
  it.each<[string, World, string[]]>([
    ['live HPA', { lists: { autoscalers: [hpa()] } }, ['hpa-owns-replicas warning', 'hpa-drift info']],
    [
      'HPA of the release, replicas left out',
      { objects: [...spec({ replicas: null }), hpa()], strategy: 'rolling' },
      [],
    ],
    ['HPA of another', { lists: { autoscalers: [hpa({ scaleTargetRef: { kind: 'Deployment', name: 'api' } })] } }, []],
    [
      'HPA of a StatefulSet',
      { lists: { autoscalers: [hpa({ scaleTargetRef: { kind: 'StatefulSet', name: 'web' } })] } },
      [],
    ],
    ['HPA elsewhere', { lists: { autoscalers: [{ ...hpa(), metadata: { name: 'web', namespace: 'x' } }] } }, []],
    ['KEDA', { objects: [...spec({}), keda], strategy: 'rolling' }, ['hpa-owns-replicas warning']],
    [
      'one replica now, two at least',
      {
        objects: [...spec({ replicas: null }), hpa()],
        live: [running({ spec: { replicas: 1 } }), service()],
        strategy: 'rolling',
      },
      [],
    ],
    [
      'one replica at least',
      {
        objects: [...spec({ replicas: null }), hpa({ minReplicas: null })],
        live: [running({ spec: { replicas: 1 } }), service()],
        strategy: 'rolling',
      },
      ['replicas-one warning'],
    ],
    [
      'none at least',
      {
        objects: [...spec({ replicas: null }), keda],
        live: [running({ spec: { replicas: 1 } }), service()],
        strategy: 'rolling',
      },
      ['replicas-one warning'],
    ],
    ['budget', { lists: { disruptionBudgets: [budget('web')] } }, ['pdb-both-sides warning']],
    ['budget, rolling', { lists: { disruptionBudgets: [budget('web')] }, strategy: 'rolling' }, []],
    [
      'budget of others',
      {
        lists: {
          disruptionBudgets: [
            budget('api', { selector: { matchLabels: { app: 'api' } } }),
            budget('x', { selector: null }),
          ],
        },
      },
      [],
    ],
    [
      'two budgets',
      { lists: { disruptionBudgets: [budget('web'), budget('all', { maxUnavailable: null })] } },
      ['pdb-both-sides warning', 'pdb-overlap warning'],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it('give the figures', () => {
    expect(the('hpa-owns-replicas', { objects: spec({ replicas: 5 }), lists: { autoscalers: [hpa()] } }).reason).toBe(
      "Deployment/web asks for 5 replicas, but HorizontalPodAutoscaler/web sets them (3 now): the manifest's number is left out",
    )
    expect(
      the('pdb-both-sides', {
        strategy: 'blue-green',
        lists: { disruptionBudgets: [budget('web', { minAvailable: '50%', maxUnavailable: null })] },
      }).reason,
    ).toContain('PodDisruptionBudget/web (minAvailable 50%) counts all 6 pods of both versions')
    expect(
      the('pdb-both-sides', { lists: { disruptionBudgets: [budget('web', { maxUnavailable: null })] } }).reason,
    ).toContain('(no limit named) counts the pods of both versions')
    expect(the('hpa-owns-replicas', { live: [], lists: { autoscalers: [hpa()] } }).reason).toContain('sets them: the')
  })
})

describe('configuration that both versions read', () => {
  const refs = {
    template: {
      spec: {
        containers: [container({ envFrom: [{ configMapRef: { name: 'web' } }, { secretRef: { name: 'web' } }] })],
      },
    },
  }
  const map = (data: object): KubeObject => object('v1', 'ConfigMap', 'web', { data })
  const secret = (patch: Patch): KubeObject => object('v1', 'Secret', 'web', patch)
  const both = (before: KubeObject, after: KubeObject, strategy: World['strategy'] = 'canary'): World => ({
    strategy,
    objects: [...spec(refs), after],
    live: [running({ spec: refs }), service(), before],
  })
  it.each<[string, World, string[]]>([
    ['changed', both(map({ a: '1' }), map({ a: '2' })), ['shared-config-changed error']],
    ['changed, rolling', both(map({ a: '1' }), map({ a: '2' }), 'rolling'), ['shared-config-changed warning']],
    ['the same', both(map({ a: '1', b: '2' }), map({ b: '2', a: '1' })), []],
    ['new', { objects: [...spec(refs), map({ a: '1' })], live: [running({ spec: refs }), service()] }, []],
    [
      'of somebody else',
      { objects: [...spec(refs), map({ a: '2' })], live: [running(), service(), map({ a: '1' })] },
      [],
    ],
    [
      'elsewhere',
      {
        objects: [...spec(refs), { ...map({ a: '2' }), metadata: { name: 'web', namespace: 'x' } }],
        live: [running({ spec: refs }), service(), { ...map({ a: '1' }), metadata: { name: 'web', namespace: 'x' } }],
      },
      [],
    ],
    ['first deploy', { objects: [...spec(refs), map({ a: '2' })], live: [map({ a: '1' })] }, []],
    ['the same Secret in two forms', both(secret({ data: { a: 'eA==' } }), secret({ stringData: { a: 'x' } })), []],
    [
      'another Secret',
      both(secret({ data: { a: 'eA==' } }), secret({ stringData: { a: 'y' } })),
      ['shared-config-changed error'],
    ],
    [
      'only the template stays',
      {
        objects: [running({ spec: refs }), service(), map({ a: '2' })],
        live: [running({ spec: refs }), service(), map({ a: '1' })],
        dryRuns: [[running(), { kind: 'ok', object: running({ spec: refs }) }]],
      },
      ['shared-config-changed warning', 'image-same info'],
    ],
    [
      'the server fills in what was there',
      { ...both(map({ a: '1' }), map({})), dryRuns: [[map({}), { kind: 'ok', object: map({ a: '1' }) }]] },
      [],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it('names keys, never values', () => {
    const keys = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`k${index}`, 'hush']))
    const { reason, mend } = the('shared-config-changed', both(secret({ data: {} }), secret({ stringData: keys })))
    expect(reason).toContain(
      'changes Secret/web (k0, k1, k2, k3, k4 and 2 more), which running pods of Deployment/web use',
    )
    expect(mend).toContain('(web-v2)')
    expect(`${reason}${mend}`).not.toContain('hush')
  })
})

describe('what runs', () => {
  const claim = (...accessModes: string[]): KubeObject =>
    object('v1', 'PersistentVolumeClaim', 'data', { spec: { accessModes } })
  const volumes = {
    template: {
      spec: {
        volumes: [
          { name: 'tmp', emptyDir: {} },
          { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
        ],
      },
    },
  }
  const recreate = { strategy: { type: 'Recreate', rollingUpdate: null } }
  const record = (phase: string): World => JSON.parse(JSON.stringify({ record: { phase } })) as World
  it.each<[string, World, string[]]>([
    ['nothing serves', { live: [running({ status: { readyReplicas: 0 } }), service()] }, ['stable-down warning']],
    ['a color serves', { live: [running({ metadata: { name: 'web-blue' } })] }, ['colors-left error']],
    ['a color without pods', { live: [running({ metadata: { name: 'web-green' }, spec: { replicas: 0 } })] }, []],
    ['a color of another name', { live: [running({ metadata: { name: 'shop-blue' } })] }, []],
    [
      'no status yet',
      { live: [running({ status: null, metadata: { generation: null } }), service()] },
      ['stable-down warning'],
    ],
    [
      'scaled to nothing',
      { live: [running({ spec: { replicas: 0 }, status: { readyReplicas: null } }), service()] },
      [],
    ],
    ['paused', { live: [running({ spec: { paused: true } }), service()] }, ['paused-by-other error']],
    [
      'paused by a hold whose record is gone',
      {
        live: [
          running({ spec: { paused: true }, metadata: { annotations: { 'headgate.dev/originals': '{}' } } }),
          service(),
        ],
      },
      ['record-lost error'],
    ],
    [
      'an annotation that kubectl rollout undo has brought back',
      { live: [running({ metadata: { annotations: { 'headgate.dev/originals': '{}' } } }), service()] },
      [],
    ],
    [
      'paused in a rollout of ours',
      { live: [running({ spec: { paused: true } }), service()], ...record('paused') },
      [],
    ],
    [
      'paused after a rollout of ours',
      { live: [running({ spec: { paused: true } }), service()], ...record('succeeded') },
      ['paused-by-other error'],
    ],
    [
      'another rollout',
      { live: [running({ status: { updatedReplicas: 1 } }), service()] },
      ['rollout-under-way warning'],
    ],
    [
      'another rollout at its end',
      { live: [running({ status: { replicas: 4 } }), service()] },
      ['rollout-under-way warning'],
    ],
    [
      'a change just made',
      { live: [running({ metadata: { generation: 9 } }), service()] },
      ['rollout-under-way warning'],
    ],
    [
      'one pod is not ready',
      { live: [running({ status: { readyReplicas: 2, availableReplicas: 2 } }), service()] },
      [],
    ],
    [
      'a rollout of ours',
      { live: [running({ status: { updatedReplicas: 1 } }), service()], ...record('progressing') },
      [],
    ],
    ['Recreate', { objects: spec(recreate) }, ['strategy-recreate error']],
    ['Recreate, rolling', { objects: spec(recreate), strategy: 'rolling' }, ['strategy-recreate warning']],
    ['Recreate, recreate', { objects: spec(recreate), strategy: 'recreate' }, []],
    [
      'Recreate, live only',
      { objects: spec({ strategy: null }), live: [running({ spec: recreate }), service()] },
      ['strategy-recreate error'],
    ],
    ['one pod only', { objects: [...spec(volumes), claim('ReadWriteOncePod')] }, ['read-write-once-pod error']],
    [
      'one node only',
      { objects: spec(volumes), live: [running(), service(), claim('ReadWriteOnce')] },
      ['read-write-once warning'],
    ],
    ['looked up', { objects: spec(volumes), named: namedOf(claim('ReadWriteOnce')) }, ['read-write-once warning']],
    ['many nodes', { objects: [...spec(volumes), claim('ReadWriteOnce', 'ReadWriteMany')] }, []],
    ['unknown claim', { objects: spec(volumes), named: new Map() }, ['not-verified info']],
    ['one node, recreate', { objects: [...spec(volumes), claim('ReadWriteOncePod')], strategy: 'recreate' }, []],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it.each([
    [1, 'old and new pod must all fit there'],
    [3, 'its pods must all fit there'],
  ])('says which of %i pods share a node', (replicas, part) => {
    const objects = spec({ ...volumes, replicas })
    const live = [running({ spec: { replicas } }), service(), claim('ReadWriteOnce')]
    expect(the('read-write-once', { objects, live }).reason).toContain(part)
  })

  it('says how a pause ends', () => {
    expect(the('paused-by-other', { live: [running({ spec: { paused: true } }), service()] }).mend).toBe(
      'find out who paused it; then kubectl rollout resume deployment/web',
    )
  })

  it('says for how long another rollout is waited for', () => {
    const finding = the('rollout-under-way', { live: [running({ status: { updatedReplicas: 1 } }), service()] })
    expect(finding.reason).toContain('(1 of 3 pods updated)')
    expect(finding.mend).toMatch(/^it is waited for, at most 10m;/)
  })
})

describe('other managers', () => {
  const meta = (metadata: Patch): World => ({ live: [running({ metadata }), service()] })
  const owner = (apiVersion: string, kind: string): World =>
    meta({ ownerReferences: [{ apiVersion, kind, name: 'x', uid: 'u', controller: true }] })
  it.each<[string, World, string[]]>([
    ['Argo Rollouts', meta({ annotations: { 'rollout.argoproj.io/revision': '1' } }), ['other-manager error']],
    ['Argo Rollouts as owner', owner('argoproj.io/v1alpha1', 'Rollout'), ['other-manager error']],
    ['Flagger', owner('flagger.app/v1beta1', 'Canary'), ['other-manager error']],
    ['Kruise', meta({ labels: { 'rollouts.kruise.io/workload-type': 'deployment' } }), ['other-manager error']],
    ['Argo CD', meta({ annotations: { 'argocd.argoproj.io/tracking-id': 'a' } }), ['other-manager warning']],
    [
      'Argo CD as field manager',
      meta({ managedFields: [{ manager: 'argocd-controller' }] }),
      ['other-manager warning'],
    ],
    [
      'its status writes only',
      meta({ managedFields: [{ manager: 'argocd-controller', subresource: 'status' }, {}] }),
      [],
    ],
    ['Flux', meta({ labels: { 'kustomize.toolkit.fluxcd.io/name': 'a' } }), ['other-manager warning']],
    ['Helm', meta({ annotations: { 'meta.helm.sh/release-name': 'a' } }), ['other-manager warning']],
    [
      'Helm, taken over',
      { ...meta({ managedFields: [{ manager: 'helm' }] }), takeOver: ['helm'] },
      ['other-manager info'],
    ],
    [
      'Helm, another one taken over',
      { ...meta({ managedFields: [{ manager: 'helm' }] }), takeOver: ['kubectl-edit'] },
      ['other-manager warning'],
    ],
    [
      'Flux, taken over',
      { ...meta({ managedFields: [{ manager: 'kustomize-controller' }] }), takeOver: ['kustomize-controller'] },
      ['other-manager info'],
    ],
    [
      'Argo CD, taken over',
      { ...meta({ managedFields: [{ manager: 'argocd-controller' }] }), takeOver: ['argocd-controller'] },
      ['other-manager info'],
    ],
    [
      'a name that only begins alike',
      { ...meta({ managedFields: [{ manager: 'helm' }] }), takeOver: ['helmfile'] },
      ['other-manager warning'],
    ],
    ['an operator', owner('example.com/v1', 'Shop'), ['controlled error']],
    ['kubectl', meta({ managedFields: [{ manager: 'kubectl-client-side-apply' }] }), []],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it('are told once for all objects', () => {
    const marked = { annotations: { 'meta.helm.sh/release-name': 'a' } }
    const live = [running({ metadata: marked }), service({ metadata: marked })]
    expect(the('other-manager', { live }).reason).toBe(
      'Deployment/web is also applied by Helm, which may put its own state back in the middle of a rollout (and 1 more object of the release)',
    )
    const api = service({ metadata: { name: 'api', ...marked } })
    expect(the('other-manager', { objects: [deployment(), service(), api], live: [...live, api] }).reason).toContain(
      '(and 2 more objects of the release)',
    )
  })
})

describe('acceptance', () => {
  const world: World = {
    objects: [
      deployment({
        spec: { template: { spec: { containers: [container({ readinessProbe: null, lifecycle: null })] } } },
      }),
      service(),
    ],
  }

  it('takes an error by its name, and only that one', () => {
    const findings = runRules(input(world))
    expect(brief(findings)).toEqual(['probe-missing error', 'prestop-missing warning'])
    expect(brief(blocking(findings))).toEqual(['probe-missing error'])
    const accepted = applyAcceptance(findings, ['probe-missing', 'prestop-missing'])
    expect(accepted.map((finding) => finding.accepted)).toEqual([true, true])
    expect(blocking(accepted)).toEqual([])
    expect(blocking(applyAcceptance(findings, ['quota']))).toHaveLength(1)
  })

  it.each([
    ['probe-mising', 'accept: there is no finding "probe-mising"; did you mean probe-missing?'],
    ['zzzzzzzzzzz', 'accept: there is no finding "zzzzzzzzzzz"'],
    ['selector-immutable', 'finding "selector-immutable" cannot be accepted: the rollout could not go on with it'],
  ])('refuses %s', (id, message) => {
    expect(() => applyAcceptance([], [id])).toThrow(HeadgateError)
    expect(() => applyAcceptance([], [id])).toThrow(message)
  })

  it('stands errors first, and tells each once', () => {
    const twice = {
      ...world,
      objects: [...(world.objects ?? []), service({ metadata: { name: 'second' } })],
      strategy: 'canary' as const,
    }
    expect(found(twice)).toEqual(['probe-missing error', 'prestop-missing warning'])
  })
})

describe('lease', () => {
  it('names who acts and until when', () => {
    expect(leaseFinding({ app: 'web', namespace: 'shop', holder: 'acme/shop/12/1', expiresInMs: 21_400 })).toEqual({
      id: 'lease',
      severity: 'error',
      object: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'headgate-web', namespace: 'shop' },
      reason: 'another run acts on web: acme/shop/12/1 (if it is dead, its lease ends in 21s)',
      mend: 'wait until it is done, or ask it to stop with the command abort',
    })
    expect(leaseFinding({ app: 'web', namespace: 'shop', holder: '', expiresInMs: 0 }).reason).toContain('nameless')
  })
})

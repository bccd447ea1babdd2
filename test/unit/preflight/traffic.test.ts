import { describe, expect, it } from 'vitest'
import { STRATEGIES } from '../../../src/strategies/step.ts'
import { container, deployment, found, input, object, podOf, running, service, the, type World } from './release.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { runRules } from '../../../src/preflight/rules.ts'

describe('a good release', () => {
  it.each(STRATEGIES)('has nothing to find: %s', (strategy) => {
    expect(found({ strategy })).toEqual([])
    expect(found({ strategy, live: [] })).toEqual([])
  })

  it('is told what could not be read, and nothing falls over', () => {
    const unread = {
      services: undefined,
      autoscalers: undefined,
      disruptionBudgets: undefined,
      deployments: undefined,
      replicaSets: undefined,
      pods: undefined,
      quotas: undefined,
      limitRanges: undefined,
    }
    const findings = runRules(input({ lists: unread }))
    expect(new Set(findings.map(({ id, severity }) => `${id} ${severity}`))).toEqual(new Set(['not-verified info']))
    expect(findings).toHaveLength(5)
    for (const { reason, mend } of findings)
      expect(`${reason} / ${mend}`).toMatch(/could not be read, so .* \/ grant list on /)
    expect(found({ strategy: 'rolling', lists: unread })).toHaveLength(3)
  })
})

describe('selectors', () => {
  const expressed = {
    selector: {
      matchLabels: null,
      matchExpressions: [
        { key: 'app', operator: 'In', values: ['web', 'shop'] },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    },
  }
  const other = {
    spec: { selector: { matchLabels: { app: 'shop' } }, template: { metadata: { labels: { app: 'shop' } } } },
  }

  it.each<[string, World, string[]]>([
    [
      'immutable',
      {
        objects: [
          deployment({
            spec: {
              selector: { matchLabels: { app: 'web', tier: 'x' } },
              template: { metadata: { labels: { app: 'web', tier: 'x' } } },
            },
          }),
        ],
      },
      ['selector-immutable error'],
    ],
    [
      'the same expressions in another order: another one to the server',
      {
        objects: [
          deployment({
            spec: {
              selector: {
                matchExpressions: [
                  { key: 'b', operator: 'Exists' },
                  { key: 'a', operator: 'In', values: ['y', 'x'] },
                ],
              },
              template: { metadata: { labels: { a: 'x', b: '' } } },
            },
          }),
        ],
        live: [
          running({
            spec: {
              selector: {
                matchExpressions: [
                  { key: 'a', operator: 'In', values: ['x', 'y'] },
                  { key: 'b', operator: 'Exists' },
                ],
              },
            },
          }),
        ],
      },
      ['selector-immutable error'],
    ],
    [
      'the same expressions, as the server stores them',
      {
        objects: [deployment({ spec: expressed })],
        live: [running({ spec: expressed })],
      },
      [],
    ],
    [
      'the same, with an empty list of expressions',
      {
        objects: [
          {
            ...deployment(),
            spec: { ...deployment().spec, selector: { matchLabels: { app: 'web' }, matchExpressions: null } },
          },
        ],
      },
      [],
    ],
    [
      'another expression',
      {
        objects: [
          deployment({
            spec: {
              selector: { matchExpressions: [{ key: 'b', operator: 'Exists' }] },
              template: { metadata: { labels: { b: '' } } },
            },
          }),
        ],
        live: [running()],
      },
      ['selector-immutable error'],
    ],
    [
      'template without the labels',
      { objects: [deployment({ spec: { template: { metadata: { labels: { app: 'shop' } } } } })], live: [] },
      ['selector-template error'],
    ],
    [
      'template without any label',
      { objects: [deployment({ spec: { template: { metadata: null } } })], live: [] },
      ['selector-template error'],
    ],
    [
      'StatefulSet',
      {
        objects: [
          object('apps/v1', 'StatefulSet', 'db', {
            spec: {
              selector: { matchLabels: { app: 'db' } },
              template: { metadata: { labels: { app: 'x' } }, spec: { containers: [] } },
            },
          }),
        ],
        live: [],
      },
      ['selector-template error'],
    ],
    [
      'Job has its own',
      {
        objects: [
          object('batch/v1', 'Job', 'x', {
            spec: { selector: { matchLabels: { a: 'b' } }, template: { spec: { containers: [] } } },
          }),
        ],
        live: [],
      },
      [],
    ],
    [
      'renamed label that the Service follows',
      { objects: [deployment(other), service({ spec: { selector: { app: 'shop' } } })], live: [] },
      [],
    ],
  ])('%s', (_, world, expected) => {
    expect(found({ strategy: 'rolling', ...world })).toEqual(expected)
  })

  it('says both sides of an immutable selector, and where', () => {
    const at = (path: readonly (string | number)[]): { file: string; line: number } => ({
      file: 'web.yaml',
      line: path.length,
    })
    const released = {
      object: deployment({
        spec: {
          selector: { matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }] },
          template: { metadata: { labels: { tier: 'a' } } },
        },
      }),
      place: { file: 'web.yaml', line: 1 },
      placeOf: at,
    }
    const finding = the('selector-immutable', { objects: [released] })
    expect(finding.reason).toBe(
      'Deployment/web selects app=web in the cluster and app=web, tier in (a, b) in the manifest, and the selector of a Deployment cannot be changed',
    )
    expect(finding.place).toEqual({ file: 'web.yaml', line: 2 })
    expect(finding.object).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'shop' })
  })

  it('calls a selector without any condition by what it selects', () => {
    const objects = [{ ...deployment(), spec: { ...deployment().spec, selector: {} } }]
    expect(the('selector-immutable', { objects }).reason).toContain(
      'selects app=web in the cluster and everything in the manifest',
    )
  })

  const tier = { spec: { selector: { app: 'web', tier: 'front' } } }
  const old = running({ spec: { template: { metadata: { labels: { app: 'web', tier: 'front' } } } } })
  it.each<[string, World, string[]]>([
    [
      'pods drop a label that the Service asks for',
      { objects: [deployment(), service(tier)], live: [old, service(tier)] },
      ['service-selector error'],
    ],
    [
      'of a Service outside of the release',
      { objects: [deployment()], live: [old, service(tier)] },
      ['service-selector error'],
    ],
    [
      'Service drops it with them: nobody gets requests meanwhile',
      { objects: [deployment(), service()], live: [old, service(tier)] },
      ['service-selector error'],
    ],
    [
      'the same in blue-green is one write',
      { objects: [deployment(), service()], live: [old, service(tier)], strategy: 'blue-green' },
      [],
    ],
    ['and in recreate', { objects: [deployment(), service()], live: [old, service(tier)], strategy: 'recreate' }, []],
    [
      'the Service moves to another workload',
      {
        objects: [
          deployment({}),
          service({ spec: { selector: { app: 'api' } } }),
          object('apps/v1', 'StatefulSet', 'api', {
            spec: { template: { metadata: { labels: { app: 'api' } }, spec: { containers: [container({})] } } },
          }),
        ],
        live: [running(), service()],
      },
      ['service-selector warning'],
    ],
    [
      'a new Service that selects nobody',
      {
        objects: [deployment(), service(), service({ metadata: { name: 'api' }, spec: { selector: { app: 'api' } } })],
      },
      ['service-selector warning'],
    ],
    [
      'a Service for what runs beside',
      {
        objects: [deployment(), service(), service({ metadata: { name: 'api' }, spec: { selector: { app: 'api' } } })],
        lists: { pods: [podOf('api', 'h', { app: 'api' }), podOf('web', 'h', { app: 'web' })] },
      },
      [],
    ],
    [
      'an ExternalName',
      {
        objects: [service({ metadata: { name: 'x' }, spec: { type: 'ExternalName', selector: { a: 'b' } } })],
        live: [],
      },
      [],
    ],
    ['no selector', { objects: [service({ metadata: { name: 'x' }, spec: { selector: null } })], live: [] }, []],
    [
      'a pin of an earlier rollout is no label',
      { live: [running(), service({ spec: { selector: { 'pod-template-hash': 'h0' } } })] },
      [],
    ],
    [
      'a Service that comes to this workload only now',
      { live: [running(), service({ spec: { selector: { app: 'before' } } })] },
      [],
    ],
    [
      'a preview that was left',
      {
        objects: [deployment()],
        live: [
          running(),
          service({
            metadata: { name: 'web-preview', labels: { 'headgate.dev/app': 'web' } },
            spec: { ports: [{ port: 80, targetPort: 'nope' }] },
          }),
        ],
      },
      [],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it.each<[World['strategy'], string]>([
    ['rolling', 'correct the selector, or the labels of the pods'],
    [
      'canary',
      'correct the selector, or the labels of the pods; without a Service nothing leads requests to the new version',
    ],
  ])('says what a Service without pods means for %s', (strategy = 'canary', mend) => {
    const objects = [deployment(), service({ metadata: { name: 'api' }, spec: { selector: { app: 'api' } } })]
    expect(the('service-selector', { strategy, objects })).toMatchObject({ severity: 'warning', mend })
  })

  it('names the label that is missing', () => {
    expect(the('service-selector', { objects: [deployment()], live: [old, service(tier)] })).toMatchObject({
      reason:
        'Service/web sends requests to Deployment/web now, but the new pods do not have tier=front, which it selects: they get no request',
      object: { kind: 'Service', name: 'web' },
    })
  })
})

describe('ports', () => {
  const port = (targetPort: number | string | null): object => ({
    spec: { ports: [{ name: 'http', port: 80, targetPort: targetPort ?? undefined }] },
  })
  const opens = (...ports: object[]): object => ({
    spec: { template: { spec: { containers: [container({ ports })] } } },
  })
  const web = (patch: object): ReturnType<typeof service> => service({ ...patch })
  it.each<[string, World, string[]]>([
    ['a name that no container has', { objects: [deployment(), web(port('web'))], live: [] }, ['service-port error']],
    [
      'a number that no container declares',
      { objects: [deployment(), web(port(9090))], live: [] },
      ['service-port warning'],
    ],
    [
      'no targetPort: the port itself',
      { objects: [deployment(), web(port(null))], live: [] },
      ['service-port warning'],
    ],
    ['a number where none is declared', { objects: [deployment({ ...opens() }), web(port(9090))], live: [] }, []],
    ['the right number', { objects: [deployment(), web(port(8080))], live: [] }, []],
    [
      'a name whose number changes: each pod by itself',
      { objects: [deployment({ ...opens({ name: 'http', containerPort: 9090 }) }), service()] },
      [],
    ],
    [
      'a number that changes with the Service',
      {
        objects: [deployment({ ...opens({ containerPort: 9090 }) }), web(port(9090))],
        live: [running(), web(port(8080))],
      },
      ['service-port error'],
    ],
    [
      'both numbers served for one release',
      {
        objects: [deployment({ ...opens({ containerPort: 9090 }, { containerPort: 8080 }) }), web(port(9090))],
        live: [running(), web(port(8080))],
      },
      [],
    ],
    [
      'a number that only the old version declares',
      { objects: [deployment({ ...opens({ containerPort: 9090 }) })], live: [running(), web(port(8080))] },
      ['service-port error', 'service-port warning'],
    ],
    [
      'from a name to another name',
      {
        objects: [deployment({ ...opens({ name: 'web', containerPort: 8080 }) }), web(port('web'))],
        live: [running(), service()],
      },
      ['service-port error'],
    ],
    [
      'the same in blue-green is one write',
      {
        objects: [deployment({ ...opens({ name: 'web', containerPort: 8080 }) }), web(port('web'))],
        live: [running(), service()],
        strategy: 'blue-green',
      },
      [],
    ],
    [
      'a port that is dropped',
      {
        objects: [deployment(), service()],
        live: [
          running(),
          service({
            spec: {
              ports: [
                { port: 80, targetPort: 'http' },
                { port: 81, targetPort: 8080 },
              ],
            },
          }),
        ],
      },
      [],
    ],
    [
      'a Service that needs none any more',
      { objects: [deployment(), service({ spec: { ports: null, clusterIP: 'None' } })] },
      [],
    ],
    [
      'UDP is another port',
      {
        objects: [
          deployment({ ...opens({ containerPort: 53, protocol: 'UDP' }) }),
          service({ spec: { ports: [{ port: 53, targetPort: 53, protocol: 'UDP' }] } }),
        ],
        live: [],
      },
      [],
    ],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it('says why and how', () => {
    const finding = the('service-port', {
      objects: [deployment({ ...opens({ containerPort: 9090 }) }), web(port(9090))],
      live: [running(), web(port(8080))],
    })
    expect(finding.reason).toBe(
      'port http (80) of Service/web leads to 8080 until the rollout is complete, and the new pods of Deployment/web do not serve that: their share of the requests is refused',
    )
    expect(
      the('service-port', {
        objects: [deployment(), service({ spec: { ports: [{ port: 80, targetPort: 'web' }] } })],
        live: [],
      }).reason,
    ).toBe(
      'port 80 of Service/web leads to the port named web, which no container of Deployment/web has: its requests are refused',
    )
  })
})

describe('a port that goes with the release', () => {
  it('is still asked until the rollout is complete', () => {
    const admin = { name: 'admin', containerPort: 8081 }
    const both = [{ name: 'http', containerPort: 8080 }, admin]
    const before = running({ spec: { template: { spec: { containers: [container({ ports: both })] } } } })
    const asked = service({
      spec: {
        ports: [
          { name: 'http', port: 80, targetPort: 'http' },
          { name: 'admin', port: 81, targetPort: 'admin' },
        ],
      },
    })
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const objects = [deployment(), { object: service(), placeOf }]
    expect(the('service-port', { objects, live: [before, asked] })).toMatchObject({
      severity: 'error',
      reason:
        'port admin (81) of Service/web leads to the port named admin until the rollout is complete, and the new pods of Deployment/web do not serve that: their share of the requests is refused',
      place: { file: 'spec.ports' },
    })
  })
})

describe('how a Service finds pods', () => {
  it.each<[string, object, World['strategy'], string[]]>([
    ['headless', { clusterIP: 'None' }, 'blue-green', ['service-headless error']],
    ['headless', { clusterIP: 'None' }, 'canary', []],
    ['not ready', { publishNotReadyAddresses: true }, 'blue-green', ['publish-not-ready error']],
    ['not ready', { publishNotReadyAddresses: true }, 'rolling', ['publish-not-ready warning']],
    [
      'local balancer',
      { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
      'blue-green',
      ['service-balancer warning', 'prestop-short warning'],
    ],
    ['local balancer', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' }, 'canary', ['prestop-short warning']],
  ])('%s: %j in %s', (_, spec, strategy = 'canary', expected) => {
    expect(
      found({ strategy, objects: [deployment(), service({ spec })], live: [running(), service({ spec })] }),
    ).toEqual(expected)
  })

  const NLB = 'service.beta.kubernetes.io/aws-load-balancer-nlb-target-type'
  const ingress = (type: string, backend: string): KubeObject => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'front', namespace: 'shop', annotations: { 'alb.ingress.kubernetes.io/target-type': type } },
    spec: {
      rules: [{ http: { paths: [{ path: '/', backend: { service: { name: backend, port: { number: 80 } } } }] } }],
    },
  })
  it.each<[string, Record<string, string>, KubeObject[], World['strategy'], string[]]>([
    [
      'a group of network endpoints',
      { 'cloud.google.com/neg': '{"ingress": true}' },
      [],
      'blue-green',
      ['service-balancer error', 'prestop-short warning'],
    ],
    [
      'a group of network endpoints',
      { 'cloud.google.com/neg': '{"ingress": true}' },
      [],
      'canary',
      ['prestop-short warning'],
    ],
    ['targets of type ip', { [NLB]: 'ip' }, [], 'blue-green', ['service-balancer error', 'prestop-short warning']],
    ['targets of type instance', { [NLB]: 'instance' }, [], 'blue-green', []],
    [
      'an Ingress with targets of type ip',
      {},
      [ingress('ip', 'web')],
      'blue-green',
      ['service-balancer error', 'prestop-short warning'],
    ],
    ['one with targets of type instance', {}, [ingress('instance', 'web')], 'blue-green', []],
    ['one to another Service', {}, [ingress('ip', 'other')], 'blue-green', []],
  ])('%s: %j in %s', (_, annotations, ingresses, strategy = 'blue-green', expected) => {
    const live = service({ metadata: { annotations } })
    expect(found({ strategy, objects: [deployment(), live], live: [running(), live], lists: { ingresses } })).toEqual(
      expected,
    )
  })
})

describe('two colors', () => {
  const color = (name: string): object => ({
    metadata: { name: `web-${name}` },
    spec: { selector: { matchLabels: { color: name } }, template: { metadata: { labels: { color: name } } } },
  })
  const select = (name: string): ReturnType<typeof service> => service({ spec: { selector: { color: name } } })
  const green = deployment({ ...color('green') })
  const blue = running({ ...color('blue') })
  const world: World = { strategy: 'blue-green', pods: 'separate', objects: [green, select('green')] }

  it('are not others to each other', () => {
    const idle = running({ ...color('green'), status: { readyReplicas: 0 } })
    expect(found({ ...world, live: [blue, select('blue')] })).toEqual([])
    expect(found({ ...world, live: [blue, { ...idle, spec: { ...idle.spec, replicas: 0 } }, select('blue')] })).toEqual(
      [],
    )
  })

  it('adopt the plain Deployment that serves', () => {
    expect(found({ ...world, live: [running(), service()] })).toEqual([])
    expect(found({ ...world, live: [running(), service()], active: { 'shop/web-green': 'web' } })).toEqual([])
  })

  it('have nothing to be compared with at first', () => {
    expect(found({ ...world, live: [] })).toEqual([])
  })

  it('know what serves, so that the stable one is the active one', () => {
    const down = running({ ...color('blue'), status: { readyReplicas: 0 } })
    expect(found({ ...world, live: [down, select('blue')], lists: { pods: undefined } })).toContain(
      'stable-down warning',
    )
  })
})

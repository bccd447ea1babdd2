import { describe, expect, it } from 'vitest'
import { runRules } from '../../../src/preflight/rules.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import {
  brief,
  container,
  deployment,
  found,
  input,
  object,
  type Patch,
  running,
  service,
  the,
  type World,
} from './release.ts'

const sleeping = (seconds: number, spec: Patch = {}): KubeObject =>
  deployment({
    spec: {
      template: {
        spec: { ...spec, containers: [container({ lifecycle: { preStop: { sleep: { seconds } } } })] },
      },
    },
  })
const ingress = (backend: string, annotations: Patch = {}): KubeObject =>
  object('networking.k8s.io/v1', 'Ingress', 'front', {
    metadata: { annotations },
    spec: { rules: [{ host: 'web.example.com', http: { paths: [{ backend: { service: { name: backend } } }] } }] },
  })
const route = (name: string): KubeObject =>
  object('gateway.networking.k8s.io/v1', 'HTTPRoute', 'web', {
    spec: { parentRefs: [{ name: 'web' }], rules: [{ backendRefs: [{ name, port: 80 }] }] },
  })
const virtual = (host: string): KubeObject =>
  object('networking.istio.io/v1', 'VirtualService', 'web', {
    spec: { hosts: ['web'], http: [{ route: [{ destination: { host } }] }] },
  })
const ALB = { 'alb.ingress.kubernetes.io/target-type': 'ip' }

describe('how long a pod sleeps depends on how requests come', () => {
  it.each<[string, number, World, string[]]>([
    ['inside the cluster, too short', 1, {}, ['prestop-short warning']],
    ['inside the cluster', 2, {}, []],
    ['an Ingress of the release', 2, { objects: [ingress('web')] }, ['prestop-short warning']],
    ['an Ingress of the release, long enough', 3, { objects: [ingress('web')] }, []],
    ['an Ingress that runs', 2, { lists: { ingresses: [ingress('web')] } }, ['prestop-short warning']],
    ['an Ingress to another Service', 2, { objects: [ingress('api')] }, []],
    ['a route that was found', 2, { routes: [route('web')] }, ['prestop-short warning']],
    ['a route that only has its name', 2, { routes: [route('api')] }, []],
    ['a VirtualService by name', 2, { objects: [virtual('web')] }, ['prestop-short warning']],
    ['a VirtualService by host', 2, { objects: [virtual('web.shop.svc.cluster.local')] }, ['prestop-short warning']],
    ['a VirtualService to another', 2, { objects: [virtual('web2.shop')] }, []],
    ['a balancer that registers pods', 19, { objects: [ingress('web', ALB)] }, ['prestop-short warning']],
    ['a balancer that registers pods, long enough', 20, { objects: [ingress('web', ALB)] }, []],
    [
      'an autoscaler of the same name is no route',
      2,
      {
        objects: [
          object('autoscaling/v2', 'HorizontalPodAutoscaler', 'web', {
            spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, minReplicas: 3 },
          }),
        ],
      },
      [],
    ],
  ])('%s: %i s', (_, seconds, { objects = [], ...world }, expected) => {
    const released = [sleeping(seconds), service(), ...objects]
    const all = runRules(input({ ...world, objects: released, strategy: 'rolling', live: [running(), service()] }))
    expect(brief(all.filter(({ id }) => id.startsWith('prestop-')))).toEqual(expected)
  })

  it('says how long, why, and what is left', () => {
    const world = { objects: [sleeping(2), service(), ingress('web')] }
    expect(the('prestop-short', world)).toMatchObject({
      reason:
        'container app of Deployment/web sleeps 2 s in its preStop hook, but a gateway or ingress controller follows within 2 to 3 s: requests that come after it are refused',
      mend: 'set lifecycle.preStop.sleep.seconds: 5, 20 behind a cloud load balancer, and let the server finish its requests when it gets SIGTERM; of the 30 s until it is killed 25 s are left for requests',
    })
    const balancer = { objects: [sleeping(5, { terminationGracePeriodSeconds: 15 }), service(), ingress('web', ALB)] }
    expect(the('prestop-short', balancer).mend).toBe(
      'set lifecycle.preStop.sleep.seconds: 20, and let the server finish its requests when it gets SIGTERM; raise terminationGracePeriodSeconds (15 s now) to more than 20 plus the longest request',
    )
  })

  it('gives measured figures where there is no hook at all', () => {
    const objects = [
      deployment({ spec: { template: { spec: { containers: [container({ lifecycle: null })] } } } }),
      service(),
    ]
    expect(the('prestop-missing', { objects }).reason).toBe(
      'container app of Deployment/web has no preStop hook, so it ends at once, but requests still arrive: nodes follow a change of endpoints within 1 to 2 s (measured in a rolling update of 3 pods at 100 requests/s: 79 of 649 requests refused without, none of 1,046 with 5 s)',
    )
    expect(the('prestop-missing', { objects: [sleeping(0), service()] }).reason).toContain('sleeps 0 s in its preStop')
  })
})

describe('prestop-budget', () => {
  it.each<[number, number, string[]]>([
    [5, 30, []],
    [25, 30, []],
    [26, 30, ['prestop-budget warning']],
    [30, 30, ['prestop-budget error']],
    [40, 30, ['prestop-budget error']],
    [5, 9, ['prestop-budget warning']],
  ])('sleeps %i s of %i s', (seconds, terminationGracePeriodSeconds, expected) => {
    expect(found({ objects: [sleeping(seconds, { terminationGracePeriodSeconds }), service()] })).toEqual(expected)
  })

  it('says what is left', () => {
    const left = the('prestop-budget', { objects: [sleeping(28), service()] })
    expect(left.reason).toBe(
      'container app of Deployment/web sleeps 28 s in its preStop hook, and is killed after 30 s (terminationGracePeriodSeconds): 2 s are left for its requests, and those that take longer are cut off',
    )
    expect(the('prestop-budget', { objects: [sleeping(30), service()] }).reason).toContain(
      'nothing is left for its requests',
    )
  })
})

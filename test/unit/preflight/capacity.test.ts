import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { extraPods } from '../../../src/preflight/capacity.ts'
import { parseQuantity } from '../../../src/preflight/quantity.ts'
import { workloadsOf } from '../../../src/preflight/subject.ts'
import { APP_LABEL } from '../../../src/strategies/services.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import {
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

const with1 = (patch: Patch): KubeObject[] => [
  deployment({ spec: { template: { spec: { containers: [container(patch)] } } } }),
  service(),
]
const spec = (patch: Patch): KubeObject[] => [deployment({ spec: patch }), service()]

describe('room', () => {
  const quota = (hard: Patch, used: Patch, patch: Patch = {}): KubeObject =>
    object('v1', 'ResourceQuota', 'q', { spec: { hard, ...patch }, status: { hard, used } })
  const room = (hard: Patch, used: Patch, world: World = {}, patch: Patch = {}): World => ({
    ...world,
    lists: { quotas: [quota(hard, used, patch)] },
  })
  it.each<[string, World, string[]]>([
    ['enough', room({ pods: '6' }, { pods: '3' }, { strategy: 'blue-green' }), []],
    ['one too few', room({ pods: '5' }, { pods: '3' }, { strategy: 'blue-green' }), ['quota error']],
    ['canary takes one', room({ pods: '4' }, { pods: '3' }), []],
    ['canary without room', room({ 'count/pods': 3 }, { 'count/pods': 3 }), ['quota error']],
    ['canary that replaces', room({ pods: '3' }, { pods: '3' }, { capacity: 'replace' }), []],
    ['rolling without room', room({ pods: '3' }, { pods: '3' }, { strategy: 'rolling' }), ['quota error']],
    [
      'rolling that may miss one',
      room(
        { pods: '3' },
        { pods: '3' },
        { strategy: 'rolling', objects: spec({ strategy: { rollingUpdate: { maxUnavailable: 1 } } }) },
      ),
      ['quota warning'],
    ],
    [
      'rolling with room for some',
      room(
        { pods: '4' },
        { pods: '3' },
        { strategy: 'rolling', objects: spec({ strategy: { rollingUpdate: { maxSurge: 2 } } }) },
      ),
      ['quota warning'],
    ],
    ['recreate', room({ pods: '3' }, { pods: '3' }, { strategy: 'recreate' }), []],
    [
      'recreate that grows',
      room({ pods: '3' }, { pods: '3' }, { strategy: 'recreate', objects: spec({ replicas: 4 }) }),
      ['quota error'],
    ],
    ['cpu', room({ 'requests.cpu': '550m' }, { 'requests.cpu': '300m' }, { strategy: 'blue-green' }), ['quota error']],
    ['cpu to the last milli', room({ cpu: '0.6' }, { cpu: '300m' }, { strategy: 'blue-green' }), []],
    [
      'memory',
      room({ 'requests.memory': '256Mi' }, { 'requests.memory': '192Mi' }, { strategy: 'blue-green' }),
      ['quota error'],
    ],
    ['limits that are not set', room({ 'limits.memory': '1' }, { 'limits.memory': '1' }), ['limitrange error']],
    [
      'limits count as requests',
      room(
        { 'requests.cpu': '1' },
        { 'requests.cpu': '1' },
        { objects: with1({ resources: { requests: null, limits: { cpu: 1 } } }) },
      ),
      ['quota error'],
    ],
    [
      'a large init container',
      room(
        { cpu: '1' },
        {},
        {
          objects: [
            deployment({
              spec: { template: { spec: { initContainers: [{ name: 'i', resources: { requests: { cpu: 2 } } }] } } },
            }),
            service(),
          ],
        },
      ),
      ['quota error'],
    ],
    ['with scopes', room({ pods: '3' }, { pods: '3' }, {}, { scopes: ['BestEffort'] }), ['quota warning']],
    [
      'an init container that asks for nothing',
      room(
        { cpu: '400m' },
        { cpu: '300m' },
        {
          objects: [deployment({ spec: { template: { spec: { initContainers: [{ name: 'i' }] } } } }), service()],
        },
      ),
      ['limitrange error'],
    ],
    ['without a limit', { lists: { quotas: [object('v1', 'ResourceQuota', 'q')] } }, []],
    ['not read', { lists: { quotas: undefined } }, ['not-verified info']],
    ['not read, and nothing comes beside', { lists: { quotas: undefined }, strategy: 'recreate' }, []],
    [
      'a Service for the new version',
      room({ services: '1' }, { services: '1' }, { strategy: 'blue-green' }),
      ['quota error'],
    ],
    [
      'room for the Service',
      room({ 'count/services': '2' }, { 'count/services': '1' }, { strategy: 'blue-green' }),
      [],
    ],
    [
      'a canary through a router makes a Service',
      room({ 'count/services': 1 }, { 'count/services': 1 }, { routes: [object('x/v1', 'Route', 'web')] }),
      ['quota error'],
    ],
    [
      'the Service is there',
      room(
        { services: '2' },
        { services: '2' },
        {
          strategy: 'blue-green',
          live: [running(), service(), service({ metadata: { name: 'web-preview', labels: { [APP_LABEL]: 'web' } } })],
        },
      ),
      [],
    ],
    ['of other things', room({ services: '1', 'count/secrets': '0' }, { services: '1' }), []],
    ['that cannot be read as a number', room({ pods: 'many' }, {}), []],
    [
      'elsewhere',
      { lists: { quotas: [{ ...quota({ pods: '3' }, { pods: '3' }), metadata: { name: 'q', namespace: 'x' } }] } },
      [],
    ],
    [
      'not reckoned yet',
      { lists: { quotas: [object('v1', 'ResourceQuota', 'q', { spec: { hard: { pods: 0 } } })] } },
      ['quota error'],
    ],
    ['first deploy', room({ pods: '2' }, {}, { live: [] }), ['quota error']],
  ])('%s', (_, world, expected) => {
    expect(found(world)).toEqual(expected)
  })

  it('gives the figures of the tightest resource', () => {
    const hard = { pods: '5', 'requests.cpu': '400m' }
    expect(the('quota', room(hard, { pods: '3', 'requests.cpu': '300m' }, { strategy: 'blue-green' }))).toMatchObject({
      reason:
        'Deployment/web needs room for 3 more pods at a time, and ResourceQuota/q has it for only 1: requests.cpu 300m of 400m used, 100m per pod',
      mend: 'raise the quota, or lower the requests',
    })
    expect(the('quota', room({ memory: '1Gi' }, { memory: '1Gi' })).reason).toContain(
      '1 more pod at a time, and ResourceQuota/q has it for none: memory 1Gi of 1Gi used, 64Mi per pod',
    )
  })

  it.each<[World, number]>([
    [{ strategy: 'rolling' }, 1],
    [{ strategy: 'canary' }, 1],
    [
      {
        strategy: 'canary',
        capacity: 'replace',
        objects: spec({ replicas: 1 }),
        live: [running({ spec: { replicas: 1 } })],
      },
      1,
    ],
    [{ strategy: 'blue-green', objects: spec({ replicas: 9 }) }, 6],
    [{ strategy: 'canary', plain: ['web'] }, 0],
    [{ live: [] }, 3],
  ])('%o needs %i more pods', (world, expected) => {
    const given = input(world)
    expect(workloadsOf(given).map((workload) => extraPods(given, workload))).toEqual([expected])
  })

  it('refuses a release that no later run could bring back', () => {
    const noise = Array.from({ length: 30_000 }, (_, index) =>
      createHash('sha256').update(`${index}`).digest('base64'),
    ).join('')
    const big = object('v1', 'ConfigMap', 'big', { data: { noise } })
    const same = object('v1', 'ConfigMap', 'same', { data: { x: 'x'.repeat(2_000_000) } })
    expect(found({ objects: [deployment(), service(), same] })).toEqual([])
    expect(the('record-size', { objects: [deployment(), service(), big] }).object?.name).toBe('big')
    expect(the('record-size', { objects: [deployment(), service(), same], payloadBytes: 900_001 })).toMatchObject({
      severity: 'error',
      object: { kind: 'ConfigMap', name: 'same' },
      reason:
        'the release takes 901 KB compressed, and at most 900 KB can be kept in the cluster for a later abort or rollback; ConfigMap/same alone has 2001 KB',
    })
    expect(found({ objects: [], payloadBytes: 900_001, live: [] })).toEqual(['record-size error'])
  })
})

describe('quantities', () => {
  it.each<[unknown, number | undefined]>([
    ['1', 1],
    ['500m', 0.5],
    ['1e3', 1000],
    ['1E', 1e18],
    ['64Mi', 67_108_864],
    ['1.5Gi', 1_610_612_736],
    ['.5k', 500],
    ['100n', 1e-7],
    [2, 2],
    ['', undefined],
    ['x', undefined],
    ['1 Mi', undefined],
    ['1K', undefined],
    ['1constructor', undefined],
    [undefined, undefined],
  ])('%s is %s', (text, expected) => {
    const value = parseQuantity(text)
    if (expected === undefined || value === undefined) expect(value).toBe(expected)
    else expect(value).toBeCloseTo(expected, 10)
  })
})

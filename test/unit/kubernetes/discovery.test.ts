import { describe, expect, test } from 'vitest'
import { apiError } from '../../../src/kubernetes/answers.ts'
import { Discovery } from '../../../src/kubernetes/discovery.ts'

const CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.nope.dev' },
  spec: {
    group: 'nope.dev',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [
      { name: 'v1', served: true },
      { name: 'v0', served: false },
    ],
  },
}

const AGGREGATED = {
  kind: 'APIGroupDiscoveryList',
  items: [
    {
      metadata: { name: 'gateway.networking.k8s.io' },
      versions: [
        {
          version: 'v1',
          resources: [
            {
              resource: 'httproutes',
              responseKind: { kind: 'HTTPRoute' },
              scope: 'Namespaced',
              verbs: ['get', 'list'],
            },
            { resource: 'gatewayclasses', responseKind: { kind: 'GatewayClass' }, scope: 'Cluster', verbs: ['get'] },
          ],
        },
      ],
    },
    { metadata: { name: 'metrics.k8s.io' }, versions: [{ version: 'v1beta1', resources: [] }] },
  ],
}

function discovery(answers: Record<string, unknown>) {
  const asked: string[] = []
  const found = new Discovery(async (path) => {
    asked.push(path)
    if (path in answers) return answers[path]
    throw apiError({ method: 'GET', path }, { status: 404, headers: {}, body: '404 page not found' })
  })
  return { discovery: found, asked }
}

describe('kinds', () => {
  test.each([
    ['apps/v1', 'Deployment', 'deployments', true],
    ['v1', 'Endpoints', 'endpoints', true],
    ['networking.k8s.io/v1', 'Ingress', 'ingresses', true],
    ['networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', true],
    ['storage.k8s.io/v1', 'StorageClass', 'storageclasses', false],
    ['v1', 'Namespace', 'namespaces', false],
  ])('%s %s is known beforehand', async (apiVersion, kind, plural, namespaced) => {
    const { discovery: d, asked } = discovery({})
    expect(await d.resourceOf(apiVersion, kind)).toMatchObject({ plural, namespaced })
    expect(asked).toEqual([])
  })

  test('others are asked for once', async () => {
    const { discovery: d, asked } = discovery({ '/apis': AGGREGATED })
    const [route, again] = await Promise.all([
      d.resourceOf('gateway.networking.k8s.io/v1', 'HTTPRoute'),
      d.resourceOf('gateway.networking.k8s.io/v1', 'HTTPRoute'),
    ])
    expect(route).toMatchObject({ plural: 'httproutes', namespaced: true, verbs: ['get', 'list'] })
    expect(again).toEqual(route)
    expect((await d.resourceOf('gateway.networking.k8s.io/v1', 'GatewayClass')).namespaced).toBe(false)
    expect(asked).toEqual(['/apis'])
  })

  test('a server without aggregated discovery is asked for the group', async () => {
    const group = {
      kind: 'APIResourceList',
      resources: [
        { name: 'widgets', kind: 'Widget', namespaced: true },
        { name: 'widgets/status', kind: 'Widget' },
      ],
    }
    const { discovery: d, asked } = discovery({ '/apis': { kind: 'APIGroupList' }, '/apis/nope.dev/v1': group })
    expect(await d.resourceOf('nope.dev/v1', 'Widget')).toMatchObject({ plural: 'widgets', namespaced: true })
    expect(asked).toEqual(['/apis', '/apis/nope.dev/v1'])
  })

  test('a group listed without resources is asked for by itself', async () => {
    const own = { resources: [{ name: 'pods', kind: 'PodMetrics', namespaced: true }] }
    const { discovery: d } = discovery({ '/apis': AGGREGATED, '/apis/metrics.k8s.io/v1beta1': own })
    expect((await d.resourceOf('metrics.k8s.io/v1beta1', 'PodMetrics')).plural).toBe('pods')
  })

  test('a definition in the release makes its kinds known', async () => {
    const { discovery: d, asked } = discovery({ '/apis': AGGREGATED })
    d.addCrd(CRD)
    expect(await d.resourceOf('nope.dev/v1', 'Widget')).toMatchObject({ plural: 'widgets', namespaced: true })
    expect(asked).toEqual([])
    await expect(d.resourceOf('nope.dev/v0', 'Widget')).rejects.toMatchObject({ failure: { code: 'unknown-kind' } })
  })

  test('a group that appears later is found', async () => {
    const answers: Record<string, unknown> = { '/apis': AGGREGATED }
    const { discovery: d } = discovery(answers)
    await expect(d.resourceOf('nope.dev/v1', 'Widget')).rejects.toThrow('does not serve the kind Widget')
    answers['/apis/nope.dev/v1'] = { resources: [{ name: 'widgets', kind: 'Widget', namespaced: true }] }
    expect((await d.resourceOf('nope.dev/v1', 'Widget')).plural).toBe('widgets')
  })

  test.each([
    ['apps/v1', 'Deploymnet', 'did you mean Deployment?'],
    ['extensions/v1beta1', 'Ingress', 'the cluster serves Ingress as networking.k8s.io/v1'],
    ['nope.dev/v1', 'Qwertzuiop', 'is its CustomResourceDefinition installed?'],
  ])('%s %s is refused with a hint', async (apiVersion, kind, next) => {
    const { discovery: d } = discovery({ '/apis': AGGREGATED })
    await expect(d.resourceOf(apiVersion, kind)).rejects.toMatchObject({ failure: { kind: 'refused', next } })
  })

  test('a failed question is asked again', async () => {
    let count = 0
    const d = new Discovery(async () => {
      if (++count === 1) throw new Error('down')
      return AGGREGATED
    })
    await expect(d.resourceOf('gateway.networking.k8s.io/v1', 'HTTPRoute')).rejects.toThrow('down')
    expect((await d.resourceOf('gateway.networking.k8s.io/v1', 'HTTPRoute')).plural).toBe('httproutes')
  })
})

describe('namespaces', () => {
  const { discovery: d } = discovery({})

  test('are filled in, kept, or taken off by scope', async () => {
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }
    expect((await d.withNamespace(map, 'shop')).metadata).toEqual({ name: 'a', namespace: 'shop' })
    const other = { ...map, metadata: { name: 'a', namespace: 'other' } }
    expect(await d.withNamespace(other, 'shop')).toBe(other)
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'a', namespace: 'x' },
    }
    expect((await d.withNamespace(role, 'shop')).metadata).toEqual({ name: 'a' })
    expect(map.metadata).toEqual({ name: 'a' })
  })
})

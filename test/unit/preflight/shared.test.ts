import { describe, expect, it } from 'vitest'
import type { Pod, ReplicaSet } from '../../../src/shared/objects.ts'
import { container, deployment, found, object, podOf, running, service, the, type World } from './release.ts'

describe('a Service shared with others', () => {
  const labels = {
    spec: {
      selector: { matchLabels: { app: 'web', part: 'api' } },
      template: { metadata: { labels: { app: 'web', part: 'api' } } },
    },
  }
  const api = running({ metadata: { name: 'api' }, ...labels })
  const ownedBy = (apiVersion: string, kind: string, name: string): Pod['metadata'] => ({
    name: `${name}-x`,
    namespace: 'shop',
    labels: { app: 'web' },
    ownerReferences: [{ apiVersion, kind, name, uid: 'x', controller: true }],
  })
  const setOf = (namespace: string, owner?: string): ReplicaSet => ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: 'web-h',
      namespace,
      ownerReferences:
        owner === undefined
          ? []
          : [{ apiVersion: 'apps/v1', kind: 'Deployment', name: owner, uid: 'x', controller: true }],
    },
    spec: { selector: {}, template: { spec: { containers: [] } } },
  })
  it.each<[string, World, string[]]>([
    ['another Deployment', { live: [running(), api, service()] }, ['service-shared error']],
    ['without pods', { live: [running(), { ...api, spec: { ...api.spec, replicas: 0 } }, service()] }, []],
    [
      'in another namespace',
      { live: [running(), { ...api, metadata: { ...api.metadata, namespace: 'x' } }, service()] },
      [],
    ],
    [
      'of the release itself',
      { objects: [deployment(), service(), deployment({ metadata: { name: 'api' }, ...labels })] },
      ['service-shared error'],
    ],
    [
      'pods of a StatefulSet',
      {
        lists: {
          pods: [
            {
              ...podOf('db', 'h', { app: 'web' }),
              metadata: {
                name: 'db-0',
                namespace: 'shop',
                labels: { app: 'web' },
                ownerReferences: [
                  { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'x', controller: true },
                ],
              },
            },
          ],
        },
      },
      ['service-shared error'],
    ],
    [
      'a bare pod',
      {
        lists: {
          pods: [{ ...podOf('web', 'h', {}), metadata: { name: 'debug', namespace: 'shop', labels: { app: 'web' } } }],
        },
      },
      ['service-shared error'],
    ],
    [
      'a pod that is going',
      {
        lists: {
          pods: [
            {
              ...podOf('web', 'h', {}),
              metadata: { name: 'debug', namespace: 'shop', deletionTimestamp: 'x', labels: { app: 'web' } },
            },
          ],
        },
      },
      [],
    ],
    [
      'pods of a ReplicaSet that is known',
      {
        lists: {
          pods: [podOf('web', 'h', { app: 'web' })],
          replicaSets: [setOf('shop', 'api')],
        },
      },
      ['service-shared error'],
    ],
    [
      'a ReplicaSet of that name elsewhere says nothing',
      { lists: { pods: [podOf('web', 'h', { app: 'web' })], replicaSets: [setOf('x', 'api')] } },
      [],
    ],
    [
      'a pod of a Job is passing too',
      { lists: { pods: [{ ...podOf('web', 'h', {}), metadata: ownedBy('batch/v1', 'Job', 'migrate') }] } },
      [],
    ],
    ...['Succeeded', 'Failed'].map((phase): [string, World, string[]] => [
      `a pod that ended: ${phase}`,
      {
        lists: {
          pods: [{ ...podOf('web', 'h', {}), metadata: ownedBy('apps/v1', 'StatefulSet', 'db'), status: { phase } }],
        },
      },
      [],
    ]),
    [
      'a pod without labels',
      { lists: { pods: [{ ...podOf('web', 'h', {}), metadata: { name: 'debug', namespace: 'shop' } }] } },
      [],
    ],
    [
      'pods alone tell of others too',
      {
        lists: {
          deployments: undefined,
          pods: [{ ...podOf('web', 'h', {}), metadata: ownedBy('apps/v1', 'StatefulSet', 'db') }],
        },
      },
      ['service-shared error'],
    ],
    [
      'pods of a ReplicaSet of nobody',
      {
        lists: {
          pods: [
            {
              ...podOf('web', 'h', {}),
              metadata: {
                name: 'w',
                namespace: 'shop',
                labels: { app: 'web' },
                ownerReferences: [
                  { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'lone', uid: 'x', controller: true },
                ],
              },
            },
          ],
        },
      },
      ['service-shared error'],
    ],
    [
      'a Job is passing',
      {
        objects: [
          deployment(),
          service(),
          object('batch/v1', 'Job', 'm', {
            spec: { template: { metadata: { labels: { app: 'web' } }, spec: { containers: [container({})] } } },
          }),
        ],
      },
      [],
    ],
    ['unknown', { lists: { deployments: undefined, pods: undefined } }, ['not-verified info']],
  ])('%s', (_, world, expected) => {
    expect(found({ strategy: 'blue-green', ...world })).toEqual(expected)
  })

  it('only dilutes a canary, and is no matter elsewhere', () => {
    const live = [running(), api, service()]
    expect(found({ live })).toEqual(['service-shared warning'])
    expect(found({ live, strategy: 'rolling' })).toEqual([])
    expect(the('service-shared', { live }).reason).toBe(
      'Service/web serves Deployment/web and Deployment/api as well: the share of the new version is smaller than its weight',
    )
  })

  it('names a ReplicaSet that nobody owns', () => {
    const pods = [podOf('web', 'h', { app: 'web' })]
    expect(the('service-shared', { lists: { pods, replicaSets: [setOf('shop')] } }).reason).toContain(
      'Service/web serves Deployment/web and ReplicaSet/web-h as well',
    )
  })

  it('names at most three', () => {
    const many = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ ...api, metadata: { ...api.metadata, name } }))
    expect(the('service-shared', { strategy: 'blue-green', live: [running(), ...many, service()] }).reason).toContain(
      'Deployment/a, Deployment/b, Deployment/c and 2 more as well',
    )
  })
})

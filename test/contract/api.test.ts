/** What the API refuses, lists and allows, as a real API server does. */
import { expect, test } from 'vitest'
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { at, mapAt, textAt } from '../emulator/values.ts'
import { contract, deployment } from './book.ts'
import { type AskOptions, APPLY, type Cluster, closeCluster, MERGE, openCluster, STRATEGIC } from './cluster.ts'
import { expectRecorded } from './normal.ts'

contract('refusals of manifests', async ({ note, paths }) => {
  const create = async (step: string, object: JsonMap, query = ''): Promise<Json> =>
    note(step, 'POST', `${paths.deployments}${query}`, object)
  await create('no selector', { ...deployment(), spec: { template: mapAt(deployment(), 'spec', 'template') } })
  await create('selector of others', {
    ...deployment(),
    spec: { ...mapAt(deployment(), 'spec'), selector: { matchLabels: { app: 'other' } } },
  })
  await create(
    'no image',
    deployment({}, '').spec === undefined
      ? {}
      : {
          ...deployment(),
          spec: {
            selector: { matchLabels: { app: 'web' } },
            template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app' }] } },
          },
        },
  )
  await create('no containers', {
    ...deployment(),
    spec: { selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } } } },
  })
  await create('bad name', { ...deployment(), metadata: { name: 'Web_1' } })
  await create('bad label', { ...deployment(), metadata: { name: 'web', labels: { app: 'a b' } } })
  await create('negative replicas', deployment({ replicas: -1 }))
  await create('deadline below minReadySeconds', deployment({ minReadySeconds: 700 }))
  await create(
    'largest minReadySeconds',
    deployment({ minReadySeconds: 2147483647, progressDeadlineSeconds: 2147483647 }),
  )
  await create('beyond int32', deployment({ minReadySeconds: 2147483648 }))
  await create('a text for a number', deployment({ replicas: '3' }))
  await create('both fenceposts 0', deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }))
  await create('bad percent', deployment({ strategy: { rollingUpdate: { maxSurge: 'a lot' } } }))
  await create(
    'recreate with rolling update',
    deployment({ strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } }),
  )
  await create('unknown strategy', deployment({ strategy: { type: 'Fast' } }))
  await create('unknown field', deployment({ replicaz: 1 }), '?dryRun=All')
  await create('unknown field, strict', deployment({ replicaz: 1 }), '?fieldValidation=Strict')
  await create('unknown field, ignored', deployment({ replicaz: 1 }), '?dryRun=All&fieldValidation=Ignore')
  await create('duplicate container', {
    ...deployment(),
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            { name: 'a', image: 'x' },
            { name: 'a', image: 'y' },
          ],
        },
      },
    },
  })
  await create('wrong kind', { ...deployment(), kind: 'StatefulSet' })
  await create('wrong namespace', { ...deployment(), metadata: { name: 'web', namespace: 'elsewhere' } })
  await create('resourceVersion set', { ...deployment(), metadata: { name: 'web', resourceVersion: '5' } })
  await create('no name', { ...deployment(), metadata: {} })
  await create('volume that is not there', {
    ...deployment(),
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'a', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
      },
    },
  })
  await create('good', deployment({ replicas: 0 }))
  await create('there already', deployment())
  await note(
    'selector changed',
    'PATCH',
    paths.deployment,
    { spec: { selector: { matchLabels: { app: 'x' } }, template: { metadata: { labels: { app: 'x' } } } } },
    { type: MERGE },
  )
  await note(
    'beyond int32 by strategic merge',
    'PATCH',
    paths.deployment,
    { spec: { minReadySeconds: 2147483648 } },
    { type: STRATEGIC },
  )
  await note(
    'beyond int32 by merge',
    'PATCH',
    paths.deployment,
    { spec: { minReadySeconds: 2147483648 } },
    { type: MERGE },
  )
  await note(
    'a text for a number by strategic merge',
    'PATCH',
    paths.deployment,
    { spec: { replicas: 'x' } },
    { type: STRATEGIC },
  )
  await note('a text for a number by merge', 'PATCH', paths.deployment, { spec: { replicas: 'x' } }, { type: MERGE })
  await note('wrong type on a post', 'POST', paths.deployments, 'x', { type: 'application/foo' })
  await note('too much minReadySeconds', 'PATCH', paths.deployment, { spec: { minReadySeconds: 600 } }, { type: MERGE })
  await note(
    'unknown field in a patch, strict',
    'PATCH',
    `${paths.deployment}?fieldValidation=Strict`,
    { spec: { replicaz: 1 } },
    { type: MERGE },
  )
  await note('unknown field in a patch', 'PATCH', paths.deployment, { spec: { replicaz: 1 } }, { type: MERGE })
  await note(
    'container without key',
    'PATCH',
    paths.deployment,
    { spec: { template: { spec: { containers: [{ image: 'x' }] } } } },
    { type: STRATEGIC },
  )
  await note('wrong patch type', 'PATCH', paths.deployment, {}, { type: 'application/foo' })
  await note('name in the body', 'PUT', paths.deployment, { ...deployment(), metadata: { name: 'other' } })
  await note('put without version', 'PUT', paths.deployment, deployment({ replicas: 0 }, '2.0.0'))
  await note('put with a stale version', 'PUT', paths.deployment, {
    ...deployment(),
    metadata: { name: 'web', resourceVersion: '1' },
  })
  await note('put of what is not there', 'PUT', `${paths.deployments}/none`, {
    ...deployment(),
    metadata: { name: 'none' },
  })
  await note('no JSON', 'POST', paths.deployments, '{', {})
  await note('service without ports', 'POST', `${paths.namespace}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { a: 'b' } },
  })
  await note('service with a bad name', 'POST', `${paths.namespace}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: '1web' },
    spec: { ports: [{ port: 80 }] },
  })
  await note('wrong dry run', 'POST', `${paths.deployments}?dryRun=Some`, deployment())
})

contract('objects without a spec', async ({ note, paths }) => {
  const configMap = (data: JsonMap, more: JsonMap = {}): JsonMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings' },
    data,
    ...more,
  })
  await note('create', 'POST', `${paths.namespace}/configmaps`, configMap({ a: '1' }))
  await note('generated name', 'POST', `${paths.namespace}/configmaps?dryRun=All`, {
    ...configMap({}),
    metadata: { generateName: 'x-' },
  }).then(() => undefined)
  await note('put', 'PUT', paths.configMap, configMap({ a: '2', b: '3' }))
  await note('immutable', 'PATCH', paths.configMap, { immutable: true }, { type: MERGE })
  await note('change of the immutable', 'PATCH', paths.configMap, { data: { a: '4' } }, { type: MERGE })
  await note('label of the immutable', 'PATCH', paths.configMap, { metadata: { labels: { x: 'y' } } }, { type: MERGE })
  await note('number as data', 'POST', `${paths.namespace}/configmaps`, {
    ...configMap({ n: 1 }),
    metadata: { name: 'n' },
  })
  await note('bad key', 'POST', `${paths.namespace}/configmaps`, {
    ...configMap({ 'a b': '1' }),
    metadata: { name: 'n' },
  })
  await note('secret by stringData', 'POST', `${paths.namespace}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    stringData: { p: 'geheim' },
  })
  await note('finalizer', 'PATCH', paths.configMap, { metadata: { finalizers: ['example.com/hold'] } }, { type: MERGE })
  await note('delete with a finalizer', 'DELETE', paths.configMap)
  await note('still there', 'GET', paths.configMap)
  await note('finalizer off', 'PATCH', paths.configMap, { metadata: { finalizers: null } }, { type: MERGE })
  await note('gone', 'GET', paths.configMap)
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l' },
    spec: { holderIdentity: 'a', leaseDurationSeconds: 30, renewTime: '2026-01-01T00:00:00.000000Z' },
  }
  const leases = paths.deployments
    .replace('/apis/apps/v1', '/apis/coordination.k8s.io/v1')
    .replace('/deployments', '/leases')
  await note('lease', 'POST', leases, lease)
  await note('lease without version', 'PUT', `${leases}/l`, lease)
  await note('delete with the wrong uid', 'DELETE', `${leases}/l`, {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    preconditions: { uid: '00000000-0000-0000-0000-000000000000' },
  })
  await note('delete with the wrong version', 'DELETE', `${leases}/l`, {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    preconditions: { resourceVersion: '1' },
  })
  await note('dry run of a delete', 'DELETE', `${leases}/l?dryRun=All`)
  await note('delete', 'DELETE', `${leases}/l`)
  await note('delete again', 'DELETE', `${leases}/l`)
  await note('in no namespace', 'POST', '/api/v1/namespaces/none-such/configmaps', configMap({}))
  await note('quota', 'POST', `${paths.namespace}/resourcequotas`, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q' },
    spec: { hard: { pods: '1', 'requests.cpu': '1' } },
  })
})

contract('odd requests', async ({ note, paths }) => {
  await note('unknown group', 'GET', '/apis/none/v1/x')
  await note('unknown resource', 'GET', `${paths.namespace}/nothings`)
  await note('unknown resource in a group', 'GET', paths.deployments.replace('deployments', 'nothings'))
  await note('unknown path', 'GET', '/nowhere')
  await note('not allowed', 'DELETE', '/version')
  await note('post on a name', 'POST', `${paths.deployments}/web`, deployment())
  await note('unknown subresource', 'GET', `${paths.deployment}/nothing`)
  await note('bad token', 'GET', '/api', undefined, { user: 'nobody' })
  await note('missing', 'GET', paths.deployment)
  await note('missing scale', 'GET', `${paths.deployment}/scale`)
  await note('bad continue', 'GET', `${paths.pods}?limit=2&continue=abc`)
  await note('bad version', 'GET', `${paths.pods}?resourceVersion=abc`)
  await note('bad label selector', 'GET', `${paths.pods}?labelSelector=a%20b%20c`)
  await note('bad field selector', 'GET', `${paths.pods}?fieldSelector=spec.nothing%3Dx`)
  await note('field selector not for this kind', 'GET', `${paths.deployments}?fieldSelector=status.phase%3Dx`)
  await note('version in the future', 'GET', `${paths.pods}?resourceVersion=99999999`)
  await note('empty list', 'GET', paths.deployments)
  await note('logs of nothing', 'GET', `${paths.pods}/none/log`)
  await note('scale list of versions', 'GET', '/apis/apps')
})

contract('rights', async ({ note, paths, cluster }) => {
  const as: AskOptions = { user: 'deployer' }
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${cluster.namespace}`
  const access = async (step: string, attributes: JsonMap): Promise<Json> =>
    note(
      `may ${step}`,
      'POST',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace: cluster.namespace, ...attributes } },
      },
      as,
    )
  const all = async (when: string): Promise<void> => {
    await access(`${when} patch deployments`, { group: 'apps', resource: 'deployments', verb: 'patch' })
    await access(`${when} patch scale`, { group: 'apps', resource: 'deployments', subresource: 'scale', verb: 'patch' })
    await access(`${when} patch services`, { resource: 'services', verb: 'patch' })
    await access(`${when} patch web`, { resource: 'services', verb: 'patch', name: 'web' })
    await access(`${when} patch other`, { resource: 'services', verb: 'patch', name: 'other' })
    await note(`${when} list`, 'GET', paths.deployments, undefined, as)
    await note(`${when} list pods`, 'GET', paths.pods, undefined, as)
    await note(`${when} get a secret`, 'GET', `${paths.namespace}/secrets/none`, undefined, as)
    await note(`${when} get the namespace`, 'GET', paths.namespace, undefined, as)
    await note(`${when} list everywhere`, 'GET', '/apis/apps/v1/deployments', undefined, as)
    await note(`${when} list services`, 'GET', `${paths.namespace}/services`, undefined, as)
    await note(
      `${when} list one service`,
      'GET',
      `${paths.namespace}/services?fieldSelector=metadata.name%3Dweb`,
      undefined,
      as,
    )
    await note(
      `${when} apply an existing one`,
      'PATCH',
      `${paths.deployment}?fieldManager=x&dryRun=All`,
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', annotations: { a: 'b' } } },
      { ...as, type: APPLY },
    )
    await note(
      `${when} apply a new one`,
      'PATCH',
      `${paths.deployments}/new?fieldManager=x&dryRun=All`,
      { ...deployment(), metadata: { name: 'new' } },
      { ...as, type: APPLY },
    )
    await note(
      `${when} evict`,
      'POST',
      `${paths.pods}/x/eviction`,
      { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'x' } },
      as,
    )
    await note(`${when} scale`, 'PATCH', `${paths.deployment}/scale`, { spec: { replicas: 1 } }, { ...as, type: MERGE })
    await note(`${when} proxy`, 'GET', `${paths.pods}/x:8080/proxy/`, undefined, as)
  }
  await note('a deployment', 'POST', paths.deployments, deployment({ replicas: 0 }))
  await note(
    'who',
    'POST',
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    as,
  )
  await all('before')
  await note('role', 'POST', `${rbac}/roles`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'promote' },
    rules: [
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch', 'patch'] },
      { apiGroups: [''], resources: ['services'], resourceNames: ['web'], verbs: ['get', 'list', 'patch'] },
    ],
  })
  await note('binding', 'POST', `${rbac}/rolebindings`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'promote' },
    roleRef: { kind: 'Role', name: 'promote' },
    subjects: [{ kind: 'User', name: 'deployer' }],
  })
  await cluster.sleep(300)
  await all('after')
  await note('another role', 'PATCH', `${rbac}/rolebindings/promote`, { roleRef: { name: 'other' } }, { type: MERGE })
})

test('lists and watches', { timeout: 120_000 }, async () => {
  const cluster = await openCluster()
  const seen = await cluster.run(() => listsAndWatches(cluster))
  expectRecorded(cluster, 'lists-and-watches', seen)
})

async function listsAndWatches(cluster: Cluster): Promise<Record<string, Json>> {
  const path = `/api/v1/namespaces/${cluster.namespace}/configmaps`
  const seen: Record<string, Json> = {}
  const names = (value: Json): Json => {
    const items = at(value, 'items')
    if (!Array.isArray(items)) return value
    // That one comes by itself, sooner or later.
    return items.map((item) => textAt(item, 'metadata', 'name') ?? '?').filter((name) => name !== 'kube-root-ca.crt')
  }
  for (const name of ['a', 'b', 'c', 'd', 'e'])
    await cluster.ask('POST', path, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, labels: { tier: name < 'c' ? 'low' : 'high' } },
      data: { name },
    })
  const list = async (query: string) => cluster.ask('GET', `${path}?${query}`)
  const first = await list('limit=2&labelSelector=tier')
  seen['page 1'] = [names(first.body), at(first.body, 'metadata', 'remainingItemCount') ?? null]
  await cluster.ask('DELETE', `${path}/c`)
  const second = await list(
    `limit=2&labelSelector=tier&continue=${encodeURIComponent(textAt(first.body, 'metadata', 'continue') ?? '')}`,
  )
  seen['page 2 shows what was'] = [names(second.body), at(second.body, 'metadata', 'remainingItemCount') ?? null]
  for (const selector of ['tier=low', 'tier!=low', 'tier in (low,x)', 'tier notin (low)', '!tier', 'tier'])
    seen[`selector ${selector}`] = names((await list(`labelSelector=${encodeURIComponent(selector)}`)).body)
  seen['field selector'] = names((await list(`fieldSelector=${encodeURIComponent('metadata.name=b')}`)).body)
  seen['field selector not'] = names(
    (await list(`fieldSelector=${encodeURIComponent('metadata.name!=b,metadata.name!=kube-root-ca.crt')}`)).body,
  )
  const now = textAt((await list('')).body, 'metadata', 'resourceVersion') ?? ''
  const watching = cluster.watch(
    `${path}?watch=1&resourceVersion=${now}&labelSelector=${encodeURIComponent('tier=low')}`,
    1_500,
  )
  await cluster.sleep(200)
  await cluster.ask('PATCH', `${path}/a`, { data: { name: 'A' } }, { type: MERGE })
  await cluster.ask('PATCH', `${path}/d`, { metadata: { labels: { tier: 'low' } } }, { type: MERGE })
  await cluster.ask('PATCH', `${path}/b`, { metadata: { labels: { tier: 'high' } } }, { type: MERGE })
  await cluster.ask('PATCH', `${path}/e`, { data: { name: 'E' } }, { type: MERGE })
  await cluster.ask('DELETE', `${path}/a`)
  const brief = (event: JsonMap): Json => [
    event['type'] ?? null,
    textAt(event, 'object', 'metadata', 'name') ?? null,
    textAt(event, 'object', 'metadata', 'labels', 'tier') ?? null,
  ]
  const watched = await watching
  seen['watch with a selector'] = watched.events.map(brief)
  seen['watch without a version'] = (
    await cluster.watch(`${path}?watch=1&labelSelector=tier&timeoutSeconds=1`, 3_000)
  ).events.map(brief)
  const initial = await cluster.watch(
    `${path}?watch=1&labelSelector=tier&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`,
    3_000,
  )
  // Further bookmarks may come or not.
  const ends = (event: JsonMap): boolean =>
    textAt(event, 'object', 'metadata', 'annotations', 'k8s.io/initial-events-end') === 'true'
  seen['watch-list'] = initial.events.filter((event) => event['type'] !== 'BOOKMARK' || ends(event)).map(brief)
  const mark = initial.events.find((event) => event['type'] === 'BOOKMARK')
  expect(textAt(mark, 'object', 'metadata', 'annotations', 'k8s.io/initial-events-end')).toBe('true')
  for (const [name, query] of Object.entries({
    'initial events without match': 'watch=1&allowWatchBookmarks=true&sendInitialEvents=true',
    'match without initial events': 'watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1',
    'watch from nowhere': 'watch=1&resourceVersion=abc',
  }))
    seen[name] = await refused(cluster, `${path}?${query}`)
  const timed = await cluster.watch(`${path}?watch=1&resourceVersion=${now}&timeoutSeconds=2`, 5_000)
  expect(timed.endedAfter).toBeGreaterThan(1_500)
  expect(timed.endedAfter).toBeLessThan(3_500)
  expect(timed.events.every((event) => event['type'] !== 'ERROR')).toBe(true)
  await closeCluster(cluster)
  return seen
}

async function refused(cluster: Cluster, path: string): Promise<Json> {
  const { status, body } = await cluster.ask('GET', path)
  return { status, body }
}

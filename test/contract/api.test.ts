/** What the API answers, as `recorded/` has it from a real cluster. */
import { expect, test } from 'vitest'
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { at, mapAt, textAt } from '../emulator/values.ts'
import {
  type AskOptions,
  APPLY,
  type Cluster,
  closeCluster,
  JSON_PATCH,
  MERGE,
  openCluster,
  STRATEGIC,
} from './cluster.ts'
import { expectRecorded, type Normal, normal } from './normal.ts'

interface Book {
  cluster: Cluster
  paths: {
    deployment: string
    deployments: string
    service: string
    configMap: string
    namespace: string
    pods: string
  }
  /** asks and writes the answer down */
  note(
    name: string,
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: Json,
    options?: AskOptions,
  ): Promise<Json>
}

function contract(name: string, script: (book: Book) => Promise<void>): void {
  test(name, { timeout: 120_000 }, async () => {
    const cluster = await openCluster()
    const answers: Record<string, Normal> = {}
    const namespace = `/api/v1/namespaces/${cluster.namespace}`
    const apps = `/apis/apps/v1/namespaces/${cluster.namespace}`
    const book: Book = {
      cluster,
      paths: {
        deployment: `${apps}/deployments/web`,
        deployments: `${apps}/deployments`,
        service: `${namespace}/services/web`,
        configMap: `${namespace}/configmaps/settings`,
        namespace,
        pods: `${namespace}/pods`,
      },
      note: async (step, method, path, body, options) => {
        const answer = await cluster.ask(method, path, body, options)
        if (method !== 'GET') await settle(cluster, book.paths.deployment)
        answers[step] = normal(cluster, answer)
        return answer.body
      },
    }
    await cluster.run(async () => {
      await script(book)
      await closeCluster(cluster)
    })
    expectRecorded(cluster, name.replaceAll(' ', '-'), answers)
  })
}

/** Lets the deployment controller have its say, so that the next answer does not depend on who is faster. */
async function settle(cluster: Cluster, path: string): Promise<void> {
  for (let before = ''; ; ) {
    const { status, body } = await cluster.ask('GET', path)
    if (status !== 200) return
    const version = textAt(body, 'metadata', 'resourceVersion') ?? ''
    if (version === before && at(body, 'status', 'observedGeneration') === at(body, 'metadata', 'generation')) return
    before = version
    await cluster.sleep(60)
  }
}

function deployment(spec: JsonMap = {}, image = '1.0.0'): JsonMap {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      ...spec,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'app', image: `e/echo:${image}`, ports: [{ containerPort: 8080 }] }] },
      },
    },
  }
}

const apply = (manager: string, more = ''): [string, AskOptions] => [`?fieldManager=${manager}${more}`, { type: APPLY }]

contract('server-side apply', async ({ note, paths }) => {
  const ssa = async (
    step: string,
    object: JsonMap,
    manager: string,
    more = '',
    path = paths.deployment,
  ): Promise<Json> => {
    const [query, options] = apply(manager, more)
    return note(step, 'PATCH', path + query, object, options)
  }
  await ssa('dry run of a new object', deployment({ replicas: 3 }), 'promote', '&dryRun=All')
  await note('nothing was stored', 'GET', paths.deployment)
  await ssa('create', deployment({ replicas: 3 }), 'promote')
  await ssa('again the same', deployment({ replicas: 3 }), 'promote')
  await ssa('dry run of a change', deployment({ replicas: 3 }, '2.0.0'), 'promote', '&dryRun=All')
  await ssa('unknown field', deployment({ replicas: 3, replicaz: 1 }), 'promote', '&dryRun=All')
  await ssa(
    'unknown field, strict',
    deployment({ replicas: 3, replicaz: 1 }),
    'promote',
    '&dryRun=All&fieldValidation=Strict',
  )
  await note('no manager', 'PATCH', paths.deployment, deployment(), { type: APPLY })
  await note(
    'scale by another',
    'PATCH',
    `${paths.deployment}/scale?fieldManager=hpa`,
    { spec: { replicas: 7 } },
    { type: MERGE },
  )
  await ssa('conflict with scale', deployment({ replicas: 3 }), 'promote')
  await ssa('forced', deployment({ replicas: 3 }), 'promote', '&force=true')
  await note(
    'scale by another again',
    'PATCH',
    `${paths.deployment}/scale?fieldManager=hpa`,
    { spec: { replicas: 7 } },
    { type: MERGE },
  )
  await ssa('without replicas', deployment({}, '2.0.0'), 'promote', '&force=true')
  await note('delete', 'DELETE', paths.deployment)
  await ssa('sole owner of replicas', deployment({ replicas: 3 }), 'promote')
  await ssa('drops replicas', deployment(), 'promote')
  await ssa('two managers with the same', deployment(), 'other')
  await ssa('other takes the image', deployment({}, '3.0.0'), 'other', '&force=true')
  await ssa('other leaves', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } }, 'other')
  await ssa('wrong type', { ...deployment(), spec: 7 }, 'promote', '&dryRun=All')
  await ssa('wrong version', { ...deployment(), apiVersion: 'apps/v1beta1' }, 'promote', '&dryRun=All')
  await ssa(
    'duplicate list items',
    deployment({
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            { name: 'app', image: 'a' },
            { name: 'app', image: 'b' },
          ],
        },
      },
    }),
    'promote',
    '&dryRun=All',
  )
  await ssa('paused false and zero', deployment({ paused: false, minReadySeconds: 0 }), 'promote')
  await ssa('stale version', { ...deployment(), metadata: { name: 'web', resourceVersion: '1' } }, 'promote')
})

contract('ownership after client-side apply', async ({ note, paths }) => {
  const own = deployment({ replicas: 2 })
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}\n' }
  const created = { ...own, metadata: { name: 'web', labels: { app: 'web' }, annotations } }
  await note('create', 'POST', `${paths.deployments}?fieldManager=kubectl-client-side-apply`, created)
  const ssa = async (step: string, object: JsonMap, more = ''): Promise<Json> => {
    const [query, options] = apply('promote', more)
    return note(step, 'PATCH', paths.deployment + query, object, options)
  }
  await ssa('new image', deployment({ replicas: 2 }, '2.0.0'))
  await ssa(
    'several conflicts',
    deployment(
      { replicas: 3, progressDeadlineSeconds: 700, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
      '2.0.0',
    ),
  )
  await ssa('same values', deployment({ replicas: 2 }))
  await ssa('forced', deployment({ replicas: 2 }, '2.0.0'), '&force=true')
  const without = deployment({ replicas: 2 }, '2.0.0')
  delete mapAt(without, 'spec', 'template', 'spec', 'containers', 0)['ports']
  await ssa('drops a port that kubectl owns', without, '&force=true')
  await note(
    'strategic merge of the hold',
    'PATCH',
    `${paths.deployment}?fieldManager=hold`,
    {
      metadata: { annotations: { 'headgate.dev/originals': '{}' } },
      spec: {
        minReadySeconds: 2147483646,
        progressDeadlineSeconds: 2147483647,
        paused: true,
        strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        template: { spec: { containers: [{ name: 'app', image: 'e/echo:3.0.0', env: [{ name: 'A', value: 'b' }] }] } },
      },
    },
    { type: STRATEGIC },
  )
  const live = await note('read', 'GET', paths.deployment)
  const managers = at(live, 'metadata', 'managedFields')
  const index = Array.isArray(managers) ? managers.findIndex((entry) => textAt(entry, 'manager') === 'hold') : -1
  await note(
    'remove an entry',
    'PATCH',
    paths.deployment,
    [{ op: 'remove', path: `/metadata/managedFields/${index}` }],
    { type: JSON_PATCH },
  )
  await note(
    'reset all',
    'PATCH',
    paths.deployment,
    [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }],
    { type: JSON_PATCH },
  )
  await note(
    'update while untracked',
    'PATCH',
    `${paths.deployment}?fieldManager=late`,
    { spec: { replicas: 4 } },
    { type: MERGE },
  )
  await ssa('apply after the reset', deployment({ replicas: 2 }, '3.0.0'), '&force=true')
})

contract('json patch of a hold', async ({ note, paths }) => {
  const [query, options] = apply('headgate')
  const created = await note('create', 'PATCH', paths.deployment + query, deployment({ replicas: 3 }), options)
  const template = mapAt(created, 'spec', 'template')
  const patch = (version: string): Json => [
    { op: 'test', path: '/metadata/resourceVersion', value: version },
    { op: 'replace', path: '/spec/template', value: template },
    { op: 'add', path: '/spec/minReadySeconds', value: 2147483646 },
    { op: 'add', path: '/spec/progressDeadlineSeconds', value: 2147483647 },
    {
      op: 'add',
      path: '/spec/strategy',
      value: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%', maxUnavailable: 0 } },
    },
    { op: 'add', path: '/spec/paused', value: true },
    { op: 'add', path: '/metadata/annotations', value: { 'headgate.dev/originals': '{}' } },
  ]
  await note('stale', 'PATCH', `${paths.deployment}?fieldManager=headgate-rollout`, patch('1'), { type: JSON_PATCH })
  const live = await note('read', 'GET', paths.deployment)
  await note(
    'fresh',
    'PATCH',
    `${paths.deployment}?fieldManager=headgate-rollout`,
    patch(textAt(live, 'metadata', 'resourceVersion') ?? ''),
    { type: JSON_PATCH },
  )
  await note(
    'back',
    'PATCH',
    `${paths.deployment}?fieldManager=headgate-rollout`,
    [
      { op: 'replace', path: '/spec/minReadySeconds', value: 0 },
      { op: 'replace', path: '/spec/paused', value: false },
      { op: 'remove', path: '/metadata/annotations/headgate.dev~1originals' },
    ],
    { type: JSON_PATCH },
  )
  await note('remove what is not there', 'PATCH', paths.deployment, [{ op: 'remove', path: '/spec/nothing' }], {
    type: JSON_PATCH,
  })
  await note(
    'remove an absent known field',
    'PATCH',
    paths.deployment,
    [{ op: 'remove', path: '/spec/minReadySeconds' }],
    { type: JSON_PATCH },
  )
  await note(
    'replace what is not there',
    'PATCH',
    paths.deployment,
    [{ op: 'replace', path: '/metadata/annotations/none', value: 'x' }],
    { type: JSON_PATCH },
  )
  await note(
    'test of an absent value',
    'PATCH',
    paths.deployment,
    [{ op: 'test', path: '/metadata/annotations/none', value: 'x' }],
    { type: JSON_PATCH },
  )
  await note('no list', 'PATCH', paths.deployment, { op: 'test' }, { type: JSON_PATCH })
})

contract('service selector', async ({ note, paths }) => {
  const service = (selector?: JsonMap): JsonMap => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { ...(selector === undefined ? {} : { selector }), ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }] },
  })
  const only = (selector: JsonMap): JsonMap => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector },
  })
  const ssa = async (step: string, object: JsonMap, manager: string, more = ''): Promise<Json> => {
    const [query, options] = apply(manager, more)
    return note(step, 'PATCH', paths.service + query, object, options)
  }
  await ssa('create', service({ app: 'web' }), 'helm')
  await ssa('another selector', only({ app: 'web', slot: 'green' }), 'promote')
  await ssa('another selector, forced', only({ app: 'web', slot: 'green' }), 'promote', '&force=true')
  await ssa('the first again', service({ app: 'web' }), 'helm')
  await ssa('the first again, forced', service({ app: 'web' }), 'helm', '&force=true')
  await ssa('an empty apply', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } }, 'promote')
  await note(
    'merge patch',
    'PATCH',
    `${paths.service}?fieldManager=promote`,
    { spec: { selector: { slot: 'blue' } } },
    { type: MERGE },
  )
  await ssa('the first after it', service({ app: 'web' }), 'helm')
  await note(
    'stale version',
    'PATCH',
    paths.service,
    { metadata: { resourceVersion: '1' }, spec: { selector: { slot: 'x' } } },
    { type: MERGE },
  )
  await note('failing test', 'PATCH', paths.service, [{ op: 'test', path: '/spec/selector/slot', value: 'nope' }], {
    type: JSON_PATCH,
  })
  await note('selector taken off', 'PATCH', paths.service, { spec: { selector: null } }, { type: MERGE })
  await note(
    'another address',
    'PATCH',
    paths.service,
    { spec: { clusterIP: '10.96.200.200', clusterIPs: ['10.96.200.200'] } },
    { type: MERGE },
  )
  await note(
    'a port without name beside another',
    'PATCH',
    paths.service,
    { spec: { ports: [{ port: 80 }, { port: 81 }] } },
    { type: MERGE },
  )
  await note(
    'a second port',
    'PATCH',
    paths.service,
    {
      spec: {
        ports: [
          { name: 'b', port: 81, targetPort: 'http' },
          { name: 'a', port: 80 },
        ],
      },
    },
    { type: STRATEGIC },
  )
  await note('delete', 'DELETE', paths.service)
})

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

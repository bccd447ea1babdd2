/** Who owns what after which write, as a real API server has it. */
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { at, mapAt, textAt } from '../emulator/values.ts'
import { apply, contract, deployment } from './book.ts'
import { APPLY, JSON_PATCH, MERGE, STRATEGIC } from './cluster.ts'

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

contract('strategic merge patch', async ({ note, paths }) => {
  const container = (name: string, more: JsonMap = {}): JsonMap => ({ name, image: `e/${name}`, ...more })
  const pod = (containers: JsonMap[], more: JsonMap = {}): JsonMap => ({
    ...deployment({ replicas: 0 }),
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers, ...more } },
    },
  })
  const smp = async (step: string, spec: JsonMap): Promise<Json> =>
    note(step, 'PATCH', paths.deployment, { spec: { template: { spec } } }, { type: STRATEGIC })
  const many = [
    { name: 'X', value: '1' },
    { name: 'Y', value: '2' },
  ]
  const a = container('a', { args: ['x'], env: many, ports: [{ containerPort: 1 }] })
  await note('create', 'POST', paths.deployments, pod([a, container('b')], { volumes: [{ name: 'v', emptyDir: {} }] }))
  await smp('a new item and a known one', { containers: [container('c'), { name: 'b', image: 'e/B' }] })
  await smp('an order', { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }, { name: 'c' }] })
  await smp('an order that names some', {
    '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }],
    containers: [{ name: 'a', image: 'e/A' }],
  })
  await smp('ports, environment, arguments', {
    containers: [
      {
        name: 'a',
        ports: [{ containerPort: 2 }],
        env: [
          { name: 'Z', value: '3' },
          { name: 'Y', value: '4' },
        ],
        args: ['c'],
      },
    ],
  })
  await smp('delete an item', { containers: [{ name: 'b', $patch: 'delete' }] })
  await smp('delete a variable', { containers: [{ name: 'a', env: [{ name: 'X', $patch: 'delete' }] }] })
  await smp('another volume source', {
    volumes: [{ $retainKeys: ['name', 'configMap'], name: 'v', configMap: { name: 'm' } }],
  })
  await smp('replace the list', { containers: [container('z'), { $patch: 'replace' }] })
  await note(
    'finalizers',
    'PATCH',
    paths.deployment,
    { metadata: { finalizers: ['e.com/a', 'e.com/b'] } },
    { type: STRATEGIC },
  )
  await note(
    'one more, one less',
    'PATCH',
    paths.deployment,
    { metadata: { finalizers: ['e.com/c'], '$deleteFromPrimitiveList/finalizers': ['e.com/a'] } },
    { type: STRATEGIC },
  )
  await note('none', 'PATCH', paths.deployment, { metadata: { finalizers: null } }, { type: STRATEGIC })
  await note(
    'recreate',
    'PATCH',
    paths.deployment,
    { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    { type: STRATEGIC },
  )
})

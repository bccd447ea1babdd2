/** What the other controllers do: jobs, garbage, budgets, quotas, endpoints, definitions, namespaces. */
import { test } from 'vitest'
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { at, mapAt, mapsAt, numberAt, plainText, textAt } from '../emulator/values.ts'
import { APPLY, type Cluster, closeCluster, MERGE, openCluster } from './cluster.ts'
import { expectRecorded, type Normal, normal, plain } from './normal.ts'
import { Workload } from './workload.ts'

type Note = (name: string, facts: Json | Normal) => void

function contract(name: string, script: (cluster: Cluster, note: Note) => Promise<void>): void {
  test.concurrent(name, { timeout: 300_000 }, async () => {
    const cluster = await openCluster()
    const seen: Record<string, Json | Normal> = {}
    await cluster.run(async () => {
      await script(cluster, (step, facts) => {
        seen[step] = facts
      })
      await closeCluster(cluster)
    })
    expectRecorded(cluster, `controllers-${name.replaceAll(' ', '-')}`, seen)
  })
}

/** Asks until the answer is what it should be, or gives up after a while. */
async function until(cluster: Cluster, path: string, good: (body: Json, status: number) => boolean): Promise<Json> {
  const end = cluster.now() + 30_000
  for (;;) {
    const { body, status } = await cluster.ask('GET', path)
    if (good(body, status) || cluster.now() > end) return body
    await cluster.sleep(100)
  }
}

function job(name: string, tag: string, spec: JsonMap = {}): JsonMap {
  const container = { name: 'app', image: `e/job:${tag}` }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      template: { spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [container] } },
      ...spec,
    },
  }
}

function isDone(body: Json): boolean {
  return mapsAt(body, 'status', 'conditions').some(
    (condition) => condition['type'] === 'Complete' || condition['type'] === 'Failed',
  )
}

function jobFacts(cluster: Cluster, body: Json): Json {
  const status = mapAt(body, 'status')
  const counts = ['active', 'succeeded', 'failed', 'ready', 'terminating'].map(
    (key) => `${key} ${numberAt(status, key) ?? '-'}`,
  )
  const conditions = mapsAt(status, 'conditions').map(
    (item) =>
      `${textAt(item, 'type') ?? ''}=${textAt(item, 'status') ?? ''} ${textAt(item, 'reason') ?? ''}: ${textAt(item, 'message') ?? ''}`,
  )
  return {
    counts,
    conditions,
    has: Object.keys(status).sort(),
    spec: plain(cluster, mapAt(body, 'spec')),
    labels: plain(cluster, at(body, 'metadata', 'labels') ?? null),
  }
}

contract('jobs', async (cluster, note) => {
  const jobs = `/apis/batch/v1/namespaces/${cluster.namespace}/jobs`
  const pods = `/api/v1/namespaces/${cluster.namespace}/pods`
  await cluster.ask('POST', jobs, job('good', 'job-ok'))
  await cluster.ask('POST', jobs, job('bad', 'job-fail', { backoffLimit: 0 }))
  await cluster.ask(
    'POST',
    jobs,
    job('late', 'job-ok', {
      activeDeadlineSeconds: 1,
      template: {
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'app', image: 'e/job:job-ok', env: [{ name: 'POD_TEST_RUN_MS', value: '60000' }] }],
        },
      },
    }),
  )
  await cluster.ask('POST', jobs, job('asleep', 'job-ok', { suspend: true }))
  note('good', jobFacts(cluster, await until(cluster, `${jobs}/good`, isDone)))
  note('bad', jobFacts(cluster, await until(cluster, `${jobs}/bad`, isDone)))
  note('late', jobFacts(cluster, await until(cluster, `${jobs}/late`, isDone)))
  note(
    'asleep',
    jobFacts(
      cluster,
      await until(cluster, `${jobs}/asleep`, (body) => mapsAt(body, 'status', 'conditions').length > 0),
    ),
  )
  const count = async (name: string): Promise<number> =>
    mapsAt((await cluster.ask('GET', `${pods}?labelSelector=job-name%3D${name}`)).body, 'items').length
  note('pods of good and bad', [await count('good'), await count('bad')])
  note(
    'template changed',
    normal(
      cluster,
      await cluster.ask(
        'PATCH',
        `${jobs}/good`,
        { spec: { template: { spec: { activeDeadlineSeconds: 5 } } } },
        { type: MERGE },
      ),
    ).status,
  )
  const deleted = await cluster.ask('DELETE', `${jobs}/good`)
  note('delete', [deleted.status, deleted.headers['warning'] ?? null])
  await until(cluster, `${jobs}/good`, (_, status) => status === 404)
  await cluster.sleep(1_000)
  note('pods left behind', await count('good'))
  await cluster.ask('DELETE', `${jobs}/bad`, { propagationPolicy: 'Background' })
  await until(cluster, `${pods}?labelSelector=job-name%3Dbad`, (body) => mapsAt(body, 'items').length === 0)
  note('pods after background', await count('bad'))
})

contract('garbage', async (cluster, note) => {
  const seen = async (web: Workload): Promise<Json> => {
    const { status } = await cluster.ask('GET', web.path)
    return { deployment: status, sets: (await web.sets()).length, pods: (await web.pods()).length }
  }
  for (const policy of ['Foreground', 'Background', 'Orphan']) {
    const web = new Workload(cluster, `w-${policy.toLowerCase()}`)
    await web.create({ replicas: 2 })
    const answer = await cluster.ask('DELETE', web.path, { propagationPolicy: policy })
    note(`${policy} answer`, [
      answer.status,
      textAt(answer.body, 'kind') ?? '',
      at(answer.body, 'metadata', 'finalizers') ?? null,
      numberAt(answer.body, 'metadata', 'generation') ?? null,
    ])
    await until(cluster, web.path, (_, status) => status === 404)
    if (policy === 'Foreground') note('nothing before the owner', await seen(web))
    await cluster.sleep(4_000)
    note(policy, await seen(web))
  }
})

contract('budgets and evictions', async (cluster, note) => {
  const web = new Workload(cluster, 'web')
  await web.create({ replicas: 3 })
  const path = `/apis/policy/v1/namespaces/${cluster.namespace}/poddisruptionbudgets`
  const budget = (name: string, spec: JsonMap): JsonMap => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  })
  const facts = (body: Json): Json => {
    const { conditions: _, ...status } = mapAt(body, 'status')
    return {
      ...status,
      conditions: mapsAt(body, 'status', 'conditions').map(
        (item) => `${textAt(item, 'type') ?? ''}=${textAt(item, 'status') ?? ''} ${textAt(item, 'reason') ?? ''}`,
      ),
    }
  }
  for (const [name, spec] of Object.entries<JsonMap>({
    least: { minAvailable: 2 },
    most: { maxUnavailable: 1 },
    half: { minAvailable: '50%' },
  })) {
    await cluster.ask('POST', path, budget(name, spec))
    note(
      name,
      facts(await until(cluster, `${path}/${name}`, (body) => numberAt(body, 'status', 'currentHealthy') === 3)),
    )
    if (name !== 'most') await cluster.ask('DELETE', `${path}/${name}`)
  }
  await web.hold('100%', 0)
  note(
    'counts both sides of a hold',
    facts(await until(cluster, `${path}/most`, (body) => numberAt(body, 'status', 'currentHealthy') === 6)),
  )
  const pods = await web.pods('1.0.0')
  const evict = async (pod: JsonMap | undefined): Promise<Json> => {
    const name = textAt(pod, 'metadata', 'name') ?? ''
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } }
    const { status, body: answer } = await cluster.ask(
      'POST',
      `/api/v1/namespaces/${cluster.namespace}/pods/${name}/eviction`,
      body,
    )
    return { status, body: answer }
  }
  note('evicted', await evict(pods[0]))
  await web.steady()
  await cluster.ask('PATCH', `${path}/most`, { spec: { maxUnavailable: 0 } }, { type: MERGE })
  await cluster.ask(
    'PATCH',
    web.path,
    {
      spec: {
        minReadySeconds: 0,
        progressDeadlineSeconds: 600,
        template: { spec: { containers: [{ name: 'app', image: 'e/echo:1.0.0' }] } },
      },
    },
    { type: 'application/strategic-merge-patch+json' },
  )
  await web.steady()
  await until(cluster, `${path}/most`, (body) => numberAt(body, 'status', 'currentHealthy') === 3)
  note('not allowed', await evict((await web.pods('1.0.0'))[0]))
})

contract('quota', async (cluster, note) => {
  const quotas = `/api/v1/namespaces/${cluster.namespace}/resourcequotas`
  await cluster.ask('POST', quotas, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'room' },
    spec: { hard: { pods: '3', 'count/deployments.apps': '2' } },
  })
  await until(cluster, `${quotas}/room`, (body) => at(body, 'status', 'used') !== undefined)
  const web = new Workload(cluster, 'web')
  await web.create({ replicas: 2 })
  await web.patch({ ...web.image('2.0.0'), ...web.surge(3, 0) })
  await cluster.sleep(3_000)
  const [first, second] = await web.sets()
  note('sides', [numberAt(first, 'status', 'replicas') ?? 0, numberAt(second, 'spec', 'replicas') ?? 0])
  const conditions = mapsAt((await cluster.ask('GET', web.path)).body, 'status', 'conditions').filter(
    (item) => item['type'] === 'ReplicaFailure',
  )
  const hash = /web-[a-z0-9]+-[a-z0-9]{5}/g
  note(
    'failure',
    conditions.map(
      (item) =>
        `${textAt(item, 'status') ?? ''} ${textAt(item, 'reason') ?? ''} ${(textAt(item, 'message') ?? '').replaceAll(hash, 'POD')}`,
    ),
  )
  const events = mapsAt(
    (await cluster.ask('GET', `/api/v1/namespaces/${cluster.namespace}/events`)).body,
    'items',
  ).filter((item) => item['reason'] === 'FailedCreate')
  note('event', (textAt(events[0], 'message') ?? '').replaceAll(hash, 'POD'))
  await cluster.ask('POST', web.path.replace(/\/web$/, ''), {
    ...web.object({ replicas: 0 }),
    metadata: { name: 'second' },
  })
  const third = await cluster.ask('POST', web.path.replace(/\/web$/, ''), {
    ...web.object({ replicas: 0 }),
    metadata: { name: 'third' },
  })
  note('third deployment', normal(cluster, third))
})

contract('endpoints', async (cluster, note) => {
  const web = new Workload(cluster, 'web')
  await web.create({
    replicas: 2,
    pod: {
      containers: [
        {
          name: 'app',
          image: 'e/echo:1.0.0',
          ports: [{ name: 'http', containerPort: 8080 }],
          lifecycle: { preStop: { sleep: { seconds: 2 } } },
        },
      ],
      terminationGracePeriodSeconds: 5,
    },
  })
  const path = `/apis/discovery.k8s.io/v1/namespaces/${cluster.namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dweb`
  const conditions = (body: Json): string[] =>
    mapsAt(body, 'items')
      .flatMap((slice) => mapsAt(slice, 'endpoints'))
      .map((endpoint) =>
        Object.entries(mapAt(endpoint, 'conditions'))
          .map(([key, value]) => `${key} ${plainText(value)}`)
          .join(', '),
      )
      .sort()
  const body = await until(cluster, path, (list) => conditions(list).length === 2)
  const slice = mapsAt(body, 'items')[0]
  note('slice', {
    labels: plain(cluster, at(slice, 'metadata', 'labels') ?? null),
    ports: at(slice, 'ports') ?? null,
    addressType: at(slice, 'addressType') ?? null,
    conditions: conditions(body),
  })
  const [pod] = await web.pods()
  await cluster.ask('DELETE', `/api/v1/namespaces/${cluster.namespace}/pods/${textAt(pod, 'metadata', 'name') ?? ''}`)
  const ending = await until(
    cluster,
    path,
    (list) =>
      conditions(list).some((text) => text.includes('terminating true')) &&
      conditions(list).length === 3 &&
      conditions(list).filter((text) => text.startsWith('ready true')).length === 2,
  )
  note('while a pod ends', conditions(ending))
  note('after it', conditions(await until(cluster, path, (list) => conditions(list).length === 2)))
  await cluster.ask(
    'PATCH',
    `/api/v1/namespaces/${cluster.namespace}/services/web`,
    { spec: { selector: { app: 'nobody' } } },
    { type: MERGE },
  )
  note('nobody', conditions(await until(cluster, path, (list) => conditions(list).length === 0)))
})

contract('definitions', async (cluster, note) => {
  const name = `gadgets.${cluster.namespace}.example.com`
  const group = `${cluster.namespace}.example.com`
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: { size: { type: 'integer' }, tags: { type: 'array', items: { type: 'string' } } },
        },
        status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
  }
  await cluster.ask('POST', crds, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
      versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} } }],
    },
  })
  const definition = await until(cluster, `${crds}/${name}`, (body) =>
    mapsAt(body, 'status', 'conditions').some((item) => item['type'] === 'Established' && item['status'] === 'True'),
  )
  note(
    'conditions',
    mapsAt(definition, 'status', 'conditions').map(
      (item) => `${textAt(item, 'type') ?? ''} ${textAt(item, 'status') ?? ''} ${textAt(item, 'reason') ?? ''}`,
    ),
  )
  const gadgets = `/apis/${group}/v1/namespaces/${cluster.namespace}/gadgets`
  await until(cluster, gadgets, (_, status) => status === 200)
  const gadget = (spec: JsonMap): JsonMap => ({
    apiVersion: `${group}/v1`,
    kind: 'Gadget',
    metadata: { name: 'g' },
    spec,
  })
  const ask = async (step: string, ...args: Parameters<Cluster['ask']>): Promise<void> =>
    note(step, normal(cluster, await cluster.ask(...args)))
  await ask('apply', 'PATCH', `${gadgets}/g?fieldManager=a`, gadget({ size: 1, tags: ['x'] }), { type: APPLY })
  await ask('conflict', 'PATCH', `${gadgets}/g?fieldManager=b`, gadget({ size: 2 }), { type: APPLY })
  await ask(
    'status',
    'PATCH',
    `${gadgets}/g/status?fieldManager=c`,
    { status: { ready: true }, spec: { size: 9 } },
    { type: MERGE },
  )
  await ask('spec does not touch the status', 'PATCH', `${gadgets}/g?fieldManager=a`, gadget({ size: 3 }), {
    type: APPLY,
  })
  await ask(
    'strategic merge',
    'PATCH',
    `${gadgets}/g`,
    { spec: { size: 4 } },
    { type: 'application/strategic-merge-patch+json' },
  )
  await ask('put without version', 'PUT', `${gadgets}/g`, gadget({ size: 5 }))
  await ask('unknown field', 'PATCH', `${gadgets}/g?fieldManager=a`, gadget({ sice: 3 }), { type: APPLY })
  await ask('list', 'GET', gadgets)
  await ask('delete', 'DELETE', `${gadgets}/g`)
  await cluster.ask('DELETE', `${crds}/${name}`)
})

contract('namespaces and logs', async (cluster, note) => {
  const name = `${cluster.namespace}-x`
  await cluster.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  const made = await until(cluster, `/api/v1/namespaces/${name}`, (_, status) => status === 200)
  note('made', {
    labels: plain(cluster, at(made, 'metadata', 'labels') ?? null),
    spec: at(made, 'spec') ?? null,
    status: at(made, 'status') ?? null,
  })
  await cluster.ask('POST', `/api/v1/namespaces/${name}/configmaps`, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c', finalizers: ['example.com/hold'] },
  })
  const answer = await cluster.ask('DELETE', `/api/v1/namespaces/${name}`)
  note('delete', [answer.status, textAt(answer.body, 'kind') ?? '', textAt(answer.body, 'status', 'phase') ?? ''])
  note(
    'nothing new',
    normal(
      cluster,
      await cluster.ask('POST', `/api/v1/namespaces/${name}/configmaps`, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'd' },
      }),
    ),
  )
  await cluster.sleep(1_000)
  note('held', (await cluster.ask('GET', `/api/v1/namespaces/${name}`)).status)
  await cluster.ask(
    'PATCH',
    `/api/v1/namespaces/${name}/configmaps/c`,
    { metadata: { finalizers: null } },
    { type: MERGE },
  )
  await until(cluster, `/api/v1/namespaces/${name}`, (_, status) => status === 404)
  note('gone', (await cluster.ask('GET', `/api/v1/namespaces/${name}`)).status)
  const web = new Workload(cluster, 'web')
  await web.create({ replicas: 1 })
  const [pod] = await web.pods()
  const path = `/api/v1/namespaces/${cluster.namespace}/pods/${textAt(pod, 'metadata', 'name') ?? ''}`
  note('log of another container', normal(cluster, await cluster.ask('GET', `${path}/log?container=none`)).status)
  const log = await cluster.ask('GET', `${path}/log?container=app&tailLines=1`)
  note('log', [log.status, log.headers['content-type'] ?? '', log.text.endsWith('\n')])
  note('scale', normal(cluster, await cluster.ask('GET', `${web.path}/scale`)))
  note(
    'negative scale',
    normal(cluster, await cluster.ask('PATCH', `${web.path}/scale`, { spec: { replicas: -1 } }, { type: MERGE })),
  )
  const proxied = await cluster.ask('GET', `/api/v1/namespaces/${cluster.namespace}/services/web:1/proxy/`)
  note('proxy to a port that is not there', normal(cluster, proxied))
  await web.scale(0)
  note(
    'proxy without endpoints',
    normal(cluster, await cluster.ask('GET', `/api/v1/namespaces/${cluster.namespace}/services/web:80/proxy/`)),
  )
})

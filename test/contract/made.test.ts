/** Whole objects that controllers make: ReplicaSet, pod, EndpointSlice, the pod of a Job, StatefulSet and DaemonSet. */
import { test } from 'vitest'
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { isMap, mapsAt, numberAt, textAt } from '../emulator/values.ts'
import { type Cluster, closeCluster, openCluster } from './cluster.ts'
import { expectRecorded, plain } from './normal.ts'
import { Workload } from './workload.ts'

/** Without status, addresses and what the names are made of. */
function shape(cluster: Cluster, object: JsonMap | undefined): Json {
  const { status: _, ...rest } = object ?? {}
  const text = JSON.stringify(plain(cluster, rest))
    .replace(/("(?:pod-template-hash|controller-revision-hash)":)"[^"]*"/g, '$1"HASH"')
    .replace(/(web|job|state|agent)-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g, '$1-HASH-RANDOM')
    .replace(/(web|state|agent)-[a-z0-9]{8,10}\b/g, '$1-HASH')
    .replace(/(web|job|agent)-[a-z0-9]{5}\b/g, '$1-RANDOM')
    .replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-RANDOM')
    .replace(/10\.244\.\d+\.\d+/g, 'POD-ADDRESS')
  const value: unknown = JSON.parse(text)
  return withoutManagers(value as Json)
}

/** Which fields a kubelet owns differs from one to another. */
function withoutManagers(value: Json): Json {
  if (!isMap(value)) return value
  const metadata = value['metadata']
  if (!isMap(metadata)) return value
  const managers = mapsAt(metadata, 'managedFields').filter((entry) => entry['subresource'] !== 'status')
  return { ...value, metadata: { ...metadata, managedFields: managers } }
}

test('objects that controllers make', { timeout: 120_000 }, async () => {
  const cluster = await openCluster()
  const seen = await cluster.run(() => script(cluster))
  expectRecorded(cluster, 'made', seen)
})

async function first(cluster: Cluster, path: string): Promise<JsonMap | undefined> {
  const end = cluster.now() + 20_000
  for (;;) {
    const { body } = await cluster.ask('GET', path)
    const item = mapsAt(body, 'items')[0]
    const bound =
      textAt(item, 'spec', 'nodeName') !== undefined || textAt(item, 'spec', 'containers', 0, 'name') === undefined
    if ((item !== undefined && bound) || cluster.now() > end) return item
    await cluster.sleep(100)
  }
}

async function script(cluster: Cluster): Promise<Record<string, Json>> {
  const core = `/api/v1/namespaces/${cluster.namespace}`
  const apps = `/apis/apps/v1/namespaces/${cluster.namespace}`
  const seen: Record<string, Json> = {}
  const web = new Workload(cluster, 'web')
  const bare = { automountServiceAccountToken: false }
  await web.create({ replicas: 1, pod: bare, spec: { minReadySeconds: 1 } })
  await web.steady(2_500)
  seen['replicaset'] = shape(cluster, await first(cluster, `${apps}/replicasets?labelSelector=app%3Dweb`))
  seen['pod'] = shape(cluster, await first(cluster, `${core}/pods?labelSelector=app%3Dweb`))
  seen['endpointslice'] = shape(
    cluster,
    await first(cluster, `/apis/discovery.k8s.io/v1/namespaces/${cluster.namespace}/endpointslices`),
  )
  const container = { name: 'app', image: 'e/echo:1.0.0' }
  const template = (app: string, more: JsonMap = {}): JsonMap => ({
    metadata: { labels: { app } },
    spec: { ...bare, terminationGracePeriodSeconds: 1, containers: [container], ...more },
  })
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'job' },
    spec: {
      template: template('job', {
        restartPolicy: 'Never',
        automountServiceAccountToken: true,
        containers: [{ name: 'app', image: 'e/job:job-ok' }],
      }),
    },
  }
  await cluster.ask('POST', `/apis/batch/v1/namespaces/${cluster.namespace}/jobs`, job)
  seen['pod of a job'] = shape(cluster, await first(cluster, `${core}/pods?labelSelector=app%3Djob`))
  const state = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'state' },
    spec: {
      serviceName: 'state',
      replicas: 1,
      selector: { matchLabels: { app: 'state' } },
      template: template('state'),
    },
  }
  await cluster.ask('POST', `${apps}/statefulsets`, state)
  seen['pod of a stateful set'] = shape(cluster, await first(cluster, `${core}/pods?labelSelector=app%3Dstate`))
  const agent = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'agent' },
    spec: { selector: { matchLabels: { app: 'agent' } }, template: template('agent') },
  }
  await cluster.ask('POST', `${apps}/daemonsets`, agent)
  seen['pod of a daemon set'] = shape(cluster, await first(cluster, `${core}/pods?labelSelector=app%3Dagent`))
  await cluster.sleep(2_000)
  for (const [name, path] of Object.entries({
    state: `${apps}/statefulsets/state`,
    agent: `${apps}/daemonsets/agent`,
  })) {
    const { body } = await cluster.ask('GET', path)
    const status = isMap(body) && isMap(body['status']) ? body['status'] : {}
    seen[`${name} status`] = Object.fromEntries(
      Object.keys(status)
        .sort()
        .map((key) => [key, numberAt(status, key) ?? (textAt(status, key) ?? '').replace(/-[a-z0-9]+$/, '-HASH')]),
    )
    seen[name] = shape(cluster, isMap(body) ? body : undefined)
  }
  await closeCluster(cluster)
  return seen
}

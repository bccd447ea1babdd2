/** The harness judges the product; here it is judged itself: what is broken on purpose must be seen as broken. */
import { describe, expect, test } from 'vitest'
import type { Job, Pod } from '../../../src/shared/objects.ts'
import { remains } from '../../invariants/remains.ts'
import { isServing, type Snapshot } from '../../invariants/snapshot.ts'
import { ECHO_IMAGE, echoDeployment, echoService } from './echo.ts'
import { type Manifest, ownCluster, useWorld } from './world.ts'

const world = useWorld('harness')

function waitingReason({ status }: Pod): string | undefined {
  return status?.containerStatuses?.[0]?.state?.waiting?.reason
}

function podsOfApp(snapshot: Snapshot, app: string): Pod[] {
  return snapshot.pods.filter(({ metadata }) => metadata.labels?.['app'] === app)
}

function serving(count: number, app = 'web'): (snapshot: Snapshot) => boolean {
  return (snapshot) => podsOfApp(snapshot, app).filter((pod) => isServing(pod, snapshot.at, 0)).length === count
}

describe('the echo app', () => {
  test('is deployed and answers with its version through the API server, by pod and by Service', async () => {
    const observer = await world().observe()
    await world().apply(echoDeployment())
    await world().apply(echoService())
    const { pods } = await observer.until('three pods serve', serving(3))
    const pod = podsOfApp({ ...observer.snapshot(), pods }, 'web')[0]?.metadata.name ?? ''
    const byPod = await world().api.ask('GET', world().path('pods', `${pod}:8080/proxy/`))
    expect(byPod.text).toContain('0.1.0')
    await observer.until('the Service has endpoints', () => observer.endpoints('web').at(-1)?.ready === 3)
    const byService = await world().api.ask('GET', world().path('services', 'web:http/proxy/'))
    expect(byService).toMatchObject({ status: 200 })
    expect(byService.text).toContain('0.1.0')
  })

  test('loses no request under load, with new connections and with kept ones', async () => {
    const loads = [
      await world().load('web', { rate: 50, count: 150 }),
      await world().load('web', { rate: 50, count: 150, keepAlive: true }),
    ]
    for (const result of await Promise.all(loads.map((load) => load.done))) {
      expect(result).toMatchObject({ sent: 150, ok: 150, failed: 0 })
      expect(Object.keys(result.versions)).toEqual(['0.1.0'])
    }
    // Kept connections all lead to the pods that the first few happened to find.
    const pods = Object.keys((await loads[0]?.done)?.pods ?? {})
    expect(pods.length).toBeGreaterThan(1)
  })

  test('loses none while a new version replaces the old one', async () => {
    const observer = await world().observe()
    const workloads = [{ namespace: world().namespace, names: ['web'], minServing: 3, maxPods: 4 }]
    observer.expect({ workloads, services: [{ namespace: world().namespace, name: 'web', minReady: 3 }] })
    const load = await world().load('web', { rate: 100, seconds: 60 })
    await load.until(({ ok }) => ok > 50)
    await world().kubectl('set', 'image', 'deployment/web', `app=${ECHO_IMAGE}:0.2.0`)
    await world().kubectl('rollout', 'status', 'deployment/web', '--timeout=60s')
    await observer.until('the old pods are gone', ({ pods }) => pods.length === 3)
    const result = await load.stop()
    expect(result).toMatchObject({ failed: 0, reasons: {}, failures: [] })
    expect(Object.keys(result.versions)).toEqual(['0.1.0', '0.2.0'])
    expect(await observer.stop()).toEqual([])
    expect(observer.fewestEndpoints('web')).toBe(3)
  })
})

describe('what is broken on purpose is seen as broken', () => {
  test.runIf(ownCluster)(
    'a load counts answers with errors, refused connections and answers that never come',
    async () => {
      await world().apply(echoDeployment({ name: 'bad', version: '1.0.0-errors', container: { readinessProbe: null } }))
      await world().apply(echoService('bad'))
      await world().kubectl('rollout', 'status', 'deployment/bad', '--timeout=30s')
      const url = await world().serviceUrl('bad')
      const errors = await world().loadUrl(url, { rate: 50, count: 20, headers: { connection: 'close' } }).done
      expect(errors.sent).toBe(20)
      expect(errors.ok).toBe(0)
      expect(errors.failed).toBe(20)
      const late = await (await world().load('web')).stop()
      expect(late.failed).toBe(0)
      const never = await world().loadUrl(`${await world().serviceUrl('web')}?ms=3000`, { count: 3, timeoutMs: 300 })
        .done
      expect(never.reasons).toEqual({ timeout: 3 })
      const refused = await world().loadUrl('http://127.0.0.1:9/', { count: 3 }).done
      expect(refused.reasons).toEqual({ ECONNREFUSED: 3 })
      expect(refused.failures).toHaveLength(3)
    },
  )

  test('an observer catches pods and endpoints that are fewer than they must be', async () => {
    const observer = await world().observe()
    const { namespace } = world()
    const workloads = [{ namespace, names: ['web'], minServing: 3, maxPods: 4 }]
    observer.expect({ workloads, services: [{ namespace, name: 'web', minReady: 1 }] })
    expect(observer.breaches).toEqual([])
    await world().kubectl('scale', 'deployment/web', '--replicas=0')
    await observer.until('nothing is left', ({ pods }) =>
      pods.every(({ metadata }) => metadata.labels?.['app'] !== 'web'),
    )
    await world().kubectl('scale', 'deployment/web', '--replicas=3')
    await observer.until('three pods serve', serving(3))
    await observer.until('the endpoints are back', () => observer.endpoints('web').at(-1)?.ready === 3)
    const breaches = await observer.stop()
    expect(breaches.map(({ rule }) => rule).sort()).toEqual(['dead-end', 'serving'])
    expect(breaches.every(({ from, to }) => to !== undefined && to > from)).toBe(true)
    expect(observer.fewestEndpoints('web')).toBe(0)
  })

  test('an observer catches too many pods, and a Service bound to a template that may change', async () => {
    const observer = await world().observe()
    const { namespace } = world()
    observer.expect({ workloads: [{ namespace, names: ['web'], minServing: 1, maxPods: 2 }], services: [] })
    const hash = observer.snapshot().pods.find(({ metadata }) => metadata.labels?.['app'] === 'web')?.metadata.labels
    const selector = { app: 'web', 'pod-template-hash': hash?.['pod-template-hash'] }
    await world().kubectl('patch', 'service/web', '--type=merge', `--patch=${JSON.stringify({ spec: { selector } })}`)
    await observer.until('both are found', () => observer.breaches.length >= 2, 10_000)
    expect(observer.breaches.map(({ rule }) => rule).sort()).toEqual(['loose-pin', 'surplus'])
    await world().apply(echoService())
  })

  test('an observer catches a resting hold that is not locked, and what an ended rollout left behind', async () => {
    const observer = await world().observe()
    const record = (phase: string): Manifest => {
      const data = { record: JSON.stringify({ version: 1, app: 'web', phase }) }
      return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'headgate-web' }, data }
    }
    const patch = async (spec: object): Promise<void> => {
      await world().kubectl('patch', 'deployment/web', '--type=merge', `--patch=${JSON.stringify({ spec })}`)
    }
    await patch({ minReadySeconds: 2_147_483_646, progressDeadlineSeconds: 2_147_483_647 })
    await world().apply(record('paused'))
    await observer.until('it is found', () => observer.breaches.length === 1, 10_000)
    expect(observer.breaches[0]).toMatchObject({ rule: 'unlocked', object: `Deployment ${world().namespace}/web` })
    await patch({ paused: true })
    await observer.until('it is over', () => observer.breaches[0]?.to !== undefined, 10_000)
    await world().apply(record('succeeded'))
    const ended = await observer.until('the record is there', (snapshot) =>
      (snapshot.configMaps ?? []).some(({ data }) => data?.['record']?.includes('succeeded') === true),
    )
    expect(remains(ended, world().namespace, 'web')).toEqual(
      ['minReadySeconds 2147483646', 'progressDeadlineSeconds 2147483647', 'paused'].map(
        (what) => `Deployment ${world().namespace}/web: ${what}`,
      ),
    )
    await patch({ paused: false, minReadySeconds: null, progressDeadlineSeconds: null })
    const tidy = await observer.until('all is tidy', (snapshot) =>
      snapshot.deployments.every(({ spec }) => !spec.paused),
    )
    expect(remains(tidy, world().namespace, 'web')).toEqual([])
    await world().kubectl('delete', 'configmap/headgate-web')
  })
})

describe.runIf(ownCluster)('the test kubelet', () => {
  test('restarts what crashes, ever later, and keeps the log of the time before', async () => {
    const observer = await world().observe()
    await world().apply(echoDeployment({ name: 'crash', version: '1.0.0-crash', replicas: 1 }))
    const { pods } = await observer.until('it waits to be restarted', (snapshot) =>
      podsOfApp(snapshot, 'crash').some((pod) => waitingReason(pod) === 'CrashLoopBackOff'),
    )
    const pod = pods.find(({ metadata }) => metadata.labels?.['app'] === 'crash')
    expect(pod?.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      ready: false,
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    })
    const name = pod?.metadata.name ?? ''
    expect(await world().kubectl('logs', name)).toContain('panic')
    expect(await world().kubectl('logs', name, '--previous')).toContain('panic')
    expect(await world().kubectl('events', `--for=pod/${name}`)).toContain('Back-off restarting failed container')
  })

  test('says why a container cannot start: no image, no configuration, not enough memory', async () => {
    const observer = await world().observe()
    const container = { envFrom: [{ configMapRef: { name: 'nowhere' } }] }
    await world().apply(echoDeployment({ name: 'pull', version: '1.0.0-missing', replicas: 1 }))
    await world().apply(echoDeployment({ name: 'config', replicas: 1, container }))
    await world().apply(echoDeployment({ name: 'oom', version: '1.0.0-oom', replicas: 1 }))
    const seen = (app: string, reason: string): Promise<Snapshot> =>
      observer.until(`${app} waits for ${reason}`, (snapshot) =>
        podsOfApp(snapshot, app).some((pod) => waitingReason(pod) === reason),
      )
    await seen('pull', 'ErrImagePull')
    await seen('pull', 'ImagePullBackOff')
    await seen('config', 'CreateContainerConfigError')
    const { pods } = await seen('oom', 'CrashLoopBackOff')
    const killed = pods.find(({ metadata }) => metadata.labels?.['app'] === 'oom')
    expect(killed?.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      reason: 'OOMKilled',
      exitCode: 137,
    })
    await world().apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'nowhere' },
      data: { COLOR: 'green' },
    })
    const healed = await observer.until('the configuration has come', serving(1, 'config'))
    const pod = podsOfApp(healed, 'config')[0]?.metadata.name ?? ''
    const about = await world().api.ask('GET', world().path('pods', `${pod}:8080/proxy/json`))
    expect(about.text).toContain('"COLOR":"green"')
  })

  test('runs init containers one after the other, before the rest', async () => {
    const observer = await world().observe()
    const initContainers = ['first', 'second'].map((name) => ({ name, image: 'busybox:1' }))
    await world().apply(echoDeployment({ name: 'staged', replicas: 1, podSpec: { initContainers } }))
    const begun = await observer.until('init containers run', (snapshot) =>
      podsOfApp(snapshot, 'staged').some((pod) => waitingReason(pod) === 'PodInitializing'),
    )
    expect(podsOfApp(begun, 'staged')[0]?.status?.phase).toBe('Pending')
    const { pods } = await observer.until('it serves', serving(1, 'staged'))
    const statuses = pods.find(({ metadata }) => metadata.labels?.['app'] === 'staged')?.status?.initContainerStatuses
    expect(statuses?.map(({ state }) => state?.terminated?.reason)).toEqual(['Completed', 'Completed'])
  })

  test('ends jobs well or badly', async () => {
    const job = (name: string, tag: string): Manifest => ({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: {
        backoffLimit: 0,
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'task', image: `${ECHO_IMAGE}:${tag}` }] } },
      },
    })
    await world().apply(job('good', '1.0.0'))
    await world().apply(job('wrong', '1.0.0-job-fail'))
    await world().kubectl('wait', '--for=condition=Complete', '--timeout=20s', 'job/good')
    await world().kubectl('wait', '--for=condition=Failed', '--timeout=20s', 'job/wrong')
    const failed = (await world().list<Job>('jobs', 'apis/batch/v1')).find(({ metadata }) => metadata.name === 'wrong')
    expect(failed?.status?.conditions?.find(({ type }) => type === 'Failed')?.reason).toBe('BackoffLimitExceeded')
    expect(await world().kubectl('logs', 'job/wrong')).toContain('the job failed')
  })

  test('gives the same image the same id, until the tag is moved', async () => {
    const observer = await world().observe()
    const image = `${ECHO_IMAGE}:0.9.0`
    await world().apply(echoDeployment({ name: 'tag', version: '0.9.0', replicas: 2 }))
    const ids = ({ pods }: Snapshot): Set<string | undefined> =>
      new Set(
        pods
          .filter(({ metadata }) => metadata.labels?.['app'] === 'tag')
          .map(({ status }) => status?.containerStatuses?.[0]?.imageID),
      )
    expect(ids(await observer.until('both serve', serving(2, 'tag'))).size).toBe(1)
    const digest = `sha256:${'ab'.repeat(32)}`
    world().cluster.moveTag(image, digest)
    await world().kubectl('scale', 'deployment/tag', '--replicas=3')
    const moved = ids(await observer.until('a third serves', serving(3, 'tag')))
    expect(moved).toContain(`docker.io/${ECHO_IMAGE}@${digest}`)
    expect(moved.size).toBe(2)
  })
})

describe.runIf(ownCluster)('the control plane', () => {
  test('writes down who asked for what', async () => {
    const { cluster, api } = world()
    const mark = cluster.audit.mark()
    const deployer = cluster.client('deployer', 'some-tool/1.0')
    const refused = await deployer.ask('GET', world().path('deployments', undefined, 'apis/apps/v1'))
    deployer.close()
    expect(refused.status).toBe(403)
    await api.get(world().path('pods'))
    expect(cluster.audit.since(mark, { userAgent: 'some-tool' })).toMatchObject([
      { user: 'deployer', verb: 'list', resource: 'deployments', namespace: world().namespace, status: 403 },
    ])
    expect(cluster.audit.count(mark, { user: 'deployer' })).toEqual(new Map([['list deployments', 1]]))
  })

  test('can lose its controllers and its API server, and an observer goes on', async () => {
    const { cluster } = world()
    const observer = await world().observe()
    await cluster.stopPart('controller-manager', 'SIGKILL')
    await world().kubectl('scale', 'deployment/web', '--replicas=2')
    await cluster.restartPart('apiserver', 'SIGKILL')
    await cluster.waitFor('the API server', 'apiserver', 30_000, async () => {
      return (await world().api.ask('GET', '/readyz')).text === 'ok'
    })
    cluster.startPart('controller-manager')
    await observer.until('the scaling has happened', serving(2), 60_000)
  })
})

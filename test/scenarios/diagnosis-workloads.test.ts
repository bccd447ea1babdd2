/** Pods that may not be made, controllers that do not act, and pods that fail later: what ReplicaSet and Deployment say. */
import { describe, expect, it } from 'vitest'
import { ApiError } from '../emulator/errors.ts'
import { BAD, deploys, expectFatal, expectWaiting, type FatalRow, type WaitingRow } from './diagnosed.ts'
import { bringing, canaryOf, expectUnharmed, running, V1, V2 } from './given.ts'
import { APP, manifestsOf, NAMESPACE, type World } from './world.ts'

/** Pods of the new version are refused with this text. */
function refusing(message: string, code = 403): (world: World) => void {
  return ({ emulator }) => {
    emulator.refuse(({ resource, object }) => {
      const ofNew = resource.key === '/pods' && JSON.stringify(object['spec']).includes(BAD)
      const text = code === 403 ? `pods "${object.metadata.name ?? ''}" is forbidden: ${message}` : message
      return ofNew ? new ApiError(code, code === 403 ? 'Forbidden' : 'InternalError', text) : undefined
    })
  }
}

const WHO = '^ReplicaSet/echo-version-\\S+ may not make its pods: '

const REFUSED: [string, FatalRow][] = [
  [
    'by a limit range',
    {
      given: refusing('maximum memory usage per Container is 1Gi, but limit is 2Gi'),
      code: 'limit-range',
      grace: 0,
      says: new RegExp(`${WHO}maximum memory usage per Container is 1Gi, but limit is 2Gi$`),
      next: /resources\.requests and limits/,
    },
  ],
  [
    'for want of requests',
    {
      given: refusing('failed quota: cpu: must specify limits.cpu for: app'),
      code: 'limit-range',
      grace: 0,
      says: /must specify limits\.cpu for: app$/,
      next: /resources\.requests and limits/,
    },
  ],
  [
    'by Pod Security, with the violations',
    {
      given: refusing(
        'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false, runAsNonRoot != true',
      ),
      code: 'pod-security',
      grace: 0,
      says: /violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false, runAsNonRoot != true$/,
      next: /securityContext/,
      shows: /FailedCreate/,
    },
  ],
  [
    'by a webhook that denies',
    {
      given: refusing('admission webhook "policy.test" denied the request: no latest tag', 400),
      code: 'admission',
      grace: 0,
      says: new RegExp(`${WHO}admission webhook "policy\\.test" denied the request: no latest tag$`),
      next: /as the policy asks/,
    },
  ],
  [
    'because its service account is not there',
    {
      podSpec: { serviceAccountName: 'ghost' },
      options: { accept: ['config-missing'] },
      code: 'service-account',
      grace: 10_000,
      says: new RegExp(`${WHO}error looking up service account shop/ghost: serviceaccount "ghost" not found$`),
      next: /add the ServiceAccount/,
    },
  ],
  [
    'by a quota that is full while no pod ends',
    {
      given: ({ emulator }) =>
        emulator.create({
          apiVersion: 'v1',
          kind: 'ResourceQuota',
          metadata: { name: 'small', namespace: NAMESPACE },
          spec: { hard: { pods: '3' } },
        }),
      options: { accept: ['quota'] },
      code: 'quota',
      grace: 10_000,
      says: new RegExp(`${WHO}exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3$`),
      next: /old pods stay until new ones are ready, so waiting makes no room: raise the ResourceQuota/,
    },
  ],
  [
    'for a reason that is not known',
    {
      given: refusing('pod has unbound dreams'),
      code: 'create-pod',
      grace: 10_000,
      says: new RegExp(`${WHO}pod has unbound dreams$`),
      next: /as the message asks/,
    },
  ],
]

const PASSING: [string, WaitingRow][] = [
  [
    'by a webhook that cannot be called',
    {
      given: refusing('Internal error occurred: failed calling webhook "policy.test": connection refused', 500),
      code: 'admission',
      after: 0,
      says: /may not make its pods: .*failed calling webhook "policy\.test": connection refused/,
      next: /webhook must come back/,
    },
  ],
  [
    'by an API server in trouble',
    {
      given: refusing('etcdserver: request timed out', 500),
      code: 'create-pod',
      after: 0,
      says: /may not make its pods: etcdserver: request timed out/,
      next: /pass by itself/,
    },
  ],
]

describe('pods that are not made', () => {
  it.each(REFUSED)('%s, end the step', (_, row) => expectFatal(row))
  it.each(PASSING)('%s, are told and waited for', (_, row) => expectWaiting(row))

  it('by a quota, are waited for as long as other pods end', async () => {
    const world = await running({ judged: { workloads: [], services: [] } })
    const old = canaryOf(V2, { plan: '34%, wait 40s', timeoutMs: 120_000, accept: ['quota'] })
    const [pod] = world.emulator.list('pods', NAMESPACE)
    // Somebody deletes a pod that takes 25 s to end, and it counts until then.
    world.emulator.setBehaviour(`gihyodocker/echo-version:${V1}`, { shutdownMs: 20_000 })
    world.emulator.create({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'small', namespace: NAMESPACE },
      spec: { hard: { pods: '4' } },
    })
    world.emulator.delete('pods', NAMESPACE, pod?.metadata.name ?? '')
    const { result, events } = await world.run('deploy', old)
    expect(JSON.stringify(events)).toMatch(/exceeded quota: small.*\(pods that end may make room\)/)
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('a Deployment', () => {
  it('that its controller does not look at is told after 30 s', async () => {
    const world = await running()
    world.emulator.refuse(({ resource, manager }) => {
      const stuck = manager === 'kube-controller-manager' && resource.key !== '/events'
      return stuck ? new ApiError(500, 'InternalError', 'stuck') : undefined
    })
    const { result, events } = await world.run('deploy', canaryOf(V2))
    expect(result?.failure?.message).toMatch(
      /^timed out after 60s waiting for the Deployment controller: Deployment\/echo-version was changed, but its controller has not looked at it/,
    )
    expect(result?.failure).toMatchObject({ code: 'timeout', object: { kind: 'Deployment', name: APP } })
    expect(JSON.stringify(events)).toMatch(/"kind":"waiting","text":"the Deployment controller \(Deployment/)
    expect(world.serving()).toEqual({ [V1]: 3 })
    expectUnharmed(world)
  })

  it('without progress names the deeper cause', async () => {
    const world = await running({
      app: { spec: { progressDeadlineSeconds: 20 } },
      judged: { workloads: [], services: [] },
    })
    world.emulator.setBehaviour(BAD, { neverReady: 'HTTP probe failed with statuscode: 503' })
    const objects = manifestsOf({ version: V2, spec: { progressDeadlineSeconds: 20 } })
    const { result } = await world.run('deploy', bringing(V2, { objects, timeoutMs: 120_000 }))
    expect(result?.failure).toMatchObject({ code: 'no-progress', object: { kind: 'Deployment', name: APP } })
    expect(result?.failure?.message).toMatch(
      /^Deployment\/echo-version made no progress for 20 s: Container app of Pod\/\S+ runs, but fails its readiness probe: HTTP 503/,
    )
    expect(result?.failure?.next).toMatch(/path and port of the readinessProbe/)
  })
})

describe('a new pod that had been ready', () => {
  it('and is restarted in the wait, ends the step although it is ready again', async () => {
    const world = await running({ judged: { workloads: [], services: [] } })
    world.clock.timer(40_000, () => {
      for (const pod of world.emulator.list('pods', NAMESPACE))
        if (JSON.stringify(pod['spec']).includes(BAD)) world.emulator.crash(NAMESPACE, pod.metadata.name ?? '', 9)
    })
    const began = world.clock.now()
    const { result } = await world.run('deploy', canaryOf(V2, { plan: '50%, wait 10m' }))
    expect(world.clock.now() - began).toBeLessThan(80_000)
    expect(result?.failure).toMatchObject({ code: 'crash-loop' })
    expect(result?.failure?.message).toMatch(/ended with exit code 9 .*, although it had been ready/)
    expect(result?.failure?.next).toMatch(/last log lines/)
    expect(world.serving()).toEqual({ [V1]: 3 })
  })
})

describe('many pods', () => {
  it('of one cause are one failure that names three', async () => {
    const spec = { replicas: 8, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '100%' } } }
    const world = await running({ app: { spec }, judged: { workloads: [], services: [] } })
    world.emulator.setBehaviour(BAD, { unschedulable: '0/1 nodes are available: 1 Insufficient cpu.' })
    const { result } = await world.run('deploy', canaryOf(V2, { objects: manifestsOf({ version: V2, spec }) }))
    expect(result?.failure?.message).toMatch(/Insufficient cpu\. \(the same for 3 more pods: \S+, \S+, …\)$/)
  })

  it('of two causes show one log of each', async () => {
    const world = await running()
    const two = deploys({
      podSpec: { initContainers: [{ name: 'side', image: 'side:1-crash', restartPolicy: 'Always' }] },
    })
    world.emulator.setBehaviour(BAD, {
      neverReady: true,
      crashAfterMs: 300,
      exitCode: 3,
      lastWords: ['panic: no database'],
    })
    const { result } = await world.run('deploy', two)
    const titles = (result?.failure?.evidence ?? []).map(({ title }) => title.replace(/ of Pod.*/, ''))
    const logs = titles.filter((title) => title.startsWith('last lines'))
    expect(logs.toSorted()).toEqual(['last lines of container app', 'last lines of container side'])
    expectUnharmed(world)
  })
})

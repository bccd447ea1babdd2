import { describe, expect, it } from 'vitest'
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { canaryOf, expectUnharmed, manifestOf, running, V2 } from './given.ts'
import { manifestsOf, NAMESPACE, type Ran, World } from './world.ts'

function object(kind: string, name: string, rest: JsonMap = {}): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: NAMESPACE }, ...rest }
}

/** The app with one thing of its pods changed. */
function withPod(pod: JsonMap, container: JsonMap = {}): KubeObject[] {
  return manifestsOf({ version: V2 }).map((each) => {
    if (each.kind !== 'Deployment') return each
    const copy = structuredClone(manifestOf(V2, 'Deployment')) as KubeObject & {
      spec: { template: { spec: JsonMap & { containers: JsonMap[] } } }
    }
    const { spec } = copy.spec.template
    copy.spec.template.spec = { ...spec, ...pod, containers: spec.containers.map((one) => ({ ...one, ...container })) }
    return copy
  })
}

/** Requests for a plural of the core group, as method and last parts of the path. */
function asked(world: World, plural: string): string[] {
  return world.emulator.log
    .filter(({ path }) => path.includes(`/${plural}`) && !path.includes('watch='))
    .map(({ method, path }) => `${method} ${path.split(`/${NAMESPACE}/`)[1] ?? path}`)
}

function findings({ result }: Ran): string[] {
  return (result?.findings ?? []).map(({ id, severity }) => `${id} ${severity}`)
}

const SECRET = { envFrom: [{ secretRef: { name: 'db' } }] }

describe('what pods name', () => {
  it('that is missing refuses the rollout before anything is touched', async () => {
    const world = await running()
    const ran = await world.run('deploy', canaryOf(V2, { objects: withPod({}, SECRET) }))
    expect(ran.result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'preflight' } })
    expect(ran.result?.failure?.message).toContain('Deployment/echo-version names Secret/db')
    expect(ran.result?.failure?.next).toMatch(/, or accept: \[config-missing\]$/)
    expect(ran.result?.failure?.place).toMatchObject({ file: 'app.json' })
    expectUnharmed(world)
  })

  it('is asked for by name, without its content', async () => {
    const world = await running()
    world.emulator.create(object('Secret', 'db', { stringData: { password: 'hunter2' } }))
    const bodies: string[] = []
    const objects = withPod({ volumes: [{ name: 'd', configMap: { name: 'gone', optional: true } }] }, SECRET)
    const ran = await world.run('plan', {
      objects,
      between: (inner) => async (request) => {
        const answer = await inner(request)
        if (!request.path.includes('/secrets/')) return answer
        const text = await answer.text()
        bodies.push(text)
        return { ...answer, text: () => Promise.resolve(text) }
      },
    })
    expect(ran.result?.outcome).toBe('planned')
    expect(findings(ran)).not.toContain('config-missing error')
    expect(asked(world, 'secrets')).toEqual(['GET secrets/db'])
    expect(bodies.join()).toContain('PartialObjectMetadata')
    expect(bodies.join()).not.toContain(Buffer.from('hunter2').toString('base64'))
  })

  it('that is a claim for one pod at a time is known from the cluster', async () => {
    const world = await running()
    const claim = { spec: { accessModes: ['ReadWriteOncePod'], resources: { requests: { storage: '1Gi' } } } }
    world.emulator.create(object('PersistentVolumeClaim', 'data', claim))
    const objects = withPod({ volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }] })
    expect(findings(await world.run('plan', canaryOf(V2, { objects })))).toContain('read-write-once-pod error')
  })

  it('may be hidden from who deploys', async () => {
    const world = await running()
    const forbidden = { status: 403, body: { kind: 'Status', status: 'Failure', reason: 'Forbidden', code: 403 } }
    world.emulator.onRequest({
      before: ({ path }) => (path.includes('/secrets/db') ? { kind: 'answer', ...forbidden } : undefined),
    })
    const ran = await world.run('plan', { objects: withPod({}, SECRET) })
    expect(ran.result?.outcome).toBe('planned')
    expect(ran.result?.findings.find(({ id }) => id === 'not-verified')?.mend).toBe(
      'grant get on secrets by these names',
    )
  })
})

describe('LimitRanges', () => {
  const quota = (hard: JsonMap): KubeObject => object('ResourceQuota', 'q', { spec: { hard } })

  it.each<[string, JsonMap | undefined, number]>([
    ['no quota', undefined, 0],
    ['a quota of pods', { pods: '99' }, 0],
    ['a quota of what containers do not name', { 'requests.cpu': '99' }, 1],
  ])('are asked for only where it matters: %s', async (_, hard, times) => {
    const world = await running()
    if (hard !== undefined) world.emulator.create(quota(hard))
    const ran = await world.run('plan', canaryOf(V2))
    expect(asked(world, 'limitranges')).toHaveLength(times)
    expect(findings(ran).includes('limitrange error')).toBe(times > 0)
  })

  it('let a release in whose containers name nothing', async () => {
    const world = await running()
    world.emulator.create(quota({ 'requests.cpu': '99' }))
    const limits = [{ type: 'Container', defaultRequest: { cpu: '100m' } }]
    world.emulator.create(object('LimitRange', 'l', { spec: { limits } }))
    expect(findings(await world.run('plan', canaryOf(V2)))).not.toContain('limitrange error')
  })
})

describe('a release of 50 objects', () => {
  /** Ten apps, each of a Deployment, a Service and three ConfigMaps. */
  function fifty(pod: (at: number) => JsonMap): KubeObject[] {
    return Array.from({ length: 10 }, (_, at) => {
      const labels = { app: `web-${at}` }
      const [service, deployment] = withPod(pod(at))
      if (service === undefined || deployment === undefined) throw new Error('no app')
      const spec = deployment['spec'] as JsonMap & { template: JsonMap }
      return [
        { ...service, metadata: { name: `web-${at}` }, spec: { ...(service['spec'] as JsonMap), selector: labels } },
        {
          ...deployment,
          metadata: { name: `web-${at}` },
          spec: { ...spec, selector: { matchLabels: labels }, template: { ...spec.template, metadata: { labels } } },
        },
        ...['a', 'b', 'c'].map((name) => object('ConfigMap', `web-${at}-${name}`, { data: { at: `${at}` } })),
      ]
    }).flat()
  }

  /** Requests, and how long they take one after another, as a multiple of one request's time. */
  async function cost(pod: (at: number) => JsonMap): Promise<{ requests: number; rounds: number }> {
    const world = new World({ requestDelay: [100, 100] })
    for (const name of ['s', 't', 'u']) world.emulator.create(object('Secret', name))
    const [from, began] = [world.emulator.log.length, world.clock.now()]
    const { result } = await world.run('plan', { objects: fifty(pod) })
    expect(result?.outcome, result?.message).toBe('planned')
    const requests = world.emulator.log.slice(from).filter(({ path }) => !/[?&]watch=(1|true)/.test(path)).length
    return { requests, rounds: (world.clock.now() - began) / 100 }
  }

  const plain = (): JsonMap => ({})
  const naming = (at: number): JsonMap => ({
    volumes: [{ name: 'v', secret: { secretName: ['s', 't', 'u'][at % 3] ?? 's' } }],
  })

  it('costs one request more for each thing that its pods name, and no time', async () => {
    const [without, with3] = [await cost(plain), await cost(naming)]
    expect(with3.requests - without.requests).toBe(3)
    expect(with3.rounds).toBe(without.rounds)
    process.stdout.write(`50 objects: ${without.requests} requests in ${without.rounds} rounds\n`)
    // Seven rounds are the dry runs of 50 objects, eight at a time.
    expect(without.rounds).toBeLessThanOrEqual(12)
  })
})

import { describe, expect, it } from 'vitest'
import type { Plan } from '../../src/report/plan.ts'
import type { Deployment, KubeObject } from '../../src/shared/objects.ts'
import { blueGreenOf, canaryOf, expectUnharmed, pausedCanary, running, setImage, V1, V2, V3 } from './given.ts'
import { APP, manifestsOf, type Ran, World } from './world.ts'

function planIn({ events }: Ran): Plan {
  const found = events.find((event) => event.kind === 'plan')
  if (found === undefined) throw new Error('no plan')
  return found.plan
}

/** Changes of one object as `path: before > after`. */
function changesOf(plan: Plan, kind: string): string[] {
  const object = plan.objects.find(({ ref }) => ref.kind === kind && ref.name === APP)
  return (object?.changes ?? []).map(({ path, before, after }) => `${path}: ${before ?? ''} > ${after ?? ''}`)
}

const IMAGE = '.spec.template.spec.containers[name="app"].image'
const TO_V3 = `${IMAGE}: gihyodocker/echo-version:0.1.0 > gihyodocker/echo-version:0.3.0`

describe('the Role in a plan', () => {
  it('is what the deploy needs, not what a look needs', async () => {
    const world = await running()
    const [planned, done] = [await world.run('plan', canaryOf(V2)), await world.run('deploy', canaryOf(V2))]
    expect(planIn(planned).role).toMatch(/leases[^]*create/)
    expect(planIn(planned).role).toBe(planIn(done).role)
  })
})

describe('a plan while a rollout rests', () => {
  it('says that a deploy takes its place, and compares with the stable version', async () => {
    const world = await pausedCanary()
    const ran = await world.run('plan', canaryOf(V3, { plan: '25%, approve' }))
    const plan = planIn(ran)
    expect(ran.result?.message).toBe('nothing was touched; a deploy would go through')
    expect(plan.notes[0]).toBe(
      'Rollout 1 is paused at step 2/2 approve. A deploy takes its place: it goes back to the stable version first, as abort does, and the changes here are those against that.',
    )
    expect(changesOf(plan, 'Deployment')).toEqual([TO_V3])
    expect(plan.rollout).toBe(2)
    expect(plan.steps).toEqual([
      { text: '25%', pods: { stable: 2, canary: 1 } },
      { text: 'approve', pods: { stable: 2, canary: 1 } },
      { text: 'finish', pods: { stable: 0, canary: 3 } },
    ])
    expect(plan.services.taking).toEqual([APP])
    expect(ran.writes).toEqual([])
    expectUnharmed(world)
  })

  it('knows that the release is the one that rests', async () => {
    const world = await pausedCanary()
    const ran = await world.run('plan', canaryOf(V2))
    expect(ran.result?.message).toBe('nothing was touched; a deploy would leave rollout 1 waiting')
    expect(planIn(ran)).toMatchObject({
      rollout: 1,
      notes: [expect.stringContaining('this very release'), expect.anything()],
    })
  })

  it('says that a deploy would be refused', async () => {
    const world = await pausedCanary()
    const { result } = await world.run('plan', canaryOf(V3, { supersede: 'refuse' }))
    expect(result?.message).toBe(
      'nothing was touched; a deploy would be refused (rollout 1 is paused and supersede is refuse)',
    )
    expect(result?.outcome).toBe('planned')
  })

  it('takes nothing for a conflict that going back puts away', async () => {
    const world = await pausedCanary()
    setImage(world, '9.9.9')
    const { result } = await world.run('plan', canaryOf(V3))
    expect(result?.findings.filter(({ id }) => id === 'conflict')).toEqual([])
    expect(result?.message).toBe('nothing was touched; a deploy would go through')
  })

  it('takes the Services as they will be, after a switch', async () => {
    const world = await running()
    await world.run('deploy', blueGreenOf(V2, { plan: 'switch, approve' }))
    const plan = planIn(await world.run('plan', canaryOf(V3)))
    expect(plan.services.taking).toEqual([APP])
    expect(changesOf(plan, 'Service')).toEqual([])
    expect(changesOf(plan, 'Deployment')).toEqual([TO_V3])
  })
})

describe('a plan of a Secret by stringData while a rollout rests', () => {
  const PLAIN = { old: 'hunter2-old', resting: 'hunter2-rests', next: 'hunter2-next' }

  function releaseOf(version: string, token: string): KubeObject[] {
    const secret: KubeObject = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'login' },
      data: { user: 'YW5u' },
      stringData: { token },
    }
    const named: KubeObject[] = manifestsOf({ version, more: [secret] })
    return named.map((object) => {
      if (object.kind !== 'Deployment') return object
      const { template, ...spec } = (object as Deployment).spec
      const envFrom = [{ secretRef: { name: 'login' } }]
      const containers = template.spec.containers.map((container) => ({ ...container, envFrom }))
      return { ...object, spec: { ...spec, template: { ...template, spec: { ...template.spec, containers } } } }
    })
  }

  async function resting(): Promise<World> {
    const world = new World()
    await world.run('deploy', { objects: releaseOf(V1, PLAIN.old) })
    const objects = releaseOf(V2, PLAIN.resting)
    const { result } = await world.run('deploy', canaryOf(V2, { objects, accept: ['shared-config-changed'] }))
    expect(result?.outcome).toBe('paused')
    return world
  }

  it('tells of what changes against the stable version, and of no value', async () => {
    const world = await resting()
    const ran = await world.run('plan', canaryOf(V3, { objects: releaseOf(V3, PLAIN.next) }))
    const { changes = [] } = planIn(ran).objects.find(({ ref }) => ref.kind === 'Secret') ?? {}
    expect(changes.map(({ path }) => path)).toEqual(['.data.token'])
    const found = ran.result?.findings.find(({ id }) => id === 'shared-config-changed')
    expect(found?.reason).toContain('(token)')
    for (const value of Object.values(PLAIN)) {
      expect(JSON.stringify(ran)).not.toContain(value)
      expect(JSON.stringify(ran)).not.toContain(Buffer.from(value).toString('base64'))
    }
  })

  it('tells of nothing where the release has what the stable version has', async () => {
    const world = await resting()
    const ran = await world.run('plan', canaryOf(V3, { objects: releaseOf(V3, PLAIN.old) }))
    expect(planIn(ran).objects.find(({ ref }) => ref.kind === 'Secret')?.changes ?? []).toEqual([])
    expect(ran.result?.findings.map(({ id }) => id)).not.toContain('shared-config-changed')
  })
})

describe('a plan while a run is at work', () => {
  it('names the run that would stop a deploy', async () => {
    const world = await running()
    const cut = { after: 12, when: 'after' } as const
    await world.run('deploy', canaryOf(V2, { plan: '50%, wait 10m', cut }))
    const { result } = await world.run('plan', canaryOf(V3))
    const found = result?.findings.find(({ id }) => id === 'lease')
    expect(found).toMatchObject({ severity: 'error', reason: expect.stringContaining('octo/shop/101/1') })
    expect(result?.message).toMatch(/would be refused \(\d errors?\)$/)
    await world.clock.advance(31_000)
    const later = await world.run('plan', canaryOf(V3))
    expect(later.result?.findings.some(({ id }) => id === 'lease')).toBe(false)
  })
})

import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../src/shared/objects.ts'
import { bringing, canaryOf, manifestOf, running, V1, V2 } from './given.ts'
import { APP, manifestsOf, type Ran } from './world.ts'

function textsOf({ events }: Ran, kind: 'waiting' | 'line'): string[] {
  return events.flatMap((event) => (event.kind === kind ? [event.text] : []))
}

/** The sample Deployment once more, under another name and label. */
function second(version: string): KubeObject {
  const object = JSON.parse(JSON.stringify(manifestOf(version, 'Deployment')).replaceAll(`"${APP}"`, '"worker"'))
  return object as KubeObject
}

describe('what is told', () => {
  it('says that nothing serves where all of it is scaled to 0', async () => {
    const world = await running()
    world.expect({ workloads: [], services: [] })
    const zero = (version: string) => manifestsOf({ version, replicas: 0 })
    world.emulator.put({ ...world.deployment(), spec: { ...world.deployment().spec, replicas: 0 } }, 'kubectl-scale')
    await world.clock.advance(20_000)
    const { result } = await world.run('deploy', { objects: zero(V2), takeOver: ['kubectl-scale'] })
    expect(result?.message).toBe(
      'rollout 1 of echo-version succeeded; the release is live, scaled to 0: nothing serves',
    )
    expect(world.serving()).toEqual({})
    const up = await world.run('deploy', bringing('0.3.0', { takeOver: ['kubectl-scale'] }))
    expect(up.result?.message).toBe('rollout 2 of echo-version succeeded; the new version serves alone')
  })

  it('names the Deployment that is waited for, where there are several', async () => {
    const world = await running({ judged: { workloads: [], services: [] } })
    world.kubectlApply(second(V1))
    await world.clock.advance(20_000)
    const objects = [...manifestsOf({ version: V2 }), second(V2)]
    const ran = await world.run('deploy', canaryOf(V2, { plan: '50%', objects }))
    expect(ran.result?.outcome).toBe('succeeded')
    const waits = textsOf(ran, 'waiting')
    for (const name of [APP, 'worker'])
      expect(
        waits.some((text) => text.includes(`Deployment/${name}: new pods to be ready`)),
        waits.join('\n'),
      ).toBe(true)
    for (const text of waits.flatMap((each) => each.split('; '))) expect(text).toMatch(/^Deployment\/|^the wait to end/)
    const alone = await (await running()).run('deploy', canaryOf(V2, { plan: '50%' }))
    expect(textsOf(alone, 'waiting').some((text) => text.startsWith('new pods to be ready'))).toBe(true)
  })

  it('leaves the Service of the API server out of the plan', async () => {
    const world = await running()
    const ports = [{ port: 443 }]
    for (const name of ['kubernetes', 'other'])
      world.emulator.put(
        { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { ports } },
        'apiserver',
      )
    const ran = await world.run('plan', bringing(V2, { namespace: 'default' }))
    const plan = ran.events.find((event) => event.kind === 'plan')?.plan
    expect(plan?.services.notTaking.map(({ name }) => name)).toEqual(['other'])
  })
})

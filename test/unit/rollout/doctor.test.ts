import { describe, expect, it } from 'vitest'
import { Client } from '../../../src/kubernetes/client.ts'
import { Doctor } from '../../../src/rollout/doctor.ts'
import type { Job, KubeEvent, Pod } from '../../../src/shared/objects.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { Emulator, type Hook } from '../../emulator/emulator.ts'
import { event, pod, podWith, waiting } from '../health/fixture.ts'

function surgery(before?: Hook['before']) {
  const clock = new VirtualClock()
  const emulator = new Emulator({ clock, controllers: false })
  emulator.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
  if (before !== undefined) emulator.onRequest({ before })
  let woken = 0
  const client = new Client(emulator.transport(), clock)
  const doctor = new Doctor({ client, clock }, () => woken++)
  const tell = (reason: string, message: string, name = 'web-1'): void => {
    const involvedObject = { kind: 'Pod', name, namespace: 'shop', uid: `uid-${name}` }
    const told: KubeEvent = event(reason, message, { involvedObject })
    emulator.create({ ...told, metadata: { name: `e-${reason.toLowerCase()}-${name}`, namespace: 'shop' } })
  }
  const asked = (): number => emulator.log.filter(({ path }) => path.includes('/events?')).length
  return { clock, doctor, tell, asked, emulator, woken: () => woken }
}

function creating(name = 'web-1'): Pod {
  return podWith({ state: waiting('ContainerCreating') }, {}, name)
}

function unschedulable(): Pod {
  const made = pod({ status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] } })
  delete made.spec.nodeName
  return made
}

describe('events are read', () => {
  it('again and again of a Job whose pods are refused: the reason may change', async () => {
    const { clock, doctor, asked, emulator } = surgery()
    const job: Job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'migrate', namespace: 'shop', uid: 'uid-job' },
      spec: { template: { spec: { containers: [{ name: 'm' }] } } },
    }
    const refuse = (name: string, message: string): void => {
      const involvedObject = { kind: 'Job', name: 'migrate', namespace: 'shop', uid: 'uid-job' }
      const lastTimestamp = new Date(clock.now()).toISOString()
      const told = event('FailedCreate', `Error creating: ${message}`, { involvedObject, lastTimestamp })
      emulator.create({ ...told, metadata: { name, namespace: 'shop' } })
    }
    const look = async () => {
      await clock.advance(3_000)
      doctor.look({ pods: [], job })
      await clock.advance(100)
      return doctor.look({ pods: [], job }).symptoms.map(({ code }) => code)
    }
    doctor.look({ pods: [], job })
    refuse('first', 'etcdserver: request timed out')
    expect(await look()).toEqual(['create-pod'])
    refuse('second', 'pods "migrate-x" is forbidden: violates PodSecurity "restricted"')
    expect(await look()).toEqual(['pod-security'])
    const before = asked()
    expect((await clock.run(doctor.examine({ pods: [], job }))).fatal?.code).toBe('pod-security')
    expect(asked()).toBe(before + 1)
  })

  it('not at once, then beside the caller, who is woken; and less and less often', async () => {
    const { clock, doctor, tell, asked, woken } = surgery()
    tell('FailedMount', 'secret "tls" not found')
    const look = () => doctor.look({ pods: [creating()] })
    expect(look().nextCheckAt).toBe(clock.now() + 2_000)
    await clock.advance(1_999)
    look()
    expect(asked()).toBe(0)
    await clock.advance(1)
    expect(look().symptoms).toEqual([])
    await clock.advance(100)
    expect([asked(), woken()]).toEqual([1, 1])
    expect(look().symptoms).toMatchObject([{ code: 'volume' }])
    const times: number[] = []
    for (let second = 0, before = asked(); second < 60; second++) {
      await clock.advance(1_000)
      look()
      await clock.advance(0)
      if (asked() > before) times.push(second)
      before = asked()
    }
    expect(times).toEqual([1, 3, 5, 8, 13, 20, 31, 46])
  })

  it('of three objects at most, and of none that explains itself', async () => {
    const { clock, doctor, asked } = surgery()
    const pods = ['a', 'b', 'c', 'd'].map(creating)
    doctor.look({ pods })
    doctor.look({ pods: [podWith({ state: waiting('CrashLoopBackOff') }, {}, 'z')] })
    await clock.advance(2_500)
    doctor.look({ pods })
    await clock.advance(100)
    expect(asked()).toBe(3)
  })

  it('before a verdict, which they may take back', async () => {
    const { clock, doctor, tell, asked } = surgery()
    const pods = [unschedulable()]
    doctor.look({ pods })
    await clock.advance(30_000)
    tell('TriggeredScaleUp', 'workers 1->2')
    const diagnosis = await clock.run(doctor.examine({ pods }))
    expect(diagnosis.fatal).toBeUndefined()
    expect(diagnosis.symptoms).toMatchObject([{ code: 'unschedulable', fatal: 'never' }])
    expect(asked()).toBeGreaterThan(0)
  })

  it('for two seconds at most: the verdict stands without them', async () => {
    const { clock, doctor } = surgery(({ path }) =>
      path.includes('/events?') ? { kind: 'delay', ms: 20_000 } : undefined,
    )
    const pods = [podWith({ state: waiting('InvalidImageName') })]
    const began = clock.now()
    const { fatal } = await clock.run(doctor.examine({ pods }))
    expect(fatal?.code).toBe('image-pull')
    expect(clock.now() - began).toBe(2_000)
  })

  it('by nobody who may not: the verdict stands as well', async () => {
    const refused: Hook['before'] = ({ path }) =>
      path.includes('/events?') ? { kind: 'answer', status: 403 } : undefined
    const { clock, doctor } = surgery(refused)
    const { fatal } = await clock.run(doctor.examine({ pods: [podWith({ state: waiting('InvalidImageName') })] }))
    expect(fatal?.code).toBe('image-pull')
  })
})

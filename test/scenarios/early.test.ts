import { describe, expect, it } from 'vitest'
import { checkOf } from '../../src/input/checks.ts'
import { expandVariables } from '../../src/input/variables.ts'
import type { KubeObject } from '../../src/shared/objects.ts'
import { bringing, canaryOf, expectUnharmed, realWrites, running, V2 } from './given.ts'
import { APP, manifestsOf } from './world.ts'

const checks = { up: checkOf('up', { http: { headers: { authorization: 'Bearer ${TOKEN}' } } }) }
const expand = (text: string): string => expandVariables(text, () => undefined)

/** A mistake that can be seen before the first write is told then, not in the middle of the rollout. */
describe('refused before anything is touched', () => {
  it('a workload of the config that the manifests do not have, with the nearest', async () => {
    const world = await running()
    const place = { file: '.github/headgate.yaml', line: 3 }
    const workloads = { 'echo-versoin': { strategy: 'plain' as const, place } }
    for (const command of ['deploy', 'plan'] as const) {
      const { result, writes } = await world.run(command, canaryOf(V2, { workloads }))
      expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'config', place } })
      expect(result?.message).toBe(`workloads: no workload "echo-versoin" in the manifests; did you mean ${APP}?`)
      expect(writes).toEqual([])
    }
    const known = await world.run('plan', canaryOf(V2, { workloads: { [APP]: { strategy: 'plain' } } }))
    expect(known.result?.outcome).toBe('planned')
  })

  it('a variable that a check names and the environment lacks', async () => {
    const world = await running()
    const steps = { checks, expand, plan: '50%, check up, approve, check up' }
    const { result, writes } = await world.run('deploy', canaryOf(V2, steps))
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'variable-unset' } })
    expect(result?.message).toContain('TOKEN')
    expect(writes).toEqual([])
    const planned = await world.run('plan', canaryOf(V2, steps))
    expect(planned.result).toMatchObject({ outcome: 'planned' })
    expect(planned.result?.plan).toContain('environment variable TOKEN')
  })

  it('the same for a promote, which asks the checks that are left', async () => {
    const world = await running()
    const paused = await world.run('deploy', canaryOf(V2, { checks, plan: '50%, approve, check up' }))
    expect(paused.result?.outcome).toBe('paused')
    const { result, writes } = await world.run('promote', { expand })
    expect(result).toMatchObject({ outcome: 'refused', phase: 'paused', failure: { code: 'variable-unset' } })
    expect(writes).toEqual([])
    expect((await world.run('promote', { expand, full: true })).result?.outcome).toBe('succeeded')
    expectUnharmed(world)
  })

  it('a Service whose preview would have no name', async () => {
    const world = await running()
    const name = `${'long-'.repeat(11)}x`
    const service: KubeObject = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: { app: APP }, ports: [{ port: 80, targetPort: 8080 }] },
    }
    world.kubectlApply(service)
    const objects = manifestsOf({ version: V2, more: [service] })
    const { result, writes } = await world.run('deploy', { strategy: 'blue-green', plan: 'switch', objects })
    expect(result).toMatchObject({ outcome: 'refused', exitCode: 2, failure: { code: 'preflight', object: { name } } })
    expect(result?.findings.find(({ id }) => id === 'preview-name')).toMatchObject({
      place: { file: 'app.json' },
      reason: expect.stringContaining('has 64 characters'),
      mend: expect.stringContaining('at most 55 characters'),
    })
    expect(realWrites({ result, writes, events: [] })).toEqual([])
    expect((await world.run('deploy', bringing(V2, { objects }))).result?.outcome).toBe('succeeded')
    expectUnharmed(world)
  })
})

describe('what the server says to an object', () => {
  it('a surge that is no number, with object and line', async () => {
    const world = await running()
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 'banana', maxUnavailable: '25%' } }
    const objects = manifestsOf({ version: V2, spec: { strategy } })
    for (const command of ['deploy', 'plan'] as const) {
      const { result, writes } = await world.run(command, bringing(V2, { objects }))
      expect(result).toMatchObject({
        outcome: 'refused',
        failure: { code: 'int-or-percent', place: { file: 'app.json', line: 1 } },
        message: `Deployment/${APP}: maxSurge "banana" is neither a whole number nor a percentage such as 25%`,
      })
      expect(writes).toEqual([])
    }
  })

  it('a kind that it does not know, with object and line', async () => {
    const world = await running()
    const odd: KubeObject = { apiVersion: 'apps/v1', kind: 'Deploymnet', metadata: { name: 'odd' } }
    const objects = manifestsOf({ version: V2, more: [odd] })
    const { result, writes } = await world.run('deploy', bringing(V2, { objects }))
    expect(result).toMatchObject({
      outcome: 'refused',
      failure: {
        code: 'unknown-kind',
        object: { kind: 'Deploymnet', name: 'odd' },
        place: { file: 'app.json', line: 1 },
        next: 'did you mean Deployment?',
      },
    })
    expect(writes).toEqual([])
  })

  it('one that no dry run could try, when it is applied', async () => {
    const world = await running()
    const late: KubeObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'late', namespace: 'new' },
      data: { a: 'b' },
    }
    const namespace: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'new' } }
    const status = { apiVersion: 'v1', kind: 'Status', status: 'Failure', code: 422, reason: 'Invalid' }
    const body = { ...status, message: 'ConfigMap "late" is invalid: data[a]: Invalid value: "b"' }
    world.emulator.onRequest({
      before: ({ method, path }) =>
        method === 'PATCH' && /\/configmaps\/late\?/.test(path) && !path.includes('dryRun')
          ? { kind: 'answer', status: 422, body }
          : undefined,
    })
    const objects = manifestsOf({ version: V2, more: [namespace, late] })
    const { result } = await world.run('deploy', bringing(V2, { objects }))
    expect(result?.failure).toMatchObject({ code: 'invalid', object: { kind: 'ConfigMap', name: 'late' } })
    expect(result?.failure?.place?.file).toBe('app.json')
    expect(result?.message).toContain('ConfigMap/late')
    expect(world.serving()).toEqual({ '0.1.0': 3 })
  })
})

import { describe, expect, it } from 'vitest'
import type { Check } from '../../../src/checks/spec.ts'
import { checkOf, warmUpOf } from '../../../src/input/checks.ts'
import type { CheckValues } from '../../../src/input/checks-schema.ts'
import { portFindings, type PortInput } from '../../../src/preflight/check-ports.ts'

const PORTS = [{ name: 'http', containerPort: 8080 }, { containerPort: 9090 }]

function found(values: CheckValues, more: Partial<PortInput> = {}): string[] {
  const checks: Record<string, Check> = { c: checkOf('c', values) }
  const template = { spec: { containers: [{ name: 'app', ports: PORTS }] } }
  return portFindings({
    strategy: 'canary',
    steps: [{ kind: 'check', names: ['c'] }],
    checks,
    warmUp: warmUpOf({}),
    workloads: [{ name: 'web', template }],
    ...more,
  }).map(({ id, reason, mend }) => `${id}: ${reason}; ${mend}`)
}

describe('a port that pods are asked for', () => {
  it('by a name that they do not declare is refused, with those that they do', () => {
    expect(found({ http: { path: '/', port: 'nope' } })).toEqual([
      'check-port: check c asks pods for the port nope, and the containers of Deployment/web name http; correct checks.c.http.port, or give the number of the port',
    ])
    const template = { spec: { containers: [{ name: 'app' }] } }
    expect(found({ version: { port: 'x' } }, { workloads: [{ name: 'web', template }] })[0]).toContain('name no port')
    expect(found({ compare: { port: 'metrics' } })[0]).toContain('checks.c.compare.port')
  })

  it.each<[string, CheckValues]>([
    ['by its name', { http: { path: '/', port: 'http' } }],
    ['by its number', { http: { path: '/', port: 1234 } }],
    ['by its number as a text', { http: { path: '/', port: '1234' } }],
    ['as the first', { http: { path: '/' } }],
    ['of a Service, which the API server looks up', { http: { path: '/', port: 'web', target: 'service' } }],
    ['of another check', { command: { run: 'true' } }],
  ])('%s is fine', (_name, values) => expect(found(values)).toEqual([]))

  it('of a preview Service, and of a check that no step asks, is not looked at', () => {
    const values = { http: { path: '/', port: 'nope' } }
    expect(found(values, { strategy: 'blue-green' })).toEqual([])
    expect(found(values, { steps: [] })).toEqual([])
  })

  it('of the warm-up is looked at where there is one', () => {
    const warmUp = warmUpOf({ port: 'nope' })
    expect(found({ command: { run: 'true' } }, { warmUp })).toEqual([])
    expect(found({ command: { run: 'true' } }, { warmUp, steps: [{ kind: 'warm-up' }] })[0]).toContain('warm-up.port')
  })
})

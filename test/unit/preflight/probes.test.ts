import { describe, expect, it } from 'vitest'
import { applyAcceptance, blocking, runRules } from '../../../src/preflight/rules.ts'
import type { Container, KubeObject } from '../../../src/shared/objects.ts'
import { container, deployment, found, input, type Patch, service, the } from './release.ts'

const GET = { httpGet: { path: '/ok', port: 'http' } }
const with1 = (patch: Patch): KubeObject[] => [
  deployment({ spec: { template: { spec: { containers: [container(patch)] } } } }),
  service(),
]
const probes = (livenessProbe: object, readinessProbe: object): KubeObject[] =>
  with1({ livenessProbe, readinessProbe: { exec: null, ...readinessProbe } })

describe('probe-missing', () => {
  it.each([
    ['canary', 'error'],
    ['rolling', 'warning'],
  ] as const)('tells a livenessProbe from a readinessProbe: %s', (strategy, severity) => {
    const finding = the('probe-missing', { strategy, objects: with1({ readinessProbe: null, livenessProbe: GET }) })
    expect(finding.severity).toBe(severity)
    expect(finding.reason).toBe(
      'container app of Deployment/web has no readinessProbe, so it counts as ready, and gets requests, as soon as its process runs; its livenessProbe restarts it when it hangs, and keeps no request away from it',
    )
    expect(finding.mend).toContain('let the livenessProbe be more patient than it')
  })

  it('does not speak of a livenessProbe that is not there', () => {
    const { reason, mend } = the('probe-missing', { objects: with1({ readinessProbe: null }) })
    expect(`${reason} ${mend}`).not.toContain('livenessProbe')
  })
})

describe('probe-same', () => {
  it.each<[string, KubeObject[], string[]]>([
    ['the same, with the same patience', probes(GET, GET), ['probe-same warning']],
    ['defaults count', probes({ ...GET, failureThreshold: 3 }, { ...GET, periodSeconds: 10 }), ['probe-same warning']],
    [
      'a port by name and by number is the same one',
      probes(GET, { httpGet: { path: '/ok', port: 8080, scheme: 'HTTP' } }),
      ['probe-same warning'],
    ],
    [
      'no path is the root',
      probes({ httpGet: { port: 8080 } }, { httpGet: { path: '/', port: 8080 } }),
      ['probe-same warning'],
    ],
    ['more patient', probes({ ...GET, failureThreshold: 4 }, GET), []],
    ['more patient by its period', probes({ ...GET, periodSeconds: 30 }, GET), []],
    ['another path', probes({ httpGet: { path: '/live', port: 'http' } }, GET), []],
    ['another scheme', probes({ httpGet: { ...GET.httpGet, scheme: 'HTTPS' } }, GET), []],
    ['another handler', probes({ tcpSocket: { port: 'http' } }, GET), []],
    [
      'a connection, twice',
      probes({ tcpSocket: { port: 8080 } }, { tcpSocket: { port: 'http' } }),
      ['probe-same warning'],
    ],
    ['a command, twice', probes({ exec: { command: ['a'] } }, { exec: { command: ['a'] } }), ['probe-same warning']],
    ['another command', probes({ exec: { command: ['a'] } }, { exec: { command: ['b'] } }), []],
    ['grpc, twice', probes({ grpc: { port: 8080, service: '' } }, { grpc: { port: 8080 } }), ['probe-same warning']],
    ['another grpc service', probes({ grpc: { port: 8080, service: 'x' } }, { grpc: { port: 8080 } }), []],
    ['nobody asks it', probes(GET, GET).slice(0, 1), []],
  ])('%s', (_, objects, expected) => {
    expect(found({ objects, live: [] })).toEqual(expected)
  })

  it('says both times and stands at the livenessProbe', () => {
    const [object = service()] = probes({ ...GET, failureThreshold: 1 }, { ...GET, periodSeconds: 5 })
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const finding = the('probe-same', { objects: [{ object, placeOf }, service()] })
    expect(finding.reason).toContain('the first gives up after 10 s, the second after 15 s')
    expect(finding.place).toEqual({ file: 'spec.template.spec.containers.0.livenessProbe' })
  })
})

describe('probe-port', () => {
  const ports: Container['ports'] = [{ name: 'http', containerPort: 8080 }]
  it.each<[string, Patch, string[]]>([
    ['a name that is there', { livenessProbe: { tcpSocket: { port: 'http' } } }, []],
    ['a number that is there', { startupProbe: { httpGet: { port: 8080 } } }, []],
    ['a name that is not', { readinessProbe: { exec: null, httpGet: { port: 'web' } } }, ['probe-port error']],
    ['a number that is not declared', { livenessProbe: { httpGet: { port: 9090 } } }, ['probe-port info']],
    ['a number as a text', { livenessProbe: { httpGet: { port: '8080' } } }, []],
    ['grpc', { startupProbe: { grpc: { port: 9090 } } }, ['probe-port info']],
  ])('%s', (_, patch, expected) => {
    expect(found({ objects: with1({ ports, ...patch }) })).toEqual(expected)
  })

  it.each([
    ['readinessProbe', 'so the pod never becomes ready'],
    ['startupProbe', 'so the pod never counts as started'],
    ['livenessProbe', 'so it is never carried out'],
  ])('says what an unknown name does: %s', (field, so) => {
    const objects = with1({ ports, [field]: { exec: null, httpGet: { port: 'web' } } })
    const finding = the('probe-port', { objects })
    expect(finding.reason).toContain(`the ${field} of container app of Deployment/web asks port web by name`)
    expect(finding.reason).toContain('declares http 8080: it cannot be found')
    expect(finding.reason).toContain(so)
    expect(blocking(applyAcceptance(runRules(input({ objects })), ['probe-port']))).toEqual([])
  })

  it('looks at the ports of the same container only', () => {
    const proxy = container({ name: 'proxy', ports: [{ name: 'admin', containerPort: 9901 }], readinessProbe: null })
    const app = container({ livenessProbe: { httpGet: { port: 'admin' } } })
    const objects = [deployment({ spec: { template: { spec: { containers: [app, proxy] } } } }), service()]
    expect(found({ objects })).toEqual(['probe-port error'])
  })

  it('takes a container without declared ports at its word', () => {
    const objects = with1({ ports: null, livenessProbe: { httpGet: { port: 9090 } } }).slice(0, 1)
    expect(found({ objects, live: [] })).toEqual([])
  })
})

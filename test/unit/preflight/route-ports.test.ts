import { describe, expect, it } from 'vitest'
import { applyAcceptance, blocking, runRules } from '../../../src/preflight/rules.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { deployment, found, input, object, type Patch, service, the } from './release.ts'

const ingress = (port: Patch, name = 'web'): KubeObject =>
  object('networking.k8s.io/v1', 'Ingress', 'front', {
    spec: { rules: [{ http: { paths: [{ backend: { service: { name, port } } }] } }] },
  })
const route = (ref: Patch, kind = 'HTTPRoute'): KubeObject =>
  object('gateway.networking.k8s.io/v1', kind, 'front', {
    spec: { rules: [{ backendRefs: [{ name: 'web', ...ref }] }] },
  })
const fallback = (port: Patch): KubeObject =>
  object('networking.k8s.io/v1', 'Ingress', 'front', { spec: { defaultBackend: { service: { name: 'web', port } } } })

describe('ports that routes name', () => {
  it.each<[string, KubeObject, string[]]>([
    ['a number of the Service', ingress({ number: 80 }), []],
    ['a number of its pods', ingress({ number: 8080 }), ['service-port error']],
    ['a name of the Service', ingress({ name: 'http' }), []],
    ['a name that it has not', ingress({ name: 'web' }), ['service-port error']],
    ['another Service, which nobody knows', ingress({ number: 1 }, 'api'), []],
    ['an action of the AWS controller', ingress({ name: 'use-annotation' }), []],
    ['the default backend', fallback({ number: 81 }), ['service-port error']],
    ['the default backend, right', fallback({ number: 80 }), []],
    ['a route', route({ port: 80 }), []],
    ['a route to a port of pods', route({ port: 8080 }), ['service-port error']],
    ['a route for gRPC', route({ port: 8080 }, 'GRPCRoute'), ['service-port error']],
    ['a route to another namespace', route({ port: 8080, namespace: 'x' }), []],
    ['a route to another kind', route({ port: 8080, kind: 'ServiceImport' }), []],
    ['a route without a port', route({}), []],
    ['another kind', { ...ingress({ number: 1 }), apiVersion: 'x.dev/v1' }, []],
  ])('%s', (_, object, expected) => {
    expect(found({ objects: [deployment(), service(), object] })).toEqual(expected)
  })

  it('of a Service that stands for a name elsewhere are its own', () => {
    const outside = service({ metadata: { name: 'out' }, spec: { type: 'ExternalName', selector: null, ports: null } })
    expect(found({ objects: [deployment(), service(), outside, ingress({ number: 1 }, 'out')] })).toEqual([])
  })

  it('are told where they stand, and may be accepted', () => {
    const placeOf = (path: readonly (string | number)[]): { file: string } => ({ file: path.join('.') })
    const world = { objects: [deployment(), service(), { object: ingress({ number: 8080 }), placeOf }] }
    const finding = the('service-port', world)
    expect(finding.place).toEqual({ file: 'spec.rules.0.http.paths.0.backend.service.port.number' })
    expect(finding.reason).toBe(
      'Ingress/front leads to port 8080 of Service/web, which has http 80: its requests are answered with an error',
    )
    expect(blocking(applyAcceptance(runRules(input(world)), ['service-port']))).toEqual([])
  })
})

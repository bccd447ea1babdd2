import { describe, expect, it } from 'vitest'
import {
  apiServerText,
  hasNoEndpoints,
  lastPodsOf,
  serviceOf,
  targetOf,
  versionIn,
} from '../../../src/checks/update-target.ts'
import type { Pod, PodTemplate, Probe, Service, ServicePort } from '../../../src/shared/objects.ts'

const AT = { namespace: 'shop', name: 'web' }

function service(...ports: ServicePort[]): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: AT, spec: { ports } }
}

function pod(httpGet: Probe['httpGet']): PodTemplate {
  const readinessProbe: Probe = httpGet === undefined ? { tcpSocket: { port: 8080 } } : { httpGet }
  const ports = [
    { name: 'web', containerPort: 8080 },
    { name: 'admin', containerPort: 8081 },
  ]
  return { spec: { containers: [{ name: 'sidecar' }, { name: 'app', ports, readinessProbe }] } }
}

function asked(ports: ServicePort[], template?: PodTemplate, checker: Parameters<typeof targetOf>[0] = {}): unknown {
  const { proxy, path } = targetOf(checker, AT, service(...ports), template)
  return [proxy.scheme ?? 'http', proxy.port, path]
}

describe('whom to ask', () => {
  it('is the first Service that takes part, or the one that is named', () => {
    const record = (name: string, namespace = 'shop') => ({ name, namespace, selector: {}, ports: [], workload: name })
    const services = [record('web'), record('api', 'back')]
    const checker = { headers: {}, intervalMs: 1, timeoutMs: 1 }
    expect(serviceOf(checker, services, 'home')).toMatchObject({ name: 'web', namespace: 'shop' })
    expect(serviceOf({ ...checker, service: 'api' }, services, 'home')).toMatchObject({ namespace: 'back' })
    expect(serviceOf({ ...checker, service: 'gate' }, services, 'home')).toEqual({ name: 'gate', namespace: 'home' })
    expect(serviceOf(checker, [], 'home')).toBeUndefined()
  })

  it.each<[string, unknown[], ServicePort[], PodTemplate | undefined, Parameters<typeof targetOf>[0]]>([
    [
      'the probe behind the port',
      ['http', 80, '/ok'],
      [{ port: 80, targetPort: 8080 }],
      pod({ port: 8080, path: '/ok' }),
      {},
    ],
    ['ports by name', ['http', 80, '/ok'], [{ port: 80, targetPort: 'web' }], pod({ port: 'web', path: '/ok' }), {}],
    ['a port without targetPort', ['http', 8080, '/ok'], [{ port: 8080 }], pod({ port: 'web', path: '/ok' }), {}],
    [
      'the port that leads to the probe, not the first',
      ['http', 90, '/ok'],
      [
        { port: 80, targetPort: 'web' },
        { port: 90, targetPort: 'admin' },
      ],
      pod({ port: 'admin', path: '/ok' }),
      {},
    ],
    [
      'no path of a probe at a port that the Service does not lead to',
      ['http', 80, '/'],
      [{ port: 80, targetPort: 'web' }],
      pod({ port: 'admin', path: '/ok' }),
      {},
    ],
    ['no HTTP probe', ['http', 80, '/'], [{ port: 80, targetPort: 8080 }], pod(undefined), {}],
    [
      'a probe over TLS',
      ['https', 80, '/ok'],
      [{ port: 80, targetPort: 8080 }],
      pod({ port: 8080, path: '/ok', scheme: 'HTTPS' }),
      {},
    ],
    ['a port for TLS', ['https', 443, '/'], [{ port: 443, targetPort: 9 }], undefined, {}],
    ['no UDP', ['http', 80, '/'], [{ port: 53, protocol: 'UDP' }, { port: 80 }], undefined, {}],
    [
      'what the config says',
      ['http', 90, '/mine'],
      [{ port: 80 }, { port: 90, name: 'more' }],
      pod({ port: 80, path: '/ok' }),
      { port: 'more', path: '/mine' },
    ],
    ['a Service that is not there yet', ['http', 80, '/'], [], undefined, {}],
  ])('%s', (_, wanted, ports, template, checker) => {
    expect(asked(ports, template, checker)).toEqual(wanted)
  })
})

describe('the pods that are left while a Service has no other', () => {
  const labels = { app: 'web' }
  const live = { ...service({ port: 80, targetPort: 'web' }), spec: { selector: labels, ports: [] } }
  const target = targetOf({}, AT, service({ port: 80, targetPort: 'web' }), undefined)
  const ending = (name: string, ready: boolean, change: Partial<Pod['metadata']> = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels, deletionTimestamp: '2026-01-01T00:00:00Z', ...change },
    spec: pod(undefined).spec,
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  })

  it('end, are ready, and are of this Service', () => {
    const { deletionTimestamp: _, ...staying } = ending('d', true).metadata
    const pods = [
      ending('b', true),
      ending('a', true),
      ending('c', false),
      { ...ending('d', true), metadata: staying },
      ending('e', true, { labels: { app: 'other' } }),
    ]
    expect(lastPodsOf(target, live, pods)).toEqual([
      { kind: 'Pod', namespace: 'shop', name: 'a', port: 8080 },
      { kind: 'Pod', namespace: 'shop', name: 'b', port: 8080 },
    ])
    expect(lastPodsOf(target, undefined, pods)).toEqual([])
    expect(lastPodsOf({ ...target, behind: 'other' }, live, pods)).toEqual([])
    expect(lastPodsOf({ ...target, behind: 9 }, live, pods)[0]?.port).toBe(9)
  })

  it('are asked only where the API server has no other', () => {
    const answer = (status: number, message: string) => ({
      status,
      headers: {},
      body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', message }),
    })
    expect(hasNoEndpoints(answer(503, 'no endpoints available for service "web"'))).toBe(true)
    expect(hasNoEndpoints(answer(503, 'error trying to reach service'))).toBe(false)
    expect(hasNoEndpoints(answer(500, 'no endpoints available for service "web"'))).toBe(false)
  })
})

describe('the version of an answer', () => {
  const known = ['0.1.0', '0.2.0']
  const of = (body: string, headers: Record<string, string> = {}, texts = known): string | undefined =>
    versionIn({ status: 200, headers, body }, texts, undefined)

  it.each<[string | undefined, string]>([
    ['0.1.0', 'version 0.1.0 pod web-1'],
    ['0.2.0', '{"version":"v0.2.0"}'],
    ['0.2.0', 'this is 0.2.0.'],
    ['0.2.0', 'shop:0.2.0'],
    [undefined, '10.1.0.5'],
    [undefined, '0.1.0.5'],
    [undefined, '0.1.0-rc.1'],
    [undefined, '0.1.0+build'],
    [undefined, '0x1y0'],
    [undefined, 'changes from 0.1.0 to 0.2.0'],
    [undefined, ''],
  ])('%s: %s', (wanted, body) => {
    expect(of(body)).toBe(wanted)
  })

  it('may stand in a header, and one text may begin with the other', () => {
    expect(of('hello', { 'x-version': '0.2.0' })).toBe('0.2.0')
    expect(of('0.2.0-crash', {}, ['0.2.0', '0.2.0-crash'])).toBe('0.2.0-crash')
    expect(of('0.2.0', {}, ['0.2.0', '0.2.0'])).toBe('0.2.0')
    expect(of('a.b*c', {}, ['a.b*c', 'x'])).toBe('a.b*c')
  })

  it('is read where the config says, and under the tag where it contains it', () => {
    const answer = {
      status: 200,
      headers: { 'x-build': ' 77 ', 'x-tag': 'v0.2.0' },
      body: '{"build":{"version":"web-0.2","ids":[5]}} version=0.1.0;',
    }
    const json = { ...answer, body: '{"build":{"version":"web-0.2","ids":[5]}}' }
    expect(versionIn(answer, known, { kind: 'header', name: 'X-Build' })).toBe('77')
    expect(versionIn(answer, known, { kind: 'header', name: 'x-tag' })).toBe('0.2.0')
    expect(versionIn(answer, known, { kind: 'header', name: 'x-none' })).toBeUndefined()
    expect(versionIn(answer, known, { kind: 'pattern', pattern: 'version=([^;]+)' })).toBe('0.1.0')
    expect(versionIn(answer, known, { kind: 'pattern', pattern: 'release=(.)' })).toBeUndefined()
    expect(versionIn(json, known, { kind: 'json', path: 'build.version' })).toBe('web-0.2')
    expect(versionIn(json, known, { kind: 'json', path: 'build.ids[0]' })).toBe('5')
    expect(versionIn(json, known, { kind: 'json', path: 'build' })).toBeUndefined()
    expect(versionIn(answer, known, { kind: 'json', path: 'build.version' })).toBeUndefined()
    const long = { ...answer, headers: { 'x-build': 'x'.repeat(500) } }
    expect(versionIn(long, known, { kind: 'header', name: 'x-build' })).toHaveLength(80)
  })
})

describe('what the API server says itself', () => {
  const status = (code: number): string =>
    JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'no', code })

  it('is told apart from what the app answers', () => {
    const text = (code: number, body: string): string | undefined => apiServerText({ status: code, headers: {}, body })
    expect(text(403, status(403))).toBe('no')
    expect(text(503, status(503))).toBe('no')
    expect(text(502, "Error trying to reach service: 'dial tcp 10.0.0.1:80'\n")).toMatch(/^Error trying/)
    expect(text(503, 'no healthy upstream')).toBeUndefined()
    expect(text(403, '{"kind":"Forbidden"}')).toBeUndefined()
    expect(text(500, 'null')).toBeUndefined()
    // An app may well answer with an object of Kubernetes
    expect(text(200, status(200))).toBeUndefined()
  })
})

import { describe, expect, it } from 'vitest'
import {
  imagesOf,
  isDeployment,
  isService,
  listOf,
  podTemplateOf,
  resolvedSurge,
  resolvedUnavailable,
  resolveIntOrPercent,
  selects,
  servicesFor,
  targetPorts,
  templateEquals,
  templatePathOf,
  valueAt,
} from '../../../src/manifests/workload.ts'
import type { PodTemplate, Service } from '../../../src/shared/objects.ts'
import { deployment, object, refusal } from './objects.ts'

function template(text: string): PodTemplate {
  const found = podTemplateOf(object('Deployment/d', `spec: {template: ${text}}`))
  if (found === undefined) throw new Error('no template')
  return found
}
function service(text: string, name = 's'): Service {
  const found = object(`Service/${name}`, `spec: ${text}`)
  if (!isService(found)) throw new Error('no Service')
  return found
}

describe('lenses', () => {
  it('reads below a path', () => {
    const value = { a: [{ b: 1 }], c: 'text' }
    expect(valueAt(value, ['a', 0, 'b'])).toBe(1)
    for (const path of [['a', 'b'], ['c', 'length'], ['c', 0], ['a', 9], ['toString'], ['x', 'y', 0]])
      expect(valueAt(value, path)).toBeUndefined()
    expect(valueAt(value, [])).toBe(value)
    expect(listOf('x')).toEqual([])
  })

  it('finds templates only where they are', () => {
    expect(isDeployment(deployment('a').object)).toBe(true)
    expect(isDeployment(object('Deployment/a'))).toBe(false)
    expect(isDeployment(object('StatefulSet/a', 'spec: {template: {spec: {containers: []}}}'))).toBe(false)
    expect(podTemplateOf(object('Deployment/a', 'spec: {template: {spec: {containers: null}}}'))).toBeUndefined()
    expect(podTemplateOf(object('Widget/a', 'spec: {template: {spec: {containers: []}}}'))).toBeUndefined()
    expect(isService(object('Service/a'))).toBe(false)
    expect(templatePathOf({ apiVersion: 'v1', kind: 'toString' })).toBeUndefined()
  })

  it('lists images, init containers first', () => {
    const one = template(
      '{spec: {containers: [{name: a, image: a:1}, {name: b}], initContainers: [{name: i, image: i:1}]}}',
    )
    expect(imagesOf(one)).toEqual(['i:1', 'a:1'])
    expect(imagesOf(template('{spec: {containers: [{name: a, image: a:1}]}}'))).toEqual(['a:1'])
  })
})

describe('equal templates', () => {
  const base = '{metadata: {labels: {app: a}}, spec: {containers: [{name: m, args: [a, b]}]}}'
  it.each([
    ['itself', base, base, true],
    [
      'another order of keys',
      base,
      '{spec: {containers: [{args: [a, b], name: m}]}, metadata: {labels: {app: a}}}',
      true,
    ],
    ['with the hash', base, base.replace('app: a', 'pod-template-hash: "123", app: a'), true],
    ['null for absent', base, base.replace('labels', 'creationTimestamp: , labels'), true],
    [
      'no metadata',
      '{spec: {containers: []}}',
      '{metadata: {labels: {pod-template-hash: "1"}}, spec: {containers: []}}',
      true,
    ],
    ['another label', base, base.replace('app: a', 'app: b'), false],
    ['one label more', base, base.replace('app: a', 'app: a, v: b'), false],
    ['another order of a list', base, base.replace('[a, b]', '[b, a]'), false],
    ['a shorter list', base, base.replace('[a, b]', '[a]'), false],
    ['a text for a list', base, base.replace('[a, b]', 'ab'), false],
    ['a map for a list', base, base.replace('[a, b]', '{}'), false],
    ['an empty map for nothing', base, base.replace('spec: {', 'spec: {securityContext: {}, '), false],
    ['a text for a map', base.replace('spec: {', 'spec: {x: y, '), base.replace('spec: {', 'spec: {x: {}, '), false],
  ])('%s', (_, a, b, same) => {
    expect(templateEquals(template(a), template(b))).toBe(same)
    expect(templateEquals(template(b), template(a))).toBe(same)
  })
})

describe('selectors', () => {
  const labels = { app: 'web', tier: 'front' }
  it.each([
    [undefined, false],
    [{}, true],
    [{ matchLabels: { app: 'web' } }, true],
    [{ matchLabels: { app: 'web', tier: 'back' } }, false],
    [{ matchLabels: { toString: 'x' } }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['api', 'web'] }] }, true],
    [{ matchExpressions: [{ key: 'none', operator: 'In', values: [''] }] }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] }, false],
    [{ matchExpressions: [{ key: 'none', operator: 'NotIn', values: ['x'] }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'Exists' }] }, true],
    [{ matchExpressions: [{ key: 'none', operator: 'Exists' }] }, false],
    [{ matchExpressions: [{ key: 'none', operator: 'DoesNotExist' }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'Like' }] }, false],
  ])('%j', (selector, matches) => expect(selects(selector, labels)).toBe(matches))

  it('finds the Services of a template', () => {
    const services = [
      service('{selector: {app: web}}', 'a'),
      service('{selector: {app: web, color: blue}}', 'b'),
      service('{selector: {}}', 'c'),
      service('{ports: []}', 'd'),
      service('{type: ExternalName, selector: {app: web}}', 'e'),
    ]
    expect(servicesFor(labels, services).map(({ metadata }) => metadata.name)).toEqual(['a'])
  })
})

describe('surge and unavailable, as the Deployment controller resolves them', () => {
  it.each([
    [3, 10, 'up', 3],
    ['25%', 10, 'up', 3],
    ['25%', 10, 'down', 2],
    ['100%', 7, 'up', 7],
    ['0%', 7, 'up', 0],
    ['1%', 1, 'up', 1],
    ['33%', 0, 'up', 0],
  ] as const)('%s of %i, %s: %i', (value, total, round, pods) =>
    expect(resolveIntOrPercent(value, total, round)).toBe(pods),
  )

  it.each(['5', 'x', '1.5%', '-1%', '%', ''])('refuses %j', (value) =>
    expect(refusal(() => resolveIntOrPercent(value, 3, 'up')).code).toBe('int-or-percent'),
  )

  it.each([
    ['defaults', {}, 10, 3, 2],
    ['defaults of one', {}, 1, 1, 0],
    ['own', { maxSurge: 2, maxUnavailable: 0 }, 10, 2, 0],
    ['both zero', { maxSurge: 0, maxUnavailable: '0%' }, 10, 0, 1],
    ['both come out as zero', { maxSurge: 0, maxUnavailable: '25%' }, 3, 0, 1],
    ['more than there are', { maxSurge: 1, maxUnavailable: 9 }, 3, 1, 3],
    ['no replicas', { maxSurge: 1, maxUnavailable: 1 }, 0, 1, 0],
  ])('%s', (_, rollingUpdate, replicas, surge, unavailable) => {
    const spec = { strategy: { type: 'RollingUpdate', rollingUpdate } }
    expect(resolvedSurge(spec, replicas)).toBe(surge)
    expect(resolvedUnavailable(spec, replicas)).toBe(unavailable)
  })

  it('knows the defaults where nothing is said, and Recreate', () => {
    expect([resolvedSurge({}, 4), resolvedUnavailable({}, 4)]).toEqual([1, 1])
    const recreate = { strategy: { type: 'Recreate' } }
    expect([resolvedSurge(recreate, 4), resolvedUnavailable(recreate, 4)]).toEqual([0, 0])
  })
})

describe('what a template reads', () => {
  it('finds where the ports of a Service lead', () => {
    const pods = template(
      '{spec: {containers: [{name: m, ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]}],' +
        'initContainers: [{name: s, restartPolicy: Always, ports: [{name: admin, containerPort: 9000}]}, {name: i, ports: [{name: gone, containerPort: 1}]}]}}',
    )
    const ports = [
      '{port: 80, targetPort: http}',
      '{port: 81, targetPort: 8080}',
      '{port: 8080}',
      '{port: 53, targetPort: dns, protocol: UDP}',
      '{port: 54, targetPort: dns}',
      '{port: 90, targetPort: admin}',
      '{port: 91, targetPort: gone}',
      '{port: 92, targetPort: 7}',
      '{port: 93, targetPort: 0}',
    ]
    const found = targetPorts(service(`{ports: [${ports.join(', ')}]}`), pods)
    expect(found.map(({ port, target, declared }) => [port.port, target, declared])).toEqual([
      [80, 8080, true],
      [81, 8080, true],
      [8080, 8080, true],
      [53, 53, true],
      [54, undefined, false],
      [90, 9000, true],
      [91, undefined, false],
      [92, 7, false],
      [93, 93, false],
    ])
    expect(targetPorts(service('{}'), pods)).toEqual([])
  })
})

import { describe, expect, it } from 'vitest'
import { appName, isDnsLabel, placeInNamespace } from '../../../src/manifests/identify.ts'
import { deployment, manifest, refusal } from './objects.ts'

describe('name of the app', () => {
  const other = deployment('worker')
  it.each([
    ['the input', 'shop', [deployment('web'), other], 'shop'],
    ['the only Deployment', undefined, [deployment('web'), manifest('Service/x')], 'web'],
    ['a Deployment beside a StatefulSet', undefined, [deployment('web'), manifest('StatefulSet/db')], 'web'],
    ['the only StatefulSet', undefined, [manifest('StatefulSet/db'), manifest('Job/x')], 'db'],
    [
      'a pair told apart by color',
      undefined,
      [
        deployment('web-blue', { podLabels: 'app: web, color: blue' }),
        deployment('web-green', { podLabels: 'app: web, color: green' }),
      ],
      'web',
    ],
    ['a name that only looks like a pair', undefined, [deployment('sea-blue')], 'sea-blue'],
    [
      'part-of before name',
      undefined,
      ['a', 'b'].map((name) =>
        deployment(name, { labels: `app.kubernetes.io/part-of: shop, app.kubernetes.io/name: ${name}` }),
      ),
      'shop',
    ],
    ['name', undefined, ['a', 'b'].map((name) => deployment(name, { labels: 'app.kubernetes.io/name: shop' })), 'shop'],
    [
      'the label of objects, where only Jobs run',
      undefined,
      [manifest('CronJob/a', 'metadata2: {}'), manifest('Job/b')].map((one) => ({
        ...one,
        object: { ...one.object, metadata: { ...one.object.metadata, labels: { 'app.kubernetes.io/name': 'night' } } },
      })),
      'night',
    ],
  ])('%s', (_, input, manifests, name) => expect(appName(input, manifests)).toBe(name))

  it.each([
    ['no object', undefined, [], 'no-manifests', 'no object'],
    ['no workload', 'shop', [manifest('Service/x')], 'no-workload', 'only Service/x'],
    ['two workloads', undefined, [deployment('web'), other], 'app-ambiguous', 'Deployment/web, Deployment/worker'],
    ['two Jobs', undefined, [manifest('Job/a'), manifest('Job/b')], 'app-ambiguous', 'Job/a, Job/b'],
    [
      'labels that differ',
      undefined,
      [
        deployment('a', { labels: 'app.kubernetes.io/name: x' }),
        deployment('b', { labels: 'app.kubernetes.io/name: z' }),
      ],
      'app-ambiguous',
      'Deployment/a, Deployment/b',
    ],
    ['many', undefined, Array.from({ length: 11 }, (_, i) => deployment(`w${i}`)), 'app-ambiguous', 'and 3 more'],
    ['an upper-case input', 'Shop', [other], 'app-name', '"Shop"'],
    ['a long input', 'a'.repeat(41), [other], 'app-name', 'at most 40'],
    ['a workload with a point', undefined, [deployment('web.v1')], 'app-name', 'the only workload, "web.v1"'],
    [
      'a label that is no DNS label',
      undefined,
      ['a', 'b'].map((name) => deployment(name, { labels: 'app.kubernetes.io/name: My_App' })),
      'app-name',
      'the label app.kubernetes.io/name',
    ],
  ])('is refused: %s', (_, input, manifests, code, part) => {
    const failure = refusal(() => appName(input, manifests))
    expect(failure.code).toBe(code)
    expect(failure.message).toContain(part)
    expect(failure.next).toBeTruthy()
  })

  it('knows a DNS label', () => {
    for (const text of ['a', 'a-b', '0a', 'a'.repeat(63)]) expect(isDnsLabel(text)).toBe(true)
    for (const text of ['', '-a', 'a-', 'A', 'a.b', 'a'.repeat(64)]) expect(isDnsLabel(text)).toBe(false)
  })
})

describe('namespaces', () => {
  const namespaced = (_: string, kind: string): boolean => kind !== 'ClusterRole'
  const withNamespace = (ref: string, namespace: string | null) => {
    const one = manifest(ref)
    return { ...one, object: { ...one.object, metadata: { ...one.object.metadata, namespace: namespace as string } } }
  }

  it('fills in what is left out, and keeps or drops the rest', () => {
    const cluster = manifest('ClusterRole/c')
    const own = withNamespace('Service/b', 'own')
    const placed = placeInNamespace(
      [manifest('Service/a'), own, withNamespace('Service/e', null), cluster, withNamespace('ClusterRole/d', 'x')],
      'shop',
      namespaced,
    )
    expect(placed.map(({ object }) => object.metadata)).toEqual([
      { name: 'a', namespace: 'shop' },
      { name: 'b', namespace: 'own' },
      { name: 'e', namespace: 'shop' },
      { name: 'c' },
      { name: 'd' },
    ])
    expect(placed[1]).toBe(own)
    expect(placed[3]).toBe(cluster)
  })

  it('refuses an object written twice, with both places', () => {
    const twice = [manifest('Service/a'), withNamespace('Service/a', 'shop')]
    const failure = refusal(() => placeInNamespace(twice, 'shop', namespaced))
    expect(failure).toMatchObject({ code: 'manifest-twice' })
    expect(failure.message).toBe('Service/a is written twice, first in a.yaml, line 1')
    const unplaced = twice.map((one) => ({ ...one, place: { file: 'x.yaml' } }))
    expect(refusal(() => placeInNamespace(unplaced, 'shop', namespaced)).message).toContain('x.yaml, line 1')
    expect(() =>
      placeInNamespace([manifest('Service/a'), withNamespace('Service/a', 'b')], 'c', namespaced),
    ).not.toThrow()
  })
})

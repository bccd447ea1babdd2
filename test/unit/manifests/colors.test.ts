import { describe, expect, it } from 'vitest'
import { baseName, withColors, withoutColors } from '../../../src/manifests/colors.ts'
import type { Deployment, KubeObject, Service } from '../../../src/shared/objects.ts'

function deployment(name: string, labels: Record<string, string>): Deployment {
  const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'web:1' }] } }
  const spec = { selector: { matchLabels: labels }, template }
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'shop' }, spec }
}

function service(name: string, selector?: Record<string, string>): Service {
  const spec = selector === undefined ? {} : { selector }
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec }
}

function autoscaler(target?: Record<string, string>): KubeObject {
  const object = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'web' } }
  return target === undefined ? object : { ...object, spec: { scaleTargetRef: target, maxReplicas: 5 } }
}

const config: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web-blue' } }
const blue = deployment('web-blue', { app: 'web', color: 'blue' })
const green = deployment('web-green', { app: 'web', color: 'green' })
const plain = deployment('web', { app: 'web' })

describe('a release without colors', () => {
  it.each([
    { name: 'web-blue', labels: { app: 'web', color: 'blue' }, base: 'web' },
    { name: 'web', labels: { app: 'web', color: 'blue' }, base: 'web' },
    { name: 'web-blue', labels: { app: 'web' }, base: 'web-blue' },
    { name: 'web-blue', labels: { color: 'green' }, base: 'web-blue' },
  ])('$name with $labels is $base', ({ name, labels, base }) => {
    expect(baseName(deployment(name, labels))).toBe(base)
  })

  it('takes the pair that people wrote by hand for one', () => {
    const objects = withoutColors([blue, green, service('web', { app: 'web', color: 'blue' }), config])
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['web', 'web', 'web-blue'])
    expect(objects[0]).toMatchObject({
      spec: { selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } } } },
    })
    expect(objects[1]).toMatchObject({ spec: { selector: { app: 'web' } } })
    expect(JSON.stringify(objects.slice(0, 2))).not.toContain('color')
  })

  it('leads an autoscaler to the plain name, and leaves one of another kind alone', () => {
    const targets = [
      { kind: 'Deployment', name: 'web-green' },
      { kind: 'Deployment', name: 'api' },
    ]
    expect(withoutColors(targets.map(autoscaler))).toMatchObject([
      { spec: { scaleTargetRef: { name: 'web' }, maxReplicas: 5 } },
      { spec: { scaleTargetRef: { name: 'api' } } },
    ])
    const others = [
      autoscaler(),
      autoscaler({ kind: 'StatefulSet', name: 'db-blue' }),
      autoscaler({ kind: 'Deployment' }),
    ]
    expect(withoutColors(others)).toEqual(others)
  })
})

describe('a release in colors', () => {
  const paint = (...objects: KubeObject[]): KubeObject[] => withColors(objects, () => 'green')

  it('names and marks the Deployment, its selector and its pods', () => {
    expect(paint(plain)).toMatchObject([
      {
        metadata: { name: 'web-green', labels: { color: 'green' } },
        spec: {
          selector: { matchLabels: { app: 'web', color: 'green' } },
          template: { metadata: { labels: { app: 'web', color: 'green' } }, spec: plain.spec.template.spec },
        },
      },
    ])
  })

  it('leads to it what points at it, and nothing else', () => {
    const [, web, db, bare, none, scaler, other] = paint(
      plain,
      service('web', { app: 'web' }),
      service('db', { app: 'db' }),
      service('bare'),
      service('none', {}),
      autoscaler({ kind: 'Deployment', name: 'web' }),
      autoscaler({ kind: 'Deployment', name: 'api' }),
    )
    expect(web).toMatchObject({ spec: { selector: { app: 'web', color: 'green' } } })
    expect([db, bare, none]).toEqual([service('db', { app: 'db' }), service('bare'), service('none', {})])
    expect(scaler).toMatchObject({ spec: { scaleTargetRef: { name: 'web-green' } } })
    expect(other).toMatchObject({ spec: { scaleTargetRef: { name: 'api' } } })
  })

  it('is undone by taking the colors away', () => {
    const objects = [plain, service('web', { app: 'web' }), autoscaler({ kind: 'Deployment', name: 'web' }), config]
    const undone = withoutColors(paint(...objects))
    expect(undone.map((each) => JSON.parse(JSON.stringify(each)))).toEqual(
      objects.map((each) => (each === plain ? { ...plain, metadata: { ...plain.metadata, labels: {} } } : each)),
    )
  })
})

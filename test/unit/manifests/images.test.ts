import { describe, expect, it } from 'vitest'
import { parseImage, substituteImages, versionOf } from '../../../src/manifests/images.ts'
import { parseReference, repositoryOf } from '../../../src/manifests/references.ts'
import { deployment, object, refusal } from './objects.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

describe('references', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx'],
    ['nginx:1.27', 'docker.io/library/nginx'],
    ['library/nginx', 'docker.io/library/nginx'],
    ['docker.io/nginx', 'docker.io/library/nginx'],
    ['index.docker.io/nginx:1', 'docker.io/library/nginx'],
    ['index.docker.io/a/b', 'docker.io/a/b'],
    ['gihyodocker/echo-version:0.1.0', 'docker.io/gihyodocker/echo-version'],
    ['ghcr.io/a/b/c:v1', 'ghcr.io/a/b/c'],
    ['localhost/a', 'localhost/a'],
    ['localhost:5000/a:1', 'localhost:5000/a'],
    ['registry:5000/a/b', 'registry:5000/a/b'],
    ['[::1]:5000/a', '[::1]:5000/a'],
    ['REG/a', 'REG/a'],
    [`registry:5000/a@${DIGEST}`, 'registry:5000/a'],
    [`a:1@${DIGEST}`, 'docker.io/library/a'],
    ['IMAGE_HERE', 'IMAGE_HERE'],
    ['${IMAGE}', '${IMAGE}'],
  ])('%s is of %s', (image, repository) => expect(repositoryOf(image)).toBe(repository))

  it.each(['', 'a:', 'a@', 'a b', 'A', 'a//b', '/a', 'a/', 'a:-x', 'a@sha256:12', `a:${'x'.repeat(129)}`])(
    '%j is no reference',
    (text) => expect(parseReference(text)).toBeUndefined(),
  )

  it.each([
    ['web:1.2', '1.2'],
    ['registry:5000/web', 'latest'],
    ['registry:5000/web:3', '3'],
    [`web@${DIGEST}`, '0123456789ab'],
    [`web:1@${DIGEST}`, '1'],
    ['??', 'latest'],
  ])('people call %s %s', (image, version) => expect(versionOf(image)).toBe(version))
})

describe('entries', () => {
  it.each([
    ['web:2', 'docker.io/library/web', 'web:2'],
    [`web@${DIGEST}`, 'docker.io/library/web', `web@${DIGEST}`],
    ['web=ghcr.io/a/web:2', 'docker.io/library/web', 'ghcr.io/a/web:2'],
    ['IMAGE = web:2', 'IMAGE', 'web:2'],
    ['localhost:5000/web=web:2', 'localhost:5000/web', 'web:2'],
  ])('%s', (text, repository, reference) => expect(parseImage(text)).toEqual({ text, repository, reference }))

  it.each([
    ['web', 'neither tag nor digest'],
    ['localhost:5000/web', 'neither tag nor digest'],
    ['web=other', 'neither tag nor digest'],
    ['web:2:3', 'not an image reference'],
    ['', 'not an image reference'],
    ['=web:2', 'left of "="'],
    ['web:1=web:2', 'left of "="'],
    [`web@${DIGEST}=web:2`, 'left of "="'],
  ])('%j is refused', (text, part) => {
    const failure = refusal(() => parseImage(text))
    expect(failure.code).toBe('image-reference')
    expect(failure.message).toContain(part)
  })
})

describe('substitution', () => {
  const pods =
    '{spec: {initContainers: [{name: i, image: a:1}], containers: [{name: m, image: docker.io/library/a:1}]}}'
  it.each([
    ['Deployment', `spec: {template: ${pods}}`, ['spec', 'template', 'spec']],
    ['StatefulSet', `spec: {template: ${pods}}`, ['spec', 'template', 'spec']],
    ['DaemonSet', `spec: {template: ${pods}}`, ['spec', 'template', 'spec']],
    ['ReplicaSet', `spec: {template: ${pods}}`, ['spec', 'template', 'spec']],
    ['ReplicationController', `spec: {template: ${pods}}`, ['spec', 'template', 'spec']],
    ['Job', `spec: {template: ${pods}}`, ['spec', 'template', 'spec']],
    [
      'CronJob',
      `spec: {jobTemplate: {spec: {template: ${pods}}}}`,
      ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
    ],
    ['PodTemplate', `template: ${pods}`, ['template', 'spec']],
    ['Pod', pods.slice(1, -1), ['spec']],
  ])('in a %s', (kind, text, path) => {
    const before = object(`${kind}/x`, text)
    const kept = structuredClone(before)
    const { objects, places, used } = substituteImages([before], ['index.docker.io/a:2'])
    expect(before).toEqual(kept)
    expect(used).toEqual(['index.docker.io/a:2'])
    expect(places).toEqual([
      {
        object: { apiVersion: before.apiVersion, kind, name: 'x' },
        path: [...path, 'initContainers', 0, 'image'],
        container: 'i',
        before: 'a:1',
        after: 'index.docker.io/a:2',
      },
      expect.objectContaining({ path: [...path, 'containers', 0, 'image'], container: 'm' }),
    ])
    expect(JSON.stringify(objects)).toBe(
      JSON.stringify([before]).replaceAll(/"(docker\.io\/library\/)?a:1"/g, '"index.docker.io/a:2"'),
    )
  })

  it('keeps what does not change, and counts what is right already', () => {
    const objects = [deployment('a', { image: 'x:1' }).object, deployment('b', { image: 'y:1' }).object]
    const done = substituteImages(objects, ['y:1'])
    expect(done.objects[0]).toBe(objects[0])
    expect(done.objects[1]).toBe(objects[1])
    expect(done.places).toHaveLength(1)
    expect(substituteImages(objects, []).objects).toEqual(objects)
  })

  it('sets two images of one object, and leaves ephemeral containers, odd ones and other kinds', () => {
    const text =
      'spec: {template: {spec: {containers: [{name: a, image: x:1}, {name: b, image: y:1}, {name: c}], ' +
      'initContainers: null, ephemeralContainers: [{name: e, image: x:1}]}}}'
    const { objects } = substituteImages([object('Deployment/d', text), object('Rollout/r', text)], ['x:2', 'y=z:3'])
    const written = JSON.stringify(objects[0])
    expect(written).toContain('"a","image":"x:2"')
    expect(written).toContain('"b","image":"z:3"')
    expect(written).toContain('"e","image":"x:1"')
    expect(JSON.stringify(objects[1])).toContain('"a","image":"x:1"')
  })

  it.each([
    [['gihyodocker/echo:2'], 'did you mean gihyodocker/echo-v?'],
    [['ghcr.io/other/side:2'], 'did you mean side?'],
    [['completely-different:2'], 'the manifests have gihyodocker/echo-v, side, PLACE'],
    [['PLACES=web:1'], 'did you mean PLACE?'],
  ])('%j matches nothing', (images, part) => {
    const objects = ['gihyodocker/echo-v:1', 'side:1', 'PLACE'].map((image) => deployment('d', { image }).object)
    const failure = refusal(() => substituteImages(objects, images))
    expect(failure.code).toBe('image-unmatched')
    expect(failure.message).toContain(part)
  })

  it('says so when there is no image at all', () => {
    expect(refusal(() => substituteImages([object('Service/s')], ['a:1'])).message).toContain('have no image')
  })

  it('refuses two entries for one repository', () => {
    const failure = refusal(() => substituteImages([], ['nginx:1', 'docker.io/library/nginx:2']))
    expect(failure.code).toBe('image-twice')
    expect(failure.message).toContain('docker.io/library/nginx')
  })
})

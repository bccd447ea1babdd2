import { describe, expect, test } from 'vitest'
import type { Json, JsonMap } from '../../../src/shared/objects.ts'
import { ApiError } from '../../emulator/errors.ts'
import { jsonPatch } from '../../emulator/patches/json-patch.ts'
import { mergePatch } from '../../emulator/patches/merge-patch.ts'
import { strategicMerge } from '../../emulator/patches/strategic-merge.ts'
import { structNamed } from '../../emulator/schema/schema.ts'

describe('JSON patch', () => {
  test.each<[string, JsonMap, JsonMap[], JsonMap]>([
    ['add to a map', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['add into a list', { l: [1, 3] }, [{ op: 'add', path: '/l/1', value: 2 }], { l: [1, 2, 3] }],
    ['add to the end', { l: [1] }, [{ op: 'add', path: '/l/-', value: 2 }], { l: [1, 2] }],
    ['replace', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: 2 }], { a: { b: 2 } }],
    ['replace of a missing key', { a: {} }, [{ op: 'replace', path: '/a/b', value: 2 }], { a: { b: 2 } }],
    ['remove', { a: 1, b: 2 }, [{ op: 'remove', path: '/a' }], { b: 2 }],
    [
      'escapes',
      { 'a/b': 1, 'c~d': 2 },
      [
        { op: 'remove', path: '/a~1b' },
        { op: 'remove', path: '/c~0d' },
      ],
      {},
    ],
    ['move', { a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    ['copy', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
    [
      'test that holds',
      { a: { b: [1] } },
      [
        { op: 'test', path: '/a', value: { b: [1] } },
        { op: 'remove', path: '/a' },
      ],
      {},
    ],
  ])('%s', (_, target, patch, wanted) => {
    const before = structuredClone(target)
    expect(jsonPatch(target, patch)).toEqual(wanted)
    expect(target).toEqual(before)
  })

  test.each<[string, JsonMap, JsonMap]>([
    ['a test that fails', { a: 1 }, { op: 'test', path: '/a', value: 2 }],
    ['a test of what is missing', { a: 1 }, { op: 'test', path: '/b', value: 2 }],
    ['remove of what is missing', {}, { op: 'remove', path: '/a' }],
    ['a parent that is missing', {}, { op: 'add', path: '/a/b', value: 1 }],
    ['an index out of range', { l: [] }, { op: 'add', path: '/l/2', value: 1 }],
    ['an unknown operation', {}, { op: 'wish', path: '/a' }],
  ])('%s is refused without a reason', (_, target, operation) => {
    expect(() => jsonPatch(target, [operation])).toThrow(ApiError)
    expect(() => jsonPatch(target, [operation])).toThrow(
      'the server rejected our request due to an error in our request',
    )
  })
})

test('a merge patch takes null for removal and lists whole', () => {
  expect(mergePatch({ a: { b: 1, c: 2 }, l: [1, 2] }, { a: { b: null }, l: [3], n: { x: null, y: 1 } })).toEqual({
    a: { c: 2 },
    l: [3],
    n: { y: 1 },
  })
})

describe('strategic merge patch', () => {
  const pod = structNamed('core.v1.PodSpec')
  const container = (name: string, more: JsonMap = {}): JsonMap => ({ name, image: name, ...more })
  const merge = (target: JsonMap, patch: JsonMap): Json => strategicMerge(pod, target, patch)

  test('containers are merged by name; items of the patch come first', () => {
    const target = { containers: [container('a', { args: ['x'] }), container('b')] }
    expect(
      merge(target, {
        containers: [
          { name: 'c', image: 'c' },
          { name: 'b', image: 'B' },
        ],
      }),
    ).toEqual({
      containers: [
        { name: 'c', image: 'c' },
        { name: 'a', image: 'a', args: ['x'] },
        { name: 'b', image: 'B' },
      ],
    })
  })

  test('an item is deleted, a list replaced', () => {
    const target = { containers: [container('a'), container('b')] }
    expect(merge(target, { containers: [{ name: 'a', $patch: 'delete' }] })).toEqual({ containers: [container('b')] })
    expect(merge(target, { containers: [{ $patch: 'replace' }, container('z')] })).toEqual({
      containers: [container('z')],
    })
  })

  test('an order names all and moves them', () => {
    const target = { containers: [container('a'), container('b'), container('c')] }
    const patch = {
      '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }],
      containers: [{ name: 'b', $patch: 'delete' }],
    }
    expect(merge(target, patch)).toEqual({ containers: [container('c'), container('a')] })
  })

  test('a volume keeps only the source that the patch names', () => {
    const target = { volumes: [{ name: 'v', emptyDir: {} }] }
    const patch = { volumes: [{ $retainKeys: ['name', 'secret'], name: 'v', secret: { secretName: 's' } }] }
    expect(merge(target, patch)).toEqual({ volumes: [{ name: 'v', secret: { secretName: 's' } }] })
  })

  test('ports of a container are merged by number, environment by name, arguments not at all', () => {
    const target = {
      containers: [
        container('a', { ports: [{ containerPort: 1 }], env: [{ name: 'X', value: '1' }], args: ['a', 'b'] }),
      ],
    }
    const patch = {
      containers: [{ name: 'a', ports: [{ containerPort: 2 }], env: [{ name: 'X', value: '2' }], args: ['c'] }],
    }
    expect(merge(target, patch)).toEqual({
      containers: [
        container('a', {
          ports: [{ containerPort: 2 }, { containerPort: 1 }],
          env: [{ name: 'X', value: '2' }],
          args: ['c'],
        }),
      ],
    })
  })

  test('finalizers are a set, and items leave it by name', () => {
    const meta = structNamed('meta.v1.ObjectMeta')
    expect(
      strategicMerge(
        meta,
        { finalizers: ['a', 'b'] },
        { finalizers: ['c'], '$deleteFromPrimitiveList/finalizers': ['a'] },
      ),
    ).toEqual({ finalizers: ['c', 'b'] })
  })
})

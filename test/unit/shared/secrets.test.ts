import { expect, test } from 'vitest'
import { asStored } from '../../../src/shared/secrets.ts'
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'

function object(kind: string, content: JsonMap): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name: 'login' }, ...content }
}

test.each<[string, KubeObject, JsonMap]>([
  ['by stringData alone', object('Secret', { stringData: { a: 'x' } }), { data: { a: 'eA==' } }],
  [
    'by both, plain text wins',
    object('Secret', { data: { a: 'eQ==', b: 'eg==' }, stringData: { a: 'x' } }),
    { data: { a: 'eA==', b: 'eg==' } },
  ],
  ['by data', object('Secret', { data: { a: 'eA==' } }), { data: { a: 'eA==' } }],
  ['of another kind', object('Other', { stringData: { a: 'x' } }), { stringData: { a: 'x' } }],
  ['with a value that is no text', object('Secret', { stringData: { a: 1 } }), { data: { a: '' } }],
])('%s', (_, given, content) => {
  expect(asStored(given)).toEqual(object(given.kind, content))
})

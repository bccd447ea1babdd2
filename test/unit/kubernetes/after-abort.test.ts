import { expect, test } from 'vitest'
import { afterAbort } from '../../../src/kubernetes/after-abort.ts'
import type { Json, KubeObject } from '../../../src/shared/objects.ts'

function object(spec: Json, annotations?: Record<string, string>): KubeObject {
  const metadata = { name: 'web', ...(annotations === undefined ? {} : { annotations }) }
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec }
}
const containers = (...env: string[]): Json => [{ name: 'a', pull: 'x', env: env.map((name) => ({ name })) }]

test.each<[string, Json, Json, Json, Json]>([
  ['what the hold set is as it was', { paused: true, min: 9, n: 1 }, { min: 3, n: 1 }, { n: 1 }, { min: 3, n: 1 }],
  ['what the manifest names is as it says', { min: 5 }, { min: 3 }, { min: 5 }, { min: 5 }],
  ['what was dropped stays dropped', { n: 1 }, { n: 1, old: 2 }, { n: 1 }, { n: 1 }],
  [
    'what only the other release had is gone, by name',
    { c: containers('both', 'theirs') },
    { c: containers('both') },
    { c: [{ name: 'a', env: [{ name: 'both' }] }] },
    { c: containers('both') },
  ],
  ['lists without names are the manifest’s', { args: ['b'] }, { args: ['a'] }, { args: ['b'] }, { args: ['b'] }],
])('%s', (_, dry, before, manifest, after) => {
  expect(afterAbort(object(dry), object(before), object(manifest))['spec']).toEqual(after)
})

test('annotations of the hold are gone, those of others stay', () => {
  const [dry, before] = [object({}, { 'headgate.dev/originals': '{}', team: 'a' }), object({}, { team: 'a' })]
  expect(afterAbort(dry, before, object({})).metadata.annotations).toEqual({ team: 'a' })
})

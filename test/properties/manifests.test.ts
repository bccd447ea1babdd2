import fc from 'fast-check'
import { DUMP_SCHEMA, dump } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import { canonicalJson, releaseDigest } from '../../src/manifests/digest.ts'
import { substituteImages } from '../../src/manifests/images.ts'
import { parseManifest } from '../../src/manifests/parse.ts'
import { parseReference, repositoryOf } from '../../src/manifests/references.ts'
import { resolvedSurge, resolvedUnavailable, templateEquals } from '../../src/manifests/workload.ts'
import { failureOf } from '../../src/shared/errors.ts'
import { parseJson, stringifyJson } from '../../src/shared/json.ts'
import type { Json, KubeObject, PodTemplate } from '../../src/shared/objects.ts'

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\0'))
const scalar = fc.oneof(
  word,
  // texts that look like something else, which a writer has to quote
  fc.constantFrom(
    'y',
    'no',
    'on',
    '0400',
    '1e3',
    '~',
    'null',
    '12:30',
    '2026-11-22',
    '<<',
    '=',
    '.inf',
    '0x1F',
    '1_000',
  ),
  fc.integer(),
  // whole numbers above 2^53 are BigInt when they are read, and have a test of their own
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value) => (Number.isInteger(value) && !Number.isSafeInteger(value) ? 0.5 : value + 0)),
  fc.boolean(),
  fc.constant(null),
)
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(word, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))
const fields = fc.dictionary(
  word.filter((key) => !['apiVersion', 'kind', 'metadata', 'items'].includes(key)),
  tree,
  { maxKeys: 4, noNullPrototype: true },
)
const object = fields.map(
  (more): KubeObject => ({ apiVersion: 'v1', kind: 'Widget', metadata: { name: 'a' }, ...more }),
)
const options = { schema: DUMP_SCHEMA, noRefs: true }

describe('manifests', () => {
  it('keep every field, known or not, through YAML', () => {
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 3 }), (objects) => {
        const text = objects.map((one) => dump(one, options)).join('---\n')
        expect(parseManifest(text, 'f.yaml').map((one) => one.object)).toEqual(objects)
      }),
    )
  })

  it('keep every field through JSON, big integers too, wherever its lines stand', () => {
    const big = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    fc.assert(
      fc.property(object, big, fc.integer({ min: 0, max: 9 }), fc.boolean(), (one, number, spaces, nested) => {
        const whole = { ...one, big: Number.isSafeInteger(Number(number)) ? Number(number) : number }
        const json = stringifyJson(whole, spaces)
        expect(parseManifest(json, 'f.json').map(({ object }) => object)).toEqual([whole])
        expect(parseJson(json)).toEqual(whole)
        const list = `apiVersion: v1\nkind: List\nitems:\n${nested ? '  ' : ''}- ${json}\n`
        if (!/[\u0080-\u009f\u007f]/.test(json))
          expect(parseManifest(list, 'f.yaml').map(({ object }) => object)).toEqual([whole])
      }),
    )
  })

  it('of any text are objects or a refusal with a file', () => {
    const line = fc.oneof(
      word,
      fc.constantFrom('---', '- a: &x [', ']', '{', '}', 'a: *x', '<<: *x', 'b: "', "'", '\t- |', ' kind: List'),
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        try {
          parseManifest(lines.join('\n'), 'f.yaml')
        } catch (error) {
          expect(failureOf(error)).toMatchObject({ kind: 'refused', place: { file: 'f.yaml' } })
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('digest', () => {
  const shuffled = (value: Json, seed: number): Json => {
    if (Array.isArray(value)) return value.map((item) => shuffled(item, seed))
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, item]) => [key, shuffled(item ?? null, seed)] as const)
    return Object.fromEntries(
      entries.sort(([a], [b]) => ((a.length * seed) % 7) - ((b.length * seed) % 7) || (a < b ? 1 : -1)),
    )
  }

  it('does not depend on the order of keys and objects, and on nothing less than a value', () => {
    fc.assert(
      fc.property(fc.array(object, { minLength: 1 }), fc.nat(), fields, (objects, seed, more) => {
        const turned = objects.map((one) => shuffled(one, seed) as KubeObject).reverse()
        expect(releaseDigest(turned)).toBe(releaseDigest(objects))
        const [first, ...rest] = objects
        const changed = { ...first, ...more } as KubeObject
        const same = canonicalJson(changed) === canonicalJson(first ?? null)
        expect(releaseDigest([changed, ...rest]) === releaseDigest(objects)).toBe(same)
      }),
    )
  })
})

const part = fc.stringMatching(/^[a-z0-9]{1,6}([._-][a-z0-9]{1,4})?$/)
const registry = fc.constantFrom(
  '',
  'docker.io/',
  'index.docker.io/',
  'ghcr.io/',
  'localhost/',
  'localhost:5000/',
  'r.example:443/',
)
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}$/)

describe('images', () => {
  const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  it('normalise once and for all', () => {
    fc.assert(
      fc.property(registry, path, tag, (host, name, version) => {
        const once = repositoryOf(`${host}${name}:${version}`)
        expect(repositoryOf(once)).toBe(once)
        expect(repositoryOf(`${once}@sha256:${'0'.repeat(64)}`)).toBe(once)
        expect(once.split('/').length).toBeGreaterThan(1)
        expect(parseReference(`${host}${name}:${version}`)).toMatchObject({ name: `${host}${name}`, tag: version })
        if (host === '' && !name.split('/')[0]?.includes('.')) expect(repositoryOf(`docker.io/${name}`)).toBe(once)
      }),
    )
  })

  it('are set everywhere, once and for all, and nothing else is touched', () => {
    const image = fc.tuple(registry, path, tag).map(([host, name, version]) => `${host}${name}:${version}`)
    fc.assert(
      fc.property(fc.array(image, { minLength: 1, maxLength: 5 }), fc.nat(), tag, (images, pick, version) => {
        const containers = images.map((one, index) => ({ name: `c${index}`, image: one, resources: {} }))
        const pod: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers } }
        const chosen = images[pick % images.length] ?? ''
        const entry = `${parseReference(chosen)?.name}:${version}`
        const once = substituteImages([pod], [entry]).objects
        const expected = containers.map((container) =>
          repositoryOf(container.image) === repositoryOf(chosen) ? { ...container, image: entry } : container,
        )
        expect(once).toEqual([{ ...pod, spec: { containers: expected } }])
        expect(substituteImages(once, [entry]).objects[0]).toBe(once[0])
      }),
    )
  })
})

describe('workloads', () => {
  it('a template equals itself, with and without hash, in any order', () => {
    fc.assert(
      fc.property(fields, (more) => {
        const template: PodTemplate = { metadata: { labels: { app: 'a' } }, spec: { ...more, containers: [] } }
        const labels = { 'pod-template-hash': 'x', app: 'a' }
        expect(templateEquals(template, { spec: { ...template.spec }, metadata: { labels } })).toBe(true)
      }),
    )
  })

  it('a rolling update can always move, and never takes more than there is', () => {
    const value = fc.oneof(
      fc.nat(20),
      fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
    )
    fc.assert(
      fc.property(value, value, fc.integer({ min: 1, max: 50 }), (maxSurge, maxUnavailable, replicas) => {
        const spec = { strategy: { rollingUpdate: { maxSurge, maxUnavailable } } }
        const [surge, unavailable] = [resolvedSurge(spec, replicas), resolvedUnavailable(spec, replicas)]
        expect(surge + unavailable).toBeGreaterThan(0)
        expect(unavailable).toBeLessThanOrEqual(replicas)
      }),
    )
  })
})

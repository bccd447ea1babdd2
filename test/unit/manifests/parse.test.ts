import { describe, expect, it } from 'vitest'
import { parseManifest } from '../../../src/manifests/parse.ts'
import { MAX_TEXT } from '../../../src/manifests/yaml.ts'
import { failureOf } from '../../../src/shared/errors.ts'
import { stringifyJson } from '../../../src/shared/json.ts'

const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n'
const field = (text: string): string => stringifyJson(parseManifest(head + text, 'f.yaml')[0]?.object['x'] ?? {})

function refusal(text: string): { code: string; message: string; line?: number; column?: number; next?: string } {
  try {
    parseManifest(text, 'f.yaml')
  } catch (error) {
    const { code, message, place, next, kind } = failureOf(error)
    expect(kind).toBe('refused')
    expect(place?.file).toBe('f.yaml')
    return {
      code,
      message,
      ...(place?.line === undefined ? {} : { line: place.line }),
      ...(place?.column === undefined ? {} : { column: place.column }),
      ...(next === undefined ? {} : { next }),
    }
  }
  throw new Error('not refused')
}

describe('scalars, as kubectl 1.32 answers', () => {
  it.each([
    ['0400', '256'],
    ['0o400', '256'],
    ['0900', '900'],
    ['08', '8'],
    ['0_8', '8'],
    ['1_000', '1000'],
    ['1__0', '10'],
    ['5_', '5'],
    ['-_5', '-5'],
    ['_5', '"_5"'],
    ['0b101', '5'],
    ['-0b11', '-3'],
    ['0b2', '"0b2"'],
    ['+0x1F', '31'],
    ['0x1_F', '31'],
    ['0o', '"0o"'],
    ['0x1p4', '"0x1p4"'],
    ['0x1.8', '"0x1.8"'],
    ['-0', '0'],
    ['+5', '5'],
    ['1e3', '1000'],
    ['1234567e8', '123456700000000'],
    ['1_0.5_0', '10.5'],
    ['+.5', '0.5'],
    ['1.', '1'],
    ['._5', '"._5"'],
    ['1e400', '"1e400"'],
    ['1.10', '1.1'],
    ['9007199254740993', '9007199254740993'],
    ['9223372036854775807', '9223372036854775807'],
    ['-0x8000000000000000', '-9223372036854775808'],
    ['0x8000000000000000', '9223372036854776000'],
    ['-0x8000000000000001', '"-0x8000000000000001"'],
    ['18446744073709551615', '18446744073709552000'],
    ['123456789012345678901234567890', '1.2345678901234568e+29'],
    ['yes', 'true'],
    ['y', 'true'],
    ['N', 'false'],
    ['off', 'false'],
    ['12:30:45', '"12:30:45"'],
    ['12:30', '"12:30"'],
    ['2026-11-22', '"2026-11-22"'],
    ['2001-12-14t21:59:43.10-05:00', '"2001-12-14t21:59:43.10-05:00"'],
    ['Infinity', '"Infinity"'],
    ['nan', '"nan"'],
    ['=', '"="'],
    ['<<', '"<<"'],
    ['{a: ~}', '{"a":null}'],
    ['{a: }', '{"a":null}'],
    ['! foo', '"foo"'],
    ['!!str 3', '"3"'],
    ['!!int "3"', '3'],
    ['!!float 3', '3'],
    ['!!bool "yes"', 'true'],
    ['!!timestamp 2026-11-22', '"2026-11-22"'],
    ['!!binary aGVsbG8=', '"hello"'],
    ['{on: 1, 1.5: a, 1e3: b, 0x10: c}', '{"16":"c","1000":"b","true":1,"1.5":"a"}'],
    ['{__proto__: 1}', '{"__proto__":1}'],
    ['{"<<": {a: 1}}', '{"<<":{"a":1}}'],
    ['{<<: {b: 1, c: 2}, b: 3}', '{"b":3,"c":2}'],
    ['{b: 1, <<: {c: 3}}', '{"b":1,"c":3}'],
    ['{<<: [{a: 1}, {a: 2, c: 3}], b: 9}', '{"a":1,"c":3,"b":9}'],
  ])('%s', (text, json) => expect(field(`x: ${text}\n`)).toBe(json))
})

describe('lines inside brackets and quotes may stand anywhere, as for kubectl', () => {
  it.each([
    ['{\n  a: b\n}', '{"a":"b"}'],
    ['[\n  1,\n  2\n]', '[1,2]'],
    ['{a: 1,\nb: 2}', '{"a":1,"b":2}'],
    ['[a\nb]', '["a b"]'],
    ['[\n# comment ]\n1 # ]\n]', '[1]'],
    ['"a\nb"', '"a b"'],
    ['"a \\\nb\\n\n   c"', '"a b\\n c"'],
    ["'a\nb''c\n\nd'", '"a b\'c\\nd"'],
    ['{a:\t1, b:\t[2]}', '{"a":1,"b":[2]}'],
    ['\t{a: 1}', '{"a":1}'],
    ['{\n\t"a": 1,\n\t"b": "c\nd"\n}', '{"a":1,"b":"c d"}'],
    ['{"q":\t"t\tu",\n"r":\t[\n]\n}', '{"q":"t\\tu","r":[]}'],
  ])('%j', (text, json) => {
    expect(field(`x: ${text}\n`)).toBe(json)
    expect(field(`w:\nx: ${text}\nz: 1\n`)).toBe(json)
    const nested = parseManifest(`${head}w:\n  - z: ${text}\nx: 1\n`, 'f.yaml')[0]
    expect(stringifyJson(nested?.object['w'] ?? {})).toBe(`[{"z":${json}}]`)
    expect(nested?.object['x']).toBe(1)
  })

  it('keeps lines and columns', () => {
    const [object] = parseManifest(`${head}x: {\n  a: 1,\nb: [\n c\n]}\n`, 'f.yaml')
    expect(object?.placeOf(['x', 'a'])).toMatchObject({ line: 5, column: 3 })
    expect(object?.placeOf(['x', 'b'])).toMatchObject({ line: 6, column: 1 })
    expect(object?.placeOf(['x', 'b', 0])).toMatchObject({ line: 7, column: 2 })
    expect(refusal(`${head}x: [\n1,\n&a &b\n]`)).toMatchObject({ line: 6, column: 4 })
    expect(refusal(`${head}x: [\n1,\n*nobody\n]`)).toMatchObject({ line: 6, column: 2 })
    expect(refusal(`${head}x: [\n1\n`)).toMatchObject({ code: 'manifest-yaml' })
  })

  it('gives up over a tab behind a quote, and after many lines', () => {
    expect(refusal(`${head}x: "a	b" {a: [1\n,	2]}`).code).toBe('manifest-yaml')
    expect(refusal(`${head}x: [\n${'1,\n'.repeat(600)}]`)).toMatchObject({ code: 'manifest-yaml', line: 505 })
  })
})

describe('what nobody can mean is refused with its place', () => {
  it.each([
    ['x: 1\nx: 2', 'manifest-yaml', 5, 1],
    ['x: {b: 3, <<: {b: 2}}', 'manifest-yaml', 4, 11],
    ['x: &x {b: 2}\ny: [{b: 3, <<: *x}]', 'manifest-yaml', 5, 12],
    ['x: &x {b: 2}\nz: &z {<<: *x}\ny: {b: 1, <<: [*z]}', 'manifest-yaml', 6, 11],
    ['x: {<<: {a: 1}, <<: {a: 2}}', 'manifest-yaml', 4, 17],
    ['x: !Ref foo', 'manifest-yaml', 4, 4],
    ['x: !!set {a}', 'manifest-yaml', 4, 4],
    ['x: !!binary a', 'manifest-yaml', 4, 4],
    ['x: !!binary AP8=', 'manifest-yaml', 4, 4],
    ['x: !!int 3.5', 'manifest-yaml', 4, 4],
    ['x: .inf', 'manifest-yaml', 4, 1],
    ['x: [1, {on: -.inf}]', 'manifest-yaml', 4, 9],
    ['x: .NaN', 'manifest-yaml', 4, 1],
    ['~: 1', 'manifest-yaml', 4, 1],
    ['x: - 5', 'manifest-yaml', 4, 4],
    ['y: &a [*a]', 'manifest-aliases', 4, 1],
    [`x: &a b\ny: [${'*a, '.repeat(1_001)}]`, 'manifest-aliases', 5, 4_006],
  ])('%s', (text, code, line, column) => expect(refusal(head + text)).toMatchObject({ code, line, column }))

  it('a directive', () => expect(refusal(`%YAML 1.2\n---\n${head}`)).toMatchObject({ code: 'manifest-yaml' }))

  it('an alias bomb, before it grows', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`)
    expect(refusal(`${head}a0: &a0 [lol]\n${lines.join('\n')}`)).toMatchObject({ code: 'manifest-aliases' })
  })

  it('a binary, a huge file, an unfinished template', () => {
    expect(refusal('\u0000ELF')).toMatchObject({ code: 'manifest-binary' })
    expect(refusal(`# ${'x'.repeat(MAX_TEXT)}`)).toMatchObject({ code: 'manifest-size' })
    const template = refusal(`${head}x: 1\n{{- if .Values.on }}\n`)
    expect(template.code).toBe('manifest-yaml')
    expect(template.next).toContain('helm template')
  })
})

describe('documents', () => {
  it('knows where each begins, through comments and empty documents', () => {
    const text = `# first\n---\n# nothing\n---\n\n${head}---\n--- # again\n${head}...\n# end\n`
    expect(parseManifest(text, 'f.yaml').map(({ place }) => place)).toEqual([
      { file: 'f.yaml', line: 6 },
      { file: 'f.yaml', line: 11 },
    ])
  })

  it('reads nothing from nothing', () => {
    for (const text of ['', '\n', '# only a comment\n', '---\n---\n']) expect(parseManifest(text, 'f.yaml')).toEqual([])
  })

  it('reads JSON, also several objects one after the other', () => {
    const json = '{"apiVersion": "v1", "kind": "Secret",\n\t"metadata": {"name": "}\\"{"}, "x": 9007199254740993}'
    const objects = parseManifest(`${json}\n\n${json}`, 'f.json')
    expect(objects.map(({ place }) => place.line)).toEqual([1, 4])
    expect(objects[1]?.object['x']).toBe(9007199254740993n)
    expect(objects[1]?.placeOf(['x'])).toEqual({ file: 'f.json', line: 5, column: 32 })
    expect(refusal(`${json}]`).code).toBe('manifest-yaml')
    expect(refusal('{"a": "').code).toBe('manifest-yaml')
    expect(refusal('{"a": {').code).toBe('manifest-yaml')
  })

  it('flattens Lists and places their items', () => {
    const text = [
      'apiVersion: v1',
      'kind: List',
      'items:',
      '- apiVersion: v1',
      '  kind: ConfigMapList',
      '  items:',
      '  - metadata: {name: a}',
      '  - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}',
      '- apiVersion: v1',
      '  kind: Secret',
      '  metadata:',
      '    name: c',
    ].join('\n')
    const objects = parseManifest(text, 'f.yaml')
    expect(objects.map(({ object, place }) => `${object.kind} ${object.metadata.name} ${place.line}`)).toEqual([
      'ConfigMap a 7',
      'ConfigMap b 8',
      'Secret c 9',
    ])
    expect(objects[2]?.placeOf(['metadata', 'name'])).toEqual({ file: 'f.yaml', line: 12, column: 5 })
    expect(parseManifest('{apiVersion: v1, kind: List, items: []}', 'f.yaml')).toEqual([])
  })

  it('tells values apart that an alias shares', () => {
    const text = `${head}x: &x {a: [1]}\nz: *x\n`
    const object = parseManifest(text, 'f.yaml')[0]?.object
    expect(object?.['z']).toEqual({ a: [1] })
    expect(object?.['z']).not.toBe(object?.['x'])
  })
})

describe('places of fields', () => {
  const text = [
    'base: &base',
    '  on: 1',
    'apiVersion: v1',
    'kind: ConfigMap',
    'metadata:',
    '  name: "a"',
    'data:',
    '  <<: *base',
    '  ? key',
    '  : value',
    '  list:',
    '  - one',
    '  -',
    '  - two: |',
    '      text',
    '  both: {<<: [*base, {p: 1}], q: 2}',
    '  *base2 : x',
  ]
    .join('\n')
    .replace('value', '&base2 value')
  const object = parseManifest(text, 'f.yaml')[0]
  it.each([
    [[], 1, 1],
    [['metadata', 'name'], 6, 3],
    [['data', 'true'], 2, 3],
    [['data', 'key'], 9, 5],
    [['data', 'list', 0], 12, 5],
    // an empty item has no place of its own
    [['data', 'list', 1], 12, 3],
    [['data', 'list', 2, 'two'], 14, 5],
    [['data', 'list', 9], 11, 3],
    [['data', 'both', 'p'], 16, 23],
    [['data', 'both', 'none'], 16, 3],
    [['data', 'value'], 17, 3],
    [['data', 0], 7, 1],
    [['spec', 'nothing'], 1, 1],
  ])('%j', (path, line, column) => expect(object?.placeOf(path)).toEqual({ file: 'f.yaml', line, column }))
})

describe('what is no object of Kubernetes', () => {
  it.each([
    ['hello', 'manifest-object', 1],
    ['- a', 'manifest-object', 1],
    ['kind: A\nmetadata: {name: a}', 'manifest-kind', 1],
    ['\n\napiVersion: v1\nmetadata: {name: a}', 'manifest-kind', 3],
    ['apiVersion: 1\nkind: A\nmetadata: {name: a}', 'manifest-kind', 1],
    ['apiVersion: v1\nkind: A', 'manifest-name', 1],
    ['apiVersion: v1\nkind: A\nmetadata: {}', 'manifest-name', 1],
    ['apiVersion: v1\nkind: A\nmetadata: {name: ""}', 'manifest-name', 1],
    ['apiVersion: v1\nkind: A\nmetadata:\n  name: 5', 'manifest-name', 4],
    ['apiVersion: v1\nkind: A\nmetadata:\n  name: [a]', 'manifest-name', 4],
    ['apiVersion: v1\nkind: A\nmetadata:\n  generateName: a-', 'manifest-name', 4],
    ['apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  namespace: yes', 'manifest-name', 5],
    ['apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  labels:\n    v: 1.10', 'manifest-object', 6],
    ['apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  labels:\n    v: {}', 'manifest-object', 6],
    ['apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  annotations: [a]', 'manifest-object', 5],
    ['apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization', 'manifest-kustomization', 1],
    ['{apiVersion: v1, kind: List, items: [5]}', 'manifest-object', 1],
  ])('%s', (text, code, line) => expect(refusal(text)).toMatchObject({ code, line }))

  it('says how to write a label that YAML takes for a number', () => {
    const text = head.replace('{name: a}', '{name: a, labels: {v: 1.5}}')
    expect(refusal(text)).toMatchObject({
      message: 'metadata.labels.v must be text, and YAML reads the value 1.5 there',
      next: 'Put the text in quotes.',
    })
  })

  it.each([
    ['template: {spec: {containers: {}}}', 'spec.template.spec.containers must be a list', 5],
    ['template: {spec: {containers: [null]}}', 'spec.template.spec.containers[0] must be a mapping', 5],
    ['template:\n    spec:\n      initContainers: app', 'spec.template.spec.initContainers must be a list', 7],
    ['selector:\n    matchExpressions: {}', 'spec.selector.matchExpressions must be a list', 6],
  ])('refuses a workload whose lists are none: %s', (spec, what, line) => {
    const text = `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  ${spec}\n`
    expect(refusal(text)).toMatchObject({ code: 'manifest-object', message: `Deployment/web: ${what}`, line })
  })

  it('leaves lists that are not written to the server', () => {
    const text =
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {initContainers: }}}'
    expect(parseManifest(text, 'f.yaml')).toHaveLength(1)
  })

  it('leaves empty labels and an empty namespace alone', () => {
    const text = 'apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: , labels: , annotations: {a: , b: c}}'
    expect(parseManifest(text, 'f.yaml')[0]?.object.metadata).toEqual({
      name: 'a',
      namespace: null,
      labels: null,
      annotations: { a: null, b: 'c' },
    })
  })
})

describe('an item that the server names by its keys', () => {
  const text = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  containers:
    - name: side
    - name: app
      imgae: x
      ports:
        - containerPort: 80
        - containerPort: 81
          protocol: UDP
`
  it.each<[string, (string | number)[], number]>([
    ['by its name', ['[name="app"]', 'imgae'], 8],
    ['with a default that the manifest leaves out', ['[name="app"]', 'ports', '[containerPort=80,protocol="TCP"]'], 10],
    ['by two keys', ['[name="app"]', 'ports', '[containerPort=81,protocol="UDP"]', 'protocol'], 12],
    ['by its number', [1, 'imgae'], 8],
    ['which the manifest does not have', ['[name="other"]', 'image'], 5],
    ['where no list is', ['[name="app"]', '[a="b"]'], 7],
  ])('%s', (_, path, line) => {
    expect(parseManifest(text, 'a.yaml')[0]?.placeOf(['spec', 'containers', ...path]).line).toBe(line)
  })
})

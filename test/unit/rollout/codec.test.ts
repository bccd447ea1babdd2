import { describe, expect, it } from 'vitest'
import {
  decodePayload,
  decodeRecord,
  encodePayload,
  encodeRecord,
  MAX_PAYLOAD_BYTES,
  type Payload,
  payloadKind,
  payloadName,
  recordName,
} from '../../../src/rollout/codec.ts'
import type { ConfigMap, KubeObject } from '../../../src/shared/objects.ts'
import { numbers } from '../../properties/drive.ts'
import { record } from '../report/views.ts'
import { FIELDS, NEW, OLD } from '../strategies/views.ts'
import { refusal } from '../manifests/objects.ts'

const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { token: 'aGVsbG8=' } }
const config: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { 'ä/~': '1\n' } }

function payload(change: Partial<Payload> = {}): Payload {
  const versions = {
    stable: OLD,
    next: NEW,
    stableFields: FIELDS,
    nextFields: FIELDS,
    stableType: 'RollingUpdate',
    nextType: 'RollingUpdate',
    namesMinReady: false,
  }
  const base = { version: 1 as const, rollout: 7, digest: 'd', jobs: ['migrate'] }
  return { ...base, objects: [config], versions: { 'shop/web': versions }, before: {}, ...change }
}

describe('the record', () => {
  it('comes back as it was written', () => {
    const map = encodeRecord(record({ failure: { kind: 'failed', code: 'x', message: 'a "quote"\nand more' } }))
    expect(map.metadata).toEqual({
      name: 'headgate-echo-version',
      namespace: 'shop',
      labels: { 'headgate.dev/app': 'echo-version' },
    })
    expect(decodeRecord(map)).toEqual(
      record({ failure: { kind: 'failed', code: 'x', message: 'a "quote"\nand more' } }),
    )
  })

  const map = (data?: Record<string, string>): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'headgate-web', namespace: 'shop' },
    ...(data === undefined ? {} : { data }),
  })

  it.each([
    { what: 'of a newer version', data: { record: '{"version": 2}' }, code: 'record-newer' },
    { what: 'of an odd version', data: { record: '{"version": "1"}' }, code: 'record-newer' },
    { what: 'without a version', data: { record: '{}' }, code: 'record-broken' },
    { what: 'that is null', data: { record: 'null' }, code: 'record-broken' },
    { what: 'that is text', data: { record: '"x"' }, code: 'record-broken' },
    { what: 'cut off', data: { record: '{"version": 1' }, code: 'record-broken' },
    { what: 'without its key', data: { other: '1' }, code: 'record-broken' },
    { what: 'without data', data: undefined, code: 'record-broken' },
  ])('$what is refused ($code), by name', ({ data, code }) => {
    const refused = refusal(() => decodeRecord(map(data)))
    expect(refused).toMatchObject({
      code,
      message: expect.stringContaining('ConfigMap/headgate-web in namespace shop'),
    })
  })

  it('tells a newer version from the own one', () => {
    expect(refusal(() => decodeRecord(map({ record: '{"version": 9}' }))).message).toContain(
      'record version 9; this one knows 1',
    )
    const bare: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }
    expect(refusal(() => decodeRecord(bare)).code).toBe('record-broken')
  })

  it('is named after its app', () => {
    expect([recordName('web'), payloadName('web', 12)]).toEqual(['headgate-web', 'headgate-web-r12'])
  })
})

describe('the payload', () => {
  it.each([
    { what: 'a ConfigMap', objects: [config], kind: 'ConfigMap' as const },
    { what: 'a Secret when the release has one', objects: [config, secret], kind: 'Secret' as const },
  ])('is $what, immutable, and comes back as it was written', ({ objects, kind }) => {
    const written = payload({ objects })
    const object = encodePayload(written, 'web', 'shop')
    expect(object).toMatchObject({
      kind,
      immutable: true,
      metadata: { name: 'headgate-web-r7', namespace: 'shop', labels: { 'headgate.dev/app': 'web' } },
    })
    expect(decodePayload(object)).toEqual(written)
    expect(payloadKind(written)).toBe(kind)
  })

  it('is a Secret too when only what an abort puts back holds one', () => {
    expect(payloadKind(payload({ before: { '|Secret|shop|s': secret } }))).toBe('Secret')
  })

  it('shows nothing of a Secret without being unpacked as one', () => {
    const object = encodePayload(payload({ objects: [secret] }), 'web', 'shop')
    expect(object).not.toHaveProperty('binaryData')
    expect(object['type']).toBe('headgate.dev/payload')
    expect(JSON.stringify(object)).not.toContain('aGVsbG8=')
  })

  it('keeps whole numbers that a float cannot hold', () => {
    const big = { ...config, data: {}, big: 9_007_199_254_740_993n }
    expect(decodePayload(encodePayload(payload({ objects: [big] }), 'web', 'shop')).objects).toEqual([big])
  })

  it('is refused when it is too large for the cluster', () => {
    const random = numbers(3)
    const noise = Array.from({ length: 1_300_000 }, () => String.fromCodePoint(33 + random(90))).join('')
    const refused = refusal(() => encodePayload(payload({ objects: [{ ...config, data: { noise } }] }), 'web', 'shop'))
    expect(refused).toMatchObject({ code: 'record-size', message: expect.stringContaining(String(MAX_PAYLOAD_BYTES)) })
  })

  it.each([
    { what: 'nothing', more: {} },
    { what: 'something else', more: { binaryData: { payload: 'aGVsbG8=' } } },
  ])('that holds $what is refused, by name', ({ more }) => {
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'headgate-web-r7', namespace: 'shop' },
      ...more,
    }
    expect(refusal(() => decodePayload(object))).toMatchObject({
      code: 'payload-broken',
      message: expect.stringContaining('ConfigMap/headgate-web-r7'),
    })
  })
})

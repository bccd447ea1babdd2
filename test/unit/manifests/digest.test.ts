import { describe, expect, it } from 'vitest'
import { canonicalJson, releaseDigest, releaseName } from '../../../src/manifests/digest.ts'
import { object } from './objects.ts'

describe('digest', () => {
  it('writes canonical JSON', () => {
    const value = { b: [1, null, 'ü"'], a: { d: 9007199254740993n, c: true }, gone: undefined }
    expect(canonicalJson(value)).toBe('{"a":{"c":true,"d":9007199254740993},"b":[1,null,"ü\\""]}')
  })

  it('knows neither the order of keys nor of objects', () => {
    const [a, b] = [object('ConfigMap/a', 'data: {x: "1", y: "2"}'), object('ConfigMap/b')]
    const turned = object('ConfigMap/a', 'data: {y: "2", x: "1"}')
    expect(releaseDigest([a, b])).toBe(releaseDigest([b, turned]))
    expect(releaseDigest([a, b])).toMatch(/^[0-9a-f]{64}$/)
    expect(releaseDigest([a])).not.toBe(releaseDigest([object('ConfigMap/a', 'data: {x: "1", y: "3"}')]))
    expect(releaseName(releaseDigest([a]))).toMatch(/^[0-9a-f]{10}$/)
  })
})

import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/input/config.ts'
import { readSettings } from '../../../src/input/settings.ts'
import type { Settings } from '../../../src/rollout/settings.ts'
import { failureOf } from '../../../src/shared/errors.ts'

const FILE = '.github/headgate.yaml'

function read(text: string, command = 'deploy'): Settings['updateChecker'] {
  return readSettings({ command, manifests: 'k8s/' }, parseConfig(text, FILE)).settings.updateChecker
}

function wrong(text: string): string {
  try {
    read(text)
  } catch (error) {
    const { code, message, place } = failureOf(error)
    expect(code).toBe('config')
    expect(place?.line).toBeGreaterThan(0)
    return message
  }
  throw new Error('not refused')
}

const DEFAULTS = { headers: {}, intervalMs: 1_000, timeoutMs: 5_000 }

describe('update-checker', () => {
  it('is on unless the config says false', () => {
    expect(read('app: web')).toEqual(DEFAULTS)
    expect(read('update-checker: {}')).toEqual(DEFAULTS)
    expect(read('update-checker: false')).toBeUndefined()
  })

  it('reads every key', () => {
    const text = `
update-checker:
  service: web
  path: /health?deep=1
  port: http
  headers: { x-key: "\${KEY}" }
  interval: 2s
  timeout: 1s
  version: { json: build.version }
`
    expect(read(text)).toEqual({
      service: 'web',
      path: '/health?deep=1',
      port: 'http',
      headers: { 'x-key': '${KEY}' },
      intervalMs: 2_000,
      timeoutMs: 1_000,
      version: { kind: 'json', path: 'build.version' },
    })
    const url = 'update-checker: { url: "https://shop.example/${PATH_OF}", version: { pattern: "v(\\\\d+)" } }'
    expect(read(url)).toMatchObject({
      url: 'https://shop.example/${PATH_OF}',
      version: { kind: 'pattern', pattern: 'v(\\d+)' },
    })
    expect(read('update-checker: { version: { header: X-Version } }')?.version).toEqual({
      kind: 'header',
      name: 'X-Version',
    })
  })

  it.each([
    ['update-checker: true', 'update-checker: must be false or a mapping'],
    ['update-checker: []', 'update-checker: must be a mapping'],
    ['update-checker: { intervall: 2s }', 'update-checker: unknown key "intervall"; did you mean interval?'],
    ['update-checker: { interval: 0s }', 'update-checker.interval: must be above 0'],
    ['update-checker: { url: https://a.b, path: / }', 'update-checker.path: has no meaning beside url'],
    ['update-checker: { path: "/a b" }', 'update-checker.path: must be a path that begins with /'],
    ['update-checker: { url: ftp://a.b }', 'update-checker.url: must be an address'],
    ['update-checker: { version: {} }', 'update-checker.version: has exactly one of json, header and pattern'],
    ['update-checker: { version: { json: a, header: b } }', 'update-checker.version: has exactly one of'],
    [
      'update-checker: { version: { pattern: "v(" } }',
      'update-checker.version.pattern: "v(" is not a regular expression',
    ],
    ['update-checker: { version: { pattern: "v" } }', 'must have exactly one group, as in version (\\S+); it has 0'],
    ['update-checker: { version: { pattern: "(a)(b)" } }', 'it has 2'],
  ])('refuses %s', (text, message) => {
    expect(wrong(text)).toContain(message)
  })
})

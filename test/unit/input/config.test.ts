import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/input/config.ts'
import { failureOf } from '../../../src/shared/errors.ts'

const FILE = '.github/headgate.yaml'

function wrong(text: string): { code: string; message: string; line?: number; column?: number } {
  try {
    parseConfig(text, FILE)
  } catch (error) {
    const { kind, code, message, place } = failureOf(error)
    expect(kind).toBe('refused')
    expect(place?.file).toBe(FILE)
    return { code, message, line: place?.line ?? 0, column: place?.column ?? 0 }
  }
  throw new Error('not refused')
}

describe('config file', () => {
  it('reads every key', () => {
    const text = `
app: echo-version
namespace: shop
manifests: [k8s/]
images: |
  web:2
strategy: canary
pods: in-place
steps: [10%, wait 2m, check home-page, 50%, approve]
workloads: { worker: { strategy: plain } }
capacity: replace
checks:
  home-page: { http: { path: /, expect: { status: 200 } } }
  outside:
    http:
      url: https://\${HOST}/health
      headers: { authorization: "Bearer \${TOKEN}", cost: 5$ }
      expect: { body: ok }
    timeout: 2s
    times: 3
  inside: { http: { port: http, target: pods } }
  users: { http: { port: 80, target: service } }
accept: [replicas-one]
take-over: [kubectl-edit]
timeout: 5m
on-failure: stop
on-cancel: abort
on-failed-job: old
supersede: any
prune: yes
environment: production
environment-url: https://shop.example
`
    const config = parseConfig(text, FILE)
    expect(config.file).toBe(FILE)
    expect(config.values).toMatchObject({ app: 'echo-version', prune: true, 'on-failed-job': 'old', images: 'web:2\n' })
    expect(Object.keys(config.values)).toHaveLength(20)
    const defaults = {
      kind: 'http',
      path: '/',
      target: 'pods',
      headers: {},
      expect: { status: 200 },
      intervalMs: 1_000,
      timeoutMs: 5_000,
      times: 1,
      failures: 0,
      onInconclusive: 'pause',
    }
    expect(config.checks).toEqual({
      'home-page': { ...defaults, name: 'home-page' },
      outside: {
        ...defaults,
        name: 'outside',
        url: 'https://${HOST}/health',
        headers: { authorization: 'Bearer ${TOKEN}', cost: '5$' },
        expect: { status: 200, body: 'ok' },
        timeoutMs: 2_000,
        times: 3,
      },
      inside: { ...defaults, name: 'inside', port: 'http' },
      users: { ...defaults, name: 'users', port: 80, target: 'service' },
    })
    expect(config.placeOf(['timeout'])).toEqual({ file: FILE, line: 25, column: 1 })
    expect(config.textPlaceOf(['app'])).toEqual({ file: FILE, line: 2, column: 6 })
    expect(config.textPlaceOf(['images'])).toEqual({ file: FILE, line: 6, column: 3 })
  })

  it('takes an empty file for an empty config', () => {
    for (const text of ['', '# nothing\n', '{}'])
      expect(parseConfig(text, FILE)).toMatchObject({ values: {}, checks: {} })
    expect(parseConfig('', FILE).placeOf(['app'])).toEqual({ file: FILE })
  })

  it.each([
    ['stratgy: canary', 'unknown key "stratgy"; did you mean strategy?', 1, 1],
    ['app: web\nstrategy: canery', 'strategy: unknown value "canery"; did you mean canary?', 2, 1],
    ['strategy: whatever', 'allowed: rolling, recreate, blue-green or canary', 1, 1],
    ['strategy: 5', 'strategy: must be one of rolling', 1, 1],
    ['app: 5', 'app: must be text, not 5', 1, 1],
    ['app: ""', 'app: must not be empty', 1, 1],
    ['app:', 'app: must be text, not null', 1, 1],
    ['prune: 1', 'prune: must be true or false, not 1', 1, 1],
    ['prune: "true"', 'prune: must be true or false, not "true"', 1, 1],
    ['timeout: 10', 'timeout: must be a duration such as 30s, 10m or 1h, not 10', 1, 1],
    ['timeout: 10 m', 'not "10 m"', 1, 1],
    ['manifests: 5', 'manifests: must be a list of texts', 1, 1],
    ['manifests: [a, 5]', 'manifests.1: must be text, not 5', 1, 16],
    ['steps: [10%, [wait]]', 'steps.1: must be text', 1, 14],
    ['workloads: {web: canary}', 'workloads.web: must be a mapping', 1, 13],
    ['workloads: {web: {strategy: canary}}', 'workloads.web.strategy: unknown value "canary"; allowed: plain', 1, 19],
    ['workloads: {web: {}}', 'workloads.web.strategy: is missing', 1, 13],
    ['checks: []', 'checks: must be a mapping', 1, 1],
    ['checks: {a: {http: {expect: []}}}', 'checks.a.http.expect: must be a mapping', 1, 21],
    ['checks: {A B: {http: {}}}', 'checks.A B: "A B" is not a name', 1, 10],
    ['checks: {a: {}}', 'checks.a: names nothing to check; one of http, version', 1, 10],
    ['checks: {a: {htp: {}, http: {}}}', 'checks.a: unknown key "htp"; did you mean http?', 1, 14],
    ['checks: {a: {http: {path: x}}}', 'checks.a.http.path: must be a path that begins with /', 1, 21],
    ['checks: {a: {http: {url: ftp://x}}}', 'must be an address that begins with https:// or http://', 1, 21],
    ['checks: {a: {http: {url: "https://${a-b}"}}}', 'its variables written ${NAME}', 1, 21],
    ['checks: {a: {http: {headers: {k: 5}}}}', 'checks.a.http.headers.k: must be text', 1, 31],
    ['checks: {a: {http: {port: 70000}}}', 'checks.a.http.port: must be a whole number from 1 to 65535', 1, 21],
    ['checks: {a: {http: {port: 1.5}}}', 'must be a whole number from 1 to 65535', 1, 21],
    ['checks: {a: {http: {port: []}}}', 'must be the name or the number of a port', 1, 21],
    ['checks: {a: {http: {}, times: 0}}', 'must be a whole number from 1 to 1000', 1, 24],
    ['checks: {a: {http: {times: 2}}}', 'times belongs to the check: write it beside the kind', 1, 21],
    ['checks: {a: {http: {expect: {status: 99}}}}', 'must be a whole number from 100 to 599', 1, 30],
    ['checks: {a: {http: {url: https://x, path: /}}}', 'checks.a.http.path: has no meaning beside url', 1, 37],
    ['checks: {a: {http: {target: service, port: web}}}', 'the port of a Service is a number', 1, 38],
    ['traffic: {gateway: x}', 'traffic: unknown key "gateway"; allowed: router, routes', 1, 11],
    ['- a', 'a config file is a mapping of keys', 1, 0],
    ['app: a\n---\napp: b', 'one YAML document', 3, 0],
  ])('%s', (text, part, line, column) => {
    const problem = wrong(text)
    expect(problem).toMatchObject({ code: 'config', line, column })
    expect(problem.message).toContain(part)
  })

  it('tells all in one message, in the order of the file', () => {
    expect(wrong('prune: 1\nstrategy: canery\nchecks: {a: {http: {url: https://x, path: /, port: 1}}}').message).toBe(
      [
        '2 things are wrong:',
        `- ${FILE}:1:1: prune: must be true or false, not 1`,
        `- ${FILE}:2:1: strategy: unknown value "canery"; did you mean canary?`,
      ].join('\n'),
    )
  })

  it('tells what contradicts itself in the order of the file as well', () => {
    const traffic = 'traffic: {sticky: {}}'
    const checks = 'checks: {a: {http: {url: https://x, port: 1}}}'
    for (const text of [`${traffic}\n${checks}`, `${checks}\n${traffic}`]) {
      const lines = wrong(text).message.split('\n').slice(1)
      expect(lines.map((line) => line.split(':')[1])).toEqual(['1', '2'])
    }
  })

  it('never shows the value of a header', () => {
    expect(wrong('checks: {a: {http: {headers: {k: "secret ${"}}}}').message).not.toContain('secret')
  })

  it('reads YAML like manifests', () => {
    expect(wrong('app: a\napp: b')).toMatchObject({ code: 'config-yaml', line: 2 })
    expect(wrong('app: \u0000').code).toBe('config-binary')
  })
})

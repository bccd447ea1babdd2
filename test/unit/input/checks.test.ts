import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/input/config.ts'
import { readSettings, type SettingsRead } from '../../../src/input/settings.ts'
import { failureOf } from '../../../src/shared/errors.ts'

function problemOf(read: () => unknown): { message: string; place?: unknown } {
  try {
    read()
  } catch (error) {
    const { message, place } = failureOf(error)
    return place === undefined ? { message } : { message, place }
  }
  throw new Error('not refused')
}

function settings(check: string, more = ''): SettingsRead {
  return readSettings({ command: 'deploy', manifests: 'k8s' }, parseConfig(`${more}checks: {a: ${check}}\n`, 'c.yaml'))
}

describe('a check that is wrong', () => {
  it.each([
    ['{http: {}, pods: {}}', 'checks.a.pods: http and pods are two checks'],
    ['{http: {expect: {pattern: "("}}}', 'checks.a.http.expect.pattern: is no regular expression'],
    [
      '{http: {expect: {faster-than: 5}}}',
      'checks.a.http.expect.faster-than: must be a duration such as 300ms, 5s or 2m',
    ],
    ['{http: {expect: {json: {"a b": 1}}}}', 'must be a path such as status or data.items[0].value'],
    ['{version: {json: v, header: x}}', 'checks.a.version.header: the version stands in one place'],
    ['{prometheus: {query: up, max: 1}}', 'checks.a.prometheus: names no Prometheus: url or service'],
    ['{prometheus: {url: http://p, service: a/b:9, query: up, max: 1}}', 'url or service, not both'],
    ['{prometheus: {service: b:9, query: up, max: 1}}', 'must be a Service as namespace/name:port'],
    ['{prometheus: {url: http://p, query: up}}', 'has no limit, so nothing could fail: min, max or equals'],
    ['{prometheus: {url: http://p, query: up, min: 2, max: 1}}', 'checks.a.prometheus.min: 2 is more than max, 1'],
    [
      '{prometheus: {url: http://p, query: "x{{canery}}", max: 1}}',
      '{{canery}} is no word that is put in; did you mean canary?',
    ],
    ['{web: {url: http://p, json: a, equals: 1, max: 1}}', 'equals stands without min and max'],
    ['{web: {url: http://p, max: 1}}', 'checks.a.web.json: is missing'],
    ['{job: {name: x}, throughout: true}', 'a job is asked by a step, not throughout'],
    ['{compare: {}, times: 2}', 'has no meaning for compare'],
    ['{compare: {prometheus: {url: http://p}, path: /m}}', 'has no meaning beside prometheus'],
    ['{compare: {errors: false}}', 'nothing is left to compare'],
    ['{compare: {requests: "x{a=b}"}}', 'checks.a.compare.requests: column 5'],
    ['{compare: {most: 5}}', 'must be a percentage such as 1% or 0.5%'],
    ['{compare: {tolerate: 0.5}}', 'must be a number from 1 to 10'],
    ['{pods: {}, on-inconclusive: fail}', 'allowed: pause, extend, promote or abort'],
    ['{pods: {}, throughout: {form: 10%}}', 'unknown key "form"; did you mean from?'],
  ])('%s', (check, text) => {
    expect(problemOf(() => settings(check)).message).toContain(text)
  })
})

describe('checks and steps', () => {
  const canary = 'strategy: canary\nsteps: [10%, wait 1m]\n'

  it('are asked between steps that there are', () => {
    const { message, place } = problemOf(() => settings('{pods: {}, throughout: {from: 20%}}', canary))
    expect(message).toContain('checks.a.throughout.from: no step "20%"')
    expect(place).toMatchObject({ file: 'c.yaml', line: 3 })
    const read = settings('{pods: {}, throughout: {from: 10%, until: wait 1m}}', canary)
    expect(read.settings.checks['a']?.throughout).toEqual({ from: '10%', until: 'wait 1m' })
  })

  it('end after they begin', () => {
    const { message } = problemOf(() => settings('{pods: {}, throughout: {from: wait 1m, until: 10%}}', canary))
    expect(message).toContain('checks.a.throughout.until: it stands before "wait 1m"')
  })

  it('that never come are told', () => {
    const { notices } = settings('{pods: {}, throughout: true}', 'strategy: rolling\n')
    expect(notices).toEqual(['a: checks are asked throughout steps, and rolling has none: they are not asked'])
  })

  it('of blue-green compare with nobody, unless there is a limit', () => {
    const blueGreen = 'strategy: blue-green\nsteps: [switch, wait 1m]\n'
    expect(problemOf(() => settings('{compare: {}, throughout: true}', blueGreen)).message).toContain(
      'after a switch nobody is on the old version to compare with; say most',
    )
    expect(settings('{compare: {most: 5%}, throughout: true}', blueGreen).settings.checks['a']).toMatchObject({
      most: 0.05,
    })
  })
})

describe('what a check is, with all defaults', () => {
  it.each([
    [
      '{compare: {requests: "http_requests_total{route=\\"/\\"}"}}',
      { errors: 'http_requests_total{route="/",code=~"5.."}' },
    ],
    [
      '{compare: {}}',
      { requests: 'http_requests_total', tolerated: 1.2, falseAlarms: 0.01, atLeast: 300, onInconclusive: 'extend' },
    ],
    [
      '{prometheus: {service: mon/prom:9090/prefix, query: up, max: 1}}',
      { source: { headers: {}, service: { namespace: 'mon', name: 'prom', port: 9090, path: '/prefix' } } },
    ],
    ['{http: {}, throughout: true}', { intervalMs: 10_000, throughout: {} }],
    ['{http: {}}', { intervalMs: 1_000, timeoutMs: 5_000, times: 1, failures: 0 }],
    ['{pods: {ready-within: 500ms}}', { restarts: 0, readyWithinMs: 500 }],
  ])('%s', (check, wanted) => {
    expect(settings(check, 'strategy: canary\nsteps: [10%, wait 1m]\n').settings.checks['a']).toMatchObject(wanted)
  })
})

import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/input/config.ts'
import { trafficSettings } from '../../../src/input/traffic.ts'

function read(text: string): ReturnType<typeof trafficSettings> {
  return trafficSettings(parseConfig(`traffic: ${text}`, 'headgate.yaml').values.traffic)
}

describe('traffic in the config file', () => {
  it('looks for a route by itself and asks nothing more of it', () => {
    const bare = { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [] }
    expect(trafficSettings(undefined)).toEqual(bare)
    expect(read('{}')).toEqual(bare)
  })

  it('reads a match as conditions that all must hold, and a list as any of them', () => {
    expect(read('{match: {header: {x-canary: always}, language: [de, de-CH]}}').match).toEqual([
      [
        { kind: 'header', name: 'x-canary', values: ['always'] },
        { kind: 'language', values: ['de', 'de-CH'] },
      ],
    ])
    const several = '{match: [{cookie: {staff: ["1", "2"]}}, {query: {v: new}}, {port: 8443, source: {app: shop}}]}'
    expect(read(several).match).toEqual([
      [{ kind: 'cookie', name: 'staff', values: ['1', '2'] }],
      [{ kind: 'query', name: 'v', values: ['new'] }],
      [
        { kind: 'port', port: 8443 },
        { kind: 'source', labels: { app: 'shop' } },
      ],
    ])
  })

  it.each([
    ['{sticky: {cookie: uid}}', { by: 'bucket', source: 'cookie', name: 'uid' }],
    ['{sticky: {header: x-user}}', { by: 'bucket', source: 'header', name: 'x-user' }],
    ['{sticky: {router: lb}}', { by: 'router', name: 'lb' }],
  ])('%s', (text, sticky) => {
    expect(read(text).sticky).toEqual(sticky)
  })

  it('has its defaults for weights and kept versions', () => {
    const route = 'apiVersion: a/v1, kind: A, name: a, stable: "spec.b[0].w", canary: "spec.b[1].w"'
    expect(read(`{router: generic, weights: [{${route}}]}`).weights).toEqual([
      { apiVersion: 'a/v1', kind: 'A', name: 'a', stable: 'spec.b[0].w', canary: 'spec.b[1].w', total: 100 },
    ])
    expect(read('{keep-versions: {for: 2h, header: x-id}}').keep).toEqual({
      count: 1,
      forMs: 7_200_000,
      replicas: 1,
      header: 'x-id',
    })
    expect(read('{settle: 5s, on-drift: reassert, pods: full}')).toMatchObject({
      settleMs: 5_000,
      onDrift: 'reassert',
      pods: 'full',
    })
  })
})

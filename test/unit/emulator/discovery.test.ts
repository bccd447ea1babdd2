import { describe, expect, test } from 'vitest'
import type { Json } from '../../../src/shared/objects.ts'
import { mapsAt, textAt } from '../../emulator/values.ts'
import { setup } from './objects.ts'

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

function gadgets(): Json {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'gadgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', shortNames: ['gd'] },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  }
}

describe('discovery', () => {
  test('aggregated and by group say the same', async () => {
    const { clock, ask } = setup()
    const all = await clock.run(ask('GET', '/apis', undefined, { accept: AGGREGATED }))
    const apps = mapsAt(all.body, 'items').find((item) => textAt(item, 'metadata', 'name') === 'apps')
    const names = mapsAt(apps, 'versions', 0, 'resources').map((item) => textAt(item, 'resource'))
    const listed = await clock.run(ask('GET', '/apis/apps/v1'))
    const plain = mapsAt(listed.body, 'resources').map((item) => textAt(item, 'name') ?? '')
    expect(names).toEqual(plain.filter((name) => !name.includes('/')))
    expect(plain).toContain('deployments/scale')
    expect(textAt((await clock.run(ask('GET', '/api', undefined, { accept: AGGREGATED }))).body, 'kind')).toBe(
      'APIGroupDiscoveryList',
    )
    expect(
      mapsAt((await clock.run(ask('GET', '/apis'))).body, 'groups').map((group) => textAt(group, 'name')),
    ).toContain('batch')
  })

  test('a definition adds a kind and takes it away again', async () => {
    const { clock, emulator, ask } = setup()
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
    expect((await clock.run(ask('GET', '/apis/example.com/v1'))).status).toBe(404)
    await clock.run(ask('POST', crds, gadgets()))
    await clock.advance(100)
    expect((await clock.run(ask('GET', '/apis/example.com/v1'))).status).toBe(200)
    emulator.create({
      apiVersion: 'example.com/v1',
      kind: 'Gadget',
      metadata: { name: 'g', namespace: 'default' },
      anything: { goes: true },
    })
    expect(emulator.get('gd', 'default', 'g')?.['anything']).toEqual({ goes: true })
    await clock.run(ask('DELETE', `${crds}/gadgets.example.com`))
    await clock.advance(100)
    expect((await clock.run(ask('GET', '/apis/example.com/v1'))).status).toBe(404)
  })

  test('tables for people', async () => {
    const { clock, ask } = setup()
    const table = await clock.run(
      ask('GET', '/api/v1/namespaces', undefined, {
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
      }),
    )
    expect(mapsAt(table.body, 'rows').map((row) => row['cells'])).toEqual([
      ['default', 'Active', '0s'],
      ['kube-system', 'Active', '0s'],
    ])
  })
})

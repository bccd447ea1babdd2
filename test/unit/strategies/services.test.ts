import { describe, expect, it } from 'vitest'
import {
  dropPreviewMove,
  pinMove,
  pinOf,
  previewMove,
  previewService,
  selectMove,
  settling,
  unpinMove,
} from '../../../src/strategies/services.ts'
import { created, NOW, said, serviceOf, type ServiceSpec, viewOf, written } from './views.ts'

const desired = { selector: { app: 'web', tier: 'front' }, ports: [{ port: 80, targetPort: 9090 }, { port: 443 }] }

describe('a pin', () => {
  it('is the selector as before with the old hash, the ports untouched', () => {
    expect(written(pinMove(serviceOf({ desired }), 'stable', 'old1'))).toEqual({
      '/spec/selector': { app: 'web', 'pod-template-hash': 'old1' },
    })
  })

  it('to the new hash brings selector and ports of the release in the same write', () => {
    expect(written(pinMove(serviceOf({ pin: 'old', desired }), 'next', 'new2'))).toEqual({
      '/spec/selector': { app: 'web', tier: 'front', 'pod-template-hash': 'new2' },
      '/spec/ports': [
        { port: 80, targetPort: 9090, protocol: 'TCP' },
        { port: 443, targetPort: 443, protocol: 'TCP' },
      ],
    })
  })

  it('keeps the node ports that the cluster gave', () => {
    const service = serviceOf({ desired })
    if (service.live !== undefined)
      service.live.spec.ports = [
        { port: 443, nodePort: 30_443 },
        { port: 80, protocol: 'UDP', nodePort: 30_080 },
      ]
    expect(written(pinMove(service, 'next', 'new2'))['/spec/ports']).toEqual([
      { port: 80, targetPort: 9090, protocol: 'TCP' },
      { port: 443, targetPort: 443, protocol: 'TCP', nodePort: 30_443 },
    ])
  })

  it('keeps selector and ports where the release has none', () => {
    expect(written(pinMove(serviceOf(), 'next', 'new2'))).toEqual({
      '/spec/selector': { app: 'web', 'pod-template-hash': 'new2' },
    })
    expect(written(pinMove(serviceOf({ desired: {} }), 'next', 'new2'))).toEqual({
      '/spec/selector': { app: 'web', 'pod-template-hash': 'new2' },
    })
  })

  it('is read from the live Service', () => {
    expect([pinOf(serviceOf({ pin: 'old' })), pinOf(serviceOf()), pinOf(serviceOf({ missing: true }))]).toEqual([
      'old1',
      undefined,
      undefined,
    ])
  })

  it('is taken off with what was before, or with what the release has', () => {
    const before = { selector: { app: 'web', old: 'yes' }, ports: [{ port: 80, targetPort: 1 }] }
    const service = serviceOf({ pin: 'new', desired, before })
    expect(written(unpinMove(service, 'stable'))).toEqual({
      '/spec/selector': before.selector,
      '/spec/ports': before.ports,
    })
    expect(written(unpinMove(service, 'next'))).toMatchObject({ '/spec/selector': desired.selector })
    expect(written(unpinMove(serviceOf({ pin: 'new' }), 'next'))).toEqual({ '/spec/selector': { app: 'web' } })
  })

  it('waits for a Service that is not there', () => {
    const missing = serviceOf({ missing: true })
    for (const move of [
      pinMove(missing, 'next', 'h'),
      unpinMove(missing, 'stable'),
      selectMove(missing, 'next', 'green'),
    ])
      expect(said(move)).toBe('wait: Service/web')
  })

  it('writes ports for a Service that had none', () => {
    const service = serviceOf({ desired })
    if (service.live !== undefined) delete service.live.spec.ports
    expect(written(pinMove(service, 'next', 'new2'))['/spec/ports']).toHaveLength(2)
  })
})

describe('settling', () => {
  it.each([
    { changed: [2_999], until: NOW + 1 },
    { changed: [3_000], until: undefined },
    { changed: [60_000, 10], until: NOW + 2_990 },
    { changed: [], until: undefined },
  ])('changed $changed ms ago: until $until', ({ changed, until }) => {
    const move = settling(viewOf({ services: changed.map((each) => ({ changed: each })) }))
    expect(move?.kind === 'wait' ? move.wakeAt : undefined).toBe(until)
  })
})

describe('the preview', () => {
  const view = viewOf()
  const extra = { 'pod-template-hash': 'new2' }

  it('is built fresh: name, ports and selector only', () => {
    const service = serviceOf({ desired: { ...desired, type: 'LoadBalancer' } })
    service.live?.spec.ports?.push({ port: 1, nodePort: 30_001 })
    expect(previewService(view, service, extra)).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web-preview', namespace: 'shop', labels: { 'headgate.dev/app': 'shop' } },
      spec: {
        selector: { app: 'web', tier: 'front', ...extra },
        ports: [
          { port: 80, targetPort: 9090, protocol: 'TCP' },
          { port: 443, targetPort: 443, protocol: 'TCP' },
        ],
      },
    })
  })

  it('takes the live Service where the release has none, and the record where neither has a selector', () => {
    const named = serviceOf()
    if (named.live !== undefined)
      named.live.spec.ports = [{ name: 'http', port: 80, targetPort: 'web', protocol: 'UDP' }]
    const object = previewService(view, named, extra)
    expect(object['spec']).toMatchObject({ ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'UDP' }] })
    const bare = previewService(view, serviceOf({ missing: true, before: { selector: { app: 'x' } } }), extra)
    expect(bare['spec']).toEqual({ selector: { app: 'x', ...extra }, ports: [] })
  })

  const right = { app: 'web', ...extra }
  it.each<{ what: string; services: ServiceSpec[]; move: string }>([
    { what: 'missing', services: [{}], move: 'write: Service/web-preview created' },
    { what: 'right', services: [{ preview: right }], move: 'nothing' },
    {
      what: 'left from before',
      services: [{ preview: { app: 'web' } }],
      move: 'write: Service/web-preview to the new version',
    },
    {
      what: 'the second missing',
      services: [{ preview: right }, { name: 'b' }],
      move: 'write: Service/b-preview created',
    },
    { what: 'no Service', services: [], move: 'nothing' },
  ])('$what: $move', ({ services, move }) => {
    expect(said(previewMove(viewOf({ services }), extra))).toBe(move)
  })

  it('that is there gets the selector only', () => {
    const move = previewMove(viewOf({ services: [{ preview: { app: 'web' } }] }), extra)
    expect(written(move)).toEqual({ '/spec/selector': right })
    expect(created(previewMove(viewOf({ services: [{}] }), extra)).spec['selector']).toEqual(right)
  })

  it.each<{ what: string; services: ServiceSpec[]; move: string }>([
    { what: 'ours', services: [{}, { name: 'b', preview: right }], move: 'write: Service/b-preview removed' },
    {
      what: 'of another app',
      services: [{ preview: right, previewLabels: { 'headgate.dev/app': 'b' } }],
      move: 'nothing',
    },
    { what: 'made by a person', services: [{ preview: right, previewLabels: {} }], move: 'nothing' },
  ])('goes when it is $what: $move', ({ services, move }) => {
    expect(said(dropPreviewMove(viewOf({ services })))).toBe(move)
  })

  it('is deleted by its uid, so that no namesake goes', () => {
    const [known, unknown] = [{ preview: right, previewUid: 'u1' }, { preview: right }].map((spec) =>
      dropPreviewMove(viewOf({ services: [spec] })),
    )
    const ref = { apiVersion: 'v1', kind: 'Service', name: 'web-preview', namespace: 'shop' }
    expect(known).toMatchObject({ write: { verb: 'delete', uid: 'u1', ref } })
    expect(unknown).not.toHaveProperty('write.uid')
  })
})

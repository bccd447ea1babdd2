import { afterEach, describe, expect, test } from 'vitest'
import { Client } from '../../../src/kubernetes/client.ts'
import type { HttpRequest } from '../../../src/kubernetes/transport.ts'
import { Versions, newer } from '../../../src/kubernetes/versions.ts'
import { LiveList } from '../../../src/kubernetes/watch.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'
import { type Answer, SleepingClock, settle, status, Stream, wire } from './wire.ts'

const KIND = { apiVersion: 'v1', kind: 'ConfigMap' }

function map(name: string, resourceVersion: string, value = ''): KubeObject {
  return { ...KIND, metadata: { name, namespace: 'shop', resourceVersion }, data: { value } }
}

function bookmark(resourceVersion: string, end = false) {
  const annotations = end ? { 'k8s.io/initial-events-end': 'true' } : {}
  return { type: 'BOOKMARK', object: { ...KIND, metadata: { resourceVersion, annotations } } }
}

const stops: AbortController[] = []
afterEach(() => stops.splice(0).forEach((each) => each.abort()))

function open(handle: (request: HttpRequest, count: number) => Answer | Error, filter = {}) {
  const { transport, requests } = wire(handle)
  const clock = new SleepingClock()
  const stop = new AbortController()
  stops.push(stop)
  let changes = 0
  const options = { signal: stop.signal, onChange: () => void changes++ }
  const list = LiveList.open(new Client(transport, clock), KIND, 'shop', filter, options)
  return { list, requests, clock, stop, changes: () => changes }
}

/** A watch that has sent its initial list and stays open. */
function started(...objects: KubeObject[]): Stream {
  const stream = new Stream()
  stream.send(...objects.map((object) => ({ type: 'ADDED', object })), bookmark('10', true))
  return stream
}

/** Answers with one stream after the other, then with one that stays silent. */
function inTurn(...streams: Stream[]): (request: HttpRequest) => Answer {
  return () => ({ stream: streams.shift() ?? new Stream() })
}

describe('the initial list', () => {
  test('comes inside the watch, and is whole when ready resolves', async () => {
    const stream = new Stream()
    const { list, requests, changes } = open(() => ({ stream }), { name: 'a', labelSelector: 'x=y' })
    stream.send({ type: 'ADDED', object: map('a', '3') })
    await settle()
    expect([list.items(), changes()]).toEqual([[], 0])
    stream.send(bookmark('10', true))
    await list.ready
    expect(list.items().map((each) => each.metadata.name)).toEqual(['a'])
    const query = new URLSearchParams(requests[0]?.path.split('?')[1])
    expect(Object.fromEntries(query)).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '290',
      labelSelector: 'x=y',
      fieldSelector: 'metadata.name=a',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
    })
  })

  const unsupported = {
    type: 'ERROR',
    object: { kind: 'Status', code: 500, message: 'RequestWatchProgress is disabled' },
  }
  test.each<[string, () => Answer]>([
    ['a refusal', () => status(422, 'Invalid', 'sendInitialEvents is forbidden for watch')],
    ['an event', () => ({ body: JSON.stringify(unsupported) })],
  ])('a server that cannot do that (%s) is asked for a list first', async (_, first) => {
    const { list, requests } = open((request) => {
      if (request.path.includes('sendInitialEvents')) return first()
      if (request.path.includes('watch=')) return { stream: new Stream() }
      return {
        body: { metadata: { resourceVersion: '12' }, items: [{ metadata: { name: 'a', resourceVersion: '3' } }] },
      }
    })
    await list.ready
    expect(list.get('a') ?? list.get('a', '')).toMatchObject({ kind: 'ConfigMap' })
    await settle()
    expect(requests.at(-1)?.path).toContain('resourceVersion=12')
    expect(requests).toHaveLength(3)
  })

  test('without the right, ready rejects and nothing more is asked', async () => {
    const { list, requests } = open(() => status(403, 'Forbidden', 'no'))
    await expect(list.ready).rejects.toMatchObject({ kind: 'forbidden' })
    await settle()
    expect([requests.length, list.error?.kind]).toEqual([1, 'forbidden'])
  })

  test('a kind that is not served is refused', async () => {
    const { transport } = wire((request) =>
      request.path === '/apis' ? { body: { kind: 'APIGroupDiscoveryList', items: [] } } : status(404, 'NotFound', 'x'),
    )
    const options = { signal: new AbortController().signal, onChange: () => {} }
    const list = LiveList.open(
      new Client(transport, new SleepingClock()),
      { apiVersion: 'a/v1', kind: 'B' },
      's',
      {},
      options,
    )
    await expect(list.ready).rejects.toMatchObject({ failure: { code: 'unknown-kind' } })
  })

  test('that breaks off is asked for again from the start', async () => {
    const first = new Stream()
    first.send({ type: 'ADDED', object: map('old', '3') })
    first.break()
    const { list, requests } = open(inTurn(first, started(map('a', '4'))))
    await list.ready
    expect(list.items().map((each) => each.metadata.name)).toEqual(['a'])
    expect(requests).toHaveLength(2)
  })

  test('an end before ready rejects with the reason', async () => {
    const { list, stop } = open(() => ({ stream: new Stream() }))
    stop.abort(new Error('over'))
    await expect(list.ready).rejects.toThrow('over')
  })
})

describe('changes', () => {
  test('are added, changed and deleted, each told once', async () => {
    const stream = started(map('a', '3'), map('b', '4'))
    const { list, changes } = open(inTurn(stream))
    await list.ready
    const before = changes()
    stream.send({ type: 'MODIFIED', object: map('a', '11', 'new') }, { type: 'DELETED', object: map('b', '12') })
    stream.send({ type: 'ADDED', object: map('c', '13') })
    await settle()
    expect(list.items().map((each) => `${each.metadata.name}@${each.metadata.resourceVersion}`)).toEqual([
      'a@11',
      'c@13',
    ])
    expect(changes() - before).toBe(3)
  })

  test('a bookmark is no object, but where to go on', async () => {
    const stream = started(map('a', '3'))
    const { list, requests } = open(inTurn(stream))
    await list.ready
    stream.send(bookmark('99'))
    stream.end()
    await settle()
    expect(list.items()).toHaveLength(1)
    expect(requests[1]?.path).toContain('resourceVersion=99')
  })

  test('an own write enters at once, and an older event does not undo it', async () => {
    const stream = started(map('a', '3'))
    const { list } = open(inTurn(stream))
    await list.ready
    list.put(map('a', '20', 'mine'))
    stream.send({ type: 'MODIFIED', object: map('a', '15', 'before') })
    await settle()
    expect(list.get('a')?.['data']).toEqual({ value: 'mine' })
  })

  test('a connection that breaks is taken up where it was', async () => {
    const first = started(map('a', '3'))
    const second = new Stream()
    const { list, requests, clock } = open(inTurn(first, second))
    await list.ready
    first.send({ type: 'MODIFIED', object: map('a', '11') })
    first.break()
    await settle()
    expect(requests[1]?.path).toContain('resourceVersion=11')
    expect(requests[1]?.path).not.toContain('sendInitialEvents')
    expect(clock.pauses).toEqual([100])
    second.send({ type: 'DELETED', object: map('a', '12') })
    await settle()
    expect(list.items()).toEqual([])
  })

  test('a version that is too old leads to a fresh list, in which what is gone is gone', async () => {
    const first = started(map('a', '3'), map('b', '4'))
    const { list, requests } = open(inTurn(first, started(map('b', '4'))))
    await list.ready
    first.send({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } })
    await settle()
    expect(requests[1]?.path).toContain('sendInitialEvents=true')
    expect(list.items().map((each) => each.metadata.name)).toEqual(['b'])
  })

  test('a right that is taken away later shows as error until it is back', async () => {
    const first = started(map('a', '3'))
    const seen: (string | undefined)[] = []
    const { list, changes } = open((_, count) => {
      seen.push(list?.error?.kind)
      if (count === 1) return { stream: first }
      return count === 2 ? status(403, 'Forbidden', 'no') : { stream: new Stream() }
    })
    await list.ready
    const before = changes()
    first.break()
    await settle()
    expect(list.error).toBeUndefined()
    expect(seen).toEqual([undefined, undefined, 'forbidden'])
    expect(changes() - before).toBe(2)
    expect(list.items()).toHaveLength(1)
  })

  test('a server that ends every watch at once is not stormed', async () => {
    const first = started(map('a', '3'))
    const { clock, list } = open((_, count) => {
      const stream = count === 1 ? first : new Stream()
      if (count < 6) stream.end()
      return { stream }
    })
    await list.ready
    await settle()
    expect(clock.pauses).toEqual([100, 500, 1_000, 2_000])
  })

  test('after the end nothing is asked', async () => {
    const stream = started()
    const { list, requests, stop } = open(inTurn(stream))
    await list.ready
    stop.abort()
    await settle()
    expect(requests).toHaveLength(1)
  })

  test('who owns which field of a pod is not kept', async () => {
    const stream = new Stream()
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', resourceVersion: '1', managedFields: [{}] } }
    stream.send({ type: 'ADDED', object: pod }, bookmark('2', true))
    const { transport } = wire(() => ({ stream }))
    const stop = new AbortController()
    stops.push(stop)
    const kind = { apiVersion: 'v1', kind: 'Pod' }
    const list = LiveList.open(
      new Client(transport, new SleepingClock()),
      kind,
      '',
      {},
      { signal: stop.signal, onChange: () => {} },
    )
    await list.ready
    expect(list.get('p')?.metadata).toEqual({ name: 'p', resourceVersion: '1' })
  })
})

describe('versions', () => {
  test.each([
    ['10', '9', true],
    ['9', '10', false],
    ['9', '9', false],
    ['18446744073709551615', '18446744073709551614', true],
    ['x', '1', undefined],
    ['1', undefined, undefined],
    ['01', '1', undefined],
  ])('%s newer than %s: %s', (a, b, expected) => expect(newer(a, b)).toBe(expected))

  test('where versions cannot be compared, what arrives last counts', () => {
    const versions = new Versions()
    versions.put(map('a', 'x', '1'))
    expect(versions.put(map('a', 'b', '2'))).toBe(true)
    expect(versions.get('shop', 'a')?.['data']).toEqual({ value: '2' })
  })

  test('a late answer does not bring back what was deleted', () => {
    const versions = new Versions()
    versions.put(map('a', '3'))
    versions.deleted(map('a', '9'))
    expect([versions.put(map('a', '8')), versions.items()]).toEqual([false, []])
    expect(versions.put(map('a', '10'))).toBe(true)
  })

  test('a deletion does not take the object that was created after it', () => {
    const versions = new Versions()
    versions.put(map('a', '12'))
    expect([versions.deleted(map('a', '11')), versions.items().length]).toEqual([false, 1])
  })

  test('a fresh list keeps what was written after it', () => {
    const versions = new Versions()
    versions.put(map('a', '30'))
    versions.put(map('b', '5'))
    versions.reset([map('a', '7')], '20')
    expect(versions.items().map((each) => `${each.metadata.name}@${each.metadata.resourceVersion}`)).toEqual(['a@30'])
  })

  test('what this run deleted is out at once', () => {
    const versions = new Versions()
    versions.put(map('a', '1'))
    expect([versions.drop('shop', 'a'), versions.drop('shop', 'a'), versions.items()]).toEqual([true, false, []])
  })
})

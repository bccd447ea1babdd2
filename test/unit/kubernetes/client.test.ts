import { describe, expect, test } from 'vitest'
import { Client } from '../../../src/kubernetes/client.ts'
import { refused, SleepingClock, type Answer, status, wire } from './wire.ts'
import type { HttpRequest } from '../../../src/kubernetes/transport.ts'

const REF = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', namespace: 'shop' }
const OBJECT = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'shop' } }
const PATH = '/apis/apps/v1/namespaces/shop/deployments/web'

function client(handle: (request: HttpRequest, count: number) => Answer | Error, clock = new SleepingClock()) {
  const { transport, requests } = wire(handle)
  return { client: new Client(transport, clock), requests, clock }
}

describe('requests', () => {
  test('apply is strict, forced only on demand, and says whether it created', async () => {
    const { client: c, requests } = client((_, count) => ({ status: count === 1 ? 201 : 200, body: OBJECT }))
    expect((await c.apply(OBJECT, { fieldManager: 'headgate' })).created).toBe(true)
    expect((await c.apply(OBJECT, { fieldManager: 'headgate', force: true, dryRun: true })).created).toBe(false)
    expect(requests.map((each) => each.path)).toEqual([
      `${PATH}?fieldManager=headgate&fieldValidation=Strict`,
      `${PATH}?fieldManager=headgate&force=true&fieldValidation=Strict&dryRun=All`,
    ])
    expect(requests[0]?.headers['content-type']).toBe('application/apply-patch+yaml')
  })

  test('a body says how many bytes it has', async () => {
    const { client: c, requests } = client(() => ({ body: OBJECT }))
    await c.apply({ ...OBJECT, metadata: { name: 'wéb', namespace: 'shop' } }, { fieldManager: 'headgate' })
    expect(requests[0]?.headers['content-length']).toBe(String(Buffer.byteLength(requests[0]?.body ?? '')))
  })

  test('a missing object is undefined, another error is thrown', async () => {
    const { client: c } = client((_, count) =>
      count === 1 ? status(404, 'NotFound', 'no') : status(403, 'Forbidden', 'no'),
    )
    expect(await c.get(REF)).toBeUndefined()
    await expect(c.get(REF)).rejects.toMatchObject({ kind: 'forbidden' })
  })

  test('a list is read page by page and its items say what they are', async () => {
    const { client: c, requests } = client((request) =>
      request.path.includes('continue=more')
        ? { body: { metadata: { resourceVersion: '7' }, items: [{ metadata: { name: 'b' } }] } }
        : { body: { metadata: { resourceVersion: '7', continue: 'more' }, items: [{ metadata: { name: 'a' } }] } },
    )
    const { items, resourceVersion } = await c.list({ apiVersion: 'v1', kind: 'Pod' }, 'shop', { labelSelector: 'a=b' })
    expect(items.map((each) => `${each.apiVersion} ${each.kind} ${each.metadata.name}`)).toEqual([
      'v1 Pod a',
      'v1 Pod b',
    ])
    expect(resourceVersion).toBe('7')
    expect(requests[0]?.path).toBe('/api/v1/namespaces/shop/pods?labelSelector=a%3Db&limit=500')
  })

  test('a list whose token has died is read anew in one piece', async () => {
    const { client: c, requests } = client((request) => {
      if (request.path.includes('continue=')) return status(410, 'Expired', 'too old')
      if (!request.path.includes('limit='))
        return { body: { metadata: { resourceVersion: '9' }, items: [{ metadata: { name: 'b' } }] } }
      return { body: { metadata: { resourceVersion: '7', continue: 'more' }, items: [{ metadata: { name: 'a' } }] } }
    })
    expect((await c.list({ apiVersion: 'v1', kind: 'Pod' })).items.map((each) => each.metadata.name)).toEqual(['b'])
    expect(requests).toHaveLength(3)
  })

  test('deleting what is gone is fine, deleting another object of that name is not', async () => {
    const { client: c, requests } = client((_, count) =>
      count === 1 ? status(404, 'NotFound', 'x') : status(409, 'Conflict', 'uid'),
    )
    await c.delete(REF, { uid: 'u' })
    expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({
      propagationPolicy: 'Background',
      preconditions: { uid: 'u' },
    })
    await expect(c.delete(REF, { uid: 'u' })).rejects.toMatchObject({ kind: 'stale' })
  })

  test('integers beyond 2^53 survive', async () => {
    const { client: c, requests } = client(() => ({
      body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{},"n":9007199254740993}',
    }))
    const object = await c.get({ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: 'y' })
    expect(object?.['n']).toBe(9_007_199_254_740_993n)
    await c.replace(object ?? OBJECT, { fieldManager: 'headgate' })
    expect(requests[1]?.body).toContain('"n":9007199254740993')
  })

  test('warnings of the server are passed on', async () => {
    const heard: string[] = []
    const { transport } = wire(() => ({
      body: OBJECT,
      headers: { warning: '299 - "old \\"v1\\"", 299 - "more, and more"' },
    }))
    await new Client(transport, new SleepingClock(), { onWarning: (text) => heard.push(text) }).get(REF)
    expect(heard).toEqual(['old "v1"', 'more, and more'])
  })

  test('a log that is not there is undefined', async () => {
    const { client: c } = client(() => status(400, 'BadRequest', 'previous terminated container "app" not found'))
    expect(await c.logs('shop', 'web-1', { previous: true })).toBeUndefined()
  })
})

describe('the proxy', () => {
  test('any status is an answer, asked once', async () => {
    const { client: c, requests } = client(() => ({ status: 503, body: 'down' }), waiting())
    const answer = await c.proxy(
      { kind: 'Pod', namespace: 'shop', name: 'web-1', port: 8080, scheme: 'https' },
      '/a?b=c',
    )
    expect([answer.status, answer.body]).toEqual([503, 'down'])
    expect(requests.map((each) => each.path)).toEqual(['/api/v1/namespaces/shop/pods/https:web-1:8080/proxy/a?b=c'])
  })

  test('a long body is cut', async () => {
    const { client: c } = client(() => ({ body: 'abc\ndef\nghi' }), waiting())
    expect((await c.proxy({ kind: 'Service', namespace: 'shop', name: 'web' }, '/', { maxBytes: 5 })).body).toBe(
      'abc\nd',
    )
  })

  test('silence is a timeout', async () => {
    const clock = new SleepingClock()
    const transport = ({ signal }: HttpRequest): Promise<never> =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))))
    const asked = new Client(transport, clock).proxy({ kind: 'Pod', namespace: 's', name: 'p' }, '/', {
      timeoutMs: 3_000,
    })
    await expect(asked).rejects.toMatchObject({ kind: 'timeout' })
    expect(clock.pauses).toEqual([3_000])
  })

  /** A clock on which the time limit is never reached. */
  function waiting(): SleepingClock {
    const clock = new SleepingClock()
    clock.sleep = (_ms: number, signal?: AbortSignal) =>
      new Promise((resolve) => signal?.addEventListener('abort', () => resolve()))
    return clock
  }
})

describe('trying again', () => {
  const guarded = { type: 'json', operations: [{ op: 'test', path: '/metadata/resourceVersion', value: '1' }] } as const
  const blind = { type: 'merge', body: { spec: { paused: true } } } as const

  test.each<[string, (c: Client) => Promise<unknown>, Answer | Error, boolean]>([
    ['a read after a broken connection', (c) => c.get(REF), refused('ECONNRESET'), true],
    ['an apply after 503', (c) => c.apply(OBJECT, { fieldManager: 'x' }), status(503, 'x', 'y'), true],
    [
      'an apply after the 500 of an unknown field',
      (c) => c.apply(OBJECT, { fieldManager: 'x' }),
      status(500, '', 'field not declared in schema'),
      false,
    ],
    [
      'an apply after a failing webhook',
      (c) => c.apply(OBJECT, { fieldManager: 'x' }),
      status(500, 'InternalError', 'webhook'),
      false,
    ],
    [
      'an apply while etcd chooses',
      (c) => c.apply(OBJECT, { fieldManager: 'x' }),
      status(500, 'x', 'etcdserver: leader changed'),
      true,
    ],
    [
      'a guarded patch after a broken connection',
      (c) => c.patch(REF, { ...guarded, operations: [...guarded.operations] }, { fieldManager: 'x' }),
      refused('ECONNRESET'),
      true,
    ],
    [
      'a blind patch after a broken connection',
      (c) => c.patch(REF, blind, { fieldManager: 'x' }),
      refused('ECONNRESET'),
      false,
    ],
    ['a blind patch that was never sent', (c) => c.patch(REF, blind, { fieldManager: 'x' }), refused(), true],
    ['a blind patch after 429', (c) => c.patch(REF, blind, { fieldManager: 'x' }), status(429, 'x', 'y'), true],
    ['a blind patch after 504', (c) => c.patch(REF, blind, { fieldManager: 'x' }), status(504, 'x', 'y'), false],
    ['a create after a broken connection', (c) => c.create(OBJECT, { fieldManager: 'x' }), refused('ECONNRESET'), true],
    ['a read of what is forbidden', (c) => c.get(REF), status(403, 'Forbidden', 'x'), false],
  ])('%s', async (_, act, first, again) => {
    const { client: c, requests } = client((_request, count) => (count === 1 ? first : { body: OBJECT }))
    const done = act(c)
    await (again ? done : expect(done).rejects.toBeInstanceOf(Error))
    expect(requests).toHaveLength(again ? 2 : 1)
  })

  test('the pause is at least what the server asks, and bounded', async () => {
    const { client: c, clock } = client((_, count) =>
      count < 3 ? { status: 429, body: 'x', headers: { 'retry-after': count === 1 ? '3' : '600' } } : { body: OBJECT },
    )
    await c.get(REF)
    expect(clock.pauses).toEqual([3_000, 30_000])
  })

  test('a server never reached is given up soon, one that was is waited for', async () => {
    const down = client(() => refused())
    await expect(down.client.get(REF)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(down.requests).toHaveLength(4)
    const lost = client((_, count) => (count === 1 ? { body: OBJECT } : refused()))
    await lost.client.get(REF)
    await expect(lost.client.get(REF)).rejects.toMatchObject({ kind: 'unreachable' })
    expect(lost.requests).toHaveLength(9)
    expect(lost.clock.pauses.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(30_000)
  })

  test('a body that breaks off is asked for again', async () => {
    let broken = true
    const transport = async () => ({
      status: 200,
      headers: {},
      lines: async function* () {},
      text: async () => {
        if (!broken) return JSON.stringify(OBJECT)
        broken = false
        throw refused('UND_ERR_SOCKET')
      },
    })
    expect(await new Client(transport, new SleepingClock()).get(REF)).toEqual(OBJECT)
  })

  test('an aborted signal ends it with its own reason', async () => {
    const stop = new AbortController()
    const reason = new Error('cancelled by a person')
    const { client: c, requests } = client(() => {
      stop.abort(reason)
      return refused('ECONNRESET')
    })
    await expect(c.json({ method: 'GET', path: '/version', signal: stop.signal })).rejects.toBe(reason)
    expect(requests).toHaveLength(1)
  })
})

import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { fetchUrl } from '../../../src/checks/fetch.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function serve(listener: RequestListener): Promise<{ url: string; connections: () => number }> {
  let count = 0
  const started = createServer(listener)
  server = started
  started.on('connection', () => count++)
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  const address = started.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { url: `http://127.0.0.1:${port}/`, connections: () => count }
}

const OPTIONS = { headers: {}, timeoutMs: 2_000 }

describe('a GET of an address', () => {
  it('opens a connection for every request where it is asked to, and keeps one else', async () => {
    const asked: (string | undefined)[] = []
    const { url, connections } = await serve((request, response) => {
      asked.push(request.headers.connection)
      response.end('hello')
    })
    for (let round = 0; round < 6; round++) await fetchUrl({ url, ...OPTIONS, fresh: true })
    expect(connections()).toBe(6)
    await fetchUrl({ url, ...OPTIONS })
    expect(asked).toEqual([...Array.from({ length: 6 }, () => 'close'), 'keep-alive'])
  })

  it('tells status and headers, and keeps no more of the body than it may', async () => {
    const { url } = await serve((request, response) => {
      response.writeHead(503, { 'X-Version': '0.2.0', 'x-got': String(request.headers['x-sent']) })
      response.end('a'.repeat(200_000))
    })
    const answer = await fetchUrl({ url, ...OPTIONS, headers: { 'x-sent': 'yes' }, maxBytes: 1_000 })
    expect(answer).toMatchObject({ status: 503, headers: { 'x-version': '0.2.0', 'x-got': 'yes' } })
    expect(answer.body).toHaveLength(1_000)
  })

  it('ends when it is late, and when nobody wants it any more', async () => {
    const { url } = await serve(() => {})
    await expect(fetchUrl({ url, ...OPTIONS, timeoutMs: 50 })).rejects.toMatchObject({ name: 'TimeoutError' })
    const stop = new AbortController()
    const asked = fetchUrl({ url, ...OPTIONS, signal: stop.signal })
    stop.abort()
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' })
  })
})

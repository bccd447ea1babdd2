import { createServer, type Server, type ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fetchUrl } from '../../../src/checks/fetch.ts'
import { processRunner } from '../../../src/checks/process.ts'

let server: Server
let other: Server
let base = ''
let elsewhere = ''
const sent: number[] = []

beforeAll(async () => {
  other = createServer((_request, response) => response.end('the other host'))
  server = createServer((request, response) => {
    if (request.url === '/away') return response.writeHead(302, { location: elsewhere }).end('moved')
    if (request.url === '/near') return response.writeHead(302, { location: '/there' }).end()
    if (request.url === '/loop') return response.writeHead(302, { location: '/loop' }).end()
    if (request.url === '/never') return undefined
    if (request.url === '/huge') return pour(response)
    return response.setHeader('x-method', request.method ?? '').end(`here ${String(request.headers['x-key'] ?? '')}`)
  })
  for (const each of [server, other]) await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve))
  base = addressOf(server)
  elsewhere = addressOf(other)
})
afterAll(() => {
  for (const each of [server, other]) {
    each.closeAllConnections()
    each.close()
  }
})

function addressOf(each: Server): string {
  const address = each.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

/** 100 MB, as long as somebody reads it. */
function pour(response: ServerResponse): void {
  let left = 100
  const next = (): void => {
    if (response.destroyed || left-- === 0) return void response.end()
    sent.push(1)
    if (response.write(Buffer.alloc(1_000_000, 'x'))) setImmediate(next)
    else response.once('drain', next)
  }
  next()
}

const asked = { headers: { 'x-key': 'secret' }, timeoutMs: 2_000 }

describe('an address outside of the cluster', () => {
  it('is asked with method and headers', async () => {
    const answer = await fetchUrl({ ...asked, url: `${base}/`, method: 'POST', body: '{}' })
    expect(answer).toMatchObject({ status: 200, body: 'here secret', headers: { 'x-method': 'POST' } })
  })

  it('may redirect on the same host', async () => {
    expect(await fetchUrl({ ...asked, url: `${base}/near` })).toMatchObject({ status: 200, body: 'here secret' })
  })

  it('is not followed to another host', async () => {
    const answer = await fetchUrl({ ...asked, url: `${base}/away` })
    expect(answer).toMatchObject({ status: 302, elsewhere: `${elsewhere}/` })
    expect(answer.body).not.toContain('other host')
  })

  it('that redirects in a circle is given up', async () => {
    await expect(fetchUrl({ ...asked, url: `${base}/loop` })).rejects.toThrow('more than 5 times')
  })

  it('that answers 100 MB is left after what is kept', async () => {
    const answer = await fetchUrl({ ...asked, url: `${base}/huge`, maxBytes: 10_000 })
    expect(answer).toMatchObject({ status: 200, cut: true })
    expect(answer.body).toHaveLength(10_000)
    expect(sent.length).toBeLessThan(50)
  })

  it('that does not answer is given up in time', async () => {
    await expect(fetchUrl({ ...asked, url: `${base}/never`, timeoutMs: 50 })).rejects.toThrow(/timeout|abort/i)
  })
})

describe('a process on the runner', () => {
  const run = processRunner({ PATH: process.env['PATH'], HOME: '/nowhere' }, '/')
  const signal = new AbortController().signal
  const command = (text: string, timeoutMs = 5_000) =>
    run({ run: text, env: { HEADGATE_APP: 'web' }, timeoutMs, signal })

  it('ends with its code, and what it printed', async () => {
    expect(await command('echo "$HEADGATE_APP in $PWD"; echo bad >&2; exit 3')).toEqual({
      exitCode: 3,
      late: false,
      lines: ['web in /', 'bad'],
    })
  })

  it('prints more than is kept', async () => {
    const { lines } = await command('seq 1 5000; head -c 3000 /dev/zero | tr "\\\\0" x')
    expect(lines).toHaveLength(20)
    expect(lines.at(-2)).toBe('5000')
    expect(lines.at(-1)).toHaveLength(500)
  })

  it('that takes too long ends with all that it started', async () => {
    const begun = Date.now()
    expect(await command('sleep 60 & sleep 60', 100)).toMatchObject({ late: true })
    expect(Date.now() - begun).toBeLessThan(4_000)
  })

  it('that nobody waits for any more ends', async () => {
    const begun = Date.now()
    await run({ run: 'sleep 60', env: {}, timeoutMs: 60_000, signal: AbortSignal.abort() })
    expect(Date.now() - begun).toBeLessThan(4_000)
  })

  it.each(['setsid sleep 60 & echo done', '(trap "" TERM; setsid sleep 60) & echo done'])(
    'ends with its shell, whatever it left behind holds open: %s',
    async (text) => {
      const begun = Date.now()
      expect(await command(text)).toEqual({ exitCode: 0, late: false, lines: ['done'] })
      expect(Date.now() - begun).toBeLessThan(3_000)
    },
  )

  it('that a signal ends has no code', async () => {
    expect(await command('kill -KILL $$')).toEqual({ exitCode: null, killedBy: 'SIGKILL', late: false, lines: [] })
  })

  it('that the shell does not find says so', async () => {
    expect(await command('no-such-program-here')).toMatchObject({ exitCode: 127 })
  })
})

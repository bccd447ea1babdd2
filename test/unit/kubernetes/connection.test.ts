import { mkdtempSync, writeFileSync, chmodSync, mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { connect, type Connection, type ConnectOptions, serverName } from '../../../src/kubernetes/connection.ts'
import { proxyFor } from '../../../src/kubernetes/proxy.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function open(options: Partial<ConnectOptions>): Promise<Connection> {
  const connection = await connect({ env: {}, ...options })
  closing.push(() => connection.close())
  return connection
}

function kubeconfig(server: string, user: object = { token: 'first-token' }, more: object = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    clusters: [{ name: 'lab', cluster: { server, ...more } }],
    users: [{ name: 'me', user }],
    contexts: [
      { name: 'main', context: { cluster: 'lab', user: 'me', namespace: 'shop' } },
      { name: 'production', context: { cluster: 'lab', user: 'me' } },
    ],
  })
}

const SERVER = 'https://cluster.test:6443'

async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; server: Server }> {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const folder = (): string => mkdtempSync(join(tmpdir(), 'kubeconfig-'))

describe('finding the cluster', () => {
  test('content, its current context and namespace', async () => {
    const connection = await open({ kubeconfig: kubeconfig(SERVER) })
    expect(connection).toMatchObject({
      server: SERVER,
      clusterName: 'lab',
      contextName: 'main',
      namespace: 'shop',
      secrets: ['first-token'],
    })
  })

  test.each([
    ['https://kube.test:6443', 'kube.test:6443 (context main)'],
    ['https://kube.test/k8s/clusters/c-1', 'kube.test:443 (context main)'],
    ['http://127.0.0.1', '127.0.0.1:80 (context main)'],
  ])('the server of %s is told as %s', (server, name) => {
    expect(serverName({ server, contextName: 'main' })).toBe(name)
  })

  test('another context by name, whose namespace is the default', async () => {
    expect(await open({ kubeconfig: kubeconfig(SERVER), context: 'production' })).toMatchObject({
      contextName: 'production',
      namespace: 'default',
    })
  })

  test('a path, before KUBECONFIG, before the home', async () => {
    const at = folder()
    mkdirSync(join(at, '.kube'))
    writeFileSync(join(at, 'input'), kubeconfig('https://input.test'))
    writeFileSync(join(at, 'env'), kubeconfig('https://env.test'))
    writeFileSync(join(at, '.kube', 'config'), kubeconfig('https://home.test'))
    const env = { KUBECONFIG: join(at, 'env'), HOME: at }
    expect((await open({ kubeconfig: join(at, 'input'), env })).server).toBe('https://input.test')
    expect((await open({ env })).server).toBe('https://env.test')
    expect((await open({ env: { HOME: at } })).server).toBe('https://home.test')
    expect((await open({ home: at })).server).toBe('https://home.test')
  })

  test('several files in KUBECONFIG: the first wins, missing ones are passed over', async () => {
    const at = folder()
    const second = { ...JSON.parse(kubeconfig('https://b.test')), 'current-context': 'main' }
    second.clusters.push({ name: 'extra', cluster: { server: 'https://extra.test' } })
    second.contexts.push({ name: 'extra', context: { cluster: 'extra', user: 'me' } })
    writeFileSync(join(at, 'a'), kubeconfig('https://a.test'))
    writeFileSync(join(at, 'b'), JSON.stringify(second))
    const env = { KUBECONFIG: [join(at, 'none'), join(at, 'a'), join(at, 'b')].join(':') }
    expect((await open({ env })).server).toBe('https://a.test')
    expect((await open({ env, context: 'extra' })).server).toBe('https://extra.test')
  })

  test.each<[string, Partial<ConnectOptions>, string, string]>([
    ['nothing at all', {}, 'no-cluster', 'no cluster is configured'],
    ['a path that is not there', { kubeconfig: '/none/here' }, 'kubeconfig', '/none/here does not exist'],
    ['a folder', { kubeconfig: tmpdir() }, 'kubeconfig', 'cannot be read (EISDIR)'],
    ['KUBECONFIG that is not there', { env: { KUBECONFIG: '/none' } }, 'kubeconfig', '/none, which does not exist'],
    ['other YAML', { kubeconfig: 'apiVersion: v1\nkind: Pod' }, 'kubeconfig', 'has no contexts'],
    ['broken YAML', { kubeconfig: 'a: [\nb' }, 'kubeconfig', 'is not a kubeconfig'],
    [
      'an unknown context',
      { kubeconfig: kubeconfig(SERVER), context: 'prodction' },
      'unknown-context',
      'no context prodction',
    ],
    ['http to another machine', { kubeconfig: kubeconfig('http://cluster.test') }, 'insecure-server', 'not https'],
  ])('%s is refused', async (_, options, code, message) => {
    await expect(open(options)).rejects.toMatchObject({
      failure: { kind: 'refused', code, message: expect.stringContaining(message) },
    })
  })

  test('a typo in the context names the nearest, base64 is recognised', async () => {
    await expect(open({ kubeconfig: kubeconfig(SERVER), context: 'prodction' })).rejects.toMatchObject({
      failure: { next: 'did you mean production?' },
    })
    const encoded = Buffer.from(kubeconfig(SERVER)).toString('base64')
    await expect(open({ kubeconfig: encoded })).rejects.toMatchObject({
      failure: { next: expect.stringContaining('base64') },
    })
  })

  test('broken content is not quoted, for it holds credentials', async () => {
    const failure = await open({ kubeconfig: 'users:\n- token: s3cr3t-value\n  bad: [' }).catch((error: unknown) =>
      JSON.stringify(error),
    )
    expect(failure).not.toContain('s3cr3t-value')
  })
})

describe('credentials', () => {
  test('a token goes along with every request over kept connections', async () => {
    const seen: (string | undefined)[] = []
    const { url, server } = await listen((request, response) => {
      seen.push(request.headers.authorization)
      response.end('{}')
    })
    let sockets = 0
    server.on('connection', () => sockets++)
    const { transport } = await open({ kubeconfig: kubeconfig(url) })
    for (let count = 0; count < 5; count++)
      await (await transport({ method: 'GET', path: '/version', headers: {} })).text()
    expect(seen).toEqual(Array(5).fill('Bearer first-token'))
    // A connection is free only a moment after its answer was read, so that a second one may be opened.
    expect(sockets).toBeLessThanOrEqual(2)
  })

  test('a token in a file, beside the kubeconfig, goes before the one in it', async () => {
    const seen: (string | undefined)[] = []
    const { url } = await listen((request, response) => {
      seen.push(request.headers.authorization)
      response.end('{}')
    })
    const at = folder()
    const config = JSON.parse(kubeconfig(url))
    config.users[0].user.tokenFile = 'token'
    writeFileSync(join(at, 'token'), 'from-the-file\n')
    writeFileSync(join(at, 'config'), JSON.stringify(config))
    const { transport } = await open({ kubeconfig: join(at, 'config') })
    await (await transport({ method: 'GET', path: '/version', headers: {} })).text()
    expect(seen).toEqual(['Bearer from-the-file'])
  })

  test('a path in the server address is kept', async () => {
    const paths: (string | undefined)[] = []
    const { url } = await listen((request, response) => {
      paths.push(request.url)
      response.end('{}')
    })
    const { transport } = await open({ kubeconfig: kubeconfig(`${url}/k8s/clusters/c-1`) })
    await (await transport({ method: 'GET', path: '/version', headers: {} })).text()
    expect(paths).toEqual(['/k8s/clusters/c-1/version'])
  })

  test('of an exec plugin are renewed once after 401, and told as secrets', async () => {
    const at = folder()
    const counter = join(at, 'count')
    const plugin = join(at, 'plugin')
    const script = [
      '#!/bin/sh',
      `echo x >> ${counter}`,
      `n=$(wc -l < ${counter} | tr -d ' ')`,
      `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-'$n'"}}'`,
    ]
    writeFileSync(plugin, script.join('\n'))
    chmodSync(plugin, 0o755)
    const seen: string[] = []
    const { url } = await listen((request, response) => {
      seen.push(request.headers.authorization ?? '')
      response.statusCode = request.headers.authorization === 'Bearer token-2' ? 200 : 401
      response.end('{}')
    })
    const told: string[] = []
    const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin } }
    const { transport, secrets } = await open({
      kubeconfig: kubeconfig(url, user),
      onSecret: (value) => told.push(value),
    })
    const both = await Promise.all([1, 2].map(() => transport({ method: 'GET', path: '/version', headers: {} })))
    expect(both.map((each) => each.status)).toEqual([200, 200])
    expect(seen.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'Bearer token-1',
      'Bearer token-1',
      'Bearer token-2',
      'Bearer token-2',
    ])
    expect([told, secrets]).toEqual([
      ['token-1', 'token-2'],
      ['token-1', 'token-2'],
    ])
  })

  test('that cannot be renewed leave the 401 as it is', async () => {
    let count = 0
    const { url } = await listen((_request, response) => {
      count++
      response.statusCode = 401
      response.end('{}')
    })
    const { transport } = await open({ kubeconfig: kubeconfig(url) })
    expect((await transport({ method: 'GET', path: '/version', headers: {} })).status).toBe(401)
    expect(count).toBe(1)
  })

  test('a plugin that is missing, or fails, is named', async () => {
    const exec = (command: string) =>
      kubeconfig(SERVER, { exec: { apiVersion: 'client.authentication.k8s.io/v1', command } })
    await expect(open({ kubeconfig: exec('no-such-plugin') })).rejects.toMatchObject({
      failure: {
        code: 'credentials',
        message: expect.stringContaining('not installed'),
        next: 'install no-such-plugin in an earlier step',
      },
    })
    const plugin = join(folder(), 'plugin')
    writeFileSync(plugin, '#!/bin/sh\necho log in first >&2\nexit 1\n')
    chmodSync(plugin, 0o755)
    await expect(open({ kubeconfig: exec(plugin) })).rejects.toMatchObject({
      failure: { code: 'credentials', evidence: [{ lines: ['log in first'] }] },
    })
  })
})

describe('streams', () => {
  test('lines come as they arrive, whole across chunks and characters', async () => {
    const { url } = await listen((_request, response) => {
      const text = Buffer.from('{"a":"é"}\n{"b":2}\nlast')
      response.write(text.subarray(0, 7))
      setImmediate(() => response.end(text.subarray(7)))
    })
    const { transport } = await open({ kubeconfig: kubeconfig(url) })
    const answer = await transport({ method: 'GET', path: '/api/v1/pods?watch=true&timeoutSeconds=5', headers: {} })
    const lines: string[] = []
    for await (const line of answer.lines()) lines.push(line)
    expect(lines).toEqual(['{"a":"é"}', '{"b":2}', 'last'])
  })

  test('many watches do not hold up requests', async () => {
    const { url } = await listen((request, response) => {
      if (request.url?.includes('watch=')) response.flushHeaders()
      else response.end('{}')
    })
    const { transport } = await open({ kubeconfig: kubeconfig(url) })
    const stop = new AbortController()
    const watch = { method: 'GET', path: '/api/v1/pods?watch=true', headers: {}, signal: stop.signal } as const
    const watches = await Promise.all(Array.from({ length: 20 }, () => transport(watch)))
    expect((await transport({ method: 'GET', path: '/version', headers: {} })).status).toBe(200)
    stop.abort(new Error('end'))
    const [first] = watches
    await expect(first?.text()).rejects.toThrow()
  })

  test('a server that is not there rejects with the code below', async () => {
    const { url, server } = await listen((_request, response) => response.end())
    await new Promise((resolve) => server.close(resolve))
    closing.pop()
    const { transport } = await open({ kubeconfig: kubeconfig(url) })
    await expect(transport({ method: 'GET', path: '/version', headers: {} })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })
})

describe('proxies of the environment', () => {
  const env = {
    HTTPS_PROXY: 'http://proxy.test:3128',
    NO_PROXY: '.corp.test,10.0.0.0/8, example.test:8443 ,[::1],192.0.2.7',
  }

  test.each([
    [SERVER, 'http://proxy.test:3128'],
    ['https://a.corp.test', undefined],
    ['https://corp.test', 'http://proxy.test:3128'],
    ['https://10.1.2.3:6443', undefined],
    ['https://11.1.2.3:6443', 'http://proxy.test:3128'],
    ['https://192.0.2.7', undefined],
    ['https://example.test:8443', undefined],
    ['https://sub.example.test:8443', undefined],
    ['https://example.test', 'http://proxy.test:3128'],
    ['https://127.0.0.1:6443', undefined],
    ['https://localhost:6443', undefined],
    ['http://cluster.test', undefined],
  ])('%s goes by %s', (server, proxy) => expect(proxyFor(server, env)).toBe(proxy))

  test('a star excepts all, lower case comes first, a scheme is filled in', () => {
    expect(proxyFor(SERVER, { ...env, NO_PROXY: '*' })).toBeUndefined()
    expect(proxyFor(SERVER, { ...env, https_proxy: 'other.test:1' })).toBe('http://other.test:1')
    expect(proxyFor(SERVER, {})).toBeUndefined()
  })

  test('the environment’s proxy is asked, the kubeconfig’s own first', async () => {
    const asked: (string | undefined)[] = []
    const { url, server } = await listen(() => {})
    server.on('connect', (request, socket) => {
      asked.push(request.url)
      socket.end('HTTP/1.1 502 no\r\n\r\n')
    })
    const own = await open({
      kubeconfig: kubeconfig(SERVER, {}, { 'proxy-url': url }),
      env: { HTTPS_PROXY: 'http://127.0.0.1:1' },
    })
    await expect(own.transport({ method: 'GET', path: '/version', headers: {} })).rejects.toThrow()
    const ambient = await open({ kubeconfig: kubeconfig(SERVER, {}), env: { HTTPS_PROXY: url } })
    await expect(ambient.transport({ method: 'GET', path: '/version', headers: {} })).rejects.toThrow()
    expect(asked).toEqual(['cluster.test:6443', 'cluster.test:6443'])
  })
})

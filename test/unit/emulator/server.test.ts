import { afterEach, describe, expect, test } from 'vitest'
import { RealClock } from '../../emulator/clock.ts'
import { Emulator } from '../../emulator/emulator.ts'
import type { Listening } from '../../emulator/server.ts'
import { mapsAt, numberAt, textAt } from '../../emulator/values.ts'
import { configMap, deployment, service } from './objects.ts'

const open: Listening[] = []

async function start(): Promise<{ emulator: Emulator; server: Listening }> {
  const emulator = new Emulator({ clock: new RealClock(), realPods: true, requestDelay: [0, 0] })
  const server = await emulator.listen()
  open.push(server)
  return { emulator, server }
}

afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function until(good: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 10_000
  while (!(await good())) {
    if (Date.now() > end) throw new Error('it did not come to that')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('over HTTP', () => {
  test('tokens, JSON and streams', async () => {
    const { emulator, server } = await start()
    const get = (path: string, token: string) =>
      fetch(server.url + path, { headers: { authorization: `Bearer ${token}` } })
    expect((await get('/version', 'tok-admin')).status).toBe(200)
    expect((await get('/version', 'nonsense')).status).toBe(401)
    expect((await get('/api/v1/namespaces/default/pods', 'tok-deployer')).status).toBe(403)
    expect(server.kubeconfig).toContain(server.url)
    const watch = await get(
      '/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Da',
      'tok-admin',
    )
    emulator.create(configMap('a'))
    const lines = (await watch.text()).trim().split('\n')
    expect(lines.map((line) => textAt(JSON.parse(line), 'type'))).toEqual(['ADDED'])
  })

  test('a dropped connection breaks the request', async () => {
    const { emulator, server } = await start()
    emulator.onRequest({ before: () => ({ kind: 'drop', when: 'before' }) })
    await expect(fetch(`${server.url}/version`)).rejects.toThrow('fetch failed')
  })

  test('real pods behind a Service lose no request in a rolling update', { timeout: 30_000 }, async () => {
    const { emulator } = await start()
    const app = { lifecycle: { preStop: { sleep: { seconds: 1 } } } }
    emulator.create(service())
    emulator.create(deployment('1.0.0', 2, {}, app))
    const ready = (): boolean =>
      numberAt(emulator.get('deployment', 'default', 'web'), 'status', 'availableReplicas') === 2
    await until(() => ready() && emulator.serviceUrl('default', 'web') !== undefined)
    const url = emulator.serviceUrl('default', 'web') ?? ''
    await until(async () => (await ask(url)).startsWith('version 1.0.0'))
    emulator.patch('deployment', 'default', 'web', { spec: deployment('2.0.0', 2, {}, app)['spec'] ?? {} })
    const answers: string[] = []
    await until(async () => {
      answers.push(await ask(url))
      return (
        emulator.list('rs', 'default').every((set) => (numberAt(set, 'status', 'terminatingReplicas') ?? 0) === 0) &&
        answers.at(-1)?.startsWith('version 2.0.0') === true &&
        emulator.list('pods', 'default').length === 2
      )
    })
    expect(answers.every((answer) => /^version [12]\.0\.0 pod web-/.test(answer))).toBe(true)
    expect(mapsAt(emulator.list('endpointslices', 'default')[0], 'endpoints')).toHaveLength(2)
  })

  test('a Service without ready pods refuses', async () => {
    const { emulator } = await start()
    emulator.create(service())
    await until(() => emulator.serviceUrl('default', 'web') !== undefined)
    await expect(ask(emulator.serviceUrl('default', 'web') ?? '')).rejects.toThrow('fetch failed')
  })
})

async function ask(url: string): Promise<string> {
  const response = await fetch(url, { headers: { connection: 'close' } })
  return response.text()
}

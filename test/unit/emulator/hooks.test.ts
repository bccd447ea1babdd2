import { describe, expect, test } from 'vitest'
import { at, textAt } from '../../emulator/values.ts'
import { CONFIG_MAPS, configMap, setup } from './objects.ts'

describe('requests interfered with', () => {
  test('an answer in place of the server’s', async () => {
    const { clock, emulator, ask } = setup()
    const off = emulator.onRequest({
      before: ({ method }) =>
        method === 'POST' ? { kind: 'answer', status: 429, headers: { 'retry-after': '3' } } : undefined,
    })
    const answer = await clock.run(ask('POST', CONFIG_MAPS, configMap('a')))
    expect([answer.status, at(answer.body, 'reason')]).toEqual([429, 'TooManyRequests'])
    expect(emulator.get('cm', 'default', 'a')).toBeUndefined()
    off()
    expect((await clock.run(ask('POST', CONFIG_MAPS, configMap('a')))).status).toBe(201)
  })

  test.each([
    ['before', false],
    ['after', true],
  ] as const)('a connection dropped %s the server acted', async (when, stored) => {
    const { clock, emulator, ask } = setup()
    emulator.onRequest({ before: () => ({ kind: 'drop', when }) })
    await expect(clock.run(ask('POST', CONFIG_MAPS, configMap('a')))).rejects.toThrow('ECONNRESET')
    expect(emulator.get('cm', 'default', 'a') !== undefined).toBe(stored)
    expect(emulator.log.at(-1)?.status).toBe(0)
  })

  test('a request that takes longer', async () => {
    const { clock, emulator, ask } = setup({ requestDelay: [0, 0] })
    emulator.onRequest({ before: () => ({ kind: 'delay', ms: 5_000 }) })
    const start = clock.now()
    await clock.run(ask('GET', '/version'))
    expect(clock.now() - start).toBe(5_000)
  })

  test('the log names every request, its user and its answer', async () => {
    const { clock, emulator, ask } = setup()
    const seen: string[] = []
    emulator.onRequest({ after: ({ number, method }, status) => seen.push(`${number} ${method} ${status}`) })
    await clock.run(ask('GET', '/version'))
    await clock.run(ask('GET', CONFIG_MAPS, undefined, {}, 'deployer'))
    await clock.run(ask('GET', '/version', undefined, {}, ''))
    expect(emulator.log.map(({ method, path, user, status }) => [method, path, user, status])).toEqual([
      ['GET', '/version', 'admin', 200],
      ['GET', CONFIG_MAPS, 'deployer', 403],
      ['GET', '/version', '', 401],
    ])
    expect(seen).toEqual(['1 GET 200', '2 GET 403', '3 GET 401'])
  })

  test('an aborted request rejects, as fetch does', async () => {
    const { clock, emulator } = setup()
    const abort = new AbortController()
    clock.timer(1, () => abort.abort())
    const asked = emulator.transport()({ method: 'GET', path: '/version', headers: {}, signal: abort.signal })
    await expect(clock.run(asked)).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('every change of state is told', async () => {
    const { clock, emulator, ask } = setup({ controllers: false })
    const seen: string[] = []
    emulator.observe(({ type, resource, object }) => seen.push(`${type} ${resource} ${object.metadata.name ?? ''}`))
    await clock.run(ask('POST', CONFIG_MAPS, configMap('a')))
    emulator.patch('cm', 'default', 'a', { data: { x: 'y' } })
    emulator.delete('cm', 'default', 'a')
    expect(seen).toEqual(['ADDED /configmaps a', 'MODIFIED /configmaps a', 'DELETED /configmaps a'])
  })

  test('two emulators of one seed are alike, of two seeds are not', () => {
    const uid = (seed: number): string | undefined =>
      textAt(setup({ seed, controllers: false }).emulator.create(configMap('a')), 'metadata', 'uid')
    expect(uid(1)).toBe(uid(1))
    expect(uid(1)).not.toBe(uid(2))
  })
})

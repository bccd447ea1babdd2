import { describe, expect, test } from 'vitest'
import type { JsonMap } from '../../../src/shared/objects.ts'
import { textAt } from '../../emulator/values.ts'
import { CONFIG_MAPS, configMap, setup, type Setup } from './objects.ts'

interface Watching {
  events: JsonMap[]
  done: Promise<void>
  abort: AbortController
}

async function watch({ emulator }: Setup, query: string): Promise<Watching> {
  const abort = new AbortController()
  const response = await emulator.transport()({
    method: 'GET',
    path: `${CONFIG_MAPS}?watch=1&${query}`,
    headers: {},
    signal: abort.signal,
  })
  const events: JsonMap[] = []
  const done = (async () => {
    for await (const line of response.lines()) {
      const event: unknown = JSON.parse(line)
      events.push(event as JsonMap)
    }
  })()
  done.catch(() => {})
  return { events, done, abort }
}

function brief(events: JsonMap[]): string[] {
  return events.map((event) => `${textAt(event, 'type') ?? ''} ${textAt(event, 'object', 'metadata', 'name') ?? '-'}`)
}

describe('watches', () => {
  test('go on from a revision', async () => {
    const world = setup({ controllers: false })
    const first = world.emulator.create(configMap('a'))
    world.emulator.create(configMap('b'))
    const watching = await world.clock.run(
      watch(world, `resourceVersion=${first.metadata.resourceVersion ?? ''}&timeoutSeconds=5`),
    )
    world.emulator.delete('cm', 'default', 'a')
    await world.clock.run(watching.done)
    expect(brief(watching.events)).toEqual(['ADDED b', 'DELETED a'])
  })

  test('from before a compaction are told so and end', async () => {
    const world = setup({ controllers: false })
    const first = world.emulator.create(configMap('a'))
    world.emulator.create(configMap('b'))
    world.emulator.compact()
    const watching = await world.clock.run(watch(world, `resourceVersion=${first.metadata.resourceVersion ?? ''}`))
    await world.clock.run(watching.done)
    expect(watching.events).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }])
  })

  test('break on order, and are gone from the list of open ones', async () => {
    const world = setup({ controllers: false })
    const watching = await world.clock.run(watch(world, 'timeoutSeconds=100'))
    expect(world.emulator.watches.open.size).toBe(1)
    expect(world.emulator.dropWatches()).toBe(1)
    await expect(watching.done).rejects.toThrow('socket hang up')
    expect(world.emulator.watches.open.size).toBe(0)
  })

  test('end when the client leaves', async () => {
    const world = setup({ controllers: false })
    const watching = await world.clock.run(watch(world, 'timeoutSeconds=100'))
    watching.abort.abort()
    await expect(watching.done).rejects.toMatchObject({ name: 'AbortError' })
    expect(world.emulator.watches.open.size).toBe(0)
  })

  test('say every minute where they stand, when asked to', async () => {
    const world = setup({ controllers: false })
    const watching = await world.clock.run(watch(world, 'allowWatchBookmarks=true&timeoutSeconds=150'))
    await world.clock.run(watching.done)
    expect(brief(watching.events)).toEqual(['BOOKMARK -', 'BOOKMARK -', 'BOOKMARK -'])
  })

  test('keep the order of events that are delayed at random', async () => {
    const world = setup({ controllers: false, watchDelay: [0, 500], seed: 7 })
    const watching = await world.clock.run(watch(world, 'timeoutSeconds=60'))
    const names = Array.from({ length: 20 }, (_, i) => `c${String(i).padStart(2, '0')}`)
    for (const name of names) world.emulator.create(configMap(name))
    await world.clock.run(watching.done)
    expect(brief(watching.events)).toEqual(names.map((name) => `ADDED ${name}`))
  })

  test('lists continue what they began, until it is compacted', async () => {
    const world = setup({ controllers: false })
    for (const name of ['a', 'b', 'c']) world.emulator.create(configMap(name))
    const first = await world.clock.run(world.ask('GET', `${CONFIG_MAPS}?limit=1`))
    const next = `${CONFIG_MAPS}?limit=1&continue=${textAt(first.body, 'metadata', 'continue') ?? ''}`
    expect((await world.clock.run(world.ask('GET', next))).status).toBe(200)
    world.emulator.create(configMap('d'))
    world.emulator.compact()
    expect(await world.clock.run(world.ask('GET', next))).toMatchObject({ status: 410, body: { reason: 'Expired' } })
  })
})

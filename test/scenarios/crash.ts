import { expect } from 'vitest'
import type { Command } from '../../src/rollout/settings.ts'
import { remains } from '../invariants/remains.ts'
import { APP, manifestsOf, NAMESPACE, type RunOptions, World } from './world.ts'

export const OLD = '0.1.0'
export const NEW = '0.2.0'

export interface Story {
  options: RunOptions
  /** pods of both sides that may be there at once */
  maxPods: number
  /** commands that lead to the one under test, each whole */
  before: Command[]
  /** the one that is cut off */
  command: Command
  /** what stands in the cluster besides; answers what went wrong there */
  beside?: (world: World) => Promise<() => string[]>
}

/** What a run may leave that died before its first record, or after its last: the lease expires by itself. */
const ALLOWED = [`there is no record of ${APP}`, 'the lease is held']

const objects = manifestsOf({ version: NEW })

interface Begun {
  world: World
  lost: () => string[]
}

async function begun({ options, before, maxPods, beside }: Story): Promise<Begun> {
  const world = new World()
  await world.given({ version: OLD })
  world.expect({
    workloads: [{ namespace: NAMESPACE, names: [APP, `${APP}-blue`, `${APP}-green`], minServing: 3, maxPods }],
    services: [{ namespace: NAMESPACE, name: APP, minReady: 3 }],
  })
  const lost = (await beside?.(world)) ?? (() => [])
  for (const command of before) await world.run(command, { ...options, objects })
  return { world, lost }
}

/** How many writes the command makes when nothing cuts it off. */
async function countWrites(story: Story): Promise<number> {
  const { world, lost } = await begun(story)
  const { writes, result } = await world.run(story.command, { ...story.options, objects })
  expect(result).toBeDefined()
  expect(world.breaches).toEqual([])
  expect(lost()).toEqual([])
  return writes.length
}

/** The run dies at write k; users stay served; then a new run goes on to the end, or goes back. */
async function cutAndGoOn(story: Story, cut: NonNullable<RunOptions['cut']>, then: 'deploy' | 'abort'): Promise<void> {
  const { world, lost } = await begun(story)
  const died = await world.run(story.command, { ...story.options, objects, cut })
  expect(died.result).toBeUndefined()
  await world.clock.advance(5_000)
  expect(world.breaches).toEqual([])

  if (then === 'abort') await endByAbort(world)
  else await endBySuccess(world, story)
  expect(world.breaches).toEqual([])
  expect(world.emulator.defects).toEqual([])
  await world.clock.advance(20_000)
  expect(lost()).toEqual([])
  expect(remains(world.snapshot(), NAMESPACE, APP).filter((each) => !ALLOWED.includes(each))).toEqual([])
  const { metadata, spec } = world.deployment(
    world.record?.phase === 'succeeded' ? world.record.workloads[0]?.name : APP,
  )
  expect(spec.paused ?? false).toBe(false)
  expect((metadata.managedFields ?? []).map(({ manager }) => manager)).not.toContain('headgate-rollout')
}

async function endByAbort(world: World): Promise<void> {
  const { result } = await world.run('abort')
  const ended = world.record?.phase
  expect(result?.exitCode, result?.message).toBe(0)
  expect(['aborted', 'succeeded', undefined]).toContain(ended)
  expect(world.serving()).toEqual(ended === 'succeeded' ? { [NEW]: 3 } : { [OLD]: 3 })
}

async function endBySuccess(world: World, { options, command }: Story): Promise<void> {
  // After an abort that died, deploying again first finishes it and then starts anew.
  for (let turn = 0; turn < 6; turn++) {
    const paused = world.record?.phase === 'paused' && !(turn === 0 && command === 'abort')
    const { result } = await world.run(paused ? 'promote' : 'deploy', { ...options, objects })
    expect([0, 3], result?.message).toContain(result?.exitCode)
    if (world.record?.phase === 'succeeded') break
  }
  expect(world.record?.phase).toBe('succeeded')
  expect(world.serving()).toEqual({ [NEW]: 3 })
}

/**
 * After every write, and before every second one: between two writes the server's state is the same, only more time has
 * passed, which the waiting in each story has covered already.
 */
export async function cutEverywhere(story: Story, then: 'deploy' | 'abort'): Promise<void> {
  const writes = await countWrites(story)
  expect(writes).toBeGreaterThan(3)
  for (let after = 1; after <= writes; after++)
    for (const when of ['before', 'after'] as const) {
      if (when === 'before' && after % 2 === (then === 'abort' ? 0 : 1)) continue
      await cutAndGoOn(story, { after, when }, then).catch((error: unknown) => {
        throw new Error(`cut ${when} write ${after} of ${writes}`, { cause: error })
      })
    }
}

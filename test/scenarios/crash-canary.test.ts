import { describe, expect, it } from 'vitest'
import { countWrites, cutAndGoOn, type Story } from './crash.ts'

const options = { strategy: 'canary', plan: '50%, approve' } as const
const STORIES: Record<string, Story> = {
  deploy: { options, maxPods: 4, before: [], command: 'deploy' },
  promote: { options, maxPods: 4, before: ['deploy'], command: 'promote' },
  abort: { options, maxPods: 4, before: ['deploy'], command: 'abort' },
}

describe.each(Object.entries(STORIES))('canary %s, cut off at every write', (_name, story) => {
  it.each(['deploy', 'abort'] as const)('then %s', async (then) => {
    const writes = await countWrites(story)
    expect(writes).toBeGreaterThan(3)
    for (let after = 1; after <= writes; after++)
      for (const when of ['before', 'after'] as const)
        await cutAndGoOn(story, { after, when }, then).catch((error: unknown) => {
          throw new Error(`cut ${when} write ${after} of ${writes}`, { cause: error })
        })
  })
})

import { describe, expect, it } from 'vitest'
import { countWrites, cutAndGoOn, type Story } from './crash.ts'

const options = { strategy: 'blue-green', plan: 'approve, switch, approve' } as const
const STORIES: Record<string, Story> = {
  deploy: { options, maxPods: 6, before: [], command: 'deploy' },
  'promote to the switch': { options, maxPods: 6, before: ['deploy'], command: 'promote' },
  'promote to the end': { options, maxPods: 6, before: ['deploy', 'promote'], command: 'promote' },
  'abort before the switch': { options, maxPods: 6, before: ['deploy'], command: 'abort' },
  'abort after the switch': { options, maxPods: 6, before: ['deploy', 'promote'], command: 'abort' },
}

describe.each(Object.entries(STORIES))('blue-green %s, cut off at every write', (_name, story) => {
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

import { describe, it } from 'vitest'
import { cutEverywhere, type Story } from './crash.ts'

const options = { strategy: 'canary', plan: '50%, approve' } as const
const STORIES: Record<string, Story> = {
  deploy: { options, maxPods: 4, before: [], command: 'deploy' },
  promote: { options, maxPods: 4, before: ['deploy'], command: 'promote' },
  abort: { options, maxPods: 4, before: ['deploy'], command: 'abort' },
}

describe.each(Object.entries(STORIES))('canary %s, cut off at every write', (_name, story) => {
  it.each(['deploy', 'abort'] as const)('then %s', async (then) => {
    await cutEverywhere(story, then)
  })
})

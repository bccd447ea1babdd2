import { describe, it } from 'vitest'
import { cutEverywhere, type Story } from './crash.ts'

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
    await cutEverywhere(story, then)
  })
})

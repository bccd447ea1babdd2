import { describe, expect, it } from 'vitest'
import { inPlace } from './place.ts'

describe('two at once', () => {
  const FILE = 'canary-with-approval.yml'
  it.concurrent(
    'deploys queue: each is brought in, in its order; an approval of the first is no approval of the last',
    inPlace(async (place) => {
      place.decisions['production'] = 'wait'
      const called = 'deliver-by-reusable.yml'
      const first = place.push(called)
      await first.says(/Step 2 of 3/)
      const second = place.push(called, 'newer')
      const third = place.push(called, 'newest')
      expect(await first.job('deploy'), first.log).toMatchObject({ outputs: { outcome: 'paused', rollout: '1' } })
      expect(await second.job('deploy'), second.log).toMatchObject({ outputs: { outcome: 'paused', rollout: '2' } })
      expect(await third.job('deploy'), third.log).toMatchObject({ outputs: { outcome: 'paused', rollout: '3' } })
      expect([place.phase, place.pods('newest'), place.old]).toEqual(['paused', 1, 3])
      place.decisions['production'] = 'approve'
      const late = place.dispatch('operate.yml', { command: 'promote', rollout: '1' })
      expect(await late.job('act')).toMatchObject({ result: 'failure', steps: [{ outputs: { outcome: 'refused' } }] })
      expect([place.phase, place.pods('newest'), place.old]).toEqual(['paused', 1, 3])
    }),
  )

  it.concurrent(
    'a form in no group reaches a deploy that is at work',
    inPlace(async (place) => {
      place.decisions['production'] = 'wait'
      const deploy = place.push(FILE)
      await deploy.says(/Step 2 of 4/)
      const abort = place.dispatch(FILE, { command: 'abort', rollout: '1' })
      expect(await abort.job('act'), abort.log).toMatchObject({ result: 'success' })
      expect(await deploy.job('deploy'), deploy.log).toMatchObject({ outputs: { outcome: 'aborted' } })
      expect([place.phase, place.pods('merged'), place.old]).toEqual(['aborted', 0, 4])
    }),
  )

  it.concurrent(
    'a deploy that is cancelled in the middle rests stopped, and can be aborted',
    inPlace(async (place) => {
      place.decisions['production'] = 'wait'
      const deploy = place.push(FILE)
      await deploy.says(/Step 2 of 4/)
      deploy.cancel()
      expect(await deploy.job('deploy'), deploy.log).toMatchObject({
        result: 'cancelled',
        outputs: { outcome: 'stopped' },
      })
      expect([place.phase, place.pods('merged'), place.old]).toEqual(['stopped', 1, 3])
      const abort = place.dispatch('operate.yml', { command: 'abort', rollout: '1' })
      expect(await abort.job('act'), abort.log).toMatchObject({ result: 'success' })
      expect([place.phase, place.pods('merged'), place.old]).toEqual(['aborted', 0, 4])
    }),
  )

  it.concurrent(
    'without a group the lease makes one wait, and then it takes the place of what rests',
    inPlace(async (place) => {
      place.decisions['production'] = 'wait'
      const first = place.push(FILE)
      await first.says(/Step 2 of 4/)
      const second = place.push('smallest.yml', 'newer')
      expect(await first.job('deploy'), first.log).toMatchObject({ outputs: { outcome: 'paused' } })
      expect(await second.job('deploy'), second.log).toMatchObject({ result: 'success' })
      expect([place.phase, place.pods('0.2.0'), place.pods('merged')]).toEqual(['succeeded', 4, 0])
    }),
  )
})

import { describe, expect, it } from 'vitest'
import { inPlace } from './place.ts'

describe('a canary with an approval', () => {
  const FILE = 'canary-with-approval.yml'
  it.concurrent(
    'goes on when the reviewers approve, and tells it on the pull request',
    inPlace(async (place) => {
      const run = place.push(FILE)
      expect(await run.job('deploy'), run.log).toMatchObject({
        result: 'success',
        outputs: { outcome: 'paused', rollout: '1' },
      })
      expect(await run.job('promote'), run.log).toMatchObject({ result: 'success' })
      expect(await run.job('abort')).toMatchObject({ result: 'skipped' })
      expect(await run.job('act')).toMatchObject({ result: 'skipped' })
      expect([place.phase, place.pods('merged'), place.old]).toEqual(['succeeded', 4, 0])
      expect(place.comment).toContain('<!-- headgate:echo-version:')
      expect(place.github.comments()).toHaveLength(1)
    }),
  )

  it.concurrent(
    'goes back when they reject',
    inPlace(async (place) => {
      place.decisions['production'] = 'reject'
      const run = place.push(FILE)
      expect(await run.job('promote'), run.log).toMatchObject({ result: 'failure' })
      expect(await run.job('abort'), run.log).toMatchObject({ result: 'success' })
      expect([place.phase, place.pods('merged'), place.old]).toEqual(['aborted', 0, 4])
    }),
  )

  it.concurrent(
    'has a form that takes the very command of the comment',
    inPlace(async (place) => {
      place.decisions['production'] = 'wait'
      await place.push(FILE).jobs
      expect([place.phase, place.pods('merged'), place.old]).toEqual(['paused', 2, 2])
      const [, file = '', fields = ''] = /gh workflow run (\S+) -R \S+ ((?:-f \S+ ?)+)/.exec(place.comment) ?? []
      expect(file).toBe(FILE)
      const inputs = Object.fromEntries([...fields.matchAll(/-f (\w+)=(\w+)/g)].map(([, name, value]) => [name, value]))
      expect(inputs).toEqual({ command: 'promote', rollout: '1' })
      place.decisions['production'] = 'approve'
      const run = place.dispatch(file, inputs)
      expect(await run.job('act'), run.log).toMatchObject({ result: 'success' })
      expect([place.phase, place.old]).toEqual(['succeeded', 0])
    }),
  )
})

describe('called workflows', () => {
  it.concurrent(
    'deploy and, behind the reviewers, promote',
    inPlace(async (place) => {
      const run = place.push('deliver-by-reusable.yml')
      expect(await run.job('deploy'), run.log).toMatchObject({
        result: 'success',
        outputs: { outcome: 'paused', rollout: '1' },
      })
      expect(await run.job('promote'), run.log).toMatchObject({ result: 'success', outputs: { outcome: 'succeeded' } })
      expect([place.phase, place.pods('merged'), place.old]).toEqual(['succeeded', 4, 0])
    }),
  )
})

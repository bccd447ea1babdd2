import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Place, PULL_REQUEST } from './place.ts'

const FILE = 'plan-on-pull-request.yml'
const image = 'gihyodocker/echo-version:before'
const payload = { pull_request: { number: PULL_REQUEST, head: { sha: 'head' } } }

describe('a plan on a pull request', () => {
  let place: Place
  afterEach(() => place.close())

  describe('of the repository', () => {
    beforeEach(async () => {
      place = await new Place().open({ image })
    })

    it('is a comment, and writes nothing to the cluster', async () => {
      const generation = (): unknown =>
        place.emulator.get('deployments', 'default', 'echo-version')?.metadata.generation
      const before = generation()
      const run = place.start(FILE, { event: 'pull_request', payload })
      expect(await run.job('plan'), run.log).toMatchObject({ result: 'success' })
      expect(place.comment).toContain('wait 2m')
      expect([before, generation(), place.pods(image)]).toEqual([1, 1, 4])
      expect(place.phase).toBe('none')
    })

    it('shows the image as the deploy will have it, and makes way for the deploy', async () => {
      place.decisions['production'] = 'wait'
      await place.start(FILE, { event: 'pull_request', payload }).jobs
      expect(place.comment).toMatch(/- .*echo-version:before\n.*\+ .*echo-version:head\n/)
      await place.push('deliver-by-reusable.yml').jobs
      expect(place.comment).toContain('merged waits for approval')
      // While it waits, a plan of the next push must not take its commands away.
      const again = place.start(FILE, { event: 'pull_request', payload })
      expect(await again.job('plan'), again.log).toMatchObject({ result: 'success' })
      expect(again.log).toContain('goes on showing rollout 1')
      expect(place.comment).toContain('merged waits for approval')
      expect(place.github.comments()).toHaveLength(1)
    })
  })

  describe('of a fork', () => {
    beforeEach(async () => {
      place = await new Place().open({ image, readOnly: true })
    })

    it('without secrets is one notice, and no failure', async () => {
      const run = place.start(FILE, { event: 'pull_request', payload, secrets: { KUBECONFIG: '' } })
      const { result, steps } = await run.job('plan')
      expect([result, steps.length, run.actions.length]).toEqual(['success', 1, 0])
      expect(steps[0]?.log.match(/::notice::/g)).toHaveLength(1)
      expect(steps[0]?.summary).toContain('No plan: this run gets no secrets')
      expect(place.github.comments()).toEqual([])
    })

    it('with secrets, as private repositories may give them, is a summary and one line about the comment', async () => {
      const run = place.start(FILE, { event: 'pull_request', payload })
      const { result, steps } = await run.job('plan')
      expect(result, run.log).toBe('success')
      expect(steps.at(-1)?.summary).toContain('wait 2m')
      expect(steps.at(-1)?.log.match(/no comment/g)).toHaveLength(1)
      expect(place.github.comments()).toEqual([])
    })
  })
})

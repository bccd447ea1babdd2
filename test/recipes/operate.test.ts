import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Place } from './place.ts'

const HOUR = 3_600_000

/** Deployed until its approval, which nobody gives. */
async function paused(place: Place): Promise<void> {
  place.decisions['production'] = 'wait'
  const run = place.push('deliver-by-reusable.yml')
  expect(await run.job('deploy'), run.log).toMatchObject({ outputs: { outcome: 'paused', rollout: '1' } })
  place.decisions['production'] = 'approve'
}

describe('without a deploy before', () => {
  let place: Place
  beforeEach(async () => {
    place = await new Place().open()
  })
  afterEach(() => place.close())

  it('an alarm with nothing under way changes nothing and succeeds', async () => {
    const run = place.start('abort-on-alert.yml', { event: 'repository_dispatch', payload: { client_payload: {} } })
    expect(await run.job('abort'), run.log).toMatchObject({
      result: 'success',
      steps: [{ outputs: { outcome: 'unchanged' } }],
    })
  })

  it('the clock has nothing to promote', async () => {
    const run = place.start('promote-after-soak.yml', { event: 'schedule' })
    expect(await run.job('promote'), run.log).toMatchObject({ result: 'success', steps: [{ name: 'status' }] })
  })

  it('an alarm reaches a deploy that is at work', async () => {
    const deploy = place.push('canary-with-approval.yml')
    await deploy.says(/Step 2 of 4/)
    const run = place.start('abort-on-alert.yml', { event: 'repository_dispatch', payload: { client_payload: {} } })
    expect(await run.job('abort'), run.log).toMatchObject({
      result: 'success',
      steps: [{ outputs: { outcome: 'aborted' } }],
    })
    expect(await deploy.job('deploy'), deploy.log).toMatchObject({ result: 'failure', outputs: { outcome: 'aborted' } })
    expect([place.phase, place.pods('merged'), place.old]).toEqual(['aborted', 0, 4])
  })
})

describe('while a canary waits for approval', () => {
  let place: Place
  beforeEach(async () => {
    place = await new Place().open()
    await paused(place)
  })
  afterEach(() => place.close())

  it('the form takes the very command of the comment, which says of what app and where it is', async () => {
    const [, file = '', fields = ''] = /gh workflow run (\S+) -R \S+ ((?:-f \S+ ?)+)/.exec(place.comment) ?? []
    expect(file).toBe('operate.yml')
    const inputs = Object.fromEntries([...fields.matchAll(/-f (\w+)=(\S+)/g)].map(([, name, value]) => [name, value]))
    const where = { app: 'echo-version', namespace: 'default', environment: 'production' }
    expect(inputs).toEqual({ command: 'promote', rollout: '1', ...where })
    // The same number of the same app elsewhere is another rollout.
    const elsewhere = place.dispatch(file, { ...inputs, namespace: 'staging' })
    expect(await elsewhere.job('act'), elsewhere.log).toMatchObject({ result: 'failure' })
    expect(place.phase).toBe('paused')
    const run = place.dispatch(file, inputs)
    expect(await run.job('act'), run.log).toMatchObject({ result: 'success' })
    expect([place.phase, place.old]).toEqual(['succeeded', 0])
  })

  it('the form looks, refuses another number, promotes and rolls back', async () => {
    const looked = place.dispatch('operate.yml', { command: 'status' })
    expect(await looked.job('act'), looked.log).toMatchObject({
      result: 'success',
      steps: [{ outputs: { phase: 'paused', rollout: '1' }, summary: expect.stringContaining('echo-version') }],
    })
    const wrong = place.dispatch('operate.yml', { command: 'promote', rollout: '2' })
    expect(await wrong.job('act')).toMatchObject({ result: 'failure', steps: [{ outputs: { outcome: 'refused' } }] })
    expect([place.phase, place.old]).toEqual(['paused', 3])
    const promoted = place.dispatch('operate.yml', { command: 'promote', rollout: '1' })
    expect(await promoted.job('act'), promoted.log).toMatchObject({ result: 'success' })
    expect([place.phase, place.pods('merged'), place.old]).toEqual(['succeeded', 4, 0])
  })

  it('the form goes back without asking the reviewers', async () => {
    place.decisions['production'] = 'reject'
    const run = place.dispatch('operate.yml', { command: 'abort', rollout: '1' })
    expect(await run.job('act'), run.log).toMatchObject({ result: 'success' })
    expect([place.phase, place.pods('merged'), place.old]).toEqual(['aborted', 0, 4])
  })

  it('the clock promotes after a day, and not before', async () => {
    const early = place.start('promote-after-soak.yml', { event: 'schedule' })
    expect(await early.step('promote', 'soak'), early.log).toMatchObject({
      conclusion: 'success',
      outputs: { rested: 'no' },
      log: expect.stringContaining('::notice::Promote rollout 1: no: it has rested for 0 of 24 hours'),
    })
    expect([place.phase, place.old]).toEqual(['paused', 3])
    place.clock.jump(25 * HOUR)
    // As a check that could not tell leaves it.
    place.rewrite('"approve"', '"check errors"')
    const unsure = place.start('promote-after-soak.yml', { event: 'schedule' })
    expect(await unsure.step('promote', 'soak'), unsure.log).toMatchObject({
      outputs: { rested: 'no' },
      log: expect.stringContaining('no: it waits for a person at step 3/3 check errors'),
    })
    expect([place.phase, place.old]).toEqual(['paused', 3])
    place.rewrite('"check errors"', '"approve"')
    const later = place.start('promote-after-soak.yml', { event: 'schedule' })
    expect(await later.job('promote'), later.log).toMatchObject({ result: 'success' })
    expect([place.phase, place.pods('merged'), place.old]).toEqual(['succeeded', 4, 0])
  })

  it('an alarm about another rollout is refused, one without a number goes back', async () => {
    for (const [client_payload, result, phase] of [
      [{ rollout: 7 }, 'failure', 'paused'],
      [{}, 'success', 'aborted'],
    ] as const) {
      const run = place.start('abort-on-alert.yml', { event: 'repository_dispatch', payload: { client_payload } })
      expect(await run.job('abort'), run.log).toMatchObject({ result })
      expect(place.phase).toBe(phase)
    }
  })
})

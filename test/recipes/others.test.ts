import { describe, expect, it } from 'vitest'
import { inPlace } from './place.ts'

describe('the other workflows', () => {
  it.concurrent(
    'a migration asks the reviewers, and brings the version that was entered',
    inPlace(async (place) => {
      place.decisions['production'] = 'reject'
      await place.dispatch('recreate-with-migration.yml', { version: '0.2.0' }).jobs
      expect([place.phase, place.old]).toEqual(['none', 4])
      place.decisions['production'] = 'approve'
      const run = place.dispatch('recreate-with-migration.yml', { version: '0.2.0' })
      expect(await run.job('deploy'), run.log).toMatchObject({ result: 'success' })
      expect([place.phase, place.old]).toEqual(['succeeded', 0])
      expect(place.pods('0.2.0')).toBeGreaterThan(0)
    }),
  )

  it.concurrent(
    'an operator rolls back what has succeeded',
    inPlace(async (place) => {
      const first = place.push('smallest.yml')
      expect(await first.job('deploy'), first.log).toMatchObject({ result: 'success' })
      const second = place.push('deliver-by-reusable.yml')
      expect(await second.job('promote'), second.log).toMatchObject({ result: 'success' })
      const back = place.dispatch('operate.yml', { command: 'rollback', rollout: '2' })
      expect(await back.job('act'), back.log).toMatchObject({
        result: 'success',
        steps: [{ outputs: { outcome: 'rolled-back' } }],
      })
      expect([place.phase, place.pods('0.2.0'), place.pods('merged')]).toEqual(['succeeded', 4, 0])
    }),
  )

  it.concurrent(
    'blue/green from the config file: checked through its preview, switched, checked again',
    inPlace(async (place) => {
      const run = place.push('blue-green.yml')
      expect(await run.job('deploy'), run.log).toMatchObject({ result: 'success' })
      expect(run.log).toMatch(/check home-page: pass[^]*Service\/echo-version[^]*check as-users: pass/)
      expect([place.phase, place.old, place.pods('merged')]).toEqual(['succeeded', 0, 4])
    }),
  )

  it.concurrent(
    'two colors that were switched by hand are taken over: the release goes to the one that does not serve',
    inPlace(
      async (place) => {
        const run = place.push('blue-green-in-two-colors.yml')
        expect(await run.job('deploy'), run.log).toMatchObject({ result: 'success' })
        expect([place.phase, place.pods('merged')]).toEqual(['succeeded', 3])
        const service = place.emulator.get('services', 'default', 'echo-version')
        expect(service).toMatchObject({ spec: { selector: { color: 'green' } } })
      },
      { manifests: 'blue-green-by-hand' },
    ),
  )
})

/** The native rolling update, watched; and recreate, for versions that cannot live beside each other. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Report } from '../../../src/report/schema.ts'
import { ECHO_IMAGE } from './echo.ts'
import type { ActionResult } from './runner.ts'
import { APP, mix, onStage, type Stage } from './stage.ts'
import type { Manifest } from './world.ts'

function job(name: string, tag: string): Manifest {
  const spec = { restartPolicy: 'Never', containers: [{ name: 'task', image: `${ECHO_IMAGE}:${tag}` }] }
  const [apiVersion, kind] = ['batch/v1', 'Job']
  return { apiVersion, kind, metadata: { name }, spec: { backoffLimit: 0, template: { spec } } }
}

function checkoutWithJob(stage: Stage, version: string, tag: string): void {
  stage.workspace.write('k8s/app.yaml', [...stage.app(version), job('migrate', tag)])
}

describe.concurrent('a rolling update', () => {
  for (const replicas of [3, 10])
    test(`of ${replicas} replicas is watched to its end`, () =>
      onStage(`rolling, ${replicas} replicas`, { replicas }, async (stage) => {
        await stage.runs('0.1.0')
        await stage.usersCome()
        stage.guard(replicas + 1)
        stage.checkout('0.2.0')
        const deployed = await stage.action({ strategy: 'rolling' })
        expect(deployed).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded', phase: 'succeeded' } })
        await stage.serves('0.2.0', 1_000)
        await stage.tidy()
        if (replicas === 3) await stage.isPlainAgain('0.1.0', '0.2.0')
        const { updates } = reportOf(deployed)
        expect(updates, deployed.log).toMatchObject({ failed: 0, downtime: [] })
        expect(updates?.requests).toBeGreaterThan(1)
        await stage.nobodyNoticed()
        await stage.tidy()
      }))

  test('is stopped in the middle by a cancel, and goes back', () =>
    onStage('rolling, cancelled, aborted', { replicas: 6, behaviour: { 'ready-after-ms': '1500' } }, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      const before = await stage.trace()
      await stage.usersCome()
      stage.guard(7)
      stage.checkout('0.2.0')
      const run = stage.start({ strategy: 'rolling' })
      await stage.observer.until('it is in the middle', (snapshot) => (mix(snapshot)['0.2.0'] ?? 0) >= 2)
      run.kill('SIGINT')
      expect(await run.done).toMatchObject({ exitCode: 130, outputs: { outcome: 'stopped', phase: 'stopped' } })
      expect((await stage.world.deployment(APP)).spec.paused).toBe(true)
      await stage.usersAsk(100)
      const aborted = await stage.action({ command: 'abort' })
      expect(aborted).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted', phase: 'aborted' } })
      await stage.serves('0.1.0', 1_000)
      await stage.nobodyNoticed()
      await stage.tidy()
      expect(await stage.trace()).toEqual(before)
    }))
})

function reportOf({ outputs }: ActionResult): Report {
  return JSON.parse(readFileSync(outputs['report'] ?? '', 'utf8')) as Report
}

describe.concurrent('recreate', () => {
  const RECREATE = { strategy: 'recreate', steps: 'job migrate' }

  test('runs the job while nothing serves, and says how long that was', () =>
    onStage('recreate', {}, async (stage) => {
      await stage.runs('0.1.0')
      await stage.usersCome()
      checkoutWithJob(stage, '0.2.0', '0.2.0-job-ok')
      const deployed = await stage.action(RECREATE)
      expect(deployed).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded' } })
      await stage.serves('0.2.0', 2_000)
      const { fresh } = await stage.usersLeave()

      // Never two versions at once; what users missed lies in one stretch, not longer than what Headgate says
      const [old, next] = [fresh.versions['0.1.0'], fresh.versions['0.2.0']]
      expect(old?.last).toBeLessThan(next?.first ?? 0)
      const gap = ((next?.first ?? 0) - (old?.last ?? 0)) / 1_000
      const { downtimeSeconds = 0 } = await stage.record()
      expect(downtimeSeconds).toBeGreaterThan(0)
      expect(gap).toBeLessThan(downtimeSeconds + 2)
      for (const { at } of fresh.failures) {
        // The pods end one by one, within the second that the proxy's rules take to follow
        expect(at).toBeGreaterThan((old?.last ?? 0) - 1_000)
        expect(at).toBeLessThan((next?.first ?? 0) + 1_000)
      }
      // The update checker asked all the while, by another way than the users, and saw the same
      const { updates } = reportOf(deployed)
      const [first, last] = [updates?.downtime[0], updates?.downtime.at(-1)]
      const seen = (Date.parse(last?.from ?? '') - Date.parse(first?.from ?? '')) / 1_000 + (last?.seconds ?? 0)
      stage.tell(
        `down ${downtimeSeconds} s as reported, ${gap.toFixed(1)} s for users, ${seen} s for the update checker`,
      )
      expect(last).toMatchObject({ over: true })
      expect(Math.abs(seen - gap)).toBeLessThan(2)
      expect(updates?.versions.map(({ version }) => version)).toEqual(['0.1.0', '0.2.0', 'unknown'])
      expect(deployed.log).toContain('update checker: users get no good answer of Service/')
      const jobs = await stage.world.list('jobs', 'apis/batch/v1')
      expect(jobs.map(({ metadata }) => metadata.name)).toEqual(['migrate-1'])
      await stage.tidy()
    }))

  test('stops where a job fails, and goes back on demand', () =>
    onStage('recreate, job fails', {}, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      const before = await stage.trace()
      checkoutWithJob(stage, '0.2.0', '0.2.0-job-fail')
      const deployed = await stage.action(RECREATE)
      expect(deployed).toMatchObject({ exitCode: 1, outputs: { outcome: 'stopped', phase: 'stopped' } })
      expect(deployed.log).toContain('the job failed')
      expect((await stage.world.deployment(APP)).spec.replicas).toBe(0)
      expect(await stage.action({ command: 'abort' })).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted' } })
      await stage.serves('0.1.0', 2_000)
      await stage.tidy()
      expect(await stage.trace()).toEqual(before)
    }))
})

/** Releases that cannot live: the reason is named within seconds, users notice nothing, and the job fails. */
import { describe, expect, test } from 'vitest'
import { ECHO_IMAGE, type EchoOptions } from './echo.ts'
import type { Inputs } from './runner.ts'
import { APP, onStage, type Stage } from './stage.ts'
import { ownCluster } from './world.ts'

const ENOUGH = 500
const NAMED_WITHIN_MS = 15_000

interface Broken {
  what: string
  tag: string
  more?: EchoOptions
  inputs: Inputs
  /** what a person must read */
  reason: RegExp
}

const CANARY = { strategy: 'canary', steps: '50%, approve' }
const BLUE_GREEN = { strategy: 'blue-green', steps: 'approve, switch' }
const COLORS = { ...BLUE_GREEN, pods: 'separate' }

const BROKEN: Broken[] = [
  {
    what: 'crashes',
    tag: '0.2.0-crash',
    inputs: CANARY,
    reason: /exit(ed|s)?( with)?( code)? 1[\s\S]*panic: cannot live/,
  },
  {
    what: 'crashes',
    tag: '0.2.0-crash',
    inputs: BLUE_GREEN,
    reason: /exit(ed|s)?( with)?( code)? 1[\s\S]*panic: cannot live/,
  },
  {
    what: 'crashes',
    tag: '0.2.0-crash',
    inputs: COLORS,
    reason: /exit(ed|s)?( with)?( code)? 1[\s\S]*panic: cannot live/,
  },
  { what: 'crashes', tag: '0.2.0-crash', inputs: { strategy: 'rolling' }, reason: /exit(ed|s)?( with)?( code)? 1/ },
  { what: 'cannot be pulled', tag: '0.2.0-missing', inputs: CANARY, reason: /0\.2\.0-missing[\s\S]*not found/ },
  { what: 'needs too much memory', tag: '0.2.0-oom', inputs: BLUE_GREEN, reason: /OOMKilled|out of memory|memory/i },
  {
    what: 'lacks its configuration',
    tag: '0.2.0',
    more: { container: { envFrom: [{ configMapRef: { name: 'nowhere' } }] } },
    inputs: CANARY,
    reason: /nowhere/,
  },
]

async function stable(stage: Stage, before: unknown): Promise<void> {
  await stage.serves('0.1.0', 8_000)
  const users = await stage.nobodyNoticed(ENOUGH)
  expect(Object.keys(users.fresh.versions)).toEqual(['0.1.0'])
  await stage.tidy()
  expect(await stage.trace()).toEqual(before)
}

describe.runIf(ownCluster).concurrent('a release whose image', () => {
  for (const { what, tag, more, inputs, reason } of BROKEN) {
    const how = [inputs['strategy'], inputs['pods']].filter((word) => word !== undefined).join(' ')
    test(`${what} (${how}) is found within 15 s and undone`, () =>
      onStage(`${what} (${how})`, {}, async (stage) => {
        await stage.runsByHeadgate('0.1.0')
        const before = await stage.trace()
        await stage.usersCome()
        stage.guard(6, { names: [APP, `${APP}-blue`] })
        stage.checkout(tag, more)
        // Preflight sees it as well, and would refuse
        stage.configure({ accept: ['config-missing'] })

        const begun = Date.now()
        const run = stage.start(inputs)
        const named = (await run.says(reason)) - begun
        const result = await run.done

        stage.tell(`named after ${(named / 1_000).toFixed(1)} s, undone after ${(result.ms / 1_000).toFixed(1)} s`)
        expect(named).toBeLessThan(NAMED_WITHIN_MS)
        expect(result).toMatchObject({ exitCode: 1, outputs: { outcome: 'aborted', phase: 'aborted' } })
        expect(result.summary).toMatch(reason)
        await stable(stage, before)
      }))
  }

  test('never gets ready is given up at the timeout, which is told apart', () =>
    onStage('never ready, timeout 20s', {}, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      const before = await stage.trace()
      await stage.usersCome()
      stage.guard(6)
      stage.checkout('0.2.0-unready')
      const result = await stage.action({ ...CANARY, timeout: '20s' })
      expect(result).toMatchObject({ exitCode: 70, outputs: { outcome: 'aborted', phase: 'aborted' } })
      expect(result.log).toMatch(/timed out after 20s[\s\S]*503/)
      await stable(stage, before)
    }))

  test('fails its job before the switch never reaches a user', () =>
    onStage('job fails before the switch', {}, async (stage) => {
      await stage.runsByHeadgate('0.1.0')
      const before = await stage.trace()
      await stage.usersCome()
      stage.guard(6)
      const containers = [{ name: 'task', image: `${ECHO_IMAGE}:0.2.0-job-fail` }]
      const spec = { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', containers } } }
      const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'warm-up' }, spec }
      stage.workspace.write('k8s/app.yaml', [...stage.app('0.2.0'), job])
      const result = await stage.action({ strategy: 'blue-green', steps: 'job warm-up, switch' })
      expect(result).toMatchObject({ exitCode: 1, outputs: { outcome: 'aborted', phase: 'aborted' } })
      expect(result.log).toContain('the job failed')
      await stable(stage, before)
    }))
})

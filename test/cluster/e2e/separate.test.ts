/** Blue/green with two Deployments, `-blue` and `-green`: adopting a plain Deployment, and what people made by hand. */
import { describe, expect, test } from 'vitest'
import { isServing } from '../../invariants/snapshot.ts'
import { ECHO_IMAGE, echoDeployment, echoService } from './echo.ts'
import { APP, appPods, imageOf, onStage, type Stage, selectorOf } from './stage.ts'
import type { Manifest } from './world.ts'

const BLUE = `${APP}-blue`
const GREEN = `${APP}-green`
const COLORS = { names: [APP, BLUE, GREEN] }
const CHECK_FIRST = { strategy: 'blue-green', pods: 'separate', steps: 'approve, switch' }
const SWITCH_FIRST = { strategy: 'blue-green', pods: 'separate', steps: 'switch, approve' }

async function selected(stage: Stage): Promise<Record<string, string>> {
  return selectorOf(await stage.world.service(APP))
}

/** The pair of Deployments that people make by hand, both at work, and a Service that selects one of them. */
function handMade(stage: Stage, blue: string, green: string): Manifest[] {
  const colored = (color: string, version: string): Manifest => {
    const [plain] = stage.app(version)
    const { spec } = plain as { spec?: { template?: { metadata?: object } } }
    const labels = { app: APP, color }
    const template = { ...spec?.template, metadata: { ...spec?.template?.metadata, labels } }
    const deployment = echoDeployment({ name: `${APP}-${color}`, version })
    return { ...deployment, spec: { ...spec, selector: { matchLabels: labels }, template } }
  }
  const service = echoService(APP)
  const { spec } = service as { spec?: object }
  return [
    colored('blue', blue),
    colored('green', green),
    { ...service, spec: { ...spec, selector: { app: APP, color: 'blue' } } },
  ]
}

describe.concurrent('blue/green in two colors', () => {
  test('adopts a plain Deployment, then changes color with each release', () =>
    onStage('two colors, plain Deployment adopted', {}, async (stage) => {
      // Given a plain Deployment and a Service that selects nothing but the app
      await stage.runs('0.1.0')
      await stage.usersCome()
      stage.guard(6, COLORS)

      // When the next version is deployed beside it, then no user meets it before it is approved
      stage.checkout('0.2.0')
      expect(await stage.action(CHECK_FIRST)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
      expect(await stage.answerOf(`${APP}-preview`)).toContain('0.2.0')
      await stage.usersAsk(200)
      expect(stage.versionsSeen).toEqual(['0.1.0'])

      // When it is approved, then it serves alone, under its color
      const promoted = await stage.action({ command: 'promote', rollout: '1' })
      expect(promoted).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded' } })
      await stage.serves('0.2.0', 2_000)
      expect(await selected(stage)).toEqual({ app: APP, color: 'blue' })
      await stage.tidy()

      // And the release after that gets the other color
      stage.checkout('0.3.0')
      expect(await stage.action(SWITCH_FIRST)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
      expect(await stage.action({ command: 'promote', rollout: '2' })).toMatchObject({ exitCode: 0 })
      await stage.serves('0.3.0', 2_000)
      expect(await selected(stage)).toEqual({ app: APP, color: 'green' })
      const { fresh } = await stage.nobodyNoticed()
      expect(Object.keys(fresh.versions).sort()).toEqual(['0.1.0', '0.2.0', '0.3.0'])
      await stage.tidy()
    }))

  test('leaves a plain Deployment as it was after an abort, before and after the switch', () =>
    onStage('two colors, plain Deployment, aborted', {}, async (stage) => {
      await stage.runs('0.1.0')
      const before = await stage.trace()
      const { managers: _before, ...kept } = before
      await stage.usersCome()
      stage.guard(6, COLORS)
      stage.checkout('0.2.0')

      for (const steps of [CHECK_FIRST, SWITCH_FIRST]) {
        expect(await stage.action(steps)).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
        await stage.usersAsk(100)
        const aborted = await stage.action({ command: 'abort' })
        expect(aborted).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted' } })
        await stage.serves('0.1.0', 8_000)
        expect(await stage.trace()).toMatchObject(kept)
        expect(await selected(stage)).toEqual({ app: APP })
        await stage.tidy()
      }
      await stage.nobodyNoticed()
    }))

  test('adopts two colors that were made by hand', () =>
    onStage('two colors, made by hand', {}, async (stage) => {
      // Given blue serves 0.1.0, and green is an older version that nobody is led to
      const file = stage.workspace.write('k8s/app.yaml', handMade(stage, '0.1.0', '0.0.9'))
      await stage.world.kubectl('apply', '-f', file)
      await stage.observer.until('both colors run', (snapshot) => {
        const serving = appPods(snapshot).filter((pod) => isServing(pod, snapshot.at, 0))
        return serving.length === 6 && stage.observer.endpoints(APP).at(-1)?.ready === 3
      })
      await stage.usersCome()
      stage.guard(6, COLORS)

      // When the next version comes, then it comes in green, and users stay on blue
      const images = `${ECHO_IMAGE}:0.2.0`
      const deployed = await stage.action({ ...CHECK_FIRST, images })
      expect(deployed).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
      const green = await stage.world.deployment(GREEN)
      expect(green.spec.template.spec.containers[0]?.image).toBe(imageOf('0.2.0'))
      await stage.usersAsk(100)
      expect(stage.versionsSeen).toEqual(['0.1.0'])

      // And an abort leads nobody anywhere else
      expect(await stage.action({ command: 'abort' })).toMatchObject({ exitCode: 0, outputs: { outcome: 'aborted' } })
      expect(await selected(stage)).toEqual({ app: APP, color: 'blue' })
      expect(stage.versionsSeen).toEqual(['0.1.0'])

      // When it is deployed again and approved, then green serves
      expect(await stage.action({ ...SWITCH_FIRST, images })).toMatchObject({ outputs: { outcome: 'paused' } })
      expect(await stage.action({ command: 'promote' })).toMatchObject({ exitCode: 0 })
      await stage.serves('0.2.0', 2_000)
      expect(await selected(stage)).toEqual({ app: APP, color: 'green' })
      await stage.nobodyNoticed()
      await stage.tidy()
    }))
})

/** How long preflight takes: what people wait for before anything happens. */
import { expect, test } from 'vitest'
import { onStage, type Stage } from './stage.ts'
import type { Manifest } from './world.ts'

const OBJECTS = 50
const MOST_SECONDS = 0.5
/** A machine that stalls tells nothing of preflight: the fastest of so many counts. */
const VERSIONS = ['0.2.0', '0.3.0', '0.4.0']

async function preflightOf(stage: Stage, version: string): Promise<number> {
  const app = stage.app(version)
  const more = Array.from({ length: OBJECTS - app.length }, (_, nth): Manifest => {
    const metadata = { name: `settings-${nth}` }
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { key: version } }
  })
  stage.workspace.write('k8s/app.yaml', [...app, ...more])
  const deployed = await stage.action({ strategy: 'rolling' })
  expect(deployed.outputs, deployed.log).toMatchObject({ outcome: 'succeeded' })
  const [, seconds = 'none'] = /Preflight: (?:[^\n]*, )?([\d.]+)s/.exec(deployed.log) ?? []
  return Number(seconds)
}

test(`preflight of ${OBJECTS} objects takes at most ${MOST_SECONDS} s`, () =>
  onStage(`preflight of ${OBJECTS} objects`, {}, async (stage) => {
    await stage.runsByHeadgate('0.1.0')
    let least = Number.POSITIVE_INFINITY
    for (const version of VERSIONS) {
      least = Math.min(least, await preflightOf(stage, version))
      if (least <= MOST_SECONDS) break
    }
    stage.tell(`${least} s`)
    expect(least).toBeLessThanOrEqual(MOST_SECONDS)
  }))

/** How long preflight takes: what people wait for before anything happens. */
import { expect, test } from 'vitest'
import { onStage } from './stage.ts'
import type { Manifest } from './world.ts'

const OBJECTS = 50
const MOST_SECONDS = 0.5

test(`preflight of ${OBJECTS} objects takes at most ${MOST_SECONDS} s`, () =>
  onStage(`preflight of ${OBJECTS} objects`, {}, async (stage) => {
    await stage.runsByHeadgate('0.1.0')
    const app = stage.app('0.2.0')
    const more = Array.from({ length: OBJECTS - app.length }, (_, nth): Manifest => {
      const metadata = { name: `settings-${nth}` }
      return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { key: 'value' } }
    })
    stage.workspace.write('k8s/app.yaml', [...app, ...more])
    const deployed = await stage.action({ strategy: 'rolling' })
    expect(deployed.outputs, deployed.log).toMatchObject({ outcome: 'succeeded' })
    const [, seconds = 'none'] = /Preflight: (?:[^\n]*, )?([\d.]+)s/.exec(deployed.log) ?? []
    stage.tell(`${seconds} s`)
    expect(Number(seconds), deployed.log).toBeLessThanOrEqual(MOST_SECONDS)
  }))

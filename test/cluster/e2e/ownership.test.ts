/** Adoption: what others own stays theirs, and what the manifest drops is really dropped. */
import { describe, expect, test } from 'vitest'
import { isServing } from '../../invariants/snapshot.ts'
import { APP, appPods, onStage, type Stage, versionOf } from './stage.ts'
import type { Manifest } from './world.ts'

function autoscaler(least: number): Manifest {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: APP },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: APP },
      minReplicas: least,
      maxReplicas: 10,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
      ],
    },
  }
}

function servingOf(stage: Stage, version: string, count: number): Promise<unknown> {
  return stage.observer.until(
    `${count} pods of ${version} serve alone`,
    (snapshot) => {
      const pods = appPods(snapshot)
      const serving = pods.filter((pod) => versionOf(pod) === version && isServing(pod, snapshot.at, 0))
      return pods.length === count && serving.length === count
    },
    60_000,
  )
}

describe.concurrent('adoption', () => {
  for (const inputs of [
    { strategy: 'rolling' },
    { strategy: 'canary', steps: '50%' },
    { strategy: 'blue-green', steps: 'switch' },
  ])
    test(`never dips a replica count that an autoscaler owns (${inputs.strategy})`, () =>
      onStage(`autoscaler, ${inputs.strategy}`, {}, async (stage) => {
        // Given a manifest that names 3 replicas, and an autoscaler that wants 5
        const file = stage.workspace.write('k8s/app.yaml', [...stage.app('0.1.0'), autoscaler(5)])
        await stage.world.kubectl('apply', '-f', file)
        await servingOf(stage, '0.1.0', 5)
        await stage.usersCome()
        stage.guard(10, { minServing: 5 })

        // When the next version comes
        stage.workspace.write('k8s/app.yaml', [...stage.app('0.2.0'), autoscaler(5)])
        const deployed = await stage.action(inputs)

        // Then there are 5 pods all the time, and the count is nobody's but the autoscaler's
        expect(deployed).toMatchObject({ exitCode: 0, outputs: { outcome: 'succeeded' } })
        await servingOf(stage, '0.2.0', 5)
        await stage.nobodyNoticed(500)
        const { metadata, spec } = await stage.world.deployment(APP)
        expect(spec.replicas).toBe(5)
        const owners = (metadata.managedFields ?? []).filter(({ fieldsV1 }) =>
          JSON.stringify(fieldsV1).includes('"f:replicas"'),
        )
        expect(owners.map(({ manager, subresource }) => ({ manager, subresource }))).not.toContainEqual({
          manager: 'headgate',
          subresource: undefined,
        })
        await stage.tidy()
      }))

  for (const how of [[], ['--server-side']])
    test(`of an app that kubectl apply ${how.join(' ')} brought drops what the manifest drops`, () =>
      onStage(`dropped field, kubectl apply ${how.join(' ')}`, {}, async (stage) => {
        // Given a version with a variable, an annotation and a label that the next one lacks
        const env = [
          { name: 'KEPT', value: '1' },
          { name: 'DROPPED', value: '1' },
        ]
        const [deployment, service] = stage.app('0.1.0', { container: { env }, spec: { minReadySeconds: 1 } })
        if (deployment === undefined || service === undefined) throw new Error('no app')
        const metadata = { ...deployment.metadata, labels: { team: 'shop' }, annotations: { note: 'old' } }
        const file = stage.workspace.write('k8s/app.yaml', [{ ...deployment, metadata }, service])
        await stage.world.kubectl('apply', '-f', file, ...how)
        await stage.serves('0.1.0')

        // When the next version comes without them
        stage.checkout('0.2.0', { container: { env: env.slice(0, 1) } })
        const plan = await stage.action({ command: 'plan', strategy: 'canary' })
        expect(plan).toMatchObject({ exitCode: 0, outputs: { outcome: 'planned' } })
        expect(plan.log).toContain('DROPPED')
        expect(await stage.action({ strategy: 'canary', steps: '50%, approve' })).toMatchObject({
          outputs: { outcome: 'paused' },
        })

        // Then they are gone from the new pods at once, and from the Deployment in the end
        const fresh = appPods(stage.observer.snapshot()).filter((pod) => versionOf(pod) === '0.2.0')
        expect(fresh.map((pod) => pod.spec?.containers[0]?.env)).toEqual([env.slice(0, 1), env.slice(0, 1)])
        expect(await stage.action({ command: 'promote' })).toMatchObject({ exitCode: 0 })
        await stage.serves('0.2.0', 5_000)
        const { spec, annotations, labels, managers } = await stage.trace()
        expect(spec.template.spec.containers[0]?.['env']).toEqual(env.slice(0, 1))
        expect(spec.minReadySeconds ?? 0).toBe(0)
        expect(annotations['note']).toBeUndefined()
        expect(labels['team']).toBeUndefined()
        expect(managers.map(({ manager }) => manager)).toEqual(['headgate'])
        await stage.tidy()
      }))
})

/** What can be wrong with the Job of a step: its pods are diagnosed as others are, but how often they may fail is its own business. */
import { describe, expect, it } from 'vitest'
import type { Failure } from '../../src/shared/errors.ts'
import type { JsonMap, KubeObject, Pod } from '../../src/shared/objects.ts'
import { ApiError } from '../emulator/errors.ts'
import type { PodBehaviour } from '../emulator/pods/behaviour.ts'
import { evidenceOf } from './diagnosed.ts'
import { canaryOf, expectUnharmed, running, V1, V2 } from './given.ts'
import { manifestsOf, NAMESPACE, type World } from './world.ts'

const IMAGE = 'migrate:1'
const WHERE = 'Container m of Pod\\/migrate-1-\\S+'

interface Row {
  behaviour?: PodBehaviour
  given?: (world: World) => void
  spec?: JsonMap
  says: RegExp
  next: RegExp
  shows?: RegExp
  /** milliseconds from the start to the verdict */
  within: number
  exitCode?: number
}

function job(spec: JsonMap = {}): KubeObject {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'm', image: IMAGE }] } }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'migrate' },
    spec: { backoffLimit: 0, template, ...spec },
  }
}

async function failed({ behaviour = {}, given, spec = {}, within, exitCode = 1 }: Row): Promise<Failure | undefined> {
  const world = await running()
  world.emulator.setBehaviour(IMAGE, behaviour)
  given?.(world)
  const began = world.clock.now()
  let named = Number.NaN
  const { result } = await world.run('deploy', {
    ...canaryOf(V2, { plan: 'job migrate, 50%', objects: manifestsOf({ version: V2, more: [job(spec)] }) }),
    onEvent: (event) => {
      if (event.kind === 'failure' && Number.isNaN(named)) named = world.clock.now() - began
    },
  })
  expect(result, result?.message).toMatchObject({ outcome: 'aborted', exitCode, failure: { code: 'job-failed' } })
  expect(named).toBeLessThanOrEqual(within)
  expect(world.serving()).toEqual({ [V1]: 3 })
  expectUnharmed(world)
  return result?.failure
}

const stuck = (reason: string, message: string): PodBehaviour => ({ stuck: { reason, message } })

const ROWS: [string, Row][] = [
  [
    'fails, with exit code and log',
    {
      behaviour: { runMs: 500, exitCode: 3, lastWords: ['no such table'] },
      says: /^Job\/migrate-1 failed \(BackoffLimitExceeded\): container m ended with exit code 3 \(an error of the application\)$/,
      next: /last log lines/,
      shows: /last lines of container m of Pod\/migrate-1-\S+\n[^]*no such table/,
      within: 5_000,
    },
  ],
  [
    'takes longer than it may',
    {
      behaviour: { runMs: 900_000 },
      spec: { activeDeadlineSeconds: 10 },
      says: /^Job\/migrate-1 failed \(DeadlineExceeded\)/,
      next: /activeDeadlineSeconds/,
      within: 15_000,
    },
  ],
  [
    'needs too much memory',
    {
      behaviour: { runMs: 500, exitCode: 137, endReason: 'OOMKilled' },
      says: /exit code 137 \(it used more memory than its limit\)$/,
      next: /last log lines/,
      within: 5_000,
    },
  ],
  [
    'has an image that is not there',
    {
      behaviour: { imagePull: 'not-found' },
      says: new RegExp(`^Job/migrate-1 failed: ${WHERE} cannot get image migrate:1: the registry has no such image$`),
      next: /repository and tag/,
      within: 5_000,
    },
  ],
  [
    'lacks a Secret',
    {
      behaviour: stuck('CreateContainerConfigError', 'secret "db" not found'),
      says: new RegExp(`^Job/migrate-1 failed: ${WHERE} cannot be made: secret "db" not found$`),
      next: /add what is missing/,
      within: 13_000,
    },
  ],
  [
    'cannot be started',
    {
      behaviour: stuck('RunContainerError', 'exec: "migrate": executable file not found in $PATH'),
      says: /cannot be started: exec: "migrate": executable file not found/,
      next: /check command/,
      within: 8_000,
    },
  ],
  [
    'fits on no node',
    {
      behaviour: { unschedulable: '0/1 nodes are available: 1 Insufficient memory.' },
      says: /^Job\/migrate-1 failed: Pod\/migrate-1-\S+ fits on no node: 0\/1 nodes are available: 1 Insufficient memory/,
      next: /lower its requests/,
      within: 35_000,
    },
  ],
  [
    'may not make its pods, told by its events',
    {
      given: ({ emulator }) =>
        emulator.refuse(({ resource, object }) =>
          resource.key === '/pods' && JSON.stringify(object['spec']).includes(IMAGE)
            ? new ApiError(
                403,
                'Forbidden',
                `pods "${object.metadata.name ?? ''}" is forbidden: exceeded quota: small, requested: pods=1`,
              )
            : undefined,
        ),
      says: /^Job\/migrate-1 may not make its pods: exceeded quota: small, requested: pods=1$/,
      next: /^raise the ResourceQuota/,
      shows: /FailedCreate/,
      within: 17_000,
    },
  ],
  [
    'does not end in time',
    {
      behaviour: {
        ...stuck('ContainerCreating', ''),
        events: [{ reason: 'FailedAttachVolume', message: 'Multi-Attach error' }],
      },
      says: new RegExp(`^Job/migrate-1 did not end in time: ${WHERE} waits for a volume: Multi-Attach error$`),
      next: /look at the volume and the node/,
      within: 65_000,
      exitCode: 70,
    },
  ],
]

describe('a Job that', () => {
  it.each(ROWS)('%s', async (_, row) => {
    const failure = await failed(row)
    expect(failure?.message).toMatch(row.says)
    expect(failure?.next).toMatch(row.next)
    if (row.shows !== undefined) expect(evidenceOf(failure)).toMatch(row.shows)
  })

  it('may fail twice is not called bad by its first pod', async () => {
    let first: string | undefined
    const behaviour = (image: string, { metadata }: Pod): PodBehaviour | undefined => {
      if (image !== IMAGE) return undefined
      first ??= metadata.name
      return { runMs: 500, exitCode: metadata.name === first ? 1 : 0 }
    }
    const world = await running({ emulator: { behaviour } })
    const objects = manifestsOf({ version: V2, more: [job({ backoffLimit: 2 })] })
    const { result } = await world.run('deploy', canaryOf(V2, { plan: 'job migrate, 50%', objects }))
    const ends = world.emulator
      .list('pods', NAMESPACE)
      .filter(({ metadata }) => metadata.name?.startsWith('migrate-1-'))
    expect(ends.map(({ status }) => (status as { phase: string }).phase).toSorted()).toEqual(['Failed', 'Succeeded'])
    expect(result, result?.message).toMatchObject({ outcome: 'succeeded' })
  })
})

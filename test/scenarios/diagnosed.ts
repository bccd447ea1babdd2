import { expect } from 'vitest'
import type { Failure } from '../../src/shared/errors.ts'
import type { Deployment, JsonMap, KubeObject } from '../../src/shared/objects.ts'
import type { PodBehaviour } from '../emulator/pods/behaviour.ts'
import { canaryOf, expectUnharmed, running, V1, V2 } from './given.ts'
import { manifestsOf, type RunOptions, type World } from './world.ts'

export const BAD = `gihyodocker/echo-version:${V2}`

/** A symptom of the new version, and what a person must read of it. */
export interface Row {
  behaviour?: PodBehaviour
  /** what else is so in the cluster when the deploy begins */
  given?: (world: World) => void
  options?: RunOptions
  /** fields of the new version's pods */
  podSpec?: JsonMap
  /** fields of their container */
  container?: JsonMap
  /** of the symptom */
  code: string
  /** starts with the object that it is about */
  says: RegExp
  next: RegExp
  /** text somewhere in the evidence */
  shows?: RegExp
}

/** A symptom that ends the step, once it has lasted for `grace` milliseconds. */
export interface FatalRow extends Row {
  grace: number
  /** milliseconds of virtual time before it shows (0) */
  begins?: number
}

/** A symptom that is only told, from `after` milliseconds on: the step waits for its timeout. */
export interface WaitingRow extends Row {
  after: number
}

/** Virtual milliseconds that the way to the first pod, its pull and the verdict may take besides the grace. */
const WAY = 5_000
const TIMEOUT = 60_000

export function evidenceOf(failure: Failure | undefined): string {
  return (failure?.evidence ?? []).flatMap(({ title, lines }) => [title, ...lines]).join('\n')
}

/** A canary of the new version whose pods and containers have these fields. */
export function deploys({
  podSpec = {},
  container = {},
  options,
}: Pick<Row, 'podSpec' | 'container' | 'options'>): RunOptions {
  const objects = manifestsOf({ version: V2 }).map((object) => {
    if (!isDeployment(object)) return object
    const { template } = object.spec
    const containers = template.spec.containers.map((each) => ({ ...each, ...container }))
    return { ...object, spec: { ...object.spec, template: { ...template, spec: { ...podSpec, containers } } } }
  })
  return canaryOf(V2, { objects, timeoutMs: TIMEOUT, ...options })
}

function isDeployment(object: KubeObject): object is Deployment {
  return object.kind === 'Deployment'
}

async function deployed(row: Row) {
  const world = await running()
  if (row.behaviour !== undefined) world.emulator.setBehaviour(BAD, row.behaviour)
  row.given?.(world)
  const began = world.clock.now()
  const told: { at: number; text: string }[] = []
  const { result } = await world.run('deploy', {
    ...deploys(row),
    onEvent: (event) => {
      if (event.kind === 'waiting') told.push({ at: world.clock.now() - began, text: event.text })
      if (event.kind === 'failure')
        told.push({ at: world.clock.now() - began, text: `FAILED ${event.failure.message}` })
    },
  })
  return { world, result, told, failure: result?.failure }
}

function expectTold(failure: Failure | undefined, row: Row): void {
  expect(failure?.next).toMatch(row.next)
  if (row.shows !== undefined) expect(evidenceOf(failure)).toMatch(row.shows)
}

/** The deploy is aborted by this cause, neither before its grace is over nor much later, and users notice nothing. */
export async function expectFatal(row: FatalRow): Promise<void> {
  const { world, result, told, failure } = await deployed(row)
  expect(failure?.message).toMatch(row.says)
  expect(result).toMatchObject({ outcome: 'aborted', exitCode: 1, failure: { code: row.code, kind: 'failed' } })
  expectTold(failure, row)
  const named = told.find(({ text }) => text.startsWith('FAILED'))?.at ?? Number.NaN
  const due = row.grace + (row.begins ?? 0)
  expect(named).toBeGreaterThanOrEqual(due)
  expect(named).toBeLessThanOrEqual(due + WAY)
  expect(world.serving()).toEqual({ [V1]: 3 })
  expectUnharmed(world)
}

/** The deploy waits and says why; at its timeout it is aborted, with the cause. */
export async function expectWaiting(row: WaitingRow): Promise<void> {
  const { world, result, told, failure } = await deployed(row)
  const message = failure?.message ?? ''
  expect(message).toMatch(/^timed out after 60s waiting for /)
  expect(message.replace(/^.*?: /, '')).toMatch(row.says)
  expect(result).toMatchObject({ outcome: 'aborted', exitCode: 70, failure: { code: 'timeout', kind: 'timeout' } })
  expectTold(failure, row)
  const named =
    told.find(({ text }) => row.says.test(text.replace(/^[^(]*\(/, '').replace(/\)$/, '')))?.at ?? Number.NaN
  expect(named).toBeGreaterThanOrEqual(row.after)
  expect(named).toBeLessThanOrEqual(row.after + WAY)
  expect(world.serving()).toEqual({ [V1]: 3 })
  expectUnharmed(world)
}

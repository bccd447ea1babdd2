import { expect } from 'vitest'
import type { KubeObject } from '../../src/shared/objects.ts'
import type { Expectations } from '../invariants/rules.ts'
import type { EmulatorOptions } from '../emulator/emulator.ts'
import { APP, type AppOptions, manifestsOf, NAMESPACE, type Ran, type RunOptions, World } from './world.ts'

export const V1 = '0.1.0'
export const V2 = '0.2.0'
export const V3 = '0.3.0'

/** In place: as many pods serve as before, and one more of both sides at most. */
export const IN_PLACE: Expectations = {
  workloads: [{ namespace: NAMESPACE, names: [APP], minServing: 3, maxPods: 4 }],
  services: [{ namespace: NAMESPACE, name: APP, minReady: 3 }],
}

/** Two whole sets. */
export const BESIDE: Expectations = {
  ...IN_PLACE,
  workloads: [{ namespace: NAMESPACE, names: [APP, `${APP}-blue`, `${APP}-green`], minServing: 3, maxPods: 6 }],
}

/** Version 0.1.0 runs, and every change from now on is judged. */
export async function running(
  options: { judged?: Expectations; app?: Partial<AppOptions>; emulator?: Partial<EmulatorOptions> } = {},
): Promise<World> {
  const world = new World(options.emulator)
  await world.given({ version: V1, ...options.app })
  world.expect(options.judged ?? IN_PLACE)
  return world
}

/** A deploy of a version as a canary that asks a person halfway. */
export function canaryOf(version: string, more: RunOptions = {}): RunOptions {
  return { strategy: 'canary', plan: '50%, approve', objects: manifestsOf({ version }), ...more }
}

export function blueGreenOf(version: string, more: RunOptions = {}): RunOptions {
  return { strategy: 'blue-green', plan: 'approve, switch, approve', objects: manifestsOf({ version }), ...more }
}

export function bringing(version: string, more: RunOptions = {}): RunOptions {
  return { objects: manifestsOf({ version }), ...more }
}

/** Version 0.2.0 waits for an approval at half of the pods. */
export async function pausedCanary(more: RunOptions = {}): Promise<World> {
  const world = await running()
  const { result } = await world.run('deploy', canaryOf(V2, more))
  expect(result, result?.message).toMatchObject({ outcome: 'paused', exitCode: 3 })
  return world
}

/** Writes to anything but the lease. */
export function realWrites({ writes }: Ran): string[] {
  return writes.filter((write) => !write.includes('/leases'))
}

/** Nothing broke an invariant, and the emulator knew all that it was asked. */
export function expectUnharmed(world: World): void {
  expect(world.breaches).toEqual([])
  expect(world.emulator.defects).toEqual([])
}

/** A cancel that a test, or a moment of virtual time, gives. */
export function cancelAfter(world: World, ms: number): AbortSignal {
  const cancel = new AbortController()
  world.clock.timer(ms, () => cancel.abort())
  return cancel.signal
}

/** Lets time pass until something is so; the run that makes it so goes on. */
export async function until(world: World, isSo: () => boolean, most = 600_000): Promise<void> {
  const end = world.clock.now() + most
  while (!isSo()) {
    if (world.clock.now() >= end) throw new Error('it never came to be')
    await world.clock.advance(50)
  }
}

/** As many versions as ever served at one instant from now on. */
export function countVersions(world: World): () => number {
  let most = 0
  world.emulator.observe(() => {
    most = Math.max(most, Object.keys(world.serving()).length)
  })
  return () => most
}

export function manifestOf(version: string, kind: string): KubeObject {
  const found = manifestsOf({ version }).find((object) => object.kind === kind)
  if (found === undefined) throw new Error(`no ${kind} among the manifests`)
  return found
}

/** Somebody else brings an image to the running Deployment. */
export function setImage(world: World, version: string, manager = 'kubectl-set'): void {
  const { template } = world.deployment().spec
  const image = `gihyodocker/echo-version:${version}`
  const containers = template.spec.containers.map((container) => ({ ...container, image }))
  world.emulator.patch('deployments', NAMESPACE, APP, { spec: { template: { spec: { containers } } } }, manager)
}

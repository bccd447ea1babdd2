/**
 * API requests of each command, counted exactly on the embedded cluster; watches, lease renewals and what is passed on to
 * pods aside: how often the update checker asks them is a matter of time.
 */
import { manifestsOf, type RunOptions, World } from '../../test/scenarios/world.ts'
import type { Command } from '../../src/rollout/settings.ts'
import type { Outcome } from '../../src/rollout/record.ts'
import type { Figure } from './table.ts'

class Counter {
  readonly #world: World
  #renewals = 0
  #from = 0

  constructor(world: World) {
    this.#world = world
    this.#from = world.emulator.log.length
    world.emulator.onRequest({
      before: ({ method, path, body }) => {
        if (method === 'PATCH' && path.includes('/leases/') && body.includes('/spec/renewTime')) this.#renewals++
      },
    })
  }

  take(): { count: number; bytes: number } {
    const all = this.#world.emulator.log.slice(this.#from)
    const aside = all.filter(({ path }) => /[?&]watch=(1|true)|\/proxy\//.test(path)).length
    const count = all.length - aside - this.#renewals
    this.#from = this.#world.emulator.log.length
    this.#renewals = 0
    return { count, bytes: all.reduce((sum, { bytesIn, bytesOut }) => sum + bytesIn + bytesOut, 0) }
  }
}

interface Line {
  budget: string
  name: string
  command: Command
  options: RunOptions
  outcome: Outcome
}

const NEXT = manifestsOf({ version: '0.2.0' })
const CANARY: RunOptions = { strategy: 'canary', plan: '50%, approve', objects: NEXT }
const BLUE_GREEN: RunOptions = { strategy: 'blue-green', plan: 'approve, switch', objects: NEXT }
const PROMOTE: RunOptions = { rollout: 1 }

/** Each inner list is one app, its commands in order. 0.1.0 runs before, put there by kubectl. */
const STORIES: Line[][] = [
  [
    {
      budget: 'rollingDeploy',
      name: 'rolling: deploy',
      command: 'deploy',
      options: { objects: NEXT },
      outcome: 'succeeded',
    },
    {
      budget: 'unchangedDeploy',
      name: 'unchanged deploy',
      command: 'deploy',
      options: { objects: NEXT },
      outcome: 'unchanged',
    },
    { budget: 'status', name: 'status', command: 'status', options: {}, outcome: 'unchanged' },
  ],
  [
    {
      budget: 'canaryDeploy',
      name: 'canary 50%, approve: deploy',
      command: 'deploy',
      options: CANARY,
      outcome: 'paused',
    },
    {
      budget: 'canaryPromote',
      name: 'canary 50%, approve: promote',
      command: 'promote',
      options: PROMOTE,
      outcome: 'succeeded',
    },
  ],
  [
    {
      budget: 'canaryDeploy',
      name: 'canary 50%, approve: deploy',
      command: 'deploy',
      options: CANARY,
      outcome: 'paused',
    },
    {
      budget: 'canaryAbort',
      name: 'canary 50%, approve: abort',
      command: 'abort',
      options: PROMOTE,
      outcome: 'aborted',
    },
  ],
  [
    {
      budget: 'blueGreenDeploy',
      name: 'blue-green approve, switch: deploy',
      command: 'deploy',
      options: BLUE_GREEN,
      outcome: 'paused',
    },
    {
      budget: 'blueGreenPromote',
      name: 'blue-green approve, switch: promote',
      command: 'promote',
      options: PROMOTE,
      outcome: 'succeeded',
    },
  ],
]

export async function countRequests(): Promise<Figure[]> {
  const figures = new Map<string, Figure>()
  for (const story of STORIES) {
    const world = new World()
    await world.given({ version: '0.1.0' })
    const counter = new Counter(world)
    for (const { budget, name, command, options, outcome } of story) {
      const { result } = await world.run(command, options)
      if (result?.outcome !== outcome)
        throw new Error(`${name}: ${result?.outcome ?? 'nothing'} (${result?.message ?? ''}) instead of ${outcome}`)
      const { count, bytes } = counter.take()
      figures.set(budget, { budget, name, value: count, beside: `${(bytes / 1_024).toFixed(0)} KB both ways` })
    }
    if (world.emulator.defects.length > 0)
      throw new Error(`the embedded cluster failed: ${String(world.emulator.defects[0])}`)
  }
  return [...figures.values()]
}

/**
 * A rollout rests and no run is alive, while somebody else acts on its Deployment: users are served, nobody meets more of
 * the new version than was approved, and abort and promote still work. Ten side by side, since the controllers' races do
 * not show in a single quiet one. Pods start slower than their preStop, so that terminating ones cannot hide a gap.
 */
import { describe, expect, test } from 'vitest'
import { ECHO_IMAGE, type EchoOptions } from './echo.ts'
import type { Inputs } from './runner.ts'
import { APP, appPods, mix, onStage, type Stage, versionOf } from './stage.ts'
import { ownCluster } from './world.ts'

const SLOW: EchoOptions = { behaviour: { 'ready-after-ms': '6500' } }
/** Ten stages with two loads each. */
const RATE = 15

interface Rest {
  name: string
  inputs: Inputs
  /** pods that serve, by version, once it rests */
  pods: Record<string, number>
  /** greatest share of each version that users may be led to */
  approved: Record<string, number>
}

const CANARY: Rest = {
  name: 'a canary at its approval',
  inputs: { strategy: 'canary', steps: '50%, approve' },
  pods: { '0.1.0': 1, '0.2.0': 2 },
  approved: { '0.1.0': 1, '0.2.0': 0.67 },
}
const BEFORE: Rest = {
  name: 'blue/green before its switch',
  inputs: { strategy: 'blue-green', steps: 'approve, switch' },
  pods: { '0.1.0': 3, '0.2.0': 3 },
  approved: { '0.1.0': 1 },
}
const AFTER: Rest = {
  name: 'blue/green after its switch',
  inputs: { strategy: 'blue-green', steps: 'switch, approve' },
  pods: { '0.1.0': 3, '0.2.0': 3 },
  approved: { '0.2.0': 1 },
}

interface Act {
  name: string
  play: (stage: Stage, rest: Rest) => Promise<void>
  decide: 'promote' | 'abort'
  /** ready endpoints that must be left at every moment; 3 pods serve at rest */
  least: number
  /** hold.md names a limit: the share may move */
  limit?: (rest: Rest) => Record<string, number>
  options?: EchoOptions
  pods?: (rest: Rest) => Record<string, number>
}

const DEPLOYMENT = `deployment/${APP}`

async function deletePod(stage: Stage, version: string): Promise<void> {
  const pods = appPods(stage.observer.snapshot())
  const name = pods.find((pod) => versionOf(pod) === version)?.metadata.name ?? ''
  const before = mix(stage.observer.snapshot())
  await stage.world.kubectl('delete', 'pod', name, '--wait=false')
  const gone = (names: (string | undefined)[]): boolean => !names.includes(name)
  await stage.observer.until(`${name} is replaced`, (snapshot) => {
    const now = mix(snapshot)
    const names = appPods(snapshot).map(({ metadata }) => metadata.name)
    return gone(names) && now[version] === before[version]
  })
}

async function scale(stage: Stage, replicas: number, pods: number): Promise<void> {
  await stage.world.kubectl('scale', DEPLOYMENT, `--replicas=${replicas}`)
  await stage.observer.until(`${pods} pods serve after scaling to ${replicas}`, (snapshot) => {
    const serving = Object.values(mix(snapshot)).reduce((sum, count) => sum + count, 0)
    return appPods(snapshot).length === pods && serving === pods
  })
}

async function applyFile(stage: Stage, version: string): Promise<void> {
  await stage.world.kubectl('apply', '-f', stage.workspace.write('other/app.yaml', stage.app(version)))
}

async function isRefused(stage: Stage, ...args: string[]): Promise<void> {
  const { code, stderr } = await stage.world.tryKubectl(...args)
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/paused/)
}

/** Where hold.md names a limit of the canary: users may be led to a greater share of the new version. */
function canaryMay(share: number): (rest: Rest) => Record<string, number> {
  return (rest) => (rest === CANARY ? { '0.1.0': 1, '0.2.0': share } : rest.approved)
}

/** A file that names maxSurge makes the controller scale both sides until replicas + maxSurge fits. */
const afterApply = canaryMay(0.75)

const ACTS: Act[] = [
  {
    name: 'set image',
    play: async (stage) => {
      await stage.world.kubectl('set', 'image', DEPLOYMENT, `app=${ECHO_IMAGE}:0.9.0`)
    },
    decide: 'abort',
    least: 3,
  },
  {
    name: 'apply of the old file',
    play: (stage) => applyFile(stage, '0.1.0'),
    decide: 'abort',
    least: 2,
    limit: afterApply,
  },
  {
    name: 'apply of the new file',
    play: (stage) => applyFile(stage, '0.2.0'),
    decide: 'promote',
    least: 2,
    limit: afterApply,
  },
  {
    name: 'rollout restart',
    play: (stage) => isRefused(stage, 'rollout', 'restart', DEPLOYMENT),
    decide: 'promote',
    least: 3,
  },
  { name: 'rollout undo', play: (stage) => isRefused(stage, 'rollout', 'undo', DEPLOYMENT), decide: 'abort', least: 3 },
  {
    name: 'scale down and up',
    play: async (stage, { pods }) => {
      const both = Object.values(pods).reduce((sum, count) => sum + count, 0) / 3
      await scale(stage, 2, 2 * both)
      await scale(stage, 3, 3 * both)
    },
    decide: 'promote',
    least: 2,
  },
  {
    name: 'scale up and down',
    play: async (stage, { pods }) => {
      const both = Object.values(pods).reduce((sum, count) => sum + count, 0) / 3
      await scale(stage, 5, 5 * both)
      await scale(stage, 3, 3 * both)
    },
    decide: 'abort',
    least: 3,
    // Both sides grow, and which of the new pods serves first is nobody's choice.
    limit: canaryMay(0.75),
  },
  {
    name: 'an old pod deleted',
    play: (stage) => deletePod(stage, '0.1.0'),
    decide: 'promote',
    least: 2,
    // The old side has one pod.
    limit: canaryMay(1),
  },
  { name: 'a new pod deleted', play: (stage) => deletePod(stage, '0.2.0'), decide: 'abort', least: 2 },
]

/** Where the manifest names minReadySeconds, a foreign apply makes pods available that the hold kept from it. */
const NAMED: Act = {
  name: 'apply of the new file, which names minReadySeconds',
  play: (stage) => applyFile(stage, '0.2.0'),
  decide: 'abort',
  least: 2,
  options: { spec: { minReadySeconds: 1 } },
  pods: () => ({ '0.1.0': 3, '0.2.0': 2 }),
}
/** The file from before the switch, as a second pipeline would bring it. */
const NAMED_OLD: Act = {
  name: 'apply of the old file, which names minReadySeconds',
  play: (stage) => applyFile(stage, '0.1.0'),
  decide: 'abort',
  least: 2,
  options: { spec: { minReadySeconds: 1 } },
}
const NOTHING: Act = {
  name: 'nothing but a restarted controller manager',
  play: async () => {},
  decide: 'abort',
  least: 3,
}

/** All stages come to the same point before anything goes on. */
class Barrier {
  readonly #open = Promise.withResolvers<void>()
  #missing: number
  readonly #action: () => Promise<void>

  constructor(parties: number, action: () => Promise<void>) {
    this.#missing = parties
    this.#action = action
  }

  arrive(): Promise<void> {
    this.#missing--
    if (this.#missing === 0) this.#action().then(this.#open.resolve, this.#open.reject)
    return this.#open.promise
  }

  /** One that fell out on its way: the others need not wait for it. */
  leave(): void {
    void this.arrive().catch(() => {})
  }
}

async function play(stage: Stage, rest: Rest, act: Act, restarted: Barrier): Promise<void> {
  let arrived = false
  try {
    // Given a rollout that rests, no run alive, and users
    await stage.runs('0.1.0')
    await stage.usersCome(APP, RATE)
    stage.checkout('0.2.0')
    const deployed = await stage.action(rest.inputs)
    expect(deployed).toMatchObject({ exitCode: 0, outputs: { outcome: 'paused' } })
    const pods = act.pods?.(rest) ?? rest.pods
    await stage.observer.until('it rests', (snapshot) => JSON.stringify(mix(snapshot)) === JSON.stringify(pods), 5_000)
    const since = Date.now()
    const shares = stage.shares()

    // When somebody else acts, and then the controllers start anew
    await act.play(stage, rest)
    await stage.usersAsk(3 * RATE)
    arrived = true
    await restarted.arrive()
    await stage.usersAsk(5 * RATE)

    // Then users are led to what was approved
    const most = await shares.end()
    const allowed = act.limit?.(rest) ?? rest.approved
    const fewest = stage.observer.fewestEndpoints(APP, since)
    stage.tell(`shares ${JSON.stringify(most)}, endpoints ≥ ${fewest}`)
    for (const [version, share] of Object.entries(most))
      expect(share, `share of ${version}`).toBeLessThanOrEqual(allowed[version] ?? 0)
    expect(fewest).toBeGreaterThanOrEqual(act.least)

    // And a person still decides
    const ended = await stage.action({ command: act.decide, rollout: '1' })
    expect(ended.exitCode, ended.log).toBe(0)
    await stage.serves(act.decide === 'promote' ? '0.2.0' : '0.1.0', 20_000)
    await stage.nobodyNoticed(0)
    await stage.tidy()
  } finally {
    if (!arrived) restarted.leave()
  }
}

describe.runIf(ownCluster)('while it rests', () => {
  for (const [rest, acts] of [
    [CANARY, [...ACTS, NOTHING]],
    [BEFORE, [...ACTS, NAMED]],
    [AFTER, [...ACTS, NAMED_OLD]],
  ] as const)
    test(`${rest.name}: ten side by side, each with another foreign act`, { timeout: 240_000 }, async () => {
      let restart = async (): Promise<void> => {}
      const restarted = new Barrier(acts.length, () => restart())
      const played = acts.map((act) =>
        onStage(`${rest.name}, ${act.name}, ${act.decide}`, { ...SLOW, ...act.options }, (stage) => {
          restart = () => stage.world.cluster.restartPart('controller-manager', 'SIGKILL')
          return play(stage, rest, act, restarted)
        }),
      )
      const failed = (await Promise.allSettled(played)).flatMap((result, index) =>
        result.status === 'rejected' ? [`${acts[index]?.name}: ${String(result.reason)}`] : [],
      )
      expect(failed).toEqual([])
    })
})

/**
 * How soon a cause is named: from the moment when the API first shows a symptom, seen by somebody else, to the verdict,
 * less the grace that docs/failures.md gives that symptom.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { ContainerStatus, KubeEvent, Pod } from '../../../src/shared/objects.ts'
import type { Snapshot } from '../../invariants/snapshot.ts'
import type { EchoOptions } from './echo.ts'
import { appPods, onStage, type Stage, versionOf } from './stage.ts'
import { ownCluster } from './world.ts'

/** Milliseconds; the bar of the project. */
const BAR = 5_000
/** The line that a failure begins with, as it comes. */
const VERDICT = /✗ [A-Z]{4}/
const CANARY = { strategy: 'canary', steps: '50%, approve' }

interface Symptom {
  what: string
  tag?: string
  more?: EchoOptions
  /** what changes in the cluster after the old version runs */
  given?: (stage: Stage) => Promise<unknown>
  /** the API shows it */
  shows: (stage: Stage, snapshot: Snapshot) => boolean | Promise<boolean>
  /** milliseconds that it may last, as docs/failures.md says */
  grace: number
  code: string
  /** the cause as people read it, and the next move */
  cause: RegExp
  next: RegExp
}

/** The new version's pods with one of their containers. */
function containers(snapshot: Snapshot, tag: string): ContainerStatus[] {
  const pods: Pod[] = appPods(snapshot).filter((pod) => versionOf(pod) === tag)
  return pods.flatMap((pod) => pod.status?.containerStatuses ?? [])
}

const waits =
  (reason: RegExp, tag: string) =>
  (_: Stage, snapshot: Snapshot): boolean =>
    containers(snapshot, tag).some(({ state }) => reason.test(state?.waiting?.reason ?? ''))

const refused =
  (text: string) =>
  (_: Stage, { replicaSets }: Snapshot): boolean =>
    replicaSets.some(({ status }) => status?.conditions?.some(({ message = '' }) => message.includes(text)) === true)

const hasEvent =
  (text: string) =>
  async ({ world }: Stage): Promise<boolean> =>
    (await world.list<KubeEvent>('events')).some(({ message = '' }) => message.includes(text))

const unready = (type: string) => ({ [type]: { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 1 } })

const FATAL: Symptom[] = [
  {
    what: 'image pull',
    tag: '0.2.0-missing',
    shows: waits(/ErrImagePull|ImagePullBackOff/, '0.2.0-missing'),
    grace: 3_000,
    code: 'image-pull',
    cause: /cannot get image \S+:0\.2\.0-missing: the registry has no such image/,
    next: /check repository and tag/,
  },
  {
    what: 'crash',
    tag: '0.2.0-crash',
    shows: waits(/CrashLoopBackOff/, '0.2.0-crash'),
    grace: 0,
    code: 'crash-loop',
    cause: /ended with exit code 1 \(an error of the application\)/,
    next: /look at its last log lines/,
  },
  {
    what: 'out of memory',
    tag: '0.2.0-oom',
    shows: waits(/CrashLoopBackOff/, '0.2.0-oom'),
    grace: 0,
    code: 'oom',
    cause: /was killed for using more memory than its limit/,
    next: /raise resources\.limits\.memory/,
  },
  {
    what: 'liveness',
    more: { container: unready('livenessProbe'), behaviour: { 'exec-probe': 'fail' } },
    shows: waits(/CrashLoopBackOff/, '0.2.0'),
    grace: 0,
    code: 'liveness',
    cause: /is killed by its liveness probe/,
    next: /give it more time/,
  },
  {
    what: 'unschedulable',
    more: { podSpec: { nodeSelector: { nowhere: 'to-be-found' } } },
    shows: (_, snapshot) =>
      appPods(snapshot).some(
        ({ status }) => status?.conditions?.some(({ reason }) => reason === 'Unschedulable') === true,
      ),
    grace: 30_000,
    code: 'unschedulable',
    cause: /fits on no node: 0\/1 nodes are available: 1 node\(s\) didn't match Pod's node affinity\/selector/,
    next: /correct nodeSelector/,
  },
  {
    what: 'quota',
    given: (stage) => {
      stage.configure({ accept: ['quota'] })
      const spec = { hard: { pods: '3' } }
      return stage.world.apply({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'small' }, spec })
    },
    shows: refused('exceeded quota'),
    grace: 10_000,
    code: 'quota',
    cause: /may not make its pods: exceeded quota: small, requested: pods=1, used: pods=3, limited: pods=3/,
    next: /old pods stay until new ones are ready, so waiting makes no room/,
  },
  {
    what: 'Pod Security',
    given: ({ world }) =>
      world.kubectl('label', 'namespace', world.namespace, 'pod-security.kubernetes.io/enforce=restricted'),
    shows: refused('violates PodSecurity'),
    grace: 0,
    code: 'pod-security',
    cause: /violates PodSecurity "restricted:latest": allowPrivilegeEscalation/,
    next: /set the securityContext/,
  },
  {
    what: 'missing Secret',
    given: seen,
    more: { container: { envFrom: [{ secretRef: { name: 'nowhere' } }] } },
    shows: waits(/CreateContainerConfigError/, '0.2.0'),
    grace: 8_000,
    code: 'missing-config',
    cause: /cannot be made: secret "nowhere" not found/,
    next: /add what is missing to the manifests/,
  },
  {
    what: 'missing volume',
    given: seen,
    more: { podSpec: { volumes: [{ name: 'settings', configMap: { name: 'nowhere' } }] } },
    shows: hasEvent('configmap "nowhere" not found'),
    grace: 8_000,
    code: 'volume',
    cause: /waits for a volume: MountVolume\.SetUp failed for volume "settings" : configmap "nowhere" not found/,
    next: /create what the volume refers to/,
  },
]

/** Preflight sees it as well, and would refuse. */
function seen(stage: Stage): Promise<void> {
  return Promise.resolve(stage.configure({ accept: ['config-missing'] }))
}

/** Milliseconds since 1970 when the API first shows it. */
async function appears(stage: Stage, { what, shows }: Pick<Symptom, 'what' | 'shows'>): Promise<number> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20))
    if (await shows(stage, stage.observer.snapshot())) return Date.now()
  throw new Error(`${what} never showed`)
}

describe.runIf(ownCluster).concurrent('the cause is named within 5 s and its grace:', () => {
  for (const symptom of FATAL)
    test(symptom.what, () =>
      onStage(`diagnosis of ${symptom.what}`, {}, async (stage) => {
        const { tag = '0.2.0', more, given, grace, code, cause, next } = symptom
        await stage.runs('0.1.0')
        await given?.(stage)
        stage.guard(4)
        stage.checkout(tag, more)
        const run = stage.start(CANARY)
        const [shown, said] = await Promise.all([appears(stage, symptom), run.says(VERDICT)])
        const result = await run.done
        const late = said - shown - grace
        stage.tell(
          `shown, then named after ${((said - shown) / 1_000).toFixed(2)} s, of which ${grace / 1_000} s grace: ${(late / 1_000).toFixed(2)} s`,
        )
        expect(result, result.log).toMatchObject({ exitCode: 1, outputs: { outcome: 'aborted' } })
        expect(result.log).toMatch(new RegExp(`title=[^:]*${code}`))
        expect(result.log).toMatch(cause)
        expect(result.summary).toMatch(next)
        expect(late).toBeLessThanOrEqual(BAR)
        await stage.serves('0.1.0')
        expect(stage.breaches()).toEqual([])
      }),
    )

  test('readiness, which only its timeout ends', () =>
    onStage('diagnosis of readiness', {}, async (stage) => {
      await stage.runs('0.1.0')
      stage.guard(4)
      stage.checkout('0.2.0-unready')
      const run = stage.start({ ...CANARY, timeout: '15s' })
      const begun = run.says(/hold 3 old/)
      const symptom = {
        what: 'readiness',
        shows: hasEvent('Readiness probe failed: HTTP probe failed with statuscode: 503'),
      }
      const [shown, told, started] = await Promise.all([
        appears(stage, symptom),
        run.says(/fails its readiness probe: HTTP 503/),
        begun,
      ])
      const failed = await run.says(VERDICT)
      const result = await run.done
      const late = failed - started - 15_000
      stage.tell(
        `shown, then told after ${((told - shown) / 1_000).toFixed(2)} s; ended ${(late / 1_000).toFixed(2)} s after the timeout`,
      )
      expect(result).toMatchObject({ exitCode: 70, outputs: { outcome: 'aborted' } })
      expect(result.log).toMatch(/timed out after 15s waiting for .*fails its readiness probe: HTTP 503/)
      expect(told - shown).toBeLessThanOrEqual(BAR)
      expect(late).toBeLessThanOrEqual(BAR)
      await stage.serves('0.1.0')
      expect(stage.breaches()).toEqual([])
    }))
})

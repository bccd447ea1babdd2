import type { Probe } from '../../../src/shared/objects.ts'
import type { PodBehaviour } from './behaviour.ts'

/** Why a probe fails at this moment of virtual time; undefined when it succeeds. */
export function probeVerdict(
  behaviour: PodBehaviour,
  startedAt: number,
  now: number,
  probe: Probe | undefined,
): string | undefined {
  const { neverReady, readyAfterMs = 0 } = behaviour
  if (typeof neverReady === 'string') return neverReady
  if (neverReady !== true && now >= startedAt + readyAfterMs) return undefined
  if (probe?.tcpSocket !== undefined) return `dial tcp: connect: connection refused`
  return 'HTTP probe failed with statuscode: 503'
}

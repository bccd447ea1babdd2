import type { Container, Pod } from '../../../src/shared/objects.ts'
import type { Recorder, World } from '../controllers/machinery.ts'
import type { Behaviour, PodBehaviour } from './behaviour.ts'
import type { RealServers } from './real-servers.ts'

/** The node that pods run on. */
export interface Node {
  world: World
  recorder: Recorder
  behaviour: Behaviour
  hostIP: string
  nextIP: () => string
  real: RealServers | undefined
}

/** What the containers of a pod need of it. */
export interface PodHost {
  readonly node: Node
  readonly pod: Pod
  /** aborted when nothing is to be started any more */
  readonly stop: AbortSignal
  /** the pod was deleted: its processes are on their way out */
  readonly terminating: boolean
  /** aborted, and replaced, when a test changes what pods do */
  readonly poked: AbortSignal
  behaviour(container: Container): PodBehaviour
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  event(type: 'Normal' | 'Warning', reason: string, message: string, container: Container): void
  /** writes the status if it changed */
  report(): void
}

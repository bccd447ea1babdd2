/** How an emulator is set up and interfered with. */
import type { HttpRequest } from '../../src/kubernetes/transport.ts'
import type { JsonMap } from '../../src/shared/objects.ts'
import type { User } from './api/request.ts'
import type { EmulatorClock } from './clock.ts'
import type { Delay } from './controllers/machinery.ts'
import type { Behaviour, PodBehaviour } from './pods/behaviour.ts'

export interface EmulatorOptions {
  clock: EmulatorClock
  /** seed of names, uids and delays (1) */
  seed?: number
  /** milliseconds from a write to the controllers' caches ([1, 1]); a span is jittered */
  informerDelay?: Delay
  /** milliseconds from a controller's waking to its work ([1, 1]) */
  workDelay?: Delay
  /** milliseconds that each write of the deployment and ReplicaSet controllers takes ([4, 4]) */
  writeDelay?: Delay
  /** milliseconds from a write to its watch event ([0, 0]) */
  watchDelay?: Delay
  /** milliseconds that each request takes, half before and half after the server acts ([2, 2]) */
  requestDelay?: Delay
  /** what pods do; undefined for an image falls back to its tag */
  behaviour?: (...args: Parameters<Behaviour>) => PodBehaviour | undefined
  /** bearer token → user, besides `tok-admin` and `tok-deployer` */
  users?: Record<string, User>
  /** pods are HTTP servers on the loopback interface and Services are fronts before them; needs the real clock */
  realPods?: boolean
  /** without controllers, scheduler and node only the API is there (true) */
  controllers?: boolean
  /** milliseconds until a CustomResourceDefinition is served (20) */
  establishMs?: number
}

export interface RequestInfo {
  /** counts from 1 */
  number: number
  method: HttpRequest['method']
  /** path and query */
  path: string
  user: string
  body: string
  headers: Record<string, string>
}

/** What a hook makes of a request: an answer in place of the server's, or no answer at all. */
export type Injection =
  | { kind: 'answer'; status: number; body?: JsonMap | string; headers?: Record<string, string> }
  /** the connection breaks: before the server saw the request, or after it acted */
  | { kind: 'drop'; when: 'before' | 'after' }
  /** the request takes this much longer */
  | { kind: 'delay'; ms: number }

export interface Hook {
  before?: (request: RequestInfo) => Injection | undefined | void
  after?: (request: RequestInfo, status: number) => void
}

export interface LogEntry {
  number: number
  at: number
  method: string
  path: string
  user: string
  /** 0 when no answer came */
  status: number
  bytesIn: number
  bytesOut: number
}

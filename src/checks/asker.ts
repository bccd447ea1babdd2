import type { Client } from '../kubernetes/client.ts'
import type { Pod } from '../shared/objects.ts'
import type { OwnRequests } from './own-requests.ts'
import type { CheckVerdict } from './verdict.ts'

/** An answer over HTTP. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: string
  /** the body was longer than what is kept */
  cut?: boolean
  /** where a redirect leads that was not followed: another host */
  elsewhere?: string
}

export interface UrlRequest {
  url: string
  method?: string
  headers: Record<string, string>
  body?: string
  timeoutMs: number
  /** a connection of its own, as a new user has */
  fresh?: boolean
  /** a redirect to another host is not followed; at most this much of the body is kept, default 1 MB */
  maxBytes?: number
  signal?: AbortSignal
}

/** GET, HEAD and so on of an address outside of the cluster. */
export type FetchUrl = (request: UrlRequest) => Promise<Answer>

export interface CommandRequest {
  run: string
  env: Record<string, string>
  timeoutMs: number
  signal: AbortSignal
}

/** How a process ended; `late`: it was ended for taking too long. */
export interface CommandEnd {
  /** null: a signal ended it */
  exitCode: number | null
  killedBy?: string
  late: boolean
  /** what it printed last, on both channels */
  lines: string[]
}

export type RunCommand = (request: CommandRequest) => Promise<CommandEnd>

/** The pods of one version of a workload. */
export interface CheckedSide {
  /** as people know it: the tag of its image */
  version: string
  /** pod-template-hash, once there is a ReplicaSet */
  hash?: string
  /** name of the ReplicaSet */
  replicaSet?: string
  /** not terminating */
  pods: Pod[]
  serving: Pod[]
}

export interface CheckedService {
  name: string
  port?: number
  /** the Service that leads to the new version alone, before users do: preview, or the router's canary */
  preview?: string
}

export interface CheckedWorkload {
  namespace: string
  name: string
  stable: CheckedSide
  canary: CheckedSide
  services: CheckedService[]
}

/** All that a check may ask of the world. */
export interface Asker {
  now(): number
  /** until then, or until `signal` */
  sleep(ms: number): Promise<void>
  proxy: Client['proxy']
  /** what is asked of the app itself is noted there */
  own: OwnRequests
  fetchUrl: FetchUrl
  /** puts environment variables in for `${NAME}` */
  expand(text: string): string
  runCommand: RunCommand
  /** runs a Job of the release under a name of its own, and waits for its end */
  runJob(name: string, timeoutMs: number): Promise<CheckVerdict>
  /** those that go through steps */
  workloads(): CheckedWorkload[]
  /** blue/green: the new version is asked through its preview Service */
  preview: boolean
  app: string
  namespace: string
  rollout: number
  /** ids of pods that have been ready since this run began */
  readySeen: Set<string>
  /** ms since 1970 when the share of the new version last changed */
  sinceShare(): number
  /** aborted when nobody waits for the answer any more */
  signal: AbortSignal
}

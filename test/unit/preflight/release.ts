import type { Finding } from '../../../src/preflight/finding.ts'
import type { DryRunResult, LiveLists, PreflightInput, ReleaseObject } from '../../../src/preflight/input.ts'
import { runRules } from '../../../src/preflight/rules.ts'
import {
  type Container,
  type Deployment,
  keyOf,
  type KubeObject,
  type Pod,
  refOf,
  type ReplicaSet,
  type Service,
} from '../../../src/shared/objects.ts'

/** What a test changes of an object: merged into it, lists replaced, null removes. */
export type Patch = { [key: string]: unknown }

function merge(base: unknown, patch: unknown): unknown {
  if (!isRecord(base) || !isRecord(patch)) return patch
  const result: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = merge(result[key], value)
  }
  return result
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function changed<T>(base: T, patch: Patch): T {
  return merge(structuredClone(base), patch) as T
}

/** A container with everything that preflight asks for. */
export const GOOD: Container = {
  name: 'app',
  image: 'echo:2',
  ports: [{ name: 'http', containerPort: 8080 }],
  readinessProbe: { exec: { command: ['/ready'] } },
  lifecycle: { preStop: { sleep: { seconds: 5 } } },
  resources: { requests: { cpu: '100m', memory: '64Mi' } },
}

export function container(patch: Patch): Container {
  return changed(GOOD, patch)
}

/** Deployment web of three good pods. */
export function deployment(patch: Patch = {}, image = 'echo:2'): Deployment {
  const base: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ ...GOOD, image }] } },
    },
  }
  return changed(base, patch)
}

/** The same one release earlier, complete and serving. */
export function running(patch: Patch = {}): Deployment {
  const status = { observedGeneration: 4, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 }
  return changed(deployment({ metadata: { generation: 4, uid: 'd' }, status }, 'echo:1'), patch)
}

export function service(patch: Patch = {}): Service {
  const base: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  }
  return changed(base, patch)
}

export function object(apiVersion: string, kind: string, name: string, rest: Patch = {}): KubeObject {
  return changed({ apiVersion, kind, metadata: { name, namespace: 'shop' } }, rest) as KubeObject
}

/** What was found of the objects that pods name: those given are there. */
export function namedOf(...objects: KubeObject[]): Map<string, KubeObject> {
  return new Map(objects.map((each) => [keyOf(refOf(each)), each]))
}

export function podOf(owner: string, hash: string, labels: Record<string, string>, ready = true): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${owner}-${hash}-x`,
      namespace: 'shop',
      labels: { ...labels, 'pod-template-hash': hash },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${owner}-${hash}`, uid: 'r', controller: true },
      ],
    },
    spec: { containers: [GOOD] },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }
}

function isReleased(each: KubeObject | ReleaseObject): each is ReleaseObject {
  return !('kind' in each)
}

export interface World extends Partial<Omit<PreflightInput, 'objects' | 'live' | 'dryRuns' | 'lists'>> {
  objects?: (KubeObject | ReleaseObject)[]
  live?: KubeObject[]
  lists?: LiveLists
  dryRuns?: [KubeObject, DryRunResult][]
}

/** A canary of web from 1 to 2 with nothing to find, changed as told. */
export function input({
  objects = [deployment(), service()],
  live,
  lists,
  dryRuns,
  ...rest
}: World = {}): PreflightInput {
  const there = live ?? [running(), service()]
  const released = objects.map((each): ReleaseObject => (isReleased(each) ? each : { object: each }))
  return {
    app: 'web',
    strategy: 'canary',
    steps: [],
    pods: 'in-place',
    capacity: 'keep',
    timeoutMs: 600_000,
    now: Date.parse('2026-11-22T17:00:00Z'),
    ...rest,
    objects: released,
    live: new Map(there.map((each) => [keyOf(refOf(each)), each])),
    lists: {
      services: there.filter((each): each is Service => each.kind === 'Service'),
      deployments: there.filter((each): each is Deployment => each.kind === 'Deployment'),
      pods: there.some((each) => each.kind === 'Deployment') ? [podOf('web', 'h1', { app: 'web' })] : [],
      replicaSets: [] as ReplicaSet[],
      autoscalers: [],
      disruptionBudgets: [],
      quotas: [],
      limitRanges: [],
      ...lists,
    },
    ...(dryRuns === undefined ? {} : { dryRuns: new Map(dryRuns.map(([of, result]) => [keyOf(refOf(of)), result])) }),
  }
}

/** `id severity` of all findings, in order. */
export function brief(findings: readonly Finding[]): string[] {
  return findings.map(({ id, severity }) => `${id} ${severity}`)
}

export function found(world: World = {}): string[] {
  return brief(runRules(input(world)))
}

/** The only finding of an id. */
export function the(id: string, world: World): Finding {
  const all = runRules(input(world)).filter((finding) => finding.id === id)
  const [first] = all
  if (first === undefined || all.length > 1) throw new Error(`expected one ${id}: ${JSON.stringify(all)}`)
  return first
}

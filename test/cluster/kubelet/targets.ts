/**
 * Which pods Prometheus is to ask, written down for its file discovery: Debian's Prometheus is built without discovery in
 * Kubernetes. The labels are those that the usual rules make there: namespace, pod, and all labels of the pod.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { BoundPod } from './types.ts'

/** An entry of a file for `file_sd_configs`. */
export interface Target {
  targets: string[]
  labels: Record<string, string>
}

/** Changes of so many milliseconds are written at once. */
const GATHER_MS = 100

/** `app.kubernetes.io/name` → `app_kubernetes_io_name` */
function labelName(key: string): string {
  return key.replaceAll(/\W/g, '_')
}

/** The port named `metrics`, else the first that speaks HTTP/1. */
function metricsPort({ spec }: BoundPod): number | undefined {
  const ports = spec.containers.flatMap((container) => container.ports ?? [])
  return (ports.find(({ name }) => name === 'metrics') ?? ports.find(({ name }) => name !== 'grpc'))?.containerPort
}

/** Where the metrics of a pod are; undefined while it does not run, and when no port of it is named that has them. */
export function scrapeTarget(pod: BoundPod): Target | undefined {
  const { metadata, status } = pod
  const port = metricsPort(pod)
  if (status?.podIP === undefined || status.phase !== 'Running' || port === undefined) return undefined
  const labels = Object.entries(metadata.labels ?? {}).map(([key, value]) => [labelName(key), value])
  return {
    targets: [`${status.podIP}:${port}`],
    labels: { ...Object.fromEntries(labels), namespace: metadata.namespace, pod: metadata.name },
  }
}

export class TargetsFile {
  readonly #file: string
  readonly #targets = new Map<string, Target>()
  #written = ''
  #timer: NodeJS.Timeout | undefined

  constructor(file: string) {
    this.#file = file
    mkdirSync(dirname(file), { recursive: true })
  }

  replace(pods: readonly BoundPod[]): void {
    this.#targets.clear()
    for (const pod of pods) this.set(pod)
    this.#writeSoon()
  }

  set(pod: BoundPod): void {
    const target = scrapeTarget(pod)
    if (target === undefined) this.#targets.delete(pod.metadata.uid)
    else this.#targets.set(pod.metadata.uid, target)
    this.#writeSoon()
  }

  delete(uid: string): void {
    this.#targets.delete(uid)
    this.#writeSoon()
  }

  #writeSoon(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#write()
    }, GATHER_MS)
  }

  /** The file appears whole, and only when it says something new: Prometheus reads it at once. */
  #write(): void {
    const text = `${JSON.stringify([...this.#targets.values()], undefined, 1)}\n`
    if (text === this.#written) return
    this.#written = text
    writeFileSync(`${this.#file}.new`, text)
    renameSync(`${this.#file}.new`, this.#file)
  }
}

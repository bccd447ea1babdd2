/**
 * What a container does, told by its image tag and by options. An option is the pod annotation `pod.test/KEY`, read at
 * every use so that a living pod can change its mind, else the container's variable `POD_TEST_KEY` (upper case, `_`).
 *
 * Image tags, alone or after a dash (`echo-version:0.2.0-crash`):
 *
 * | tag | |
 * | --- | --- |
 * | `crash` | exits 1 soon after its start |
 * | `oom` | is killed for its memory soon after its start |
 * | `missing` | cannot be pulled |
 * | `unready` | runs, but its probes are answered 503 |
 * | `errors` | probes are fine, everything else is answered 500 |
 * | `idle` | runs and listens on nothing: another program has the pod's address |
 * | `job-ok`, `job-fail` | runs for a while and exits 0 or 1 |
 *
 * Options:
 *
 * | key | default | |
 * | --- | --- | --- |
 * | `pull-ms` | 50 | how long the image takes to come |
 * | `start-delay-ms` | 0 | the process runs, but listens only after this |
 * | `ready-after-ms` | 0 | readiness is answered 503 until then |
 * | `never-ready` | false | readiness is answered 503 |
 * | `latency-ms`, `jitter-ms` | 0 | added to every answer, the second up to its value |
 * | `slow-percent`, `slow-ms` | 0 | share of answers that take so much longer |
 * | `cold-requests`, `cold-ms` | 0 | so many answers after a start take so much longer |
 * | `error-percent` | 0 | share of answers with 500 |
 * | `metrics` | ok | the page of metrics: `ok`, `malformed`, `html`, `huge` (8 MB), `absent` (404) |
 * | `metrics-reset-after` | | once, after so many requests, its counters begin again at 0 |
 * | `crash-after-ms` | | a server that dies by itself |
 * | `exit-code` | 1 | of crashes and failing jobs |
 * | `run-ms` | 500 | how long a job or an init container takes |
 * | `shutdown` | graceful | on SIGTERM: `graceful` (ends its requests), `abrupt` (dies at once), `ignore` |
 * | `drain-ms` | 0 | goes on accepting for so long after SIGTERM |
 * | `keepalive-ms` | 65000 | idle connections are closed after this |
 * | `exec-probe` | ok | `fail`: exec probes fail (others are really asked) |
 * | `image-id` | | digest reported instead of the image's own |
 * | `log` | | an extra line that the program writes at its start |
 *
 * A port named `grpc` speaks HTTP/2 without TLS. `/version` and `/json` tell the version. `/requests` tells how many
 * requests came, and `/metrics` shows `http_requests_total{version, code}` and the histogram
 * `http_request_duration_seconds{version}`; neither counts probes, itself or the other.
 */
import type { BoundPod, ContainerSpec } from './types.ts'

export const OPTION_ANNOTATION = 'pod.test/'
export const OPTION_VARIABLE = 'POD_TEST_'

/** `0.1.0` of `registry/echo-version:0.1.0`; the digest where there is no tag. */
export function versionOf(image: string): string {
  const [name = '', digest] = image.split('@')
  const tag = /:([\w.-]+)$/.exec(name.slice(name.lastIndexOf('/') + 1))?.[1]
  return tag ?? digest ?? 'latest'
}

export class Behaviour {
  readonly #pod: () => BoundPod
  readonly #container: ContainerSpec

  constructor(pod: () => BoundPod, container: ContainerSpec) {
    this.#pod = pod
    this.#container = container
  }

  text(key: string): string | undefined {
    const annotation = this.#pod().metadata.annotations?.[`${OPTION_ANNOTATION}${key}`]
    if (annotation !== undefined) return annotation
    const variable = `${OPTION_VARIABLE}${key.toUpperCase().replaceAll('-', '_')}`
    return this.#container.env?.find(({ name }) => name === variable)?.value
  }

  number(key: string, fallback: number): number {
    const value = Number(this.text(key) ?? Number.NaN)
    return Number.isFinite(value) ? value : fallback
  }

  flag(key: string): boolean {
    return this.text(key) === 'true'
  }

  /** Whether the image's tag asks for this behaviour. */
  is(word: string): boolean {
    const version = versionOf(this.#container.image)
    return version === word || version.endsWith(`-${word}`)
  }

  get readyNever(): boolean {
    return this.flag('never-ready') || this.is('unready')
  }

  get errorPercent(): number {
    return this.number('error-percent', this.is('errors') ? 100 : 0)
  }
}

/** Asks a Service for its version the whole time, each time over a new connection, as new visitors come. */
import http from 'node:http'
import type { VersionMix } from '../../src/report/events.ts'

export interface Answer {
  /** milliseconds since 1970 */
  at: number
  version: string
  pod: string
}

export interface Failure {
  /** milliseconds since 1970 */
  at: number
  reason: string
}

/** Nothing here may run for ever or flood anything: 50 requests a second for two minutes at most. */
const EVERY_MS = 20
const MOST = 6_000
const TIMEOUT_MS = 2_000
/** Long enough to meet every pod of a small Service several times. */
const WINDOW_MS = 600

export class UpdateChecker {
  readonly answers: Answer[] = []
  readonly failures: Failure[] = []
  sent = 0
  readonly #url: string
  readonly #open = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout

  constructor(url: string) {
    this.#url = url
    this.#timer = setInterval(() => this.#tick(), EVERY_MS)
  }

  #tick(): void {
    if (this.sent >= MOST) return clearInterval(this.#timer)
    this.sent++
    const at = Date.now()
    const request = this.#ask()
      .then((answer) => void this.answers.push(answer))
      .catch((error: unknown) => void this.failures.push({ at, reason: String(error) }))
      .finally(() => this.#open.delete(request))
    this.#open.add(request)
  }

  #ask(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = http.get(this.#url, { agent: false, timeout: TIMEOUT_MS }, (response) => {
        response.resume()
        response.on('error', reject)
        response.on('end', () => {
          const { statusCode, headers } = response
          const [version, pod] = [headers['x-version'], headers['x-pod']]
          if (statusCode !== 200) reject(new Error(`HTTP ${statusCode}`))
          else resolve({ at: Date.now(), version: String(version), pod: String(pod) })
        })
      })
      request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)))
      request.on('error', reject)
    })
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
  }

  /** Answers per version since an instant, in order of first appearance. */
  countsSince(at: number): Map<string, number> {
    const counts = new Map<string, number>()
    for (const answer of this.answers)
      if (answer.at >= at) counts.set(answer.version, (counts.get(answer.version) ?? 0) + 1)
    return counts
  }

  /** How many pods of each version answered, looked at from outside: what a visitor could have met at each moment. */
  mix(stable: string, canary: string, from: number, to: number): VersionMix[] {
    const answers = this.answers.toSorted((a, b) => a.at - b.at)
    const mixes: VersionMix[] = []
    for (let at = from + WINDOW_MS; at <= to; at += WINDOW_MS / 4) {
      const seen = answers.filter((answer) => answer.at > at - WINDOW_MS && answer.at <= at)
      const pods = (version: string): number =>
        new Set(seen.filter((answer) => answer.version === version).map((answer) => answer.pod)).size
      mixes.push({
        at,
        stable: { version: stable, pods: pods(stable) },
        canary: { version: canary, pods: pods(canary) },
      })
    }
    return mixes
  }
}

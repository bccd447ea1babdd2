/** Puts the violations of single instants together: from when to when each was there. Pure. */
import type { Violation } from './rules.ts'

export interface Breach extends Violation {
  /** milliseconds since 1970 */
  from: number
  /** absent while it lasts */
  to?: number
}

export class Ledger {
  readonly #open = new Map<string, Breach>()
  readonly #breaches: Breach[] = []

  /** All that is wrong at this instant; what is not named any more has ended. */
  note(at: number, violations: readonly Violation[]): void {
    const present = new Set<string>()
    for (const violation of violations) {
      const key = `${violation.rule}|${violation.object}`
      present.add(key)
      const known = this.#open.get(key)
      if (known === undefined) this.#open.set(key, { ...violation, from: at })
      this.#keep(this.#open.get(key), at)
    }
    for (const [key, breach] of this.#open) {
      if (present.has(key)) continue
      this.#keep(breach, at)
      breach.to = at
      this.#open.delete(key)
    }
  }

  /** A breach counts once it has lasted longer than it may. */
  #keep(breach: Breach | undefined, at: number): void {
    if (breach === undefined || this.#breaches.includes(breach)) return
    if (at - breach.from >= breach.graceMs) this.#breaches.push(breach)
  }

  get breaches(): readonly Breach[] {
    return this.#breaches
  }
}

export function describeBreach({ rule, object, message, from, to }: Breach): string {
  const lasted = to === undefined ? 'to the end' : `for ${to - from} ms`
  return `${new Date(from).toISOString()} ${rule}: ${object}: ${message}, ${lasted}`
}

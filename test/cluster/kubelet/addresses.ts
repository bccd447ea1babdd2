/** Addresses of pods on this node. */
const REST_MS = 30_000
const HIGHEST = 65_000

export class Addresses {
  readonly #prefix: string
  readonly #used = new Set<string>()
  #next = 9

  /** `prefix`: the first two numbers of a /16 */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** The wished address when it is free, else one that was not used for long. */
  take(wished?: string): string {
    if (wished?.startsWith(`${this.#prefix}.`) === true && !this.#used.has(wished)) return this.#keep(wished)
    for (;;) {
      this.#next = (this.#next + 1) % HIGHEST
      const last = this.#next % 256
      const address = `${this.#prefix}.${Math.floor(this.#next / 256)}.${last}`
      if (last > 1 && last < 251 && !this.#used.has(address)) return this.#keep(address)
    }
  }

  #keep(address: string): string {
    this.#used.add(address)
    return address
  }

  /** Rests for a while first: clients may still try it. */
  giveBack(address: string): void {
    setTimeout(() => this.#used.delete(address), REST_MS).unref()
  }
}

/** How often this run has asked the app itself: its counters count that too, and it is nobody's traffic. */
export class OwnRequests {
  readonly #byPod = new Map<string, number>()
  #anywhere = 0

  /** @param pod absent where the pod is not known, behind a Service or an address */
  note(pod?: string): void {
    if (pod === undefined) this.#anywhere++
    else this.#byPod.set(pod, (this.#byPod.get(pod) ?? 0) + 1)
  }

  /** At most so many came to these pods: those whose pod is not known may all have. */
  mostTo(pods: readonly string[]): number {
    return pods.reduce((sum, pod) => sum + (this.#byPod.get(pod) ?? 0), this.#anywhere)
  }
}

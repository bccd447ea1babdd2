import type { Clock } from '../../../src/shared/clock.ts'
import type { JsonMap } from '../../../src/shared/objects.ts'
import type { HttpRequest, HttpResponse, Transport } from '../../../src/kubernetes/transport.ts'

export interface Answer {
  status?: number
  body?: JsonMap | string
  headers?: Record<string, string>
  /** lines that come one by one; the body is not read then */
  stream?: Stream
}

/** A body that the test writes while it is read. */
export class Stream {
  readonly #lines: string[] = []
  #ended = false
  #error: Error | undefined
  #wake: () => void = () => {}

  send(...events: JsonMap[]): void {
    for (const event of events) this.#lines.push(JSON.stringify(event))
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  break(): void {
    this.#error = new Error('terminated')
    this.#wake()
  }

  async *read(signal: AbortSignal | undefined): AsyncIterable<string> {
    for (;;) {
      if (signal?.aborted) throw signal.reason
      const line = this.#lines.shift()
      if (line !== undefined) yield line
      else if (this.#error !== undefined) throw this.#error
      else if (this.#ended) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
          signal?.addEventListener('abort', () => resolve(), { once: true })
        })
    }
  }
}

/** A server in one function, and the requests that reached it. */
export function wire(handle: (request: HttpRequest, count: number) => Answer | Error): {
  transport: Transport
  requests: HttpRequest[]
} {
  const requests: HttpRequest[] = []
  const transport: Transport = async (request) => {
    requests.push(request)
    const answer = handle(request, requests.length)
    if (answer instanceof Error) throw answer
    return response(answer, request.signal)
  }
  return { transport, requests }
}

function response(answer: Answer, signal: AbortSignal | undefined): HttpResponse {
  const { status = 200, body = '', headers = {}, stream } = answer
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    status,
    headers,
    text: async () => text,
    lines: async function* () {
      if (stream !== undefined) yield* stream.read(signal)
      else yield* text.split('\n')
    },
  }
}

export function status(code: number, reason: string, message: string, details: JsonMap = {}): Answer {
  return {
    status: code,
    body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details, code },
  }
}

export function refused(code = 'ECONNREFUSED'): Error {
  return Object.assign(new Error(code), { code })
}

/** Time that passes only by being slept; each pause is kept. */
export class SleepingClock implements Clock {
  #now = 1_000_000
  readonly pauses: number[] = []

  now(): number {
    return this.#now
  }

  async sleep(ms: number): Promise<void> {
    this.pauses.push(ms)
    this.#now += ms
  }
}

/** Lets everything that waits for nothing but a promise go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

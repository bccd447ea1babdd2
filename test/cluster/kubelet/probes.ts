/** Asks the probes of a container, as a kubelet does: from the node, over the network. */
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Behaviour } from './behaviour.ts'
import type { ContainerSpec, HttpGet, ProbeSpec } from './types.ts'

/** undefined when the probe passed, else why not. */
export type ProbeResult = string | undefined

export interface ProbeTarget {
  address: string
  container: ContainerSpec
  behaviour: Behaviour
}

function portNumber(container: ContainerSpec, port: number | string): number {
  if (typeof port === 'number') return port
  return container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port)
}

export function askHttp({ address, container }: ProbeTarget, get: HttpGet, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const port = portNumber(container, get.port)
    const host = get.host ?? address
    const path = get.path ?? '/'
    const custom = (get.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value])
    const headers = { 'user-agent': 'kube-probe/1.36', connection: 'close', ...Object.fromEntries(custom) }
    const failed = (why: string): void => resolve(`Get "http://${host}:${port}${path}": ${why}`)
    const request = http.request({ host, port, path, headers, agent: false })
    const timer = setTimeout(() => {
      failed('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')
      request.destroy()
    }, timeoutMs)
    request.once('close', () => clearTimeout(timer))
    request.once('error', (error) => failed(`dial tcp ${host}:${port}: ${error.message}`))
    request.once('response', (response) => {
      response.resume()
      const status = response.statusCode ?? 0
      resolve(status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`)
    })
    request.end()
  })
}

function askTcp({ address, container }: ProbeTarget, port: number | string, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const number = portNumber(container, port)
    const socket = net.connect({ host: address, port: number })
    const end = (result: ProbeResult): void => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(timeoutMs, () => end(`dial tcp ${address}:${number}: i/o timeout`))
    socket.once('connect', () => end(undefined))
    socket.once('error', (error) => end(`dial tcp ${address}:${number}: ${error.message}`))
  })
}

async function ask(target: ProbeTarget, probe: ProbeSpec): Promise<ProbeResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1_000
  if (probe.httpGet !== undefined) return askHttp(target, probe.httpGet, timeoutMs)
  if (probe.tcpSocket !== undefined) return askTcp(target, probe.tcpSocket.port, timeoutMs)
  if (probe.grpc !== undefined) return askTcp(target, probe.grpc.port, timeoutMs)
  // There is nothing to execute in: the pod says what would have come out.
  return target.behaviour.text('exec-probe') === 'fail' ? 'command exited with 1' : undefined
}

/** A kubelet needs a moment before its first probe; asking at once would find nobody listening. */
const FIRST_PROBE_SECONDS = 0.1

/** An endless row of verdicts: each time a threshold is crossed, `verdict` is told; it returns true to end the row. */
export async function runProbe(
  target: ProbeTarget,
  probe: ProbeSpec,
  report: { failed: (why: string) => void; verdict: (good: boolean) => boolean },
  signal: AbortSignal,
): Promise<void> {
  const pause = (seconds: number): Promise<unknown> => sleep(seconds * 1_000, undefined, { signal }).catch(() => {})
  await pause(probe.initialDelaySeconds ?? FIRST_PROBE_SECONDS)
  let good = 0
  let bad = 0
  while (!signal.aborted) {
    const why = await ask(target, probe)
    if (signal.aborted) return
    good = why === undefined ? good + 1 : 0
    bad = why === undefined ? 0 : bad + 1
    if (why !== undefined) report.failed(why)
    const reached = why === undefined ? good >= (probe.successThreshold ?? 1) : bad >= (probe.failureThreshold ?? 3)
    if (reached && report.verdict(why === undefined)) return
    await pause(probe.periodSeconds ?? 10)
  }
}

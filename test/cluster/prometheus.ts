/** Prometheus in a running cluster: it asks all pods every two seconds, and Traefik where that runs. */
import { join } from 'node:path'
import type { Client } from './client.ts'
import type { Cluster } from './cluster.ts'
import { NODE_ADDRESS, PROMETHEUS_PORT } from './network.ts'

/** Its address inside of the cluster's network namespace. */
export const PROMETHEUS_URL = `http://${NODE_ADDRESS}:${PROMETHEUS_PORT}`
/** The same through the API server, for whoever may `get services/proxy` in the namespace `monitoring`. */
export const PROMETHEUS_PROXY_PATH = `/api/v1/namespaces/monitoring/services/prometheus:${PROMETHEUS_PORT}/proxy`
const OBJECTS = join(import.meta.dirname, 'definitions', 'prometheus.yaml')
const READY_MS = 40_000

export interface Sample {
  labels: Record<string, string>
  value: number
}

interface Answer {
  data: { result: { metric: Record<string, string>; value: [at: number, text: string] }[] }
}

/**
 * What Prometheus now answers to a query for a vector. `client` asks Prometheus itself, or with `prefix` the API server
 * before it; rejects when the query is bad.
 */
export async function queryPrometheus(client: Client, query: string, prefix = ''): Promise<Sample[]> {
  const { data } = await client.get<Answer>(`${prefix}/api/v1/query?query=${encodeURIComponent(query)}`)
  return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
}

/**
 * Starts Prometheus, unless it runs, and waits until it answers through its Service. A pod that came just before is asked
 * for the first time after twelve seconds at the most; a rate needs one more round.
 */
export async function startPrometheus(cluster: Cluster): Promise<void> {
  if (cluster.pid('prometheus') === undefined) {
    cluster.startPart('prometheus')
    await cluster.kubectlOutput('apply', '--server-side', `--filename=${OBJECTS}`)
  }
  await cluster.waitFor('Prometheus', 'prometheus', READY_MS, async () => {
    await cluster.kubectlOutput('get', '--raw', `${PROMETHEUS_PROXY_PATH}/-/ready`)
    return true
  })
}

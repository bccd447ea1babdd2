/** Traffic routers in a running cluster: definitions of their objects, and Traefik, which acts on some of them. */
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { NODE_ADDRESS, ROUTER_PORT } from './network.ts'
import { traefikHealthCheck } from './on-demand.ts'
import { type DefinitionSet, definitionsFile } from './traffic.ts'

/** Where users send requests for the hosts of routes and Ingresses. */
export const ROUTER_URL = `http://${NODE_ADDRESS}:${ROUTER_PORT}`
/**
 * Traefik acts on a first change at once, and gathers those of the two seconds after it. What is measured earlier than
 * this after a change may have been led by what was before.
 */
export const ROUTER_SETTLES_MS = 3_000
const CLASSES = join(import.meta.dirname, 'definitions', 'classes.yaml')
const READY_MS = 30_000

/** Makes the objects of these routers known to the API server. Doing it twice is doing it once. */
export async function installDefinitions(cluster: Cluster, sets: readonly DefinitionSet[]): Promise<void> {
  const files = sets.map((set) => `--filename=${definitionsFile(cluster.traffic, set)}`)
  await cluster.kubectlOutput('apply', '--server-side', ...files)
  await cluster.kubectlOutput('wait', '--for=condition=Established', '--timeout=30s', ...files)
}

/** Starts Traefik with all that it reads, unless it runs, and waits until it is alive. */
export async function startTraefik(cluster: Cluster): Promise<void> {
  if (cluster.pid('traefik') === undefined) {
    await installDefinitions(cluster, ['gateway', 'traefik'])
    await cluster.kubectlOutput('apply', '--server-side', `--filename=${CLASSES}`)
    cluster.startPart('traefik')
  }
  const { command, args } = traefikHealthCheck(cluster.traffic)
  await cluster.waitFor('Traefik', 'traefik', READY_MS, async () => (await cluster.output(command, args)) !== '')
}

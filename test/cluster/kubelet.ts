/**
 * A kubelet without containers: it registers a node, and gives every pod that is bound to it an HTTP server on the
 * pod's own address. What a pod does is told by its image tag and annotations, see `kubelet/behaviour.ts`.
 *
 * Not there: exec, attach, port-forward, files of volumes, resource limits, host ports.
 */
import { Client } from './client.ts'
import { Addresses } from './kubelet/addresses.ts'
import { serveLogs } from './kubelet/log-server.ts'
import { joinCluster } from './kubelet/node.ts'
import { type Node, PodWorker } from './kubelet/pod.ts'
import { readSettings } from './kubelet/settings.ts'
import { TargetsFile } from './kubelet/targets.ts'
import type { BoundPod } from './kubelet/types.ts'
import { assertInside } from './network.ts'

assertInside('test kubelet')
const settings = readSettings()
const say = (line: string): void => console.log(new Date().toISOString(), line)
const { server, token, authorityFile } = settings
const client = new Client({ server, token, authorityFile, userAgent: 'test-kubelet' })
const node: Node = { client, settings, addresses: new Addresses(settings.podPrefix), say }
const targets = new TargetsFile(settings.targetsFile)
const workers = new Map<string, PodWorker>()

function take(pod: BoundPod): void {
  const known = workers.get(pod.metadata.uid)
  if (known !== undefined) return known.update(pod)
  const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  if (over && pod.metadata.deletionTimestamp === undefined) return
  const worker = new PodWorker(pod, node)
  workers.set(pod.metadata.uid, worker)
  worker.run().catch((error: unknown) => say(`${worker.namespace}/${worker.name}: ${String(error)}`))
}

function drop(uid: string): void {
  workers.get(uid)?.drop()
  workers.delete(uid)
}

process.on('SIGTERM', () => process.exit(0))
process.on('uncaughtException', (error) => say(`uncaught: ${error.stack ?? error.message}`))
serveLogs(settings, (namespace, name) =>
  [...workers.values()].find((worker) => worker.namespace === namespace && worker.name === name),
)
await joinCluster(client, settings, say)
say(`node ${settings.node} has joined`)
await client.follow<BoundPod>(
  '/api/v1/pods',
  `fieldSelector=spec.nodeName%3D${settings.node}`,
  {
    replace: (pods) => {
      const present = new Set(pods.map(({ metadata }) => metadata.uid))
      for (const uid of workers.keys()) if (!present.has(uid)) drop(uid)
      for (const pod of pods) take(pod)
      targets.replace(pods)
    },
    change: (kind, pod) => {
      if (kind === 'DELETED') {
        drop(pod.metadata.uid)
        targets.delete(pod.metadata.uid)
      } else {
        take(pod)
        targets.set(pod)
      }
    },
    broken: (reason) => say(`pods: ${reason}`),
  },
  new AbortController().signal,
)

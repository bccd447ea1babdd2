/**
 * The test cluster by hand. It stays until it is told to go.
 *
 *   node test/cluster/lab.ts up            build (once) and start
 *   node test/cluster/lab.ts k ARGS…       kubectl as administrator; LAB_USER=deployer for the user without rights
 *   node test/cluster/lab.ts in CMD ARGS…  run a program inside the network namespace
 *   node test/cluster/lab.ts routers       definitions of all traffic routers, and Traefik
 *   node test/cluster/lab.ts prometheus    Prometheus, which asks all pods, and Traefik where it runs
 *   node test/cluster/lab.ts restart PART [SIGNAL]   (also: stop, start)
 *   node test/cluster/lab.ts env           variables for a shell: KUBECONFIG, folder
 *   node test/cluster/lab.ts down
 *
 * LAB_NAME names one of several clusters side by side, LAB_FOLDER one that `npm run e2e -- --keep` left.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { binariesAreBuilt, ensureBinaries } from './build.ts'
import { clusterFolder, openCluster, startCluster } from './cluster.ts'
import { PARTS, type Part } from './parts.ts'
import { PROMETHEUS_PROXY_PATH, PROMETHEUS_URL, startPrometheus } from './prometheus.ts'
import { missingRequirements } from './requirements.ts'
import { installDefinitions, ROUTER_URL, startTraefik } from './routers.ts'
import { ensureTraffic, trafficIsMissing } from './traffic.ts'

const folder = process.env['LAB_FOLDER'] ?? clusterFolder(`lab-${process.env['LAB_NAME'] ?? 'main'}`)
const user = process.env['LAB_USER'] ?? 'admin'

async function up(): Promise<number> {
  const missing = missingRequirements({ binariesAreBuilt: binariesAreBuilt() })
  if (missing.length > 0) {
    console.error(missing.join('\n'))
    return 1
  }
  if (existsSync(join(folder, 'cluster.json'))) {
    const cluster = openCluster(folder)
    if (cluster.pid('apiserver') !== undefined) {
      console.log(`already up in ${folder}`)
      return 0
    }
    console.log(`its API server has ended: starting anew in ${folder}`)
    await cluster.stop()
  }
  const version = process.env['LAB_EMULATED']
  const noTraefik = trafficIsMissing()
  const options = {
    ...(version === undefined ? {} : { emulatedVersion: version }),
    ...(noTraefik === undefined ? { traffic: await ensureTraffic() } : {}),
  }
  await startCluster({ ...options, binaries: await ensureBinaries(), folder, keep: true, say: console.log })
  console.log(`up in ${folder}${noTraefik === undefined ? '' : `; no Traefik: ${noTraefik}`}`)
  return 0
}

function partOf(name: string | undefined): Part {
  const part = PARTS.find((candidate) => candidate === name)
  if (part === undefined) throw new Error(`name one of: ${PARTS.join(', ')}`)
  return part
}

async function main([command, ...args]: string[]): Promise<number> {
  const how = args[1] === 'KILL' ? 'SIGKILL' : 'SIGTERM'
  switch (command) {
    case 'up':
      return up()
    case 'down':
      await openCluster(folder).stop()
      return 0
    case 'k': {
      const cluster = openCluster(folder)
      return cluster.run(cluster.kubectl, [`--kubeconfig=${cluster.kubeconfig(user)}`, ...args])
    }
    case 'in': {
      const cluster = openCluster(folder)
      const env = { ...process.env, KUBECONFIG: cluster.kubeconfig(user) }
      return cluster.run(args[0] ?? 'true', args.slice(1), { env })
    }
    case 'routers': {
      const cluster = openCluster(folder)
      await installDefinitions(cluster, ['istio', 'aws'])
      await startTraefik(cluster)
      console.log(`Traefik takes requests at ${ROUTER_URL}`)
      return 0
    }
    case 'prometheus':
      await startPrometheus(openCluster(folder))
      console.log(
        `Prometheus answers at ${PROMETHEUS_URL} inside, and through the API server at ${PROMETHEUS_PROXY_PATH}`,
      )
      return 0
    case 'start':
      openCluster(folder).startPart(partOf(args[0]))
      return 0
    case 'stop':
      await openCluster(folder).stopPart(partOf(args[0]), how)
      return 0
    case 'restart':
      await openCluster(folder).restartPart(partOf(args[0]), how)
      return 0
    case 'env': {
      const cluster = openCluster(folder)
      console.log(`KUBECONFIG=${cluster.kubeconfig(user)}\nHEADGATE_TEST_CLUSTER=${cluster.folder}`)
      return 0
    }
    default:
      console.error(
        'node test/cluster/lab.ts up|down|k ARGS…|in CMD…|routers|prometheus|start PART|stop PART|restart PART [KILL]|env',
      )
      return 2
  }
}

process.exitCode = await main(process.argv.slice(2))

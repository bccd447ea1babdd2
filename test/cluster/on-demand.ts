/** Command lines of the parts that are started when somebody asks for them: see `routers.ts` and `prometheus.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandLine, kubeconfigFile, type Layout, targetsFile } from './layout.ts'
import { NODE_ADDRESS, PROMETHEUS_PORT, ROUTER_PORT } from './network.ts'
import { prometheusProgram } from './requirements.ts'
import { traefikProgram } from './traffic.ts'

/** Where Traefik says that it is alive, shows what it has understood (`/api/rawdata`), and what it counts (`/metrics`). */
const TRAEFIK_ADMIN = `${NODE_ADDRESS}:8081`

/** Its own defaults wherever there is one: also two seconds, at the most, until a change counts. */
export function traefik({ folder, traffic }: Layout): CommandLine {
  if (traffic === undefined) throw new Error('Traefik is not there; the start of the cluster has said why')
  return {
    command: traefikProgram(traffic),
    args: [
      '--global.checknewversion=false',
      '--global.sendanonymoususage=false',
      // Without addresses both would listen on all of them, and pods could not have the port any more.
      `--entrypoints.web.address=${NODE_ADDRESS}:${ROUTER_PORT}`,
      `--entrypoints.traefik.address=${TRAEFIK_ADMIN}`,
      '--ping=true',
      '--api.insecure=true',
      '--metrics.prometheus=true',
      '--log.level=INFO',
      '--log.nocolor=true',
      '--providers.kubernetesgateway=true',
      `--providers.kubernetesgateway.statusaddress.ip=${NODE_ADDRESS}`,
      '--providers.kubernetescrd=true',
      '--providers.kubernetesingressnginx=true',
      '--providers.kubernetesingressnginx.httpentrypoint=web',
    ],
    env: { KUBECONFIG: kubeconfigFile(folder, 'traefik') },
  }
}

/** Asks the running Traefik whether it is alive; ends with 0 when it is. */
export function traefikHealthCheck(traffic: string): CommandLine {
  return {
    command: traefikProgram(traffic),
    args: ['healthcheck', '--ping', `--entrypoints.traefik.address=${TRAEFIK_ADMIN}`],
  }
}

/** While Traefik does not run, its target is down and nothing else happens. */
function scrapeConfiguration(folder: string): object {
  return {
    global: { scrape_interval: '2s', scrape_timeout: '1s', evaluation_interval: '2s' },
    scrape_configs: [
      { job_name: 'traefik', static_configs: [{ targets: [TRAEFIK_ADMIN] }] },
      {
        job_name: 'pods',
        // A page that is huge on purpose is not read to its end every two seconds.
        body_size_limit: '1MB',
        file_sd_configs: [{ files: [targetsFile(folder)], refresh_interval: '2s' }],
      },
    ],
  }
}

/** Defaults but for the times; what it has stored goes with the folder of the cluster. */
export function prometheus({ folder }: Layout): CommandLine {
  const program = prometheusProgram()
  if (program === undefined) throw new Error('Prometheus is not there: test/cluster/prepare.sh brings it')
  const own = join(folder, 'prometheus')
  const file = join(own, 'prometheus.json')
  mkdirSync(own, { recursive: true })
  writeFileSync(file, JSON.stringify(scrapeConfiguration(folder)))
  return {
    command: program,
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(own, 'data')}`,
      '--storage.tsdb.retention.time=2h',
      `--web.listen-address=${NODE_ADDRESS}:${PROMETHEUS_PORT}`,
      '--log.level=warn',
    ],
  }
}

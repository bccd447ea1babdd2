/** A script of requests whose answers are compared with the recorded ones. */
import { test } from 'vitest'
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { at, textAt } from '../emulator/values.ts'
import { type AskOptions, APPLY, type Cluster, closeCluster, openCluster } from './cluster.ts'
import { expectRecorded, type Normal, normal } from './normal.ts'

export interface Book {
  cluster: Cluster
  paths: {
    deployment: string
    deployments: string
    service: string
    configMap: string
    namespace: string
    pods: string
  }
  /** asks and writes the answer down */
  note(
    name: string,
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: Json,
    options?: AskOptions,
  ): Promise<Json>
}

export function contract(name: string, script: (book: Book) => Promise<void>): void {
  test(name, { timeout: 120_000 }, async () => {
    const cluster = await openCluster()
    const answers: Record<string, Normal> = {}
    const namespace = `/api/v1/namespaces/${cluster.namespace}`
    const apps = `/apis/apps/v1/namespaces/${cluster.namespace}`
    const book: Book = {
      cluster,
      paths: {
        deployment: `${apps}/deployments/web`,
        deployments: `${apps}/deployments`,
        service: `${namespace}/services/web`,
        configMap: `${namespace}/configmaps/settings`,
        namespace,
        pods: `${namespace}/pods`,
      },
      note: async (step, method, path, body, options) => {
        const answer = await cluster.ask(method, path, body, options)
        if (method !== 'GET') await settle(cluster, book.paths.deployment)
        answers[step] = normal(cluster, answer)
        return answer.body
      },
    }
    await cluster.run(async () => {
      await script(book)
      await closeCluster(cluster)
    })
    expectRecorded(cluster, name.replaceAll(' ', '-'), answers)
  })
}

/** Lets the deployment controller have its say, so that the next answer does not depend on who is faster. */
async function settle(cluster: Cluster, path: string): Promise<void> {
  for (let before = ''; ; ) {
    const { status, body } = await cluster.ask('GET', path)
    if (status !== 200) return
    const version = textAt(body, 'metadata', 'resourceVersion') ?? ''
    if (version === before && at(body, 'status', 'observedGeneration') === at(body, 'metadata', 'generation')) return
    before = version
    await cluster.sleep(60)
  }
}

export function deployment(spec: JsonMap = {}, image = '1.0.0'): JsonMap {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      ...spec,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'app', image: `e/echo:${image}`, ports: [{ containerPort: 8080 }] }] },
      },
    },
  }
}

/** Query and options of a server-side apply. */
export const apply = (manager: string, more = ''): [string, AskOptions] => [
  `?fieldManager=${manager}${more}`,
  { type: APPLY },
]

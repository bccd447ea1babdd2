/** One Deployment with its Service on either cluster, and what is seen of it when nothing moves any more. */
import type { Json, JsonMap } from '../../src/shared/objects.ts'
import { at, mapAt, mapsAt, numberAt, textAt } from '../emulator/values.ts'
import { type Answer, type Cluster, MERGE, STRATEGIC } from './cluster.ts'

export const HELD = { minReadySeconds: 2147483646, progressDeadlineSeconds: 2147483647 }
export const RELEASED = { minReadySeconds: 0, progressDeadlineSeconds: 600 }

export interface Options {
  replicas: number
  tag?: string
  spec?: JsonMap
  pod?: JsonMap
}

export function image(tag: string): string {
  return `e/echo:${tag}`
}

export class Workload {
  readonly cluster: Cluster
  readonly name: string
  readonly #namespace: string
  readonly path: string

  constructor(cluster: Cluster, name: string) {
    this.cluster = cluster
    this.name = name
    this.#namespace = cluster.namespace
    this.path = `/apis/apps/v1/namespaces/${cluster.namespace}/deployments/${name}`
  }

  template(tag: string, pod: JsonMap = {}): JsonMap {
    return {
      metadata: { labels: { app: this.name } },
      spec: {
        terminationGracePeriodSeconds: 5,
        containers: [
          {
            name: 'app',
            image: image(tag),
            ports: [{ containerPort: 8080 }],
            readinessProbe: { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 1 },
          },
        ],
        ...pod,
      },
    }
  }

  object({ replicas, tag = '1.0.0', spec = {}, pod = {} }: Options): JsonMap {
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: this.name, labels: { app: this.name } },
      spec: { replicas, selector: { matchLabels: { app: this.name } }, template: this.template(tag, pod), ...spec },
    }
  }

  async create(options: Options): Promise<void> {
    const { cluster } = this
    const collection = this.path.slice(0, this.path.lastIndexOf('/'))
    await cluster.ask('POST', collection, this.object(options))
    await cluster.ask('POST', `/api/v1/namespaces/${this.#namespace}/services`, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: this.name },
      spec: { selector: { app: this.name }, ports: [{ port: 80, targetPort: 8080 }] },
    })
    await this.steady()
  }

  async patch(spec: JsonMap, type = STRATEGIC): Promise<Answer> {
    const answer = await this.cluster.ask('PATCH', this.path, { spec }, { type })
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
    return answer
  }

  image(tag: string, variables: Record<string, string> = {}): JsonMap {
    const env = Object.entries(variables).map(([name, value]) => ({ name, value }))
    const container = { name: 'app', image: image(tag), ...(env.length === 0 ? {} : { env }) }
    return { template: { spec: { containers: [container] } } }
  }

  surge(maxSurge: Json, maxUnavailable: Json): JsonMap {
    return { strategy: { rollingUpdate: { maxSurge, maxUnavailable } } }
  }

  /** The hold: new template, and the fields that stop it. */
  async hold(maxSurge: Json, maxUnavailable: Json, more: JsonMap = {}, tag = '2.0.0'): Promise<Facts> {
    await this.patch({ ...HELD, ...this.surge(maxSurge, maxUnavailable), ...this.image(tag), ...more })
    return this.steady()
  }

  async lock(paused = true): Promise<Facts> {
    await this.patch({ paused })
    return this.steady()
  }

  async scale(replicas: number): Promise<Facts> {
    await this.cluster.ask('PATCH', `${this.path}/scale`, { spec: { replicas } }, { type: MERGE })
    return this.steady()
  }

  async #list(path: string): Promise<JsonMap[]> {
    const { body } = await this.cluster.ask('GET', `${path}?labelSelector=app%3D${this.name}`)
    return mapsAt(body, 'items')
  }

  async sets(): Promise<JsonMap[]> {
    const list = await this.#list(`/apis/apps/v1/namespaces/${this.#namespace}/replicasets`)
    const revision = (set: JsonMap): number =>
      Number(textAt(set, 'metadata', 'annotations', 'deployment.kubernetes.io/revision') ?? 0)
    return list.sort((a, b) => revision(a) - revision(b))
  }

  async pods(tag?: string): Promise<JsonMap[]> {
    const list = await this.#list(`/api/v1/namespaces/${this.#namespace}/pods`)
    return list.filter((pod) => tag === undefined || textAt(pod, 'spec', 'containers', 0, 'image') === image(tag))
  }

  async deletePod(tag: string): Promise<Facts> {
    const [pod] = await this.pods(tag)
    await this.cluster.ask(
      'DELETE',
      `/api/v1/namespaces/${this.#namespace}/pods/${textAt(pod, 'metadata', 'name') ?? ''}`,
    )
    return this.steady()
  }

  async facts(): Promise<Facts> {
    const { body } = await this.cluster.ask('GET', this.path)
    const sets = await this.sets()
    return {
      sides: sides(sets),
      status: countsOf(body),
      conditions: Object.fromEntries(
        mapsAt(body, 'status', 'conditions').map((condition) => [
          textAt(condition, 'type') ?? '',
          `${textAt(condition, 'status') ?? ''} ${textAt(condition, 'reason') ?? ''}`,
        ]),
      ),
      generationSeen: at(body, 'status', 'observedGeneration') === at(body, 'metadata', 'generation'),
    }
  }

  /** The facts when they have stayed the same for a while. */
  async steady(forMs = 1_500): Promise<Facts> {
    const { cluster } = this
    let [before, since] = ['', cluster.now()]
    for (;;) {
      const facts = await this.facts()
      const pods = (await this.pods()).map((pod) => textAt(pod, 'metadata', 'resourceVersion')).join()
      const now = JSON.stringify([facts, pods])
      if (now !== before) [before, since] = [now, cluster.now()]
      else if (cluster.now() - since >= forMs && facts.generationSeen && facts.sides.every(isFull)) return facts
      await cluster.sleep(150)
    }
  }

  /** Ready endpoints of the Service, by the tag of their pods. */
  async endpoints(): Promise<Record<string, number>> {
    const path = `/apis/discovery.k8s.io/v1/namespaces/${this.#namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D${this.name}`
    const { body } = await this.cluster.ask('GET', path)
    const pods = await this.pods()
    const counts: Record<string, number> = {}
    for (const endpoint of mapsAt(body, 'items').flatMap((slice) => mapsAt(slice, 'endpoints'))) {
      if (mapAt(endpoint, 'conditions')['ready'] !== true) continue
      const pod = pods.find((item) => textAt(item, 'metadata', 'name') === textAt(endpoint, 'targetRef', 'name'))
      const tag = (textAt(pod, 'spec', 'containers', 0, 'image') ?? '?').split(':')[1] ?? ''
      counts[tag] = (counts[tag] ?? 0) + 1
    }
    return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

export interface Facts extends JsonMap {
  /** `tag: spec/pods/ready/available`, in order of revision */
  sides: string[]
  status: string
  conditions: Record<string, string>
  generationSeen: boolean
}

function sides(sets: JsonMap[]): string[] {
  return sets.map((set) => {
    const tag = (textAt(set, 'spec', 'template', 'spec', 'containers', 0, 'image') ?? '').split(':')[1] ?? ''
    const count = (key: string): number => numberAt(set, 'status', key) ?? 0
    const numbers = [
      numberAt(set, 'spec', 'replicas') ?? 0,
      count('replicas'),
      count('readyReplicas'),
      count('availableReplicas'),
    ]
    return `${tag}: ${numbers.join('/')}`
  })
}

/** As many pods as wanted: the ReplicaSet controller is done. */
function isFull(side: string): boolean {
  const [, wanted, present] = /: (\d+)\/(\d+)/.exec(side) ?? []
  return wanted === present
}

const COUNTS = [
  'replicas',
  'updatedReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'terminatingReplicas',
]

function countsOf(deployment: Json): string {
  return COUNTS.map((key) => `${key.replace('Replicas', '')} ${numberAt(deployment, 'status', key) ?? 0}`).join(', ')
}

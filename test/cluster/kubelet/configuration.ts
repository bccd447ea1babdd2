/** ConfigMaps and Secrets that containers ask for. A pod whose configuration is missing does not start. */
import type { Client } from '../client.ts'
import type { BoundPod, ContainerSpec, EnvVariable, VolumeSpec } from './types.ts'

/** Kept apart from other failures, because it has a waiting reason of its own. */
export class MissingConfiguration extends Error {}

interface DataObject {
  data?: Record<string, string>
  binaryData?: Record<string, string>
}

type Source = 'configmap' | 'secret'

const PLURAL: Record<Source, string> = { configmap: 'configmaps', secret: 'secrets' }

export class Configuration {
  readonly #client: Client
  readonly #namespace: string

  constructor(client: Client, namespace: string) {
    this.#client = client
    this.#namespace = namespace
  }

  /** Keys and values; undefined when the object is missing and may be. */
  async #read(source: Source, name: string, optional: boolean): Promise<Record<string, string> | undefined> {
    const path = `/api/v1/namespaces/${this.#namespace}/${PLURAL[source]}/${name}`
    const answer = await this.#client.ask('GET', path)
    if (answer.status === 200) {
      const { data = {} } = JSON.parse(answer.text) as DataObject
      const decode = (text: string): string => (source === 'secret' ? Buffer.from(text, 'base64').toString() : text)
      return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(value)]))
    }
    // A kubelet may only read what its pods name, and what does not exist is not named by the server's own graph yet.
    if (answer.status !== 404 && answer.status !== 403) throw new Error(`GET ${path}: ${answer.status}`)
    if (optional) return undefined
    throw new MissingConfiguration(`${source} "${name}" not found`)
  }

  async #value(variable: EnvVariable, pod: BoundPod, address: string): Promise<string | undefined> {
    const { configMapKeyRef, secretKeyRef, fieldRef } = variable.valueFrom ?? {}
    const reference = configMapKeyRef ?? secretKeyRef
    if (reference !== undefined) {
      const source: Source = configMapKeyRef === undefined ? 'secret' : 'configmap'
      const optional = reference.optional === true
      const found = (await this.#read(source, reference.name ?? '', optional))?.[reference.key]
      if (found !== undefined || optional) return found
      const kind = source === 'secret' ? 'Secret' : 'ConfigMap'
      throw new MissingConfiguration(
        `couldn't find key ${reference.key} in ${kind} ${this.#namespace}/${reference.name}`,
      )
    }
    const fields: Record<string, string> = {
      'metadata.name': pod.metadata.name,
      'metadata.namespace': pod.metadata.namespace,
      'status.podIP': address,
    }
    return fieldRef === undefined ? variable.value : fields[fieldRef.fieldPath]
  }

  /** The container's environment. */
  async environment(pod: BoundPod, container: ContainerSpec, address: string): Promise<Record<string, string>> {
    const result: Record<string, string> = {}
    for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
      const reference = configMapRef ?? secretRef
      if (reference === undefined) continue
      const source: Source = configMapRef === undefined ? 'secret' : 'configmap'
      const found = await this.#read(source, reference.name ?? '', reference.optional === true)
      for (const [key, value] of Object.entries(found ?? {})) result[`${prefix}${key}`] = value
    }
    for (const variable of container.env ?? []) {
      const value = await this.#value(variable, pod, address)
      if (value !== undefined) result[variable.name] = value
    }
    return result
  }

  /** Why a volume cannot be mounted; undefined when it can. */
  async mountFailure(volume: VolumeSpec): Promise<string | undefined> {
    const source: Source = volume.configMap === undefined ? 'secret' : 'configmap'
    const name = volume.configMap?.name ?? volume.secret?.secretName
    if (name === undefined) return undefined
    try {
      await this.#read(source, name, (volume.configMap ?? volume.secret)?.optional === true)
      return undefined
    } catch (error) {
      if (!(error instanceof MissingConfiguration)) throw error
      return `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`
    }
  }
}

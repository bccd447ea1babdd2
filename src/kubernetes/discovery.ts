import { refuse } from '../shared/errors.ts'
import { nearest } from '../shared/nearest.ts'
import type { KubeObject } from '../shared/objects.ts'
import { ApiError } from './errors.ts'
import { builtinResources, type Resource } from './kinds.ts'

export type { Resource } from './kinds.ts'

/** Asks the API server for a JSON document; throws ApiError. */
export type Fetch = (path: string, accept: string) => Promise<unknown>

/** One answer for a whole tree of groups; GA since Kubernetes 1.30, beta since 1.27. */
const AGGREGATED = ['v2', 'v2beta1']
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .concat('application/json')
  .join(',')

interface GroupDiscovery {
  metadata?: { name?: string }
  versions?: {
    version: string
    resources?: { resource: string; responseKind?: { kind?: string }; scope?: string; verbs?: string[] }[]
  }[]
}

interface ResourceList {
  resources?: { name: string; kind: string; namespaced?: boolean; verbs?: string[] }[]
}

function idOf(apiVersion: string, kind: string): string {
  return `${apiVersion}|${kind}`
}

/**
 * Which path an object of a kind has. Builtin kinds are known beforehand; for others the cluster is asked once per run
 * (one request for the core group, one for all others). A kind whose CustomResourceDefinition is part of the release is
 * known from that definition before the cluster serves it.
 */
export class Discovery {
  readonly #fetch: Fetch
  readonly #known = new Map<string, Resource>()
  readonly #asked = new Map<string, Promise<void>>()
  /** the server has told all groups with their kinds in one answer */
  #whole = false

  constructor(fetch: Fetch) {
    this.#fetch = fetch
    for (const resource of builtinResources()) this.#add(resource)
  }

  /** Throws a refusal `unknown-kind` where the cluster does not serve the kind; ApiError when it cannot be asked. */
  async resourceOf(apiVersion: string, kind: string): Promise<Resource> {
    const known = this.known(apiVersion, kind)
    if (known !== undefined) return known
    await this.#ask(apiVersion)
    const found = this.known(apiVersion, kind)
    if (found === undefined) throw this.#unknown(apiVersion, kind)
    return found
  }

  /** Whether the cluster serves a kind of a group, in at most one request for all kinds where the server can say so. */
  async serves(apiVersion: string, kind: string): Promise<boolean> {
    if (this.known(apiVersion, kind) !== undefined) return true
    await this.#askGroups('/apis')
    if (!this.#whole) await this.#askOne(apiVersion)
    return this.known(apiVersion, kind) !== undefined
  }

  /** What is known without asking the cluster. */
  known(apiVersion: string, kind: string): Resource | undefined {
    return this.#known.get(idOf(apiVersion, kind))
  }

  /** Makes the kinds of a CustomResourceDefinition of the release known. */
  addCrd(crd: KubeObject): void {
    const { group, names, scope, versions } = (crd['spec'] ?? {}) as {
      group?: string
      names?: { plural?: string; kind?: string }
      scope?: string
      versions?: { name?: string; served?: boolean }[]
    }
    const { plural, kind } = names ?? {}
    if (group === undefined || plural === undefined || kind === undefined) return
    for (const { name, served } of versions ?? [])
      if (name !== undefined && served !== false)
        this.#add({ apiVersion: `${group}/${name}`, kind, plural, namespaced: scope === 'Namespaced' })
  }

  /** The object with the namespace it will live in: the default for namespaced kinds that name none, none for others. */
  async withNamespace<T extends KubeObject>(object: T, fallback: string): Promise<T> {
    const { namespaced } = await this.resourceOf(object.apiVersion, object.kind)
    const { namespace, ...rest } = object.metadata
    if (namespaced) return namespace ? object : { ...object, metadata: { ...object.metadata, namespace: fallback } }
    return namespace === undefined ? object : { ...object, metadata: rest }
  }

  #add(resource: Resource): void {
    this.#known.set(idOf(resource.apiVersion, resource.kind), resource)
  }

  async #ask(apiVersion: string): Promise<void> {
    await this.#askGroups(apiVersion.includes('/') ? '/apis' : '/api')
    // Servers without aggregated discovery name groups only, and list an aggregated API that is away without resources.
    if (!this.#serves(apiVersion)) await this.#askOne(apiVersion)
  }

  #askGroups(tree: '/apis' | '/api'): Promise<void> {
    return this.#once(tree, async (path) => {
      const answer = (await this.#fetch(path, AGGREGATED)) as { kind?: string; items?: GroupDiscovery[] }
      if (answer.kind !== 'APIGroupDiscoveryList') return
      if (tree === '/apis') this.#whole = true
      for (const group of answer.items ?? []) this.#addGroup(group)
    })
  }

  #serves(apiVersion: string): boolean {
    return [...this.#known.values()].some((each) => each.apiVersion === apiVersion && each.verbs !== undefined)
  }

  /** The list of one group version: what servers without aggregated discovery have. */
  #askOne(apiVersion: string): Promise<void> {
    return this.#once(apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`, async (path) => {
      try {
        const { resources = [] } = (await this.#fetch(path, 'application/json')) as ResourceList
        for (const { name, kind, namespaced = false, verbs = [] } of resources)
          if (!name.includes('/')) this.#add({ apiVersion, kind, plural: name, namespaced, verbs })
      } catch (error) {
        if (!(error instanceof ApiError) || error.kind !== 'not-found') throw error
        // A definition that is applied later makes the group appear.
        this.#asked.delete(path)
      }
    })
  }

  /** A request that failed may be tried again; one that succeeded is never repeated. */
  #once(path: string, ask: (path: string) => Promise<void>): Promise<void> {
    const running = this.#asked.get(path)
    if (running !== undefined) return running
    const started = ask(path).catch((error: unknown) => {
      this.#asked.delete(path)
      throw error
    })
    this.#asked.set(path, started)
    return started
  }

  #addGroup(group: GroupDiscovery): void {
    const name = group.metadata?.name ?? ''
    for (const { version, resources = [] } of group.versions ?? [])
      for (const { resource, responseKind, scope, verbs = [] } of resources)
        this.#add({
          apiVersion: name === '' ? version : `${name}/${version}`,
          kind: responseKind?.kind ?? '',
          plural: resource,
          namespaced: scope === 'Namespaced',
          verbs,
        })
  }

  #unknown(apiVersion: string, kind: string): Error {
    const all = [...this.#known.values()]
    const elsewhere = [...new Set(all.filter((each) => each.kind === kind).map((each) => each.apiVersion))]
    const here = all.filter((each) => each.apiVersion === apiVersion).map((each) => each.kind)
    const near = nearest(kind, here.length > 0 ? here : all.map((each) => each.kind))
    const hints = [
      elsewhere.length > 0 ? `the cluster serves ${kind} as ${elsewhere.join(', ')}` : undefined,
      elsewhere.length === 0 && near !== undefined ? `did you mean ${near}?` : undefined,
      elsewhere.length === 0 && near === undefined ? 'is its CustomResourceDefinition installed?' : undefined,
    ]
    return refuse('unknown-kind', `the cluster does not serve the kind ${kind} of ${apiVersion}`, {
      next: hints.filter((hint) => hint !== undefined).join('; '),
    })
  }
}

import type { Client } from '../kubernetes/client.ts'
import { eachLimited } from '../kubernetes/apply.ts'
import { ApiError } from '../kubernetes/errors.ts'
import { objectPath } from '../kubernetes/paths.ts'
import type { LiveLists } from '../preflight/input.ts'
import { namespacesWithGaps } from '../preflight/limits.ts'
import { namedOutside } from '../preflight/named.ts'
import { type Deployment, keyOf, type KubeObject, type ObjectRef } from '../shared/objects.ts'
import type { Release } from './release.ts'

/** Requests under way at once. */
const AT_ONCE = 8
/** Names and labels without content: nobody needs to hold Secrets to know that they are there. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json'

/** What findings rest on, all at once; a list that may not be read, or whose kind is not served, is undefined. */
export async function readLists(
  client: Client,
  release: Release,
  namespaces: string[],
  switches: boolean,
): Promise<LiveLists> {
  const all = async (apiVersion: string, kind: string, from = namespaces): Promise<KubeObject[] | undefined> => {
    const lists = await Promise.all(from.map((namespace) => optional(client.list({ apiVersion, kind }, namespace))))
    return lists.every((list) => list !== undefined) ? lists.flatMap((list) => list?.items ?? []) : undefined
  }
  const quotas = all('v1', 'ResourceQuota')
  const [autoscalers, disruptionBudgets, found, limitRanges, ingresses, deployments] = await Promise.all([
    all('autoscaling/v2', 'HorizontalPodAutoscaler'),
    all('policy/v1', 'PodDisruptionBudget'),
    quotas,
    // The answer is here long before the dry runs can begin, so that this takes no time of its own.
    quotas.then((known) => all('v1', 'LimitRange', namespacesWithGaps(release.objects, known ?? []))),
    switches ? all('networking.k8s.io/v1', 'Ingress') : undefined,
    // All of them: a Service may select somebody else's pods as well.
    all('apps/v1', 'Deployment'),
  ])
  return {
    autoscalers,
    disruptionBudgets,
    quotas: found,
    limitRanges,
    ingresses,
    deployments: deployments as Deployment[] | undefined,
  }
}

/** What pods of the release name and the release does not bring; see `PreflightInput.named`. */
export async function readNamed(client: Client, release: Release): Promise<Map<string, KubeObject | 'missing'>> {
  const named = new Map<string, KubeObject | 'missing'>()
  await eachLimited(namedOutside(release.objects), AT_ONCE, async (ref) => {
    try {
      // How a claim may be used stands in its spec.
      const found = ref.kind === 'PersistentVolumeClaim' ? await client.get(ref) : await metadataOf(client, ref)
      named.set(keyOf(ref), found ?? 'missing')
    } catch (error) {
      if (!(error instanceof ApiError) || !['forbidden', 'not-found'].includes(error.kind)) throw error
      if (error.kind === 'not-found') named.set(keyOf(ref), 'missing')
    }
  })
  return named
}

async function metadataOf(client: Client, ref: ObjectRef): Promise<KubeObject> {
  const path = objectPath(await client.discovery.resourceOf(ref.apiVersion, ref.kind), ref.namespace, ref.name)
  const { metadata } = await client.json<KubeObject>({ method: 'GET', path, accept: METADATA_ONLY })
  return { apiVersion: ref.apiVersion, kind: ref.kind, metadata }
}

/** Undefined where it may not be read, or where there is none. */
export async function optional<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise
  } catch (error) {
    if (error instanceof ApiError && ['forbidden', 'not-found'].includes(error.kind)) return undefined
    throw error
  }
}

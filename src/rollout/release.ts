import { jobsNamed } from '../checks/spec.ts'
import { releaseDigest, releaseName } from '../manifests/digest.ts'
import { appName, placeInNamespace } from '../manifests/identify.ts'
import { substituteImages } from '../manifests/images.ts'
import { type Classified, classify } from '../manifests/order.ts'
import { type ManifestObject, parseManifest } from '../manifests/parse.ts'
import { tellPods } from '../manifests/pod-id.ts'
import { imagesOf } from '../manifests/workload.ts'
import type { Discovery } from '../kubernetes/discovery.ts'
import { HeadgateError, refuse } from '../shared/errors.ts'
import { type KubeObject, refOf } from '../shared/objects.ts'
import type { Step } from '../strategies/step.ts'
import type { Payload } from './codec.ts'
import type { RolloutRecord } from './record.ts'
import type { Settings } from './settings.ts'

/** What is to be brought live: the desired objects after image substitution, each in its namespace. */
export interface Release {
  app: string
  /** namespace of record and lease */
  namespace: string
  objects: ManifestObject[]
  digest: string
  /** what its pods are told and requests may ask for; without that the first hex digits of the digest */
  id: string
  /** image references of its Deployments, in manifest order */
  images: string[]
  parts: Classified
  /** separate form: name of the Deployment that serves now, by `namespace/name` of the one that the release makes */
  active: Record<string, string>
}

/** What names Jobs that are not applied with the rest. */
type Way = Pick<Settings, 'checks'> & { steps: readonly Step[] }

export interface SourceText {
  file: string
  text: string
}

/** What has to be known of kinds. */
export type Kinds = Pick<Discovery, 'addCrd' | 'resourceOf'>

/** Reads, substitutes, names and sorts. Everything that is wrong with the input is refused here, before any write. */
export async function loadRelease(
  files: SourceText[],
  settings: Settings,
  namespace: string,
  discovery: Kinds,
): Promise<Release> {
  const manifests = files.flatMap(({ file, text }) => parseManifest(text, file))
  if (manifests.length === 0)
    throw refuse(
      'no-manifests',
      `no object in ${files.length === 0 ? 'the manifests' : files.map(({ file }) => file).join(', ')}`,
      {
        next: 'set the input manifests to files, directories or globs with Kubernetes objects',
      },
    )
  const { objects } = substituteImages(
    manifests.map(({ object }) => object),
    settings.images,
  )
  const substituted = manifests.map((manifest, index) => ({ ...manifest, object: objects[index] ?? manifest.object }))
  const placed = placeInNamespace(substituted, namespace, await namespacedKinds(substituted, discovery))
  const release = assemble(appName(settings.app, placed), namespace, placed, settings)
  return withId(release, settings)
}

/** The pods are told their id; it is made from the manifests alone, so that it does not depend on itself. */
function withId(release: Release, settings: Settings): Release {
  const { traffic, strategy } = settings
  const { app, namespace, id, objects } = release
  const variable = strategy === 'canary' ? traffic.keep?.env : undefined
  if (variable === undefined) return release
  const told = objects.map((each) => ({ ...each, object: tellPods(each.object, variable, id) }))
  return { ...assemble(app, namespace, told, settings), id }
}

/** The release of a rollout under way, as its payload and record tell it: no checkout is needed to go on. */
export function releaseOf(payload: Payload, record: RolloutRecord): Release {
  const { app, namespace, plan, workloads } = record
  const active = workloads.flatMap(({ namespace: home, name, stableName }): [string, string][] =>
    stableName === undefined ? [] : [[`${home}/${name}`, stableName]],
  )
  return {
    ...releaseFrom(payload, app, namespace, { steps: plan, checks: record.checks }),
    active: Object.fromEntries(active),
  }
}

/** The objects of an earlier rollout, to be brought again. */
export function releaseFrom(payload: Payload, app: string, namespace: string, way: Way): Release {
  const place = { file: `rollout ${payload.rollout}` }
  const manifests = payload.objects.map((object) => ({ object, place, placeOf: () => place }))
  const release = assemble(app, namespace, manifests, way)
  return payload.id === undefined ? release : { ...release, id: payload.id }
}

/** The same release with other content in some of its objects; what it is called stays. */
export function withObjects(release: Release, objects: KubeObject[], { steps, checks }: Way): Release {
  const jobs = jobsNamed(steps, checks)
  const manifests = release.objects.map((each, at) => ({ ...each, object: objects[at] ?? each.object }))
  return { ...release, objects: manifests, parts: classify(objects, jobs) }
}

function assemble(app: string, namespace: string, manifests: ManifestObject[], { steps, checks }: Way): Release {
  const objects = manifests.map(({ object }) => object)
  const jobs = jobsNamed(steps, checks)
  const parts = classify(objects, jobs)
  const digest = releaseDigest(objects)
  const images = [...new Set(parts.workloads.flatMap((workload) => imagesOf(workload.spec.template)))]
  return { app, namespace, objects: manifests, digest, id: releaseName(digest), images, parts, active: {} }
}

async function namespacedKinds(
  manifests: ManifestObject[],
  discovery: Kinds,
): Promise<(apiVersion: string, kind: string) => boolean> {
  for (const { object } of manifests) if (object.kind === 'CustomResourceDefinition') discovery.addCrd(object)
  const known = new Map<string, boolean>()
  for (const manifest of manifests) {
    const { apiVersion, kind } = manifest.object
    const key = `${apiVersion}|${kind}`
    if (known.has(key)) continue
    const found = await discovery.resourceOf(apiVersion, kind).catch((error: unknown) => {
      throw error instanceof HeadgateError ? about(error, manifest) : error
    })
    known.set(key, found.namespaced)
  }
  return (apiVersion, kind) => known.get(`${apiVersion}|${kind}`) ?? true
}

/** The refusal of a kind, with the object that has it and its line. */
function about({ failure }: HeadgateError, { object, placeOf }: ManifestObject): HeadgateError {
  return new HeadgateError({ ...failure, object: refOf(object), place: placeOf(['kind']) })
}

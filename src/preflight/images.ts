import { parseReference } from '../manifests/references.ts'
import { imagesOf, templatePathOf } from '../manifests/workload.ts'
import type { Container, KubeObject } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput, ReleaseObject } from './input.ts'
import { findingAt, templatesOf, title, type Workload, workloadsOf } from './subject.ts'

/** Tags that people move to what is newest, so that they name no version. */
const MOVING = ['latest', 'main', 'master', 'trunk', 'head', 'develop', 'dev', 'edge', 'nightly', 'stable', 'staging']

export function imageRules(input: PreflightInput): Finding[] {
  const findings = templatesOf(input).flatMap(({ released, object, template: { spec } }) =>
    (['containers', 'initContainers'] as const).flatMap((field) =>
      (spec[field] ?? []).flatMap((container, index) => {
        const path = [...(templatePathOf(object) ?? []), 'spec', field, index]
        return containerRules(released, object, container, path)
      }),
    ),
  )
  return [...findings, ...sameRules(input)]
}

/** The tag that an image goes by when it may stand for another image tomorrow; undefined when it names one version. */
function movingTag(image: string): string | undefined {
  const reference = parseReference(image)
  if (reference === undefined || reference.digest !== undefined) return undefined
  const { tag = 'latest' } = reference
  return MOVING.includes(tag.toLowerCase()) ? tag : undefined
}

/** image-latest, pull-policy: nobody can say which image pods run. */
function containerRules(
  released: ReleaseObject,
  object: KubeObject,
  { name, image, ...rest }: Container,
  path: readonly (string | number)[],
): Finding[] {
  const tag = image === undefined ? undefined : movingTag(image)
  if (image === undefined || tag === undefined) return []
  const named = parseReference(image)?.tag !== undefined
  const latest = findingAt(released, [...path, 'image'], {
    id: 'image-latest',
    severity: 'warning',
    reason: `container ${name} of ${title(object)} has the image ${image}${named ? '' : ', without a tag, which means latest'}: the tag ${tag} moves, so pods of one release may run different images, and going back may bring the new one again`,
    mend: 'name a version that stays, best with its digest (repository:tag@sha256:…)',
  })
  // Source: core/v1 defaulting of imagePullPolicy, which looks at the tag latest only.
  const policy = rest['imagePullPolicy'] ?? (tag === 'latest' ? 'Always' : 'IfNotPresent')
  if (policy !== 'IfNotPresent' && policy !== 'Never') return [latest]
  const said = rest['imagePullPolicy'] === undefined ? ', the default' : ''
  return [
    latest,
    findingAt(released, [...path, rest['imagePullPolicy'] === undefined ? 'image' : 'imagePullPolicy'], {
      id: 'pull-policy',
      severity: 'warning',
      reason: `container ${name} of ${title(object)} has the image ${image} and imagePullPolicy ${policy}${said}: a node that has an older image of that tag goes on with it`,
      mend: 'name a version that stays, or set imagePullPolicy to Always',
    }),
  ]
}

/** image-same: what somebody may have meant to bring does not come, because Kubernetes sees no change. */
function sameRules(input: PreflightInput): Finding[] {
  const workloads = workloadsOf(input)
  const moving = workloads.filter(
    ({ unchanged, manifest }) => unchanged && imagesOf(manifest.spec.template).some((image) => movingTag(image)),
  )
  if (moving.length > 0) return moving.map(sameTag)
  const [first, ...others] = workloads
  if (first === undefined || !workloads.every(({ unchanged }) => unchanged)) return []
  const whose = others.length === 0 ? title(first.manifest) : `all ${workloads.length} Deployments`
  return [
    findingAt(first.released, [], {
      id: 'image-same',
      severity: 'info',
      reason: `the pods of ${whose} are what runs already, images included: there are no steps, and no pod is replaced`,
      mend: 'nothing, if that is meant; else name the new image',
    }),
  ]
}

function sameTag({ manifest, released }: Workload): Finding {
  const image = imagesOf(manifest.spec.template).find((each) => movingTag(each)) ?? ''
  return findingAt(released, ['spec', 'template', 'spec'], {
    id: 'image-same',
    severity: 'warning',
    reason: `the pods of ${title(manifest)} do not change, so none is replaced: what was pushed as ${image} since does not come, except to pods that start anew for another reason`,
    mend: 'name the image by a version or digest that is new',
  })
}

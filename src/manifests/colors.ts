import type { Deployment, KubeObject, Service } from '../shared/objects.ts'
import { COLOR, COLORS, type Color } from '../strategies/color.ts'
import { isDeployment, isService } from './workload.ts'

/** `web` of `web-blue` when the Deployment carries that color; the name itself otherwise. */
export function baseName(deployment: Deployment): string {
  const { name = '' } = deployment.metadata
  const color = deployment.spec.template.metadata?.labels?.[COLOR]
  return color !== undefined && name.endsWith(`-${color}`) ? name.slice(0, -color.length - 1) : name
}

function without(labels: Record<string, string> | undefined): Record<string, string> {
  const { [COLOR]: _color, ...rest } = labels ?? {}
  return rest
}

function strip(text: string): string {
  const color = COLORS.find((each) => text.endsWith(`-${each}`))
  return color === undefined ? text : text.slice(0, -color.length - 1)
}

/**
 * The release as if there were no colors: what people wrote by hand for two Deployments becomes one. Of a pair the first
 * is kept.
 */
export function withoutColors(objects: readonly KubeObject[]): KubeObject[] {
  const bases = new Set<string>()
  return objects.flatMap((object): KubeObject[] => {
    if (isService(object)) return [{ ...object, spec: { ...object.spec, selector: without(object.spec.selector) } }]
    if (object.kind === 'HorizontalPodAutoscaler') return [retarget(object, strip)]
    if (!isDeployment(object)) return [object]
    const name = baseName(object)
    const key = `${object.metadata.namespace ?? ''}/${name}`
    if (bases.has(key)) return []
    bases.add(key)
    return [paint(object, name, undefined)]
  })
}

/** The release in colors: each Deployment that has one becomes `<name>-<color>`, and what points at it follows. */
export function withColors(objects: readonly KubeObject[], colorOf: (deployment: Deployment) => Color): KubeObject[] {
  const deployments = objects.filter(isDeployment)
  const painted = new Map(deployments.map((each) => [each.metadata.name ?? '', colorOf(each)]))
  return objects.map((object): KubeObject => {
    if (isDeployment(object)) return paint(object, `${object.metadata.name ?? ''}-${colorOf(object)}`, colorOf(object))
    if (isService(object)) return paintService(object, deployments, colorOf)
    if (object.kind !== 'HorizontalPodAutoscaler') return object
    return retarget(object, (name) => (painted.has(name) ? `${name}-${painted.get(name) ?? ''}` : name))
  })
}

function paint(deployment: Deployment, name: string, color: Color | undefined): Deployment {
  const label = color === undefined ? {} : { [COLOR]: color }
  const { metadata, spec } = deployment
  const template = {
    ...spec.template,
    metadata: { ...spec.template.metadata, labels: { ...without(spec.template.metadata?.labels), ...label } },
  }
  const selector = { ...spec.selector, matchLabels: { ...without(spec.selector.matchLabels), ...label } }
  return {
    ...deployment,
    metadata: { ...metadata, name, labels: { ...without(metadata.labels), ...label } },
    spec: { ...spec, selector, template },
  }
}

function paintService(
  service: Service,
  deployments: Deployment[],
  colorOf: (deployment: Deployment) => Color,
): Service {
  const { selector = {} } = service.spec
  const behind = deployments.find(({ spec }) => {
    const labels = spec.template.metadata?.labels ?? {}
    return Object.keys(selector).length > 0 && Object.entries(selector).every(([key, value]) => labels[key] === value)
  })
  if (behind === undefined) return service
  return { ...service, spec: { ...service.spec, selector: { ...selector, [COLOR]: colorOf(behind) } } }
}

function retarget(autoscaler: KubeObject, rename: (name: string) => string): KubeObject {
  const spec = autoscaler['spec'] as { scaleTargetRef?: { kind?: string; name?: string } } | undefined
  const target = spec?.scaleTargetRef
  if (target?.kind !== 'Deployment' || target.name === undefined) return autoscaler
  return { ...autoscaler, spec: { ...spec, scaleTargetRef: { ...target, name: rename(target.name) } } }
}

import { jobsNamed } from '../checks/spec.ts'
import type { Client } from '../kubernetes/client.ts'
import { dryRun } from '../kubernetes/apply.ts'
import { withColors, withoutColors } from '../manifests/colors.ts'
import { classify } from '../manifests/order.ts'
import { selects, templateEquals } from '../manifests/workload.ts'
import { keyOf, type Deployment, refOf } from '../shared/objects.ts'
import { COLOR, COLORS, type Color } from '../strategies/color.ts'
import type { Release } from './release.ts'
import type { Settings } from './settings.ts'
import { selectorText, type World } from './world.ts'

interface Choice {
  color: Color
  /** Deployment that serves now */
  active: Deployment | undefined
}

/**
 * The release in the colors of this rollout: the color that does not serve, or the one that does when its pods would not
 * change. What serves is what the Services select; without a color it is the plain Deployment, which is then replaced.
 */
export async function colored(client: Client, world: World, release: Release, settings: Settings): Promise<Release> {
  const plain = withoutColors(release.objects.map(({ object }) => object))
  const base = plain.filter(
    (object): object is Deployment => object.kind === 'Deployment' && object.apiVersion === 'apps/v1',
  )
  const choices = new Map<string, Choice>()
  for (const deployment of base)
    choices.set(keyOf(refOf(deployment)), await choose(client, world, deployment, settings))
  const objects = withColors(plain, (each) => choices.get(keyOf(refOf(each)))?.color ?? 'blue')
  const active: Record<string, string> = {}
  for (const deployment of base) {
    const choice = choices.get(keyOf(refOf(deployment)))
    const { name = '', namespace = '' } = deployment.metadata
    if (choice?.active !== undefined) active[`${namespace}/${name}-${choice.color}`] = choice.active.metadata.name ?? ''
  }
  const [first] = release.objects
  const place = first?.place ?? { file: 'manifests' }
  const known = new Map(release.objects.map((each) => [each.object.metadata.name ?? '', each]))
  const manifests = objects.map((object, index) => {
    const written = known.get(plain[index]?.metadata.name ?? '') ?? known.get(object.metadata.name ?? '')
    return { object, place: written?.place ?? place, placeOf: written?.placeOf ?? (() => place) }
  })
  const jobs = jobsNamed(settings.steps, settings.checks)
  return { ...release, objects: manifests, parts: classify(objects, jobs), active }
}

async function choose(client: Client, world: World, deployment: Deployment, settings: Settings): Promise<Choice> {
  const { name = '', namespace = '' } = deployment.metadata
  await world.watchServices(namespace)
  const labels = deployment.spec.template.metadata?.labels ?? {}
  const colors = world
    .services(namespace)
    .filter(({ metadata }) => metadata.labels?.['headgate.dev/app'] === undefined)
    .flatMap(({ spec: { selector = {} } }) => {
      const { [COLOR]: color, ...rest } = selector
      return color !== undefined && Object.keys(rest).length > 0 && selects({ matchLabels: rest }, labels)
        ? [color]
        : []
    })
  const selected = COLORS.find((color) => colors.includes(color))
  const active = await find(client, namespace, selected === undefined ? [name] : [`${name}-${selected}`, name])
  if (active === undefined) return { color: 'blue', active }
  await world.watch(active.metadata.name ?? '', namespace, selectorText(active.spec.selector))
  const serving = COLORS.find((color) => active.metadata.name === `${name}-${color}`)
  if (serving === undefined) return { color: 'blue', active }
  const same = await unchanged(client, deployment, active, serving, settings)
  return { color: same ? serving : serving === 'blue' ? 'green' : 'blue', active }
}

async function find(client: Client, namespace: string, names: string[]): Promise<Deployment | undefined> {
  for (const name of names) {
    const found = await client.get<Deployment>({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace })
    if (found !== undefined) return found
  }
  return undefined
}

async function unchanged(
  client: Client,
  deployment: Deployment,
  active: Deployment,
  color: Color,
  settings: Settings,
): Promise<boolean> {
  const [painted] = withColors([deployment], () => color)
  if (painted === undefined) return false
  const { result } = await dryRun(client, painted, active, { takeOver: settings.takeOver, autoscaled: false })
  return templateEquals((result as Deployment).spec.template, active.spec.template)
}

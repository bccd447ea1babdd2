import type { Container, KubeObject } from '../shared/objects.ts'
import { isDeployment } from './workload.ts'

/** A Deployment whose main containers have an environment variable with the id of their version, unless they name it. */
export function tellPods(object: KubeObject, variable: string, id: string): KubeObject {
  if (!isDeployment(object)) return object
  const { spec } = object
  const containers = spec.template.spec.containers.map((container) => withVariable(container, variable, id))
  return { ...object, spec: { ...spec, template: { ...spec.template, spec: { ...spec.template.spec, containers } } } }
}

function withVariable(container: Container, name: string, value: string): Container {
  const env = container.env ?? []
  return env.some((each) => each['name'] === name) ? container : { ...container, env: [...env, { name, value }] }
}

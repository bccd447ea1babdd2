import { parseManifest, type ManifestObject } from '../../../src/manifests/parse.ts'
import { failureOf } from '../../../src/shared/errors.ts'
import type { KubeObject } from '../../../src/shared/objects.ts'

const VERSIONS: Record<string, string> = {
  Deployment: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  ReplicaSet: 'apps/v1',
  Job: 'batch/v1',
  CronJob: 'batch/v1',
}

/** `Deployment/web`, with more fields as YAML flow. */
export function manifest(ref: string, more = ''): ManifestObject {
  const [kind = '', name = ''] = ref.split('/')
  const text = `apiVersion: ${VERSIONS[kind] ?? 'v1'}\nkind: ${kind}\nmetadata: {name: ${name}}\n${more}`
  const [parsed] = parseManifest(text, `${name}.yaml`)
  if (parsed === undefined) throw new Error('no object')
  return parsed
}

export function object(ref: string, more = ''): KubeObject {
  return manifest(ref, more).object
}

/** A Deployment with one container, and labels of its own and of its pods. */
export function deployment(
  name: string,
  { image = 'web:1', labels = '', podLabels = `app: ${name}` } = {},
): ManifestObject {
  const text = [
    'apiVersion: apps/v1',
    'kind: Deployment',
    `metadata: {name: ${name}, labels: {${labels}}}`,
    `spec: {template: {metadata: {labels: {${podLabels}}}, spec: {containers: [{name: main, image: "${image}"}]}}}`,
  ]
  const [parsed] = parseManifest(text.join('\n'), `${name}.yaml`)
  if (parsed === undefined) throw new Error('no object')
  return parsed
}

/** Code and sentence of what a call refuses with. */
export function refusal(call: () => unknown): { code: string; message: string; next?: string | undefined } {
  try {
    call()
  } catch (error) {
    const { code, message, next, kind } = failureOf(error)
    if (kind !== 'refused') throw error
    return { code, message, next }
  }
  throw new Error('not refused')
}

import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { load } from 'js-yaml'
import { valueAt } from '../manifests/workload.ts'
import type { RunSource } from '../rollout/settings.ts'
import type { Json } from '../shared/objects.ts'
import type { Environment } from './variables.ts'

/** Inputs that every printed command fills in; GitHub refuses a dispatch with one that the workflow does not declare. */
const FORM = ['command', 'rollout']
const FOLDER = '.github/workflows'

/**
 * The workflow that people promote and abort by: the named one, else the one that runs, by its file, so that a dispatch
 * finds it whatever its name is changed to; older servers tell only the name. With the inputs of its form, where it is
 * checked out. Empty where that file has no form: no command is better than one that GitHub refuses.
 */
export async function operatingWorkflow(
  env: Environment,
  workspace: string,
): Promise<Pick<RunSource, 'workflow' | 'workflowInputs'>> {
  const named = env['HEADGATE_WORKFLOW'] ?? ''
  const workflow = named || env['GITHUB_WORKFLOW_REF'] || env['GITHUB_WORKFLOW'] || ''
  const file = named === '' ? workflowFile(env) : `${FOLDER}/${basename(named)}`
  const text = file === undefined ? undefined : await readFile(join(workspace, file), 'utf8').catch(() => undefined)
  const inputs = text === undefined ? undefined : inputsOf(text)
  if (inputs === undefined) return { workflow }
  return FORM.every((name) => inputs.includes(name)) ? { workflow, workflowInputs: inputs } : { workflow: '' }
}

/** Path of the running workflow in its repository; undefined on servers that do not tell. */
export function workflowFile(env: Environment): string | undefined {
  return /(\.github\/workflows\/[^/@]+\.ya?ml)@/.exec(env['GITHUB_WORKFLOW_REF'] ?? '')?.[1]
}

/** Names of the form's fields; undefined where the runner reads the file otherwise, which is not held against it. */
function inputsOf(text: string): string[] | undefined {
  try {
    const inputs = valueAt(load(text) as Json, ['on', 'workflow_dispatch', 'inputs'])
    return typeof inputs === 'object' && inputs !== null ? Object.keys(inputs) : []
  } catch {
    return undefined
  }
}

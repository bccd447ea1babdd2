import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { valueAt } from '../manifests/workload.ts'
import type { Json } from '../shared/objects.ts'
import type { Environment } from './variables.ts'

/** Inputs that the printed commands fill in; GitHub refuses a dispatch with one that the workflow does not declare. */
const FORM = ['command', 'rollout']

/**
 * The workflow that people promote and abort by: the named one, else the one that runs, by its file, so that a dispatch
 * finds it whatever its name is changed to; older servers tell only the name. Empty where its checked out file has no
 * form for it: no command is better than one that GitHub refuses.
 */
export async function operatingWorkflow(env: Environment, workspace: string): Promise<string> {
  const named = env['HEADGATE_WORKFLOW'] ?? ''
  if (named !== '') return named
  const own = env['GITHUB_WORKFLOW_REF'] || env['GITHUB_WORKFLOW'] || ''
  const file = workflowFile(env)
  const text = file === undefined ? undefined : await readFile(join(workspace, file), 'utf8').catch(() => undefined)
  return text === undefined || hasForm(text) ? own : ''
}

/** Path of the running workflow in its repository; undefined on servers that do not tell. */
export function workflowFile(env: Environment): string | undefined {
  return /(\.github\/workflows\/[^/@]+\.ya?ml)@/.exec(env['GITHUB_WORKFLOW_REF'] ?? '')?.[1]
}

function hasForm(text: string): boolean {
  try {
    const workflow = load(text) as Json
    return FORM.every((name) => valueAt(workflow, ['on', 'workflow_dispatch', 'inputs', name]) !== undefined)
  } catch {
    // The runner reads it otherwise; what cannot be told is not held against it.
    return true
  }
}

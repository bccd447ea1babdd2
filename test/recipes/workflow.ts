/** What the recipes use of a workflow file. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'

export const EXAMPLES = join(import.meta.dirname, '../../examples')

type Scalars = Record<string, string | number | boolean>

export interface Step {
  id?: string
  name?: string
  if?: string
  uses?: string
  run?: string
  with?: Scalars
  env?: Scalars
}

export interface Concurrency {
  group: string
  'cancel-in-progress': boolean
  queue?: 'max' | 'single'
}

export interface Job {
  if?: string
  needs?: string | string[]
  permissions?: Record<string, string>
  'runs-on'?: string
  'timeout-minutes'?: number
  environment?: string | { name: string; deployment?: boolean }
  concurrency?: Concurrency
  env?: Scalars
  outputs?: Record<string, string>
  steps?: Step[]
  /** a reusable workflow in place of steps */
  uses?: string
  with?: Scalars
  secrets?: Record<string, string>
}

interface Input {
  type?: string
  default?: string | boolean
  required?: boolean
  options?: string[]
}

export interface Workflow {
  name: string
  on: Record<string, unknown> & {
    workflow_dispatch?: { inputs?: Record<string, Input> }
    workflow_call?: { inputs?: Record<string, Input>; outputs?: Record<string, { value: string }> }
    repository_dispatch?: { types: string[] }
    issue_comment?: { types: string[] }
  }
  permissions?: object
  jobs: Record<string, Job>
}

const JOB_KEYS = [
  'if',
  'needs',
  'permissions',
  'runs-on',
  'timeout-minutes',
  'environment',
  'concurrency',
  'env',
  'outputs',
  'steps',
  'uses',
  'with',
  'secrets',
]
const STEP_KEYS = ['id', 'name', 'if', 'uses', 'run', 'with', 'env']

/** A workflow of `examples/workflows`. Throws for a key that the runner of these tests does not know. */
export function readWorkflow(file: string): Workflow {
  const workflow = load(readFileSync(join(EXAMPLES, 'workflows', file), 'utf8')) as Workflow
  known(file, workflow, ['name', 'on', 'permissions', 'jobs'])
  for (const [name, job] of Object.entries(workflow.jobs)) {
    known(`${file}, job ${name}`, job, JOB_KEYS)
    for (const step of job.steps ?? []) known(`${file}, job ${name}`, step, STEP_KEYS)
  }
  return workflow
}

function known(where: string, object: object, keys: readonly string[]): void {
  const others = Object.keys(object).filter((key) => !keys.includes(key))
  if (others.length > 0) throw new Error(`${where}: ${others.join(', ')} is not known to the runner of these tests`)
}

import type { Command } from '../rollout/settings.ts'

export const INPUT_NAMES = [
  'command',
  'app',
  'namespace',
  'rollout',
  'full',
  'gates',
  'strategy',
  'steps',
  'manifests',
  'images',
  'config',
  'pods',
  'timeout',
  'on-failure',
  'on-cancel',
  'supersede',
  'prune',
  'kubeconfig',
  'context',
  'environment',
  'environment-url',
  'comment',
  'pull-request',
  'github-token',
] as const
export type InputName = (typeof INPUT_NAMES)[number]

/** Inputs as they came: trimmed, empty ones left out. */
export type RawInputs = Partial<Record<InputName, string>>

export interface InputSpec {
  name: InputName
  description: string
  /** as told to people; never written into action.yml, else a config file could not be told from it */
  default?: string
  commands: readonly Command[]
}

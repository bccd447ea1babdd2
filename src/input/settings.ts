import type { Settings } from '../rollout/settings.ts'
import type { Config } from './config.ts'
import type { RawInputs } from './inputs.ts'

export interface SettingsRead {
  settings: Settings
  /** sentences for people: which inputs this command does not read */
  notices: string[]
  /** KUBECONFIG content or path, context name: as given */
  kubeconfig?: string
  context?: string
  githubToken?: string
}

/** Puts inputs and config together (an input wins) and refuses (`input`) everything wrong in one message. */
export function readSettings(raw: RawInputs, config?: Config): SettingsRead {
  throw new Error(`not yet ${Object.keys(raw).length} ${config?.file}`)
}

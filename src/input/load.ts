import type { RunContext } from './action.ts'
import { parseConfig } from './config.ts'
import { readConfigFile } from './files.ts'
import { readSettings, type SettingsRead } from './settings.ts'

/** The settings of a run: its inputs and the config file of its workspace. Refuses what {@link readSettings} refuses. */
export async function loadSettings({ raw, workspace }: RunContext): Promise<SettingsRead> {
  const file = await readConfigFile(workspace, raw.config)
  return readSettings(raw, file === undefined ? undefined : parseConfig(file.text, file.file))
}

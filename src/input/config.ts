/** What the config file says, checked; absent keys are absent. */
export interface Config {
  file: string
}

/** Refuses (`config-…`) what is not a config file, with line and column. */
export function parseConfig(text: string, file: string): Config {
  throw new Error(`not yet ${text.length} ${file}`)
}

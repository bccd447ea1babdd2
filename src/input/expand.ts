import { refuse } from '../shared/errors.ts'

/**
 * Puts the environment's values in place of `${NAME}`. Used for the URL and headers of a check at the moment it runs; the
 * record keeps the text as written. A variable that is not set is refused (`variable-unset`); an empty one is set.
 */
export function expandVariables(text: string, env: (name: string) => string | undefined): string {
  return text.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const value = env(name)
    if (value !== undefined) return value
    throw refuse('variable-unset', `the environment has no variable ${name}`, {
      next: `Set ${name} in the env of the step that runs Headgate.`,
    })
  })
}

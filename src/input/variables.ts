import { refuse } from '../shared/errors.ts'

/** Environment variables by name. */
export type Environment = Record<string, string | undefined>

/**
 * Puts environment variables in for `${NAME}`. Called when a check uses the text, so that neither config nor record ever
 * holds the value. Refuses (`variable-unset`) a variable that is not set.
 */
export function expandVariables(text: string, env: (name: string) => string | undefined): string {
  return text.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_whole, name: string) => {
    const value = env(name)
    if (value !== undefined) return value
    throw refuse('variable-unset', `the environment variable ${name}, which a check names, is not set`, {
      next: `set it in the step's env: ${name}: \${{ secrets.${name} }}`,
    })
  })
}

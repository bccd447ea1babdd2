import type { Environment, RunContext } from './action.ts'

export type CommandLine =
  | { kind: 'help'; text: string }
  | { kind: 'version' }
  /** `rbac`: print the least Role of the plan instead of the plan */
  | { kind: 'run'; context: RunContext; rbac: boolean }

/** `headgate <command> [--flag value …]`, with the same names as the action's inputs. */
export async function readCommandLine(argv: readonly string[], env: Environment, cwd: string): Promise<CommandLine> {
  throw new Error(`not yet ${argv.length} ${Object.keys(env).length} ${cwd}`)
}

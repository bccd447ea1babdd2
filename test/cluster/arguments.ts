/** Arguments of `npm run e2e`. */
export interface RunArguments {
  /** leave the cluster running */
  keep: boolean
  help: boolean
  /** for vitest as they are: parts of file names, `-t PATTERN` … */
  rest: string[]
}

export const HELP = `npm run e2e -- [--keep] [-t PATTERN] [FILE…]

Builds Kubernetes once, starts it in a network namespace, runs the tests of test/cluster/e2e in it, and ends it.
  --keep       leave the cluster running (test/cluster/README.md says how to use and end it)
  -t PATTERN   only tests whose name matches
  FILE         only files whose path contains this
KUBECONFIG: run on that cluster instead; tests that need the test kubelet are skipped.
HEADGATE_TEST_SUMMARY: a file for the numbers of passed, failed and skipped tests, as JSON.`

export function readArguments(args: readonly string[]): RunArguments {
  const own = new Set(['--keep', '--help', '-h'])
  return {
    keep: args.includes('--keep'),
    help: args.includes('--help') || args.includes('-h'),
    rest: args.filter((argument) => !own.has(argument)),
  }
}

import { messageOf } from '../shared/errors.ts'
import type { Asker } from './asker.ts'
import type { CommandCheck } from './spec.ts'
import type { CheckVerdict } from './verdict.ts'

/** EX_TEMPFAIL of sysexits.h: "try again later". The command's way to say that it cannot tell. */
const CANNOT_TELL = 75
/** The shell's own answers: not executable, not found. They say nothing about the release. */
const NOT_RUN = [126, 127]

/** A process on the runner: 0 passes, 75 cannot tell, everything else fails. */
export async function measureCommand(asker: Asker, check: CommandCheck): Promise<CheckVerdict> {
  const { run, timeoutMs } = check
  try {
    const { exitCode, killedBy, late, lines } = await asker.runCommand({
      run,
      env: environmentOf(asker),
      timeoutMs,
      signal: asker.signal,
    })
    if (late)
      return {
        kind: 'inconclusive',
        text: `it did not end within ${Math.round(timeoutMs / 1_000)} s and was ended`,
        lines,
      }
    // Out of memory on the runner, or ended with the run: it has not said anything.
    if (exitCode === null)
      return { kind: 'inconclusive', text: `it was ended by ${killedBy ?? 'a signal'}, not by itself`, lines }
    if (exitCode === 0) return { kind: 'pass', text: 'it ended with 0', lines }
    if (exitCode === CANNOT_TELL)
      return { kind: 'inconclusive', text: `it ended with ${CANNOT_TELL}: it cannot tell`, lines }
    if (NOT_RUN.includes(exitCode))
      return { kind: 'inconclusive', text: `the shell could not run it (${exitCode}): ${lines.at(-1) ?? ''}`, lines }
    return { kind: 'fail', text: `it ended with ${exitCode}: ${lines.at(-1) ?? 'no output'}`, lines }
  } catch (error) {
    return { kind: 'inconclusive', text: `it could not be started: ${messageOf(error)}`, lines: [] }
  }
}

/** What the command may want to know; docs/checks.md lists them. */
function environmentOf(asker: Asker): Record<string, string> {
  const [workload] = asker.workloads()
  return {
    HEADGATE_APP: asker.app,
    HEADGATE_NAMESPACE: asker.namespace,
    HEADGATE_ROLLOUT: String(asker.rollout),
    HEADGATE_STABLE_VERSION: workload?.stable.version ?? '',
    HEADGATE_CANARY_VERSION: workload?.canary.version ?? '',
    HEADGATE_STABLE_HASH: workload?.stable.hash ?? '',
    HEADGATE_CANARY_HASH: workload?.canary.hash ?? '',
  }
}

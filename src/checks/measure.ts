import type { Asker } from './asker.ts'
import { measureCommand } from './command.ts'
import { measureHttp } from './http.ts'
import { measurePods } from './pods.ts'
import { measurePrometheus } from './prometheus.ts'
import type { Check, CompareCheck } from './spec.ts'
import type { CheckVerdict } from './verdict.ts'
import { measureVersion } from './version.ts'
import { measureWeb } from './web.ts'

/** A check that each measurement answers anew; a comparison sums up what it has seen. */
export type PlainCheck = Exclude<Check, CompareCheck>

/** Measurements in a row that may be inconclusive before the check is: a scrape or two may have to pass. */
const TRIES = 3
const SHOWN_LINES = 50

/** One measurement. */
export async function measure(asker: Asker, check: PlainCheck): Promise<CheckVerdict> {
  switch (check.kind) {
    case 'http':
      return measureHttp(asker, check)
    case 'version':
      return measureVersion(asker, check)
    case 'prometheus':
      return measurePrometheus(asker, check)
    case 'web':
      return measureWeb(asker, check)
    case 'pods':
      return measurePods(asker, check)
    case 'job':
      return asker.runJob(check.job, check.timeoutMs)
    case 'command':
      return measureCommand(asker, check)
  }
}

/**
 * A check as a step: measures until it has passed `times` times in a row, failed more often in a row than is tolerated, or
 * could not tell three times in a row.
 * @param told hears of each measurement
 */
export async function runCheck(
  asker: Asker,
  check: PlainCheck,
  told: (verdict: CheckVerdict) => void = () => undefined,
): Promise<CheckVerdict> {
  const lines: string[] = []
  const most = check.times * (check.failures + 1) + TRIES
  let [passed, failed, unknown] = [0, 0, 0]
  let last: CheckVerdict = { kind: 'inconclusive', text: 'it was not asked', lines }
  for (let round = 0; round < most; round++) {
    if (round > 0) await asker.sleep(check.intervalMs)
    if (!asker.signal.aborted) last = await measure(asker, check)
    // Whatever was under way was cut off: it says nothing.
    if (asker.signal.aborted)
      return { kind: 'inconclusive', text: `it was ended before it was over, asked ${round + 1} times`, lines }
    told(last)
    lines.push(...last.lines)
    const shown = lines.slice(-SHOWN_LINES)
    switch (last.kind) {
      case 'pass':
        if (++passed >= check.times) return { kind: 'pass', text: timesText(last.text, check.times), lines: shown }
        ;[failed, unknown] = [0, 0]
        break
      case 'fail':
        if (++failed > check.failures) return { kind: 'fail', text: timesText(last.text, failed), lines: shown }
        ;[passed, unknown] = [0, 0]
        break
      case 'inconclusive':
        // A Job that was late may still run: another one beside it would not know more.
        if (++unknown >= (check.kind === 'job' ? 1 : TRIES))
          return { kind: 'inconclusive', text: timesText(last.text, unknown), lines: shown }
        ;[passed, failed] = [0, 0]
    }
  }
  const text = `it did not pass ${check.times} times in a row within ${most} measurements; the last one: ${last.text}`
  return { kind: 'fail', text, lines: lines.slice(-SHOWN_LINES) }
}

function timesText(text: string, times: number): string {
  return times === 1 ? text : `${text} (${times} times in a row)`
}

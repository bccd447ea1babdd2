import { type PlainCheck, runCheck } from '../checks/measure.ts'
import type { Check, OnInconclusive } from '../checks/spec.ts'
import type { CheckVerdict } from '../checks/verdict.ts'
import { warmUp } from '../checks/warm-up.ts'
import type { LeaseRequest } from '../kubernetes/lease.ts'
import { HeadgateError } from '../shared/errors.ts'
import type { Goal } from '../strategies/strategy.ts'
import { type Step, stepText } from '../strategies/step.ts'
import { askerOf } from './asker.ts'
import type { Engine } from './engine.ts'
import { tested } from './images.ts'
import { Interrupted } from './interrupt.ts'
import { runJob } from './jobs.ts'
import { checkFailure, tellMeasured } from './monitor.ts'
import { Monitors } from './monitors.ts'
import { APPROVAL } from './record.ts'

export interface Passes {
  /** approvals are passed until this step index (exclusive); Infinity with `full` */
  approvedUntil: number
  /** waits, checks and approvals are passed: `full` */
  everything: boolean
}

/**
 * Does the steps that are left, writing the record once after each. Returns `paused` where a person has to say go on.
 */
export async function runSteps(engine: Engine, steps: Step[], passes: Passes): Promise<'done' | 'paused'> {
  const monitors = new Monitors(engine, steps)
  try {
    return await withMonitors(engine, monitors, steps, passes)
  } finally {
    monitors.close()
  }
}

async function withMonitors(
  engine: Engine,
  monitors: Monitors,
  steps: Step[],
  passes: Passes,
): Promise<'done' | 'paused'> {
  const { book, reporter } = engine.o
  let skip = passes
  while (book.record.step < steps.length) {
    const index = book.record.step
    const step = steps[index]
    if (step === undefined) break
    if (engine.workloads.length === 0 && step.kind !== 'job') {
      // Nothing goes through steps (new, unchanged, or down before): there is no version to weigh, check or approve.
      reporter.emit({ kind: 'line', text: `${stepText(step)}: left out, no workload goes through steps` })
      book.record = { ...book.record, step: index + 1 }
      continue
    }
    reporter.emit({ kind: 'phase', title: `Step ${index + 1} of ${steps.length}: ${stepText(step)}` })
    const goal = { kind: 'step' as const, steps, index }
    const moves = step.kind === 'weight' || step.kind === 'mirror' || step.kind === 'switch'
    if (moves) engine.shareSince = Number.POSITIVE_INFINITY
    await engine.reach(goal, book.record.timeoutMs)
    if (moves) engine.shareSince = engine.now
    if (!skip.everything) monitors.begin(index)
    const done = await stepVerdict(engine, monitors, step, goal, skip)
    const { verdict } = done
    skip = done.passes
    // What a check beside the step has found by now must not be lost with it.
    engine.stops.checkpoint()
    if (verdict.kind === 'pass') monitors.over(index)
    if (verdict.kind === 'pause') {
      await book.save(
        { ...tested(engine), ...monitors.analysis, phase: 'paused', reason: verdict.text },
        { kind: 'paused', text: verdict.text, step: index },
      )
      reporter.emit({ kind: 'line', text: `Paused: ${verdict.text}` })
      return 'paused'
    }
    reporter.emit({ kind: 'line', text: `${stepText(step)}: ${verdict.text}` })
    const over = { kind: 'step', text: `${stepText(step)}: ${verdict.text}`, step: index }
    if (asksNext(engine, steps, index + 1, skip)) {
      // Done and waiting in one write: nothing happens between them.
      reporter.emit({ kind: 'phase', title: `Step ${index + 2} of ${steps.length}: approve` })
      const rest = { step: index + 1, phase: 'paused' as const, reason: APPROVAL }
      await book.save({ ...tested(engine), ...monitors.analysis, ...rest }, over, {
        kind: 'paused',
        text: APPROVAL,
        step: index + 1,
      })
      reporter.emit({ kind: 'line', text: `Paused: ${APPROVAL}` })
      return 'paused'
    }
    await book.save({ ...tested(engine), ...monitors.analysis, step: index + 1, phase: 'progressing' }, over)
  }
  return 'done'
}

/** What a step comes to, and what is passed from then on: a promote of another run may say more. */
async function stepVerdict(
  engine: Engine,
  monitors: Monitors,
  step: Step,
  goal: Goal & { kind: 'step' },
  passes: Passes,
): Promise<{ verdict: Verdict; passes: Passes }> {
  const { index } = goal
  try {
    let verdict = await doStep(engine, monitors, step, goal, passes)
    if (verdict.kind === 'pass' && !passes.everything) verdict = await lastWords(engine, monitors, index, verdict)
    await answered(engine, step, index, verdict)
    return { verdict, passes }
  } catch (error) {
    const promoted = promotedBy(error)
    if (promoted === undefined) throw error
    await engine.o.lease.answer(promoted, `step ${index + 1} is passed`)
    const verdict = { kind: 'pass' as const, text: 'passed by a promote of another run' }
    if (promoted.full !== true) return { verdict, passes }
    monitors.close()
    return { verdict, passes: { approvedUntil: Number.POSITIVE_INFINITY, everything: true } }
  }
}

/** The next step asks a person, and nobody has said yes to it yet. */
function asksNext(engine: Engine, steps: Step[], next: number, passes: Passes): boolean {
  return (
    steps[next]?.kind === 'approve' && next >= passes.approvedUntil && engine.stops.requested('promote') === undefined
  )
}

function promotedBy(error: unknown): LeaseRequest | undefined {
  return error instanceof Interrupted && error.interruption.kind === 'promote' ? error.interruption.request : undefined
}

/** Steps that a promote passes, or that go on where it came meanwhile. */
const HEEDING: Step['kind'][] = ['check', 'warm-up', 'wait']

/** A promote that came while a check was asked has been heeded by it; it must not pass the next step as well. */
async function answered(engine: Engine, { kind }: Step, index: number, verdict: Verdict): Promise<void> {
  const promote = engine.stops.requested('promote')
  if (promote === undefined || verdict.kind !== 'pass' || !HEEDING.includes(kind)) return
  await engine.o.lease.answer(promote, `step ${index + 1} is passed`)
}

type Verdict = { kind: 'pass'; text: string } | { kind: 'pause'; text: string }

async function doStep(
  engine: Engine,
  monitors: Monitors,
  step: Step,
  goal: Goal & { kind: 'step' },
  passes: Passes,
): Promise<Verdict> {
  const approved = goal.index < passes.approvedUntil
  switch (step.kind) {
    case 'weight':
    case 'mirror':
    case 'switch':
      return { kind: 'pass', text: 'reached' }
    case 'wait':
      if (passes.everything || approved) return { kind: 'pass', text: 'passed by promote' }
      await engine.watchFor(goal, step.ms)
      return settled(engine, monitors, goal.index, () => engine.watchFor(goal, step.ms))
    case 'approve':
      if (approved) return { kind: 'pass', text: 'approved' }
      // Somebody may have said go on while the step before was still under way.
      engine.stops.checkpoint(['promote'])
      return { kind: 'pause', text: APPROVAL }
    case 'check':
      if (passes.everything) return { kind: 'pass', text: 'passed by promote' }
      return checks(engine, monitors, step.names, goal.index, approved)
    case 'warm-up':
      if (passes.everything) return { kind: 'pass', text: 'passed by promote' }
      return warmedUp(engine, approved)
    case 'job':
      for (const name of step.names) await runJob(engine, name)
      return { kind: 'pass', text: 'succeeded' }
  }
}

async function warmedUp(engine: Engine, approved: boolean): Promise<Verdict> {
  const { warmUp: spec } = engine.o.book.record
  if (spec === undefined) throw new Error('the record does not say how to warm up')
  const run = (): Promise<CheckVerdict> => engine.stops.whileAllowed((stop) => warmUp(askerOf(engine, stop), spec))
  return decided(engine, { what: 'warm-up', onInconclusive: spec.onInconclusive }, await run(), approved, run)
}

/** At the planned end of a wait: what the checks say that are asked meanwhile. */
async function settled(
  engine: Engine,
  monitors: Monitors,
  index: number,
  extend: () => Promise<void>,
): Promise<Verdict> {
  const texts = ['nothing failed']
  let extended = false
  for (const { check, verdict } of await monitors.say(index)) {
    const said = await decided(engine, askedBy(check), verdict, false, async () => {
      if (!extended) await extend()
      extended = true
      const [again] = (await monitors.say(index)).filter((each) => each.check.name === check.name)
      return again?.verdict ?? verdict
    })
    if (said.kind === 'pause') return said
    texts.push(`${check.name}: ${said.text}`)
  }
  return { kind: 'pass', text: texts.join('; ') }
}

/** Checks whose stretch ends with this step and has no wait in it have not been asked for their word: they are now. */
async function lastWords(engine: Engine, monitors: Monitors, index: number, verdict: Verdict): Promise<Verdict> {
  const texts = [verdict.text]
  for (const { check, say } of monitors.unasked(index)) {
    const said = await decided(engine, askedBy(check), await say(), false, say)
    if (said.kind === 'pause') return said
    texts.push(`${check.name}: ${said.text}`)
  }
  return { kind: 'pass', text: texts.join('; ') }
}

/** A failed check fails the step; one that cannot tell does what its check says, unless a person has just said go on. */
async function checks(
  engine: Engine,
  monitors: Monitors,
  names: string[],
  index: number,
  approved: boolean,
): Promise<Verdict> {
  const texts: string[] = []
  for (const name of names) {
    const check = engine.o.book.record.checks[name]
    if (check === undefined)
      throw new HeadgateError({ kind: 'failed', code: 'check-unknown', message: `check ${name} is not in the record` })
    const run = (): Promise<CheckVerdict> =>
      check.kind === 'compare' ? monitors.compared(check, index) : asked(engine, check)
    const verdict = await run()
    const said = await decided(engine, askedBy(check), verdict, approved, run)
    if (said.kind === 'pause') return said
    texts.push(said.text)
  }
  return { kind: 'pass', text: texts.join('; ') }
}

/** Asks a check until it has said its word, or somebody who may says that it need not. */
function asked(engine: Engine, check: PlainCheck): Promise<CheckVerdict> {
  let last: CheckVerdict | undefined
  const told = (verdict: CheckVerdict): void => {
    last = verdict
    tellMeasured(engine, check, verdict)
  }
  const failing = (): string | undefined =>
    last?.kind === 'fail' ? `check ${check.name} fails: ${last.text}` : undefined
  return engine.stops.whileAllowed((stop) => runCheck(askerOf(engine, stop), check, told), failing)
}

/** What asks, and what follows when it cannot tell. */
interface Asked {
  /** for people, e.g. `check home-page` */
  what: string
  onInconclusive: OnInconclusive
}

function askedBy({ name, onInconclusive }: Check): Asked {
  return { what: `check ${name}`, onInconclusive }
}

/**
 * What a verdict leads to. Throws HeadgateError: it failed, or could not tell and is to go back then.
 * @param again once more as long, for `extend`
 */
async function decided(
  engine: Engine,
  asked: Asked,
  verdict: CheckVerdict,
  approved: boolean,
  again: () => Promise<CheckVerdict>,
): Promise<Verdict> {
  const { what, onInconclusive } = asked
  const { reporter } = engine.o
  // What could not tell is said with what follows from it.
  if (verdict.kind !== 'inconclusive')
    reporter.emit({ kind: 'line', text: `${what}: ${verdict.kind}, ${verdict.text}` })
  if (verdict.kind === 'pass') return { kind: 'pass', text: verdict.text }
  if (verdict.kind === 'fail') throw new HeadgateError(checkFailure(what, verdict))
  if (approved || engine.stops.requested('promote') !== undefined)
    return { kind: 'pass', text: `${verdict.text}; a person said go on` }
  const unknown = `${what} could not tell: ${verdict.text}`
  switch (onInconclusive) {
    case 'pause':
      return { kind: 'pause', text: unknown }
    case 'promote':
      reporter.emit({ kind: 'line', level: 'warning', text: `${unknown}; it goes on all the same (on-inconclusive)` })
      return { kind: 'pass', text: `could not tell (${verdict.text}), went on` }
    case 'abort':
      throw new HeadgateError({
        kind: 'failed',
        code: 'check-inconclusive',
        message: `${unknown}; on-inconclusive is abort`,
        evidence: [{ title: what, lines: verdict.lines }],
        next: 'see why it cannot tell, and deploy again; or let a person decide, on-inconclusive: pause',
      })
    case 'extend':
      reporter.emit({ kind: 'line', text: `${unknown}; once more` })
      return decided(engine, { what, onInconclusive: 'pause' }, await again(), approved, again)
  }
}

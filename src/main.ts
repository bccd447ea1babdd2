import * as core from '@actions/core'
import { readAction } from './input/action.ts'
import { renderSummary } from './report/summary.ts'
import { leave, tell } from './runner.ts'
import { start } from './start.ts'

const cancel = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => cancel.abort(new Error(`${signal} received`)))

try {
  const context = await readAction(process.env)
  const remember = (name: string, value: string): void => void tell('state', () => core.saveState(name, value))
  remember('started', 'true')
  const { result, view, outputs, told } = await start(context, {
    write: (text) => process.stdout.write(text),
    github: true,
    color: true,
    cancel: cancel.signal,
    mask: (secret) => core.setSecret(secret),
    remember,
  })
  // A pause is the end of this job and no failure: going on is another run's work.
  process.exitCode = result.outcome === 'paused' ? 0 : result.exitCode
  for (const [name, value] of Object.entries(outputs)) await tell(`output ${name}`, () => core.setOutput(name, value))
  await tell('job summary', () => core.summary.addRaw(renderSummary(view), true).write())
  // What GitHub has not taken the post step says.
  remember('finished', told ? 'true' : 'untold')
} catch (error) {
  await tell('output outcome', () => core.setOutput('outcome', 'failed'))
  core.setFailed(error instanceof Error ? error : String(error))
}
leave()

import * as core from '@actions/core'
import { readAction } from './input/action.ts'
import { renderSummary } from './report/summary.ts'
import { start } from './start.ts'

const cancel = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => cancel.abort(new Error(`${signal} received`)))

try {
  const context = await readAction(process.env)
  core.saveState('started', 'true')
  const { result, view, outputs, told } = await start(context, {
    write: (text) => process.stdout.write(text),
    github: true,
    color: true,
    cancel: cancel.signal,
    mask: (secret) => core.setSecret(secret),
    remember: (name, value) => core.saveState(name, value),
  })
  for (const [name, value] of Object.entries(outputs)) core.setOutput(name, value)
  await core.summary.addRaw(renderSummary(view), true).write()
  core.saveState('finished', told ? 'true' : 'untold')
  // A pause is the end of this job and no failure: going on is another run's work.
  process.exitCode = result.outcome === 'paused' ? 0 : result.exitCode
  // What GitHub has not taken the post step says; a request that is tried again must not outlive a cancelled step.
  if (!told) process.stdout.write('', () => process.exit())
} catch (error) {
  core.setOutput('outcome', 'failed')
  core.setFailed(error instanceof Error ? error : String(error))
}

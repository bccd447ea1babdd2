import * as core from '@actions/core'
import { giveUp } from './github/deployments.ts'
import { openGitHub } from './github/github.ts'
import { readAction } from './input/action.ts'
import { renderSummary } from './report/summary.ts'
import { leave, tell } from './runner.ts'
import { start } from './start.ts'

/**
 * Completes the report of a main step that was killed before it could: the record in the cluster knows where the rollout
 * stands, so the status of that app is told in log, comment, deployment and summary. It never fails the job and never moves
 * a pod.
 */
try {
  const finished = core.getState('finished')
  if (core.getState('started') === 'true' && finished !== 'true') {
    const context = await readAction(process.env)
    const target = JSON.parse(core.getState('target') || '{}') as { app?: string; namespace?: string }
    const raw = { ...context.raw, command: 'status', ...target }
    const { view } = await start(
      { ...context, raw },
      {
        write: (text) => process.stdout.write(text),
        github: true,
        color: true,
        cancel: new AbortController().signal,
        mask: (secret) => core.setSecret(secret),
        remember: () => {},
        completes: !['plan', 'status'].includes(context.raw.command ?? 'deploy'),
      },
    )
    // Else it ended by itself: all of that has been written, and only GitHub was too slow.
    if (finished === '') {
      await tell('job summary', () => core.summary.addRaw(renderSummary(view), true).write())
      const deployment = Number(core.getState('deployment'))
      const token = context.raw['github-token']
      // GitHub must not show for ever as in progress what has ended.
      if (view.record === undefined && deployment > 0 && token !== undefined)
        await giveUp(openGitHub({ token, apiUrl: context.apiUrl }), context.source, deployment)
    }
  }
} catch (error) {
  core.notice(`The report could not be completed: ${error instanceof Error ? error.message : String(error)}`)
}
leave()

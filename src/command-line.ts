import { readCommandLine } from './input/flags.ts'
import { rbac } from './commands/rbac.ts'
import type { RunContext } from './input/action.ts'
import { readManifestFiles } from './input/files.ts'
import { placeText } from './input/problems.ts'
import { leave } from './runner.ts'
import { settingsOf, start } from './start.ts'
import { VERSION } from './shared/version.ts'
import { failureOf } from './shared/errors.ts'

/** The command line tool. `cli.ts` loads it where this Node can run it. */
const cancel = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => cancel.abort(new Error(`${signal} received`)))

// Who reads the log may go (`| head`); a rollout must not end for that.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })

try {
  const line = await readCommandLine(process.argv.slice(2), process.env, process.cwd())
  if (line.kind === 'run' && line.rbac) process.stdout.write(await role(line.context))
  else if (line.kind !== 'run') process.stdout.write(line.kind === 'help' ? line.text : `${VERSION}\n`)
  else {
    const { result } = await start(line.context, {
      write: (text) => process.stdout.write(text),
      github: false,
      color: process.stdout.isTTY,
      cancel: cancel.signal,
      mask: () => {},
      remember: () => {},
    })
    process.exitCode = result.exitCode
  }
} catch (error) {
  const { message, place, next } = failureOf(error)
  process.stderr.write(
    `headgate: ${place === undefined ? '' : `${placeText(place)}: `}${message}${next === undefined ? '' : `\n${next}`}\n`,
  )
  process.exitCode = 2
}
leave()

/** `headgate rbac`: needs the manifests, and no cluster. */
async function role(context: RunContext): Promise<string> {
  const { settings } = await settingsOf(context)
  const files = await readManifestFiles(context.workspace, settings.manifests)
  return rbac(files, settings, settings.namespace ?? 'default')
}

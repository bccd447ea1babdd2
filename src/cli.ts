#!/usr/bin/env node
import { readCommandLine } from './input/flags.ts'
import { start } from './start.ts'
import { VERSION } from './shared/version.ts'
import { failureOf } from './shared/errors.ts'

const cancel = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => cancel.abort(new Error(`${signal} received`)))

try {
  const line = await readCommandLine(process.argv.slice(2), process.env, process.cwd())
  if (line.kind !== 'run') process.stdout.write(line.kind === 'help' ? line.text : `${VERSION}\n`)
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
  const { message, next } = failureOf(error)
  process.stderr.write(`headgate: ${message}${next === undefined ? '' : `\n${next}`}\n`)
  process.exitCode = 2
}

#!/usr/bin/env node
/**
 * The rest is loaded only where it can be: an older Node would die of a SyntaxError in it, before a word is said. So
 * nothing may be imported here at the top.
 */
if (Number.parseInt(process.versions.node, 10) >= 24) await import('./command-line.ts')
else {
  process.stderr.write(`headgate needs Node 24 or later; this is ${process.version}\n`)
  process.exitCode = 2
}

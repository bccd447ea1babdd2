import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const CLI = resolve(import.meta.dirname, '../../src/cli.ts')

/** The command line as a Node of this version would run it. */
function run(version: string, ...args: string[]) {
  const pretend = `for (const [object, name, value] of [[process, 'version', 'v${version}'], [process.versions, 'node', '${version}']])
    Object.defineProperty(object, name, { value })`
  const preload = `data:text/javascript,${encodeURIComponent(pretend)}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', preload, CLI, ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

describe('the entry of the command line', () => {
  it('says which Node it needs where an older one runs it', () => {
    const stderr = 'headgate needs Node 24 or later; this is v20.20.2\n'
    expect(run('20.20.2', '--version')).toEqual({ status: 2, stdout: '', stderr })
  })

  it('ends as usual when nobody reads its output any more', async () => {
    const child = spawn(process.execPath, [CLI, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (chunk) => (stderr += String(chunk)))
    const [code] = (await once(child, 'close')) as [number]
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('goes on where it can', () => {
    expect(run('24.0.0', '--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    expect(run('26.1.0', 'statsu')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('did you mean status?'),
    })
  })

  it('imports nothing before it has looked', () => {
    expect(readFileSync(CLI, 'utf8')).not.toMatch(/^import /m)
  })
})

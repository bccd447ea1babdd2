/**
 * Builds `dist/`: tiny entries and one shared chunk of fixed name, readable, the same bytes every time.
 *
 *   node scripts/build.ts                 into dist/
 *   node scripts/build.ts --check         into a temporary folder, then compared with dist/
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { getLicenseFileText } from 'generate-license-file'
import { type Plugin, rolldown } from 'rolldown'

const ROOT = resolve(import.meta.dirname, '..')
const DIST = join(ROOT, 'dist')
/** `cli` looks at the version of Node and imports nothing, then loads `command-line`. */
const ENTRIES = ['main', 'post', 'cli', 'command-line']
const SHARED = 'headgate.js'
const MB = 1_000_000
/** A bundle above this is a mistake: something came in whole that is used in part. */
const HARD_LIMIT = 2.5 * MB

interface Sizes {
  [file: string]: number
}

/** Bundles the entries found in `source` into `out`, which is emptied first. Throws when rolldown warns. */
export async function bundle(source: string, out: string): Promise<void> {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const input = Object.fromEntries(ENTRIES.map((name) => [name, join(source, `${name}.ts`)]))
  const warnings: string[] = []
  const build = await rolldown({
    input,
    cwd: ROOT,
    platform: 'node',
    plugins: [slimUndici()],
    // The switch by which Node builds undici into itself: without the second, experimental HTTP parser.
    transform: { define: { esbuildDetection: 'true' } },
    treeshake: { propertyWriteSideEffects: false },
    onLog: (level, log) => {
      if (level === 'warn') warnings.push(log.message)
    },
  })
  await build.write({
    dir: out,
    format: 'esm',
    minify: 'dce-only',
    comments: false,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    // One chunk for all: what a lazy import loads lies in it too, and is only run when it is asked for.
    codeSplitting: { groups: [{ name: 'headgate', test: (id) => !isEntry(source, id) }] },
  })
  await build.close()
  if (warnings.length > 0) throw new Error(`the bundler warns:\n${warnings.join('\n')}`)
}

function isEntry(source: string, id: string): boolean {
  return ENTRIES.some((name) => id === join(source, `${name}.ts`))
}

const UNDICI = 'headgate:undici'

/**
 * One undici for all: two more copies would come in through the toolkit. Its index brings along mocks, caches, sockets
 * and stores that nothing here uses, so the few parts in use are taken one by one. A part that is missing here fails
 * the build, not a run.
 */
function slimUndici(): Plugin {
  const part = (file: string): string => JSON.stringify(join(ROOT, 'node_modules', 'undici', 'lib', file))
  const code = `
    import Dispatcher from ${part('dispatcher/dispatcher.js')}
    import api from ${part('api/index.js')}
    import Agent from ${part('dispatcher/agent.js')}
    import ProxyAgent from ${part('dispatcher/proxy-agent.js')}
    import { fetch } from ${part('web/fetch/index.js')}
    Object.assign(Dispatcher.prototype, api)
    export { Agent, Dispatcher, fetch, ProxyAgent }
  `
  return {
    name: 'slim-undici',
    resolveId: (id) => (id === 'undici' ? UNDICI : undefined),
    load: (id) => (id === UNDICI ? { code, moduleType: 'js', moduleSideEffects: true } : undefined),
  }
}

/** Licences of everything that may be in the bundle. */
async function licences(out: string): Promise<void> {
  const text = await getLicenseFileText(join(ROOT, 'package.json'))
  writeFileSync(join(out, 'licenses.txt'), `${text.replaceAll('\r\n', '\n').trimEnd()}\n`)
}

function sizesOf(folder: string): Sizes {
  return Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((file) => [file, statSync(join(folder, file)).size]),
  )
}

/** Files whose bytes differ between two folders. */
function differing(a: string, b: string): string[] {
  const names = [...new Set([...readdirSync(a), ...(existsSync(b) ? readdirSync(b) : [])])].toSorted()
  return names.filter((name) => {
    const [left, right] = [join(a, name), join(b, name)]
    return !existsSync(left) || !existsSync(right) || !readFileSync(left).equals(readFileSync(right))
  })
}

function report(sizes: Sizes): void {
  for (const [file, size] of Object.entries(sizes)) console.log(`${(size / MB).toFixed(3).padStart(8)} MB  ${file}`)
  const code = Object.entries(sizes).reduce((sum, [file, size]) => sum + (file.endsWith('.js') ? size : 0), 0)
  console.log(`${(code / MB).toFixed(3).padStart(8)} MB  code`)
  if (code > HARD_LIMIT) throw new Error(`the bundle is above ${HARD_LIMIT / MB} MB`)
  const extra = Object.keys(sizes).filter(
    (file) => file.endsWith('.js') && ![...ENTRIES.map((name) => `${name}.js`), SHARED].includes(file),
  )
  if (extra.length > 0) throw new Error(`chunks nobody asked for: ${extra.join(', ')}`)
}

async function buildInto(out: string): Promise<void> {
  await bundle(join(ROOT, 'src'), out)
  await licences(out)
  report(sizesOf(out))
}

async function check(): Promise<void> {
  const out = mkdtempSync(join(tmpdir(), 'headgate-dist-'))
  try {
    await buildInto(out)
    const stale = differing(out, DIST)
    if (stale.length > 0) throw new Error(`dist is stale (${stale.join(', ')}): run npm run build and commit it`)
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  try {
    await (process.argv.includes('--check') ? check() : buildInto(DIST))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}

/**
 * `npm run zizmor`: the security of our workflows and of those in examples/, by zizmor without network. It is a Python
 * program: the first run installs it into .cache/. Where that cannot be (no Python, no network), one line says so.
 *
 * HEADGATE_TEST_SUMMARY: path to write {passed, failed, skipped} to, as JSON.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const VERSION = '1.32.0'
const ROOT = resolve(import.meta.dirname, '..')
const VENV = join(ROOT, '.cache', `zizmor-${VERSION}`)
const PROGRAM = join(VENV, 'bin', 'zizmor')

type Verdict = 'passed' | 'failed' | 'skipped'

/** What pip says where it reaches no registry. */
const NO_NETWORK =
  /connection (broken|refused|error)|NewConnectionError|ConnectTimeout|name resolution|unreachable|Max retries/i

/** Installs it where it is not there yet. Answers why that is not possible; throws for what a network would not mend. */
function install(): string | undefined {
  if (existsSync(PROGRAM)) return undefined
  const venv = spawnSync('python3', ['-m', 'venv', VENV], { encoding: 'utf8' })
  if (venv.status !== 0) return venv.error?.message ?? 'python3 cannot make a venv here'
  const pip = join(VENV, 'bin', 'pip')
  const args = ['install', '--quiet', '--disable-pip-version-check', `zizmor==${VERSION}`]
  const { status, stderr } = spawnSync(pip, args, { encoding: 'utf8', timeout: 120_000 })
  if (status === 0) return undefined
  rmSync(VENV, { recursive: true, force: true })
  if (status === null || NO_NETWORK.test(stderr)) return 'pip reaches no registry'
  throw new Error(`pip could not install zizmor ${VERSION}: ${stderr.trim()}`)
}

/** All workflows as a repository has them: the examples with a commit and an owner put in, as their readers do. */
function laidOut(folder: string): void {
  const target = join(folder, '.github', 'workflows')
  mkdirSync(target, { recursive: true })
  cpSync(join(ROOT, '.github', 'workflows'), target, { recursive: true })
  const examples = join(ROOT, 'examples', 'workflows')
  for (const file of readdirSync(examples)) {
    const text = readFileSync(join(examples, file), 'utf8')
    const commit = '0123456789abcdef0123456789abcdef01234567'
    writeFileSync(join(target, file), text.replaceAll('FULL_COMMIT_SHA', commit).replaceAll('OWNER/', 'owner/'))
  }
}

function audit(): Verdict {
  const lacking = install()
  if (lacking !== undefined) {
    console.log(`zizmor ${VERSION}: skipped, it is not there and cannot be installed: ${lacking}`)
    return 'skipped'
  }
  const folder = mkdtempSync(join(tmpdir(), 'headgate-zizmor-'))
  try {
    laidOut(folder)
    const args = ['--offline', '--quiet', '--strict-collection', '--config', join(ROOT, '.github', 'zizmor.yml')]
    const { status } = spawnSync(PROGRAM, [...args, folder], { stdio: ['ignore', 'inherit', 'inherit'] })
    return status === 0 ? 'passed' : 'failed'
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const verdict = audit()
const summary = { passed: 0, failed: 0, skipped: 0, [verdict]: 1 }
const target = process.env['HEADGATE_TEST_SUMMARY']
if (target !== undefined && target !== '') writeFileSync(target, `${JSON.stringify(summary)}\n`)
process.exitCode = verdict === 'failed' ? 1 : 0

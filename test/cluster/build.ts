/**
 * Builds etcd, the parts of Kubernetes and kubectl from Go modules into the user's cache folder. What is there is not
 * built again; a folder carries the hash of all that went into it, so a changed version builds into another one.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export const PROGRAMS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubectl',
] as const
export type Program = (typeof PROGRAMS)[number]

const TOOLS = join(import.meta.dirname, 'tools')
const ETCD_PACKAGE = 'go.etcd.io/etcd/server/v3'
const VERSION_PACKAGES = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
const BUILD_ENV = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-trimpath' }

/** Kubernetes' version, read where it is pinned. */
export function kubernetesVersion(): string {
  const pinned = /^\s*k8s\.io\/kubernetes (v\d+\.\d+\.\d+)/m.exec(readFileSync(join(TOOLS, 'go.mod'), 'utf8'))
  if (pinned?.[1] === undefined) throw new Error('tools/go.mod does not pin k8s.io/kubernetes')
  return pinned[1]
}

/** Without these a server built from modules answers /version with a placeholder that is no semantic version. */
function linkerFlags(version: string): string {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version) ?? []
  const stamps = {
    gitVersion: version,
    gitMajor: major,
    gitMinor: minor,
    gitCommit: 'go-modules',
    gitTreeState: 'clean',
    buildDate: '2026-01-01T00:00:00Z',
  }
  const settings = Object.entries(stamps).flatMap(([name, value]) =>
    VERSION_PACKAGES.map((path) => `-X ${path}.${name}=${value}`),
  )
  return ['-s -w', ...settings].join(' ')
}

interface BuildStep {
  title: string
  /** for the progress line; measured with a cold cache on two cores */
  about: string
  args: (folder: string) => string[]
}

function buildSteps(): BuildStep[] {
  const packages = PROGRAMS.filter((name) => name !== 'etcd').map((name) => `k8s.io/kubernetes/cmd/${name}`)
  return [
    {
      title: 'etcd',
      about: '1 minute',
      args: (folder) => ['build', '-ldflags', '-s -w', '-o', join(folder, 'etcd'), ETCD_PACKAGE],
    },
    {
      title: `Kubernetes ${kubernetesVersion()}`,
      about: '5 minutes',
      args: (folder) => {
        const flags = linkerFlags(kubernetesVersion())
        return ['build', '-pgo=off', '-ldflags', flags, '-o', `${folder}/`, ...packages]
      },
    },
  ]
}

export function cacheRoot(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'headgate')
}

/** Folder of the binaries for what is pinned now, built or not. */
export function binariesFolder(): string {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(TOOLS, file)))
  for (const step of buildSteps()) hash.update(JSON.stringify(step.args('FOLDER')))
  hash.update(JSON.stringify([BUILD_ENV, process.arch]))
  return join(cacheRoot(), `cluster-${hash.digest('hex').slice(0, 12)}`)
}

export function binariesAreBuilt(): boolean {
  return existsSync(binariesFolder())
}

async function go(args: string[], say: (line: string) => void): Promise<void> {
  const child = spawn('go', args, {
    cwd: TOOLS,
    env: { ...process.env, ...BUILD_ENV },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let tail = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text: string) => (tail = (tail + text).slice(-4_000)))
  const started = Date.now()
  const reminder = setInterval(() => say(`  still building, ${Math.round((Date.now() - started) / 1_000)}s`), 30_000)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    if (code !== 0) throw new Error(`go ${args[0]} ended with ${code}:\n${tail}`)
  } finally {
    clearInterval(reminder)
  }
}

/**
 * Fills a folder of the cache, unless it is there. It appears all at once: a broken attempt leaves nothing that a later
 * run could take for a whole one, and two attempts at the same time do not mix.
 */
export async function fillOnce(folder: string, fill: (draft: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder
  mkdirSync(dirname(folder), { recursive: true })
  const draft = mkdtempSync(`${folder}.building-`)
  try {
    await fill(draft)
    try {
      renameSync(draft, folder)
    } catch (error) {
      if (!existsSync(folder)) throw error // else another run was faster with the same content
    }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return folder
}

/** Makes sure that the binaries are there, and says where. */
export async function ensureBinaries(say: (line: string) => void = console.log): Promise<string> {
  return fillOnce(binariesFolder(), async (draft) => {
    for (const step of buildSteps()) {
      say(`building ${step.title} (once; about ${step.about} when nothing is cached)`)
      const started = Date.now()
      await go(step.args(draft), say)
      say(`  built in ${Math.round((Date.now() - started) / 1_000)}s`)
    }
    for (const name of PROGRAMS) if (!existsSync(join(draft, name))) throw new Error(`the build made no ${name}`)
  })
}

if (import.meta.main) {
  const folder = await ensureBinaries()
  console.log(folder)
}

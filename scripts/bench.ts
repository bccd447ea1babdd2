/**
 * `npm run bench`: what Headgate costs, against what one would use otherwise. Ratios and exact counts are held against
 * `bench/budgets.json`; times of a machine are only told. Exit code 1 names what grew.
 *
 *   KUBECONFIG=… npm run bench     the comparison with kubectl runs on that cluster
 *   LAB_NAME=… npm run bench       … on the test cluster of that name (test/cluster/README.md)
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { RealClock } from '../test/emulator/clock.ts'
import { Emulator } from '../test/emulator/emulator.ts'
import { manyObjects, timed } from './bench/apply.ts'
import { measureMemory } from './bench/memory.ts'
import { countRequests } from './bench/requests.ts'
import { measureStart } from './bench/start.ts'
import { type Figure, readBudgets, show, type Skipped } from './bench/table.ts'

const ROOT = path.resolve(import.meta.dirname, '..')

function measureSize(): Figure[] {
  const dist = path.join(ROOT, 'dist')
  const files = readdirSync(dist).filter((file) => file.endsWith('.js'))
  const bytes = files.reduce((sum, file) => sum + statSync(path.join(dist, file)).size, 0)
  return [{ budget: 'bundleMB', name: 'size of the bundle', value: bytes / 1_000_000, unit: ' MB' }]
}

/** On the embedded cluster, whose own work is in the time: only worth comparing with itself. */
async function applyOnEmulator(): Promise<Figure[]> {
  const temp = mkdtempSync(path.join(tmpdir(), 'headgate-bench-'))
  const emulator = new Emulator({ clock: new RealClock(), requestDelay: [0, 0] })
  const server = await emulator.listen()
  try {
    writeFileSync(path.join(temp, 'kubeconfig'), server.kubeconfig)
    writeFileSync(path.join(temp, 'many.yaml'), manyObjects())
    const env = { PATH: process.env['PATH'] ?? '', HOME: temp, KUBECONFIG: path.join(temp, 'kubeconfig') }
    const cli = path.join(ROOT, 'dist', 'cli.js')
    const first = await timed(process.execPath, [cli, 'deploy', '--manifests', 'many.yaml'], temp, env)
    const requests = emulator.log.length
    const again = await timed(process.execPath, [cli, 'deploy', '--manifests', 'many.yaml'], temp, env)
    return [
      {
        name: '300 objects, embedded cluster: first deploy',
        value: first,
        unit: ' ms',
        beside: `${requests} requests`,
      },
      { name: '300 objects, embedded cluster: unchanged', value: again, unit: ' ms' },
    ]
  } finally {
    await server.close()
    rmSync(temp, { recursive: true, force: true })
  }
}

function applyOnCluster(): (Figure | Skipped)[] {
  const name = '300 objects against kubectl apply --server-side'
  const { KUBECONFIG: config, LAB_NAME: lab } = process.env
  if ((config ?? '') === '' && (lab ?? '') === '') return [{ name, why: 'neither KUBECONFIG nor LAB_NAME is set' }]
  const inside = (config ?? '') === '' ? [path.join(ROOT, 'test', 'cluster', 'lab.ts'), 'in', process.execPath] : []
  const args = [...inside, path.join(ROOT, 'scripts', 'bench', 'apply.ts')]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the comparison with kubectl ended with ${status}: ${stderr}`)
  const { headgate, kubectl } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, number>
  if (headgate === undefined || kubectl === undefined) throw new Error(`no figures in ${stdout}`)
  return [
    {
      budget: 'applyToKubectl',
      name,
      value: headgate / kubectl,
      unit: ' ×',
      beside: `${(headgate / 1_000).toFixed(1)} s and ${(kubectl / 1_000).toFixed(1)} s`,
    },
  ]
}

const budgets = readBudgets(path.join(ROOT, 'bench', 'budgets.json'))
const grown: string[] = []
const measures = [
  measureSize,
  () => measureStart(ROOT),
  countRequests,
  () => measureMemory(ROOT),
  applyOnEmulator,
  applyOnCluster,
]
for (const measure of measures)
  try {
    for (const figure of await measure()) {
      if ('why' in figure) console.log(`${figure.name.padEnd(44)}    SKIPPED  ${figure.why}`)
      else grown.push(...[show(figure, budgets) ?? []].flat())
    }
  } catch (error) {
    // What cannot be measured is no better than what grew, but it must not hide the other figures.
    grown.push(error instanceof Error ? error.message : String(error))
  }
for (const text of grown) console.error(text)
console.log(grown.length === 0 ? 'all within their budgets' : `${grown.length} over budget; see bench/budgets.json`)
process.exit(grown.length === 0 ? 0 : 1)

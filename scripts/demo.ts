/**
 * `npm run demo`: a canary with an approval, and a broken release undone, as a workflow would run them; with a visitor
 * who asks for the version all the while. No cluster and no network are needed: Kubernetes and GitHub are stand-ins on
 * the loopback interface, and the app's pods are small HTTP servers.
 *
 * Exit code 0 means that everything happened as told here and that no request failed.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { UpdateChecker } from './demo/checker.ts'
import { type Job, type JobResult, runJob, type Workplace } from './demo/runner.ts'
import { Screen } from './demo/show.ts'
import { type DemoWorld, openWorld } from './demo/world.ts'
import { plotMix } from '../src/report/mix.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const DIST = path.join(ROOT, 'dist')
const REPOSITORY = 'acme/shop'
const PULL = 42
/** A moment in which the visitor alone is at work, so that the plot begins and ends with a steady state, ms. */
const CALM_MS = 1_500

const DEPLOY = {
  manifests: 'k8s/',
  strategy: 'canary',
  steps: '25%, wait 2s, 50%, approve',
  'github-token': 'demo',
}

const PROMOTE = { command: 'promote', app: 'echo-version', rollout: '1', 'github-token': 'demo' }

class Demo {
  readonly #screen: Screen
  readonly #world: DemoWorld
  readonly #checker: UpdateChecker
  readonly #broken: string[] = []
  #run = 0

  constructor(screen: Screen, world: DemoWorld) {
    this.#screen = screen
    this.#world = world
    this.#checker = new UpdateChecker(world.serviceUrl)
  }

  async play(): Promise<boolean> {
    const began = Date.now()
    await calm()
    await this.#canary()
    await this.#promote()
    await calm()
    this.#plot('0.1.0', '0.2.0', began)
    await this.#brokenRelease()
    await calm()
    await this.#checker.stop()
    return this.#closing(began)
  }

  async #canary(): Promise<void> {
    const steps = DEPLOY.steps
    this.#screen.title(`Run 1: pull request #${PULL} is merged, 0.2.0 goes out as a canary: ${steps}`)
    const result = await this.#job({ ...DEPLOY, images: 'gihyodocker/echo-version:0.2.0' }, 'push', 'mona')
    this.#expect('run 1 pauses before the approval', result.exitCode === 0 && result.outputs['outcome'] === 'paused')
    this.#expect('half of the pods are new', result.outputs['weight'] === '50')
    const waiting = Date.now()
    await calm()
    const seen = this.#checker.countsSince(waiting)
    const text = [...seen].map(([version, count]) => `${version} answered ${count} times`).join(', ')
    this.#screen.label(`No job runs now, and the rollout rests. A visitor of the app sees: ${text}`)
    this.#expect('visitors meet both versions', seen.has('0.1.0') && seen.has('0.2.0'))
  }

  async #promote(): Promise<void> {
    this.#screen.title('Run 2: a reviewer approves, the job behind the environment promotes rollout 1')
    const result = await this.#job(PROMOTE, 'workflow_dispatch', 'hubot')
    this.#expect('run 2 succeeds', result.exitCode === 0 && result.outputs['outcome'] === 'succeeded')
    const after = Date.now()
    await calm()
    const seen = [...this.#checker.countsSince(after).keys()]
    this.#expect('visitors meet 0.2.0 only', seen.join() === '0.2.0')
  }

  async #brokenRelease(): Promise<void> {
    this.#screen.title('Run 3: 0.3.0 goes out the same way, but its process dies at the start')
    const started = Date.now()
    const result = await this.#job({ ...DEPLOY, images: 'gihyodocker/echo-version:0.3.0' }, 'push', 'mona')
    this.#expect('run 3 fails and undoes 0.3.0', result.exitCode === 1 && result.outputs['outcome'] === 'aborted')
    this.#expect('nobody met 0.3.0', !this.#checker.countsSince(started).has('0.3.0'))
  }

  async #job(inputs: Record<string, string>, eventName: string, actor: string): Promise<JobResult> {
    const { workspace, temp, github, kubeconfig } = this.#world
    const place: Workplace = {
      entry: (name) => path.join(DIST, `${name}.js`),
      workspace,
      temp,
      apiUrl: github.url,
      repository: REPOSITORY,
      sha: `${++this.#run}`.repeat(40),
    }
    const job: Job = {
      run: this.#run,
      inputs: { ...inputs, kubeconfig },
      event: { pull_request: { number: PULL, head: { sha: place.sha } } },
      eventName,
      actor,
    }
    this.#screen.label('The log of the job')
    const result = await runJob(place, job, (line) => this.#screen.logLine(line))
    this.#screen.label(`The comment on pull request #${PULL} now`)
    this.#screen.block(this.#commentText())
    const { outcome, phase, rollout, weight, next } = result.outputs
    this.#screen.label('The outputs for later steps')
    this.#screen.block(
      `exit code ${result.exitCode}  outcome=${outcome}  phase=${phase}  rollout=${rollout}  weight=${weight}\nnext=${next}`,
    )
    return result
  }

  #commentText(): string {
    const comments = this.#world.github.comments(PULL)
    this.#expect('there is one comment on the pull request', comments.length === 1)
    return comments[0]?.body.replaceAll(/<!--[\s\S]*?-->\n?/g, '').trim() ?? ''
  }

  #plot(stable: string, canary: string, from: number): void {
    this.#screen.label('The version mix, as the visitor met it')
    const mixes = this.#checker.mix(stable, canary, from, Date.now())
    this.#screen.line(plotMix(mixes, { color: this.#screen.color, width: 90, height: 8 }))
  }

  #expect(text: string, ok: boolean): void {
    if (!ok) this.#broken.push(text)
  }

  #closing(began: number): boolean {
    const { sent, failures, answers } = this.#checker
    this.#expect('every request is answered', failures.length === 0 && answers.length === sent && sent > 200)
    for (const defect of this.#world.emulator.defects)
      this.#expect(`no defect in the embedded cluster: ${String(defect)}`, false)
    this.#screen.title('In all')
    const tally = [...this.#checker.countsSince(began)].map(([version, count]) => `${count} by ${version}`).join(', ')
    this.#screen.line(
      `  ${this.#screen.paint(`${sent} requests, ${failures.length} failed`, failures.length === 0 ? 'green' : 'red')}: ${tally}`,
    )
    for (const { at, reason } of failures.slice(0, 10)) this.#screen.line(`  failed after ${at - began} ms: ${reason}`)
    for (const text of this.#broken) this.#screen.line(this.#screen.paint(`  ✗ not as expected: ${text}`, 'red'))
    if (this.#broken.length === 0) this.#screen.line(this.#screen.paint('  ✓ everything went as it should', 'green'))
    return this.#broken.length === 0
  }
}

function calm(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, CALM_MS))
}

async function main(): Promise<void> {
  if (!existsSync(path.join(DIST, 'main.js'))) throw new Error('dist/main.js is missing: run npm run build')
  const color = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  const screen = new Screen((text) => process.stdout.write(text), color)
  const started = performance.now()
  screen.title('echo-version 0.1.0 runs in an embedded cluster: four pods behind one Service, asked 50 times a second')
  const world = await openWorld(ROOT)
  try {
    process.exitCode = (await new Demo(screen, world).play()) ? 0 : 1
  } finally {
    await world.close()
    screen.line(`  ${((performance.now() - started) / 1_000).toFixed(0)} s\n`)
  }
}

await main()
// Connections that children left half open would keep the process for a while.
process.exit()

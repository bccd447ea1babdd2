/** The comments that the screenshots show, from runs of the action on the embedded cluster. */
import path from 'node:path'
import { runJob } from '../demo/runner.ts'
import { openWorld } from '../demo/world.ts'

export const SHOTS = ['paused', 'undone'] as const
export type Shot = (typeof SHOTS)[number]

const ROOT = path.resolve(import.meta.dirname, '../..')
const PULL = 42

/** What goes out: 0.2.0 is sound, the process of 0.3.0 dies at the start. */
const RELEASES: Record<Shot, { version: string; sha: string; outcome: string }> = {
  paused: { version: '0.2.0', sha: '5f2c1e9a7d3b40862e1fa9c4d7b8e6035a1c9f24', outcome: 'paused' },
  undone: { version: '0.3.0', sha: 'c84a06b1f9e27d35064bb1e8a2f7d9103c5e6a7b', outcome: 'aborted' },
}

/**
 * Markdown of the comment that one deploy leaves on its pull request. The action is started from its source, so that
 * the picture shows what the source says and not what was built last.
 *
 * @throws Error when the run ended in another way, or left no comment
 */
export async function commentOf(shot: Shot): Promise<string> {
  const { version, sha, outcome } = RELEASES[shot]
  const { workspace, temp, github, kubeconfig, close } = await openWorld(ROOT)
  const log: string[] = []
  try {
    const place = {
      entry: (name: string) => path.join(ROOT, 'src', `${name}.ts`),
      workspace,
      temp,
      apiUrl: github.url,
      repository: 'acme/shop',
      sha,
    }
    const inputs = {
      manifests: 'k8s/',
      images: `gihyodocker/echo-version:${version}`,
      strategy: 'canary',
      steps: '25%, wait 2s, 50%, approve',
      environment: 'production',
      'github-token': 'demo',
      kubeconfig,
    }
    const event = { pull_request: { number: PULL, head: { sha } } }
    const job = { run: 118, inputs, event, eventName: 'push', actor: 'mona' }
    const { outputs } = await runJob(place, job, (line) => void log.push(line))
    const body = github.comments(PULL)[0]?.body
    if (outputs['outcome'] !== outcome || body === undefined) throw new Error(`no such comment:\n${log.join('\n')}`)
    return body
  } finally {
    await close()
  }
}

/** The Markdown without what differs from run to run: times, names of pods, ids, and which events came in time. */
export function normalised(markdown: string): string {
  return markdown
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, 'DATE')
    .replaceAll(/(?<=\| |after )\d[\d.]*(ms|s|m)\b/g, 'TIME')
    .replaceAll(/\becho-version-[0-9a-f]{6,10}-[0-9a-z]{5}\b/g, 'POD')
    .replaceAll(/<code>[0-9a-f]{10}<\/code>/g, 'DIGEST')
    .replaceAll(/restarted \w+( times)?/g, 'restarted')
    .replaceAll(/(?<=\n_events_\n)(`{3,})\n[\s\S]*?\n\1(?=\n)/g, 'EVENTS')
}

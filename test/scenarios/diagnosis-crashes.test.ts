/** Processes that end: what their exit codes say, and who killed them. */
import { describe, it } from 'vitest'
import { expectFatal, type FatalRow } from './diagnosed.ts'

const exits = (exitCode: number, more: object = {}) => ({ neverReady: true, crashAfterMs: 300, exitCode, ...more })

const CRASH: [string, FatalRow][] = [
  [
    '1',
    {
      behaviour: exits(1, { lastWords: ['panic: no database'] }),
      code: 'crash-loop',
      grace: 0,
      says: /exit code 1 \(an error of the application\)/,
      next: /last log lines/,
      shows: /last lines of container app[^]*panic: no database/,
    },
  ],
  [
    '0 of a server',
    {
      behaviour: exits(0),
      code: 'crash-loop',
      grace: 0,
      says: /exit code 0 \(its command came to an end, but a server must go on\)/,
      next: /foreground/,
    },
  ],
  [
    '126',
    {
      behaviour: exits(126),
      code: 'crash-loop',
      grace: 0,
      says: /126 \(its command cannot be executed\)/,
      next: /file mode/,
    },
  ],
  [
    '127',
    {
      behaviour: exits(127),
      code: 'crash-loop',
      grace: 0,
      says: /127 \(its command was not found\)/,
      next: /command and args/,
    },
  ],
  [
    '137',
    {
      behaviour: exits(137),
      code: 'crash-loop',
      grace: 0,
      says: /137 \(killed \(SIGKILL\): out of memory/,
      next: /memory limit and its liveness probe/,
    },
  ],
  [
    '139',
    { behaviour: exits(139), code: 'crash-loop', grace: 0, says: /139 \(it violated its memory/, next: /native code/ },
  ],
  [
    '143',
    {
      behaviour: exits(143),
      code: 'crash-loop',
      grace: 0,
      says: /143 \(asked to end \(SIGTERM\)/,
      next: /liveness probe/,
    },
  ],
  [
    '134',
    { behaviour: exits(134), code: 'crash-loop', grace: 0, says: /134 \(it aborted itself\)/, next: /log lines/ },
  ],
  [
    '128, StartError by the node',
    {
      behaviour: exits(128, { endReason: 'StartError', endMessage: 'runc: cgroup trouble' }),
      code: 'crash-loop',
      grace: 10_000,
      says: /128 \(it could not be started\)/,
      next: /the node/,
      shows: /runc: cgroup trouble/,
    },
  ],
  [
    '128, ContainerCannotRun for want of the command',
    {
      behaviour: exits(128, {
        endReason: 'ContainerCannotRun',
        endMessage: 'exec: "srv": executable file not found in $PATH',
      }),
      code: 'crash-loop',
      grace: 0,
      says: /executable file not found/,
      next: /check command and args/,
    },
  ],
  [
    '137, OOMKilled',
    {
      behaviour: exits(137, { oomKilled: true }),
      container: { resources: { limits: { memory: '64Mi' } } },
      code: 'oom',
      grace: 0,
      says: /more memory than its limit of 64Mi/,
      next: /resources\.limits\.memory/,
    },
  ],
]

const PROBES: [string, FatalRow][] = [
  [
    'liveness, told by its events',
    {
      behaviour: { neverReady: true, livenessFails: 'HTTP probe failed with statuscode: 500' },
      container: { livenessProbe: { httpGet: { path: '/', port: 8080 } } },
      code: 'liveness',
      grace: 0,
      begins: 3_000,
      says: new RegExp(`^Container app of Pod/echo-version-\\S+ is killed by its liveness probe after 3\\.0s`),
      next: /initialDelaySeconds/,
      shows: /Liveness probe failed: HTTP probe failed with statuscode: 500/,
    },
  ],
  [
    'startup, told by its events',
    {
      behaviour: { neverReady: true },
      container: { startupProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1, failureThreshold: 2 } },
      code: 'startup',
      grace: 0,
      says: new RegExp(`^Container app of Pod/echo-version-\\S+ is killed by its startup probe`),
      next: /failureThreshold × periodSeconds/,
      shows: /Startup probe failed/,
    },
  ],
]

describe('a process that ends with', () => {
  it.each(CRASH)('%s', (_, row) => expectFatal(row))
})

describe('a process that is killed by its probe', () => {
  it.each(PROBES)('%s', (_, row) => expectFatal(row))
})

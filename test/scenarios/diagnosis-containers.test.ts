/** Containers that cannot be made or started, and init containers: the rule of each, its words and the next move. */
import { describe, it } from 'vitest'
import { expectFatal, expectWaiting, type FatalRow } from './diagnosed.ts'

const stuck = (reason: string, message?: string) => ({
  stuck: { reason, ...(message === undefined ? {} : { message }) },
})

const CREATE: [string, FatalRow][] = [
  [
    'a missing Secret',
    {
      behaviour: stuck('CreateContainerConfigError', 'secret "db" not found'),
      code: 'missing-config',
      grace: 8_000,
      says: /cannot be made: secret "db" not found$/,
      next: /add what is missing to the manifests, or create it in namespace shop/,
    },
  ],
  [
    'a missing key',
    {
      behaviour: stuck('CreateContainerConfigError', "couldn't find key url in Secret shop/db"),
      code: 'missing-config',
      grace: 8_000,
      says: /couldn't find key url in Secret shop\/db$/,
      next: /add what is missing/,
    },
  ],
  [
    'root where it must not be',
    {
      behaviour: stuck('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root'),
      code: 'security-context',
      grace: 0,
      says: /image will run as root$/,
      next: /runAsUser/,
    },
  ],
  [
    'CreateContainerError',
    {
      behaviour: stuck('CreateContainerError', 'context deadline exceeded'),
      code: 'create-container',
      grace: 10_000,
      says: /cannot be started: context deadline exceeded$/,
      next: /command, args, volumes/,
    },
  ],
  [
    'RunContainerError, no such command',
    {
      behaviour: stuck('RunContainerError', 'exec: "srv": executable file not found in $PATH'),
      code: 'create-container',
      grace: 3_000,
      says: /executable file not found in \$PATH$/,
      next: /check command/,
    },
  ],
  [
    'PreCreateHookError',
    {
      behaviour: stuck('PreCreateHookError', 'no device'),
      code: 'create-container',
      grace: 10_000,
      says: /cannot be started: no device$/,
      next: /the node/,
    },
  ],
  [
    'PreStartHookError',
    {
      behaviour: stuck('PreStartHookError', 'no cgroup'),
      code: 'create-container',
      grace: 10_000,
      says: /cannot be started: no cgroup$/,
      next: /the node/,
    },
  ],
  [
    'PostStartHookError, worded by its event',
    {
      behaviour: {
        ...stuck('PostStartHookError'),
        events: [{ reason: 'FailedPostStartHook', message: 'PostStartHook failed: exit 3' }],
      },
      code: 'create-container',
      grace: 10_000,
      says: /cannot be started: PostStartHook failed: exit 3$/,
      next: /lifecycle\.postStart/,
    },
  ],
]

describe('a container that cannot be made', () => {
  it.each(CREATE)('%s', (_, row) => expectFatal(row))
  it('a cache of the kubelet that lags passes by itself', () =>
    expectWaiting({
      behaviour: stuck(
        'CreateContainerConfigError',
        'failed to sync secret cache: timed out waiting for the condition',
      ),
      code: 'missing-config',
      after: 0,
      says: /failed to sync secret cache/,
      next: /passes by itself/,
    }))
})

describe('an init container', () => {
  const init = { initContainers: [{ name: 'setup', image: 'setup:1-crash' }] }
  it('that fails', () =>
    expectFatal({
      podSpec: init,
      code: 'init',
      grace: 0,
      says: /^Init container setup of Pod\/echo-version-\S+ ended with exit code 1/,
      next: /last log lines/,
      shows: /last lines of container setup/,
    }))
  it('that does not come to its end', () =>
    expectWaiting({
      podSpec: {
        initContainers: [{ name: 'setup', image: 'setup:1', env: [{ name: 'POD_TEST_RUN_MS', value: '900000' }] }],
      },
      code: 'init',
      after: 30_000,
      says: /^Init container setup of Pod\/echo-version-\S+ still runs, and the others wait for it/,
      next: /what it waits for/,
    }))
})

/** Objects and shortcuts for the tests of the emulator itself. */
import type { HttpRequest } from '../../../src/kubernetes/transport.ts'
import type { Json, JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { VirtualClock } from '../../emulator/clock.ts'
import { Emulator, type EmulatorOptions } from '../../emulator/emulator.ts'

export interface Setup {
  clock: VirtualClock
  emulator: Emulator
  ask(
    method: HttpRequest['method'],
    path: string,
    body?: Json,
    headers?: Record<string, string>,
    user?: string,
  ): Promise<{ status: number; body: Json; text: string }>
}

export function setup(options: Partial<EmulatorOptions> = {}): Setup {
  const clock = new VirtualClock()
  const emulator = new Emulator({ clock, ...options })
  return {
    clock,
    emulator,
    ask: async (method, path, body, headers = {}, user = 'admin') => {
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      const response = await emulator.transport(user)({
        method,
        path,
        headers: { 'content-type': 'application/json', ...headers },
        ...sent,
      })
      const text = await response.text()
      let parsed: Json = text
      try {
        const value: unknown = JSON.parse(text)
        parsed = value as Json
      } catch {
        // plain text stays as it is
      }
      return { status: response.status, body: parsed, text }
    },
  }
}

export function deployment(tag = '1.0.0', replicas = 3, spec: JsonMap = {}, container: JsonMap = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            {
              name: 'app',
              image: `gihyodocker/echo-version:${tag}`,
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
              ...container,
            },
          ],
        },
      },
      ...spec,
    },
  }
}

export function service(): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  }
}

export function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }
}

export const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

/** The sample app of the tests: echo-version, which answers with its version. */

import type { Manifest } from './world.ts'

export interface EchoOptions {
  name?: string
  /** image tag; see `kubelet/behaviour.ts` for the words that it may end with */
  version?: string
  replicas?: number
  /** options of the test kubelet, by key */
  behaviour?: Record<string, string>
  /** fields of the container */
  container?: object
  /** fields of the Deployment's spec */
  spec?: object
  /** fields of the pods' spec */
  podSpec?: object
}

/** Tests on a foreign cluster need an image that this cluster can pull, with tags 0.1.0, 0.2.0 … */
export const ECHO_IMAGE = process.env['HEADGATE_E2E_IMAGE'] ?? 'gihyodocker/echo-version'

export function echoDeployment(options: EchoOptions = {}): Manifest {
  const { name = 'web', version = '0.1.0', replicas = 3 } = options
  const annotations = Object.entries(options.behaviour ?? {}).map(([key, value]) => [`pod.test/${key}`, value])
  const container = {
    name: 'app',
    image: `${ECHO_IMAGE}:${version}`,
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
    // Longer than kube-proxy needs to hear that the pod is going: it writes its rules once a second at most, and later
    // on a busy machine.
    lifecycle: { preStop: { sleep: { seconds: 4 } } },
    ...options.container,
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: { labels: { app: name }, annotations: Object.fromEntries(annotations) },
        spec: { terminationGracePeriodSeconds: 10, ...options.podSpec, containers: [container] },
      },
      ...options.spec,
    },
  }
}

export interface ServiceOptions {
  /** label `app` of the pods, default: the name */
  app?: string
  /** `grpc` where the container has a port of that name: it is spoken to by HTTP/2 */
  targetPort?: 'http' | 'grpc'
}

export function echoService(name = 'web', { app = name, targetPort = 'http' }: ServiceOptions = {}): Manifest {
  const ports = [{ name: targetPort, port: 80, targetPort }]
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app }, ports } }
}

/** What the test kubelet is told by whoever starts it, in the environment variable TEST_KUBELET as JSON. */
export interface KubeletSettings {
  server: string
  token: string
  authorityFile: string
  /** for the port where the API server asks for logs */
  certificateFile: string
  keyFile: string
  node: string
  nodeAddress: string
  /** first two numbers of the pods' addresses */
  podPrefix: string
  crashBackoffSeconds: number
  /** JSON: image reference → digest, for tags that are moved by a test; need not exist */
  registryFile: string
  /** where the pods are listed that Prometheus is to ask */
  targetsFile: string
}

export function readSettings(): KubeletSettings {
  const text = process.env['TEST_KUBELET']
  if (text === undefined) throw new Error('TEST_KUBELET is not set: the test kubelet is started by the cluster')
  return JSON.parse(text) as KubeletSettings
}
